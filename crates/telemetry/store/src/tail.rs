//! Lines as they are acknowledged. A slow reader never slows the store: it is told what it missed.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use andon_reader::TailEvent;
use andon_reader::query::Filter;
use futures::stream::{self, BoxStream, StreamExt as _};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::shared::{Published, Shared};
use crate::tombstone::{concerning, is_hidden};

struct Tail {
    /// Knows what was deleted since the lines were published. Weak: a tail ends with its store.
    shared: Weak<Shared>,
    filter: Filter,
    groups: broadcast::Receiver<Published>,
    waiting: VecDeque<TailEvent>,
    /// Lines published before the next group that is expected.
    expected_rows: Option<u64>,
}

impl Tail {
    fn take(&mut self, published: &Published) {
        let skipped = self
            .expected_rows
            .map_or(0, |expected| published.rows_before.saturating_sub(expected));
        if skipped > 0 {
            self.waiting.push_back(TailEvent::Lagged { skipped });
        }
        let lines = &published.batch.lines;
        self.expected_rows = Some(published.rows_before + lines.len() as u64);
        let shared = self.shared.upgrade();
        let tombstones = shared.map(|shared| Arc::clone(&shared.visible().tombstones)).unwrap_or_default();
        let hiding = concerning(&tombstones, &published.batch.extent, 0);
        let matching = (0..lines.len()).filter(|&row| {
            let (line, sequence) = (lines.row(row), lines.first_sequence() + row as u64);
            self.filter.matches(&line) && !is_hidden(&hiding, sequence, &line)
        });
        self.waiting.extend(matching.map(|row| TailEvent::Row {
            row: Box::new(lines.to_log_row(row)),
        }));
    }

    async fn next(mut self) -> Option<(TailEvent, Self)> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some((event, self));
            }
            match self.groups.recv().await {
                Ok(published) => self.take(&published),
                // How many lines were in the skipped groups shows at the next one.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

/// Follows the groups from now on.
pub(crate) fn follow(
    shared: &Arc<Shared>,
    filter: Filter,
    groups: broadcast::Receiver<Published>,
    rows_so_far: u64,
) -> BoxStream<'static, TailEvent> {
    let tail = Tail {
        shared: Arc::downgrade(shared),
        filter,
        groups,
        waiting: VecDeque::new(),
        expected_rows: Some(rows_so_far),
    };
    stream::unfold(tail, Tail::next).boxed()
}

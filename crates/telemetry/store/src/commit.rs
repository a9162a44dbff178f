//! The committer: one thread that puts many appends on disk with one sync. What takes time per line
//! is done before, where the lines come from.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use andon_columns::lines::Lines;
use andon_reader::{ReaderError, Receipt};
use tokio::sync::{mpsc, oneshot};

use crate::admission::Admitted;
use crate::chunk::{Batch, Chunk, GROUP_ROWS};
use crate::failure::{no_room_beside, write_failed};
use crate::shared::{Published, Shared, Writing};
use crate::wal::{Record, WalWriter};

/// Most encoded bytes per sync; one larger append goes alone.
const GROUP_BYTES: usize = 8 << 20;


/// Largest encoded append.
pub(crate) const APPEND_BYTES: usize = 256 << 20;

/// Appends of one group share a batch up to so many lines.
const SHARED_ROWS: usize = 1_024;

pub(crate) enum Command {
    Append(Append),
    /// Seals the active chunk, so that it can become a segment.
    Seal(oneshot::Sender<()>),
}

/// Lines that are stored together or not at all.
pub(crate) struct Append {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) truncated_rows: u64,
    /// Room in memory, given back when the lines are counted or refused.
    pub(crate) admitted: Admitted,
    pub(crate) reply: oneshot::Sender<Result<Receipt, ReaderError>>,
}

/// A batch that fits a group of columns, and what is logged of it.
pub(crate) struct Piece {
    pub(crate) lines: Lines,
    pub(crate) record: Record,
}

impl Append {
    fn rows(&self) -> usize {
        self.pieces.iter().map(|piece| piece.lines.len()).sum()
    }

    fn log_bytes(&self) -> usize {
        let lengths = self.pieces.iter().map(|piece| piece.record.length());
        lengths.sum()
    }
}

pub(crate) struct Committer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) next_sequence: u64,
    pub(crate) next_log: u64,
    pub(crate) wal: Option<WalWriter>,
    /// Wakes the keeper when a chunk is ready.
    pub(crate) sealed: std::sync::mpsc::Sender<()>,
    last_sync: Option<Instant>,
}

impl Committer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        commands: mpsc::Receiver<Command>,
        next_sequence: u64,
        next_log: u64,
        sealed: std::sync::mpsc::Sender<()>,
    ) -> Self {
        Self {
            shared,
            commands,
            next_sequence,
            next_log,
            wal: None,
            sealed,
            last_sync: None,
        }
    }

    /// Works until every sender is gone.
    pub(crate) fn run(mut self) {
        while let Some(first) = self.commands.blocking_recv() {
            self.wait_for_interval();
            let mut group = Vec::new();
            let mut bytes = 0;
            let mut next = Some(first);
            while let Some(command) = next.take() {
                match command {
                    Command::Seal(done) => {
                        self.commit(std::mem::take(&mut group));
                        bytes = 0;
                        self.seal();
                        let _receiver_gone = done.send(());
                    }
                    Command::Append(append) => {
                        bytes += append.log_bytes();
                        group.push(append);
                    }
                }
                if bytes < GROUP_BYTES {
                    next = self.commands.try_recv().ok();
                }
            }
            self.commit(group);
            self.seal_when_due();
        }
    }

    /// Lets appends gather until the interval of syncs is over.
    fn wait_for_interval(&self) {
        let interval = self.shared.config.commit_interval;
        let Some(last) = self.last_sync.filter(|_| !interval.is_zero()) else {
            return;
        };
        let left = interval.saturating_sub(last.elapsed());
        if !left.is_zero() && !self.shared.is_closed() {
            std::thread::sleep(left);
        }
    }

    /// Commits a group; no chunk gets more lines than make one group of columns.
    fn commit(&mut self, group: Vec<Append>) {
        let most = usize::try_from(self.shared.config.flush_rows).unwrap_or(GROUP_ROWS);
        let most = most.clamp(1, GROUP_ROWS);
        let mut part = Vec::new();
        let mut rows = self.active_rows();
        for append in group {
            if rows > 0 && rows + append.rows() > most {
                self.commit_part(std::mem::take(&mut part));
                self.seal();
                rows = 0;
            }
            rows += append.rows();
            part.push(append);
        }
        self.commit_part(part);
    }

    fn active_rows(&self) -> usize {
        let visible = self.shared.visible();
        let rows = visible.active.as_ref().map_or(0, |chunk| chunk.extent.rows);
        usize::try_from(rows).unwrap_or(usize::MAX)
    }

    fn commit_part(&mut self, mut group: Vec<Append>) {
        if group.is_empty() {
            return;
        }
        if let Err(error) = self.check_room(&group) {
            self.shared
                .set_failing(Writing::Log, Some(error.message.clone()));
            return self.refuse(group, &error);
        }
        let received_at_us = self.shared.receipts().begin(self.shared.now_us());
        match self.write(&mut group, received_at_us) {
            Ok(first_sequence) => self.publish(group, first_sequence, received_at_us),
            Err(error) => {
                self.shared
                    .set_failing(Writing::Log, Some(error.message.clone()));
                self.refuse(group, &error);
            }
        }
        self.shared.receipts().end();
        self.last_sync = Some(Instant::now());
    }

    /// Leaves the last of the disk to the records.
    fn check_room(&self, group: &[Append]) -> Result<(), ReaderError> {
        let config = &self.shared.config;
        let needed: u64 = group.iter().map(|append| append.log_bytes() as u64).sum();
        // Where the system does not tell, the write itself does.
        let has_room = || config.spare_bytes().is_none_or(|spare| spare >= needed);
        if has_room() || self.shared.home.as_ref().is_some_and(|home| home.make_room(needed)) {
            return Ok(());
        }
        Err(no_room_beside(config.reserve_bytes))
    }

    /// Puts the group on disk and says with which sequence it begins.
    fn write(&mut self, group: &mut [Append], received_at_us: i64) -> Result<u64, ReaderError> {
        // Numbers of a failed group are never used again: its bytes may survive on disk.
        let first_sequence = self.next_sequence;
        for piece in group.iter_mut().flat_map(|append| &mut append.pieces) {
            piece.record.stamp(self.next_sequence, received_at_us);
            self.next_sequence += piece.lines.len() as u64;
        }
        let pieces = group.iter().flat_map(|append| &append.pieces);
        let records: Vec<&Record> = pieces.map(|piece| &piece.record).collect();
        let mut wal = match self.wal.take() {
            Some(wal) => wal,
            None => self.open_log(received_at_us)?,
        };
        match wal.append(&records) {
            Ok(()) => {
                self.wal = Some(wal);
                Ok(first_sequence)
            }
            Err(failure) => {
                let error = write_failed("the write-ahead log", &wal.path, &failure.error);
                if failure.is_clean {
                    self.wal = Some(wal);
                } else {
                    self.abandon(wal);
                }
                Err(error)
            }
        }
    }

    fn open_log(&mut self, now_us: i64) -> Result<WalWriter, ReaderError> {
        let config = &self.shared.config;
        let number = self.next_log;
        self.next_log += 1;
        let wal = WalWriter::create(&config.disk, &config.folder, number)
            .map_err(|error| write_failed("the write-ahead log", &config.folder, &error))?;
        self.shared.visible_mut().active = Some(Chunk::new(number, now_us));
        Ok(wal)
    }

    /// Leaves a log file whose state is unknown; what was acknowledged in it is in memory.
    fn abandon(&mut self, wal: WalWriter) {
        if wal.is_empty() {
            self.shared.visible_mut().active = None;
            let _best_effort = self.shared.config.disk.remove(&wal.path);
        } else {
            self.wal = Some(wal);
            self.seal();
        }
    }

    fn publish(&mut self, group: Vec<Append>, first_sequence: u64, received_at_us: i64) {
        let mut next_sequence = first_sequence;
        let mut replies = Vec::with_capacity(group.len());
        let mut rooms = Vec::with_capacity(group.len());
        let mut batches = Batches::default();
        for append in group {
            let first = next_sequence;
            for Piece { mut lines, record } in append.pieces {
                drop(record);
                lines.stamp(next_sequence, received_at_us);
                next_sequence += lines.len() as u64;
                batches.add(lines);
            }
            let counters = &self.shared.counters;
            counters
                .truncated_rows
                .fetch_add(append.truncated_rows, Ordering::Relaxed);
            let receipt = Receipt {
                first_id: (next_sequence > first).then(|| first.to_string()),
                last_id: (next_sequence > first).then(|| (next_sequence - 1).to_string()),
                rows: next_sequence - first,
                received_at_us,
                truncated_rows: append.truncated_rows,
            };
            replies.push((append.reply, receipt));
            rooms.push(append.admitted);
        }
        let batches = batches.end();
        self.show(&batches);
        drop(rooms);
        // Before the replies: who has a receipt finds the watermark at or above it.
        self.shared.receipts().end();
        for batch in batches {
            let counters = &self.shared.counters;
            let rows_before = counters
                .appended_rows
                .fetch_add(batch.extent.rows, Ordering::Relaxed);
            let _nobody_listens = self.shared.tail.send(Published { batch, rows_before });
        }
        self.shared.set_failing(Writing::Log, None);
        for (reply, receipt) in replies {
            let _caller_gone = reply.send(Ok(receipt));
        }
    }

    /// Makes a group visible in one step.
    fn show(&self, batches: &[Arc<Batch>]) {
        let length = self.wal.as_ref().map_or(0, |wal| wal.length);
        let mut visible = self.shared.visible_mut();
        for batch in batches {
            let Some(chunk) = &mut visible.active else {
                return;
            };
            if !chunk.has_room_for(batch.lines.len()) {
                // One append of more lines than a group has: the log file goes on.
                let next = Chunk::new(chunk.log_number, chunk.opened_at_us);
                let full = std::mem::replace(chunk, next);
                visible.sealed.push(Arc::new(full));
            }
            if let Some(chunk) = &mut visible.active {
                chunk.push(Arc::clone(batch));
                chunk.log_bytes = length;
            }
        }
    }

    fn refuse(&self, group: Vec<Append>, error: &ReaderError) {
        for append in group {
            let rows = append.rows() as u64;
            self.shared
                .counters
                .refused_rows
                .fetch_add(rows, Ordering::Relaxed);
            let _caller_gone = append.reply.send(Err(error.clone()));
        }
    }

    fn seal_when_due(&mut self) {
        let is_due = self.shared.visible().active.as_ref().is_some_and(|chunk| {
            let config = &self.shared.config;
            chunk.extent.rows >= config.flush_rows || chunk.memory_bytes >= config.flush_bytes
        });
        if is_due {
            self.seal();
        }
    }

    /// Closes the log file; the next append opens another.
    fn seal(&mut self) {
        let Some(wal) = self.wal.take() else { return };
        if wal.is_empty() {
            self.wal = Some(wal);
            return;
        }
        let mut visible = self.shared.visible_mut();
        if let Some(mut chunk) = visible.active.take() {
            chunk.ends_log = true;
            visible.sealed.push(Arc::new(chunk));
        }
        drop(visible);
        let _keeper_gone = self.sealed.send(());
    }
}

/// Makes batches of a group: small appends share one, because each batch has a price of its own.
#[derive(Default)]
struct Batches {
    done: Vec<Arc<Batch>>,
    begun: Option<Lines>,
}

impl Batches {
    fn add(&mut self, lines: Lines) {
        match &mut self.begun {
            Some(begun) if begun.len() + lines.len() <= SHARED_ROWS => begun.append(&lines),
            _ => {
                self.finish();
                self.begun = Some(lines);
            }
        }
    }

    fn finish(&mut self) {
        if let Some(lines) = self.begun.take() {
            self.done.push(Arc::new(Batch::new(lines)));
        }
    }

    fn end(mut self) -> Vec<Arc<Batch>> {
        self.finish();
        self.done
    }
}

//! Room in memory: an append that would exceed the cap waits for the keeper before it is refused.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use andon_reader::{ReaderError, code};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::commit::Command;
use crate::shared::Shared;

/// Room that an append has until its lines are counted with the others.
pub(crate) struct Admitted {
    shared: Arc<Shared>,
    bytes: u64,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let pending = &self.shared.pending_bytes;
        pending.fetch_sub(self.bytes, Ordering::AcqRel);
        self.shared.freed.notify_waiters();
    }
}

/// Waits until there is room for so many bytes.
///
/// # Errors
/// When there is none in time, or segments cannot be written at all.
pub(crate) async fn admit(
    shared: &Arc<Shared>,
    commands: &mpsc::Sender<Command>,
    bytes: u64,
) -> Result<Admitted, ReaderError> {
    let deadline = Instant::now() + shared.config.overload_wait;
    loop {
        // Listens first, so that no room is missed between looking and waiting.
        let freed = shared.freed.notified();
        if let Some(admitted) = try_admit(shared, bytes) {
            return Ok(admitted);
        }
        if let Some(reason) = shared.failing_segments() {
            return Err(refusal(shared, &reason));
        }
        seal_when_nothing_is(shared, commands);
        if tokio::time::timeout_at(deadline, freed).await.is_err() {
            return Err(refusal(shared, "segments are written too slowly"));
        }
    }
}

fn try_admit(shared: &Arc<Shared>, bytes: u64) -> Option<Admitted> {
    let pending = shared.pending_bytes.fetch_add(bytes, Ordering::AcqRel);
    let used = shared.visible().memory_bytes() + pending;
    // Alone, an append of any size is let in.
    if used == 0 || used + bytes <= shared.config.memory_cap_bytes {
        return Some(Admitted {
            shared: Arc::clone(shared),
            bytes,
        });
    }
    shared.pending_bytes.fetch_sub(bytes, Ordering::AcqRel);
    None
}

/// Only full chunks become segments: here the one being filled is full enough.
fn seal_when_nothing_is(shared: &Shared, commands: &mpsc::Sender<Command>) {
    if shared.visible().sealed.is_empty() {
        let (done, _nobody_waits) = oneshot::channel();
        let _full_of_appends = commands.try_send(Command::Seal(done));
    }
}

fn refusal(shared: &Shared, reason: &str) -> ReaderError {
    let used = shared.visible().memory_bytes();
    let why = if reason.contains("no room") {
        code::DISK_FULL
    } else {
        code::OVERLOADED
    };
    ReaderError::new(
        why,
        format!("{used} bytes of telemetry wait in memory for their segment: {reason}"),
    )
    .with_hint("nothing of this request was stored; send it again later")
}

//! Work of a thread that is due from time to time, until the store is closed.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::shared::Shared;

/// How often it looks by itself.
const PERIOD: Duration = Duration::from_secs(1);

/// Does a piece of work every second, and whenever it is woken.
pub(crate) fn periodically(shared: &Shared, woken: &Receiver<()>, mut work: impl FnMut()) {
    loop {
        match woken.recv_timeout(PERIOD) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if shared.is_closed() {
            return;
        }
        work();
    }
}

//! Work that takes long, aside from the threads that serve connections.

use tokio::runtime::{Handle, RuntimeFlavor};

/// So many bytes are decoded where they are.
const SMALL_BYTES: usize = 64 << 10;

/// Does work on so many bytes without keeping other connections waiting.
pub(crate) fn aside<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    let can_move = Handle::try_current()
        .is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread);
    if bytes > SMALL_BYTES && can_move {
        tokio::task::block_in_place(work)
    } else {
        work()
    }
}

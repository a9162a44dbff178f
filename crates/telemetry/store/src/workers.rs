//! How many threads look through segments at the same time.
//!
//! A query has a thread of its own and borrows a second one while a core has nothing else to look for. What it
//! borrows it gives back between two segments as soon as another query comes, so that no query waits for a
//! large one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The threads of all queries of a store.
#[derive(Debug)]
pub(crate) struct Workers {
    /// As many as there are cores.
    most: usize,
    busy: AtomicUsize,
}

impl Default for Workers {
    fn default() -> Self {
        let most = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { most, busy: AtomicUsize::new(0) }
    }
}

impl Workers {
    /// Counts a query's own thread.
    pub(crate) fn begin(self: &Arc<Self>) -> Busy {
        self.busy.fetch_add(1, Ordering::AcqRel);
        Busy(Arc::clone(self))
    }

    /// Lends a thread, when a core is left.
    pub(crate) fn borrow(self: &Arc<Self>) -> Option<Busy> {
        let busy = Some(self.begin());
        // Those who come at the same moment may all see too many, and then none borrows.
        busy.filter(|busy| !busy.is_crowded())
    }
}

/// A thread that looks through segments.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Workers>);

impl Busy {
    /// Says whether there are more threads than cores.
    pub(crate) fn is_crowded(&self) -> bool {
        self.0.busy.load(Ordering::Acquire) > self.0.most
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_lent_only_while_a_core_is_left_and_is_wanted_back_when_a_query_comes() {
        let workers = Arc::new(Workers { most: 2, busy: AtomicUsize::new(0) });
        let first = workers.begin();
        let lent = workers.borrow().expect("a core is left");
        assert!(!lent.is_crowded() && workers.borrow().is_none());
        let second = workers.begin();
        assert!(lent.is_crowded());
        drop(lent);
        assert!(!second.is_crowded() && workers.borrow().is_none());
        drop((first, second));
        assert_eq!(workers.busy.load(Ordering::Acquire), 0);
    }
}

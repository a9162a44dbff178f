//! What the server itself does from time to time: sign the ledger, write the refusals of strangers.

use std::time::Duration;

use andon_http::Refusals;
use andon_module::World;
use tokio::sync::watch;

const PERIOD: Duration = Duration::from_secs(60);

/// Runs until `stop` turns true.
pub(crate) async fn run(world: World, refusals: Refusals, key: [u8; 32], mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            _ = stop.changed() => {}
        }
        refusals.flush(&world).await;
        if let Err(problem) = world.store.checkpoint(key).await {
            tracing::error!(error = ?problem, "the ledger could not be signed");
        }
        if *stop.borrow() {
            return;
        }
    }
}

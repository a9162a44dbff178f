//! The role `telemetry`: the process that owns the store and what keeps it alive, on a machine of their own.

use std::path::Path;
use std::sync::Arc;

use andon_api::Problem;
use andon_objects::DirectoryLock;
use andon_remote::Link;
use jiff::Timestamp;

use super::door_plan::DoorPlan;
use super::plan::Plan;
use super::supervisor::Supervisor;
use crate::listen::address_error;
use crate::options::ServeOptions;

/// Keeps the process of the telemetry alive until `told_to_stop`.
///
/// # Errors
/// `SYS-0002` when the data directory is in use or the address is taken, `REQ-0001` when the token cannot be used.
pub(crate) async fn serve_telemetry(options: &ServeOptions, address: &str, token: Option<&Path>, told_to_stop: impl Future<Output = ()>) -> Result<(), Problem> {
    let _lock = DirectoryLock::take(&options.data)?;
    let door = DoorPlan::new(address, &options.data, token);
    door.keys()?;
    // Told now, and not by a process that cannot start.
    drop(tokio::net::TcpListener::bind(address).await.map_err(|error| address_error(address, "--telemetry-listen", &error))?);
    let token = door.token.clone();
    let plan = Plan::of(options, Some(door));
    let socket = plan.socket()?;
    let link = Arc::new(Link::new(Timestamp::now().as_microsecond()));
    let supervisor = Supervisor::start(plan, socket, link)?;
    tracing::info!(%address, token = %token.display(), data = %options.data.display(), "telemetry admits the server that has the token");
    told_to_stop.await;
    tracing::info!("telemetry is stopping");
    supervisor.stop().await;
    Ok(())
}

//! Opens the ports. The main port must be free; the standard OTLP ports are opened where they are.

use std::net::SocketAddr;

use andon_api::{ErrorCode, Problem};
use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::status::{Listener, health};

/// Opens the main port.
pub(crate) async fn main_port(address: &str) -> Result<TcpListener, Problem> {
    let listener = TcpListener::bind(address).await.map_err(|error| address_error(address, "--listen", &error))?;
    let shown = listener.local_addr().map(|address| address.to_string()).unwrap_or_else(|_| address.to_owned());
    health().add_listener(Listener { name: "main", address: shown, state: "open", detail: None });
    Ok(listener)
}

/// Says that an address cannot be opened, and which flag chooses it.
pub(crate) fn address_error(address: &str, flag: &str, error: &std::io::Error) -> Problem {
    Problem::new(ErrorCode::SystemUnavailable, format!("The address {address} cannot be opened: {error}."))
        .hint(format!("Choose another with {flag}, or stop what holds it."))
}

/// Opens a standard port where it is free, and says visibly where it is not.
pub(crate) async fn standard_port(name: &'static str, address: SocketAddr) -> Option<TcpListener> {
    match TcpListener::bind(address).await {
        Ok(listener) => {
            health().add_listener(Listener { name, address: address.to_string(), state: "open", detail: None });
            Some(listener)
        }
        Err(error) => {
            tracing::warn!(name, %address, %error, "a standard port is taken; senders can use the main port");
            let detail = Some(format!("{error}; the main port takes the same protocol"));
            health().add_listener(Listener { name, address: address.to_string(), state: "taken", detail });
            None
        }
    }
}

/// Answers on a port until `stop` turns true, then lets running calls end.
pub(crate) fn answer(tasks: &mut JoinSet<()>, listener: TcpListener, router: Router, stop: &watch::Receiver<bool>) {
    let mut stop = stop.clone();
    tasks.spawn(async move {
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let stopped = async move {
            let _sender_gone = stop.wait_for(|stop| *stop).await;
        };
        if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(stopped).await {
            tracing::error!(%error, "a port failed");
        }
    });
}

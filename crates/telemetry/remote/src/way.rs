//! Where the other side is.

use reqwest::ClientBuilder;

use crate::socket::SocketPath;
use crate::tls;
use crate::token::Token;

/// The way to the process that owns the store.
#[derive(Clone, Debug)]
pub enum Way {
    /// A socket of this machine.
    Socket(SocketPath),
    /// A port, on this machine or another.
    Network {
        /// A name or an address, and a port.
        at: String,
        /// What both sides prove.
        token: Token,
    },
}

impl Way {
    /// Tells what stands before the path of a call.
    pub(crate) fn base(&self) -> String {
        match self {
            Self::Socket(_) => "http://telemetry".to_owned(),
            Self::Network { at, .. } => format!("https://{at}"),
        }
    }

    /// Has a client take this way.
    ///
    /// # Errors
    /// When a key cannot be used.
    pub(crate) fn lead(&self, client: ClientBuilder) -> Result<ClientBuilder, String> {
        Ok(match self {
            Self::Socket(socket) => client.unix_socket(socket.as_path().to_owned()),
            Self::Network { token, .. } => client.tls_backend_preconfigured(tls::client(token).map_err(|error| error.to_string())?),
        })
    }
}

//! Calls over a Unix socket.

use std::time::Duration;

use andon_reader::{ReaderError, code};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use http::{HeaderMap, Method, StatusCode};
use reqwest::{Body, Client, Response};

use crate::failure::garbled;
use crate::limits::ANSWER_BYTES;
use crate::socket::SocketPath;

/// How long a connection may take; the socket is on this machine.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Connections that are kept for the next call.
const IDLE_CONNECTIONS: usize = 32;

/// Why a call has no answer.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The other side answers with an error of its own.
    Refused(ReaderError),
    /// Nobody took the call: nothing has happened.
    Absent(String),
    /// The call broke off: it may have happened or not.
    Lost(String),
}

/// A way to the other process.
#[derive(Clone)]
pub(crate) struct Line {
    client: Client,
    /// Holds open the folder through which a socket with a long path is reached.
    _socket: SocketPath,
}

impl Line {
    pub(crate) fn to(socket: &SocketPath) -> Result<Self, ReaderError> {
        // The client wants it, although nothing is encrypted on this machine. A second installation is no error.
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .unix_socket(socket.as_path().to_owned())
            .no_proxy()
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIME)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build();
        let client = client.map_err(|error| ReaderError::new(code::INTERNAL, format!("no call to the telemetry process can be made: {error}")))?;
        Ok(Self { client, _socket: socket.clone() })
    }

    /// Calls, and gives the answer's head; `within` bounds all of it, where it is given.
    pub(crate) async fn open(
        &self,
        method: Method,
        target: &str,
        headers: HeaderMap,
        body: Body,
        within: Option<Duration>,
    ) -> Result<Response, Broken> {
        let mut request = self.client.request(method, format!("http://telemetry{target}")).headers(headers).body(body);
        if let Some(within) = within {
            request = request.timeout(within);
        }
        request.send().await.map_err(|error| broken(&error))
    }

    /// Calls, and gives the whole answer.
    pub(crate) async fn call(&self, method: Method, target: &str, body: Bytes, within: Duration) -> Result<Bytes, Broken> {
        let response = self.open(method, target, HeaderMap::new(), Body::from(body), Some(within)).await?;
        let status = response.status();
        let bytes = whole(response).await?;
        if status == StatusCode::OK {
            return Ok(bytes);
        }
        let error = serde_json::from_slice(&bytes).unwrap_or_else(|error| garbled("an error", &error));
        Err(Broken::Refused(error))
    }
}

fn broken(error: &reqwest::Error) -> Broken {
    let mut text = String::from("the call broke off");
    let mut source: Option<&dyn std::error::Error> = Some(error);
    // The last cause says most: "connection refused", "connection reset by peer".
    while let Some(cause) = source {
        text = cause.to_string();
        source = cause.source();
    }
    if error.is_connect() {
        Broken::Absent(text)
    } else if error.is_timeout() {
        Broken::Lost("it did not answer in time".to_owned())
    } else {
        Broken::Lost(text)
    }
}

/// Reads an answer to its end.
pub(crate) async fn whole(response: Response) -> Result<Bytes, Broken> {
    let mut stream = response.bytes_stream();
    let mut all = BytesMut::new();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|error| broken(&error))?;
        if all.len() + piece.len() > ANSWER_BYTES {
            return Err(Broken::Refused(ReaderError::new(code::MEMORY, format!("the answer has more than {ANSWER_BYTES} bytes")).with_hint("ask for less")));
        }
        all.extend_from_slice(&piece);
    }
    Ok(all.freeze())
}

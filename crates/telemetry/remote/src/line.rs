//! Calls to the process that owns the store.

use std::time::Duration;

use andon_reader::{ReaderError, code};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use http::{HeaderMap, Method, StatusCode};
use reqwest::{Body, Client, Response};

use crate::failure::garbled;
use crate::limits::ANSWER_BYTES;
use crate::version;
use crate::way::Way;

/// How long a connection may take, its handshake included.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Connections that are kept for the next call.
const IDLE_CONNECTIONS: usize = 32;
/// After which silence the kernel asks whether the other machine is still there, and how often it does.
const KEEPALIVE: Duration = Duration::from_secs(5);
const KEEPALIVE_TRIES: u32 = 2;
/// How long what was sent may be without a sign that it arrived.
#[cfg(target_os = "linux")]
const UNHEARD_TIME: Duration = Duration::from_secs(15);

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

/// Calls that take one way.
#[derive(Clone)]
pub(crate) struct Line {
    client: Client,
    base: String,
    /// Holds open the folder through which a socket with a long path is reached.
    _way: Way,
}

impl Line {
    pub(crate) fn to(way: &Way) -> Result<Self, ReaderError> {
        // The client wants it, although it is told its own for a network. A second installation is no error.
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .no_proxy()
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIME)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .tcp_keepalive(KEEPALIVE)
            .tcp_keepalive_interval(KEEPALIVE)
            .tcp_keepalive_retries(KEEPALIVE_TRIES);
        #[cfg(target_os = "linux")]
        let client = client.tcp_user_timeout(UNHEARD_TIME);
        let client = way.lead(client).and_then(|client| client.build().map_err(|error| error.to_string()));
        let client = client.map_err(|error| ReaderError::new(code::INTERNAL, format!("no call to the telemetry process can be made: {error}")))?;
        Ok(Self { client, base: way.base(), _way: way.clone() })
    }

    /// Calls, and gives the answer's head; `within` bounds all of it, where it is given.
    pub(crate) async fn open(
        &self,
        method: Method,
        target: &str,
        mut headers: HeaderMap,
        body: Body,
        within: Option<Duration>,
    ) -> Result<Response, Broken> {
        headers.insert(version::HEADER, version::told());
        let mut request = self.client.request(method, format!("{}{target}", self.base)).headers(headers).body(body);
        if let Some(within) = within {
            request = request.timeout(within);
        }
        request.send().await.map_err(|error| broken(&error))
    }

    /// Calls, and gives the whole answer.
    pub(crate) async fn call(&self, method: Method, target: &str, body: Bytes, within: Duration) -> Result<Bytes, Broken> {
        let response = self.open(method, target, HeaderMap::new(), Body::from(body), Some(within)).await?;
        whole(answered(response).await?).await
    }
}

/// Gives an answer that is one, or the error that stands in its place.
pub(crate) async fn answered(response: Response) -> Result<Response, Broken> {
    if response.status() == StatusCode::OK {
        return Ok(response);
    }
    let bytes = whole(response).await?;
    Err(Broken::Refused(serde_json::from_slice(&bytes).unwrap_or_else(|error| garbled("an error", &error))))
}

fn broken(error: &reqwest::Error) -> Broken {
    let mut text = String::from("the call broke off");
    let mut source: Option<&dyn std::error::Error> = Some(error);
    // The last cause says most: "connection refused", "connection reset by peer".
    while let Some(cause) = source {
        text = cause.to_string();
        source = cause.source();
    }
    if let Some(why) = refused_key(&text) {
        // Within the handshake: no call was read.
        Broken::Refused(why)
    } else if error.is_connect() {
        Broken::Absent(text)
    } else if error.is_timeout() {
        Broken::Lost("it did not answer in time".to_owned())
    } else {
        Broken::Lost(text)
    }
}

/// Words what the handshake says when the two sides have not the keys that they expect.
fn refused_key(text: &str) -> Option<ReaderError> {
    let refused = |why: &str, hint: &str| Some(ReaderError::new(code::UNAVAILABLE, why).with_hint(hint));
    if text.contains("ApplicationVerificationFailure") {
        refused(
            "who answers there has another key than the token names",
            "check --telemetry-at, and copy the token again from the machine of the telemetry: it makes a new one when its key is new",
        )
    } else if text.contains("AccessDenied") {
        refused("the telemetry process does not accept the token", "copy the token again from the machine of the telemetry: an old one is not valid any more")
    } else {
        None
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

//! One call: method, path, parameters, body, deadline, and the answer or what went wrong.

use std::fmt;
use std::time::Duration;

use andon_api::Problem;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Response, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::address::{Token, read_address};
use crate::error::{ClientError, reason_of};
use crate::events::Events;

/// How long an ordinary call may take.
pub const DEADLINE: Duration = Duration::from_secs(30);
/// How long a call may take that reads or writes much.
pub const LONG_DEADLINE: Duration = Duration::from_secs(900);
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// The largest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 512 * 1024 * 1024;
/// How much of a foreign answer is told, in characters.
const FOREIGN_CHARACTERS_MAX: usize = 120;

/// A server and the token it is called with.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<Token>,
}

impl fmt::Debug for Client {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Client")
            .field("base", &self.base.as_str())
            .field("token", &self.token)
            .finish()
    }
}

impl Client {
    /// Makes a client of the server at an address; nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError::Address`] when it is no web address.
    pub fn new(url: &str, token: Option<Token>) -> Result<Self, ClientError> {
        let base = read_address(url)?;
        // A second installation of the same provider is no error.
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_DEADLINE)
            .no_proxy()
            .user_agent(concat!("andon/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| ClientError::Setup(reason_of(&error)))?;
        Ok(Self { http, base, token })
    }

    /// Tells whether the client calls with a token.
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Tells the full address of a path of the server, for people to open.
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.base.as_str().trim_end_matches('/'))
    }

    /// Begins a call that reads.
    pub fn get(&self, path: &str) -> Call<'_> {
        self.call(Method::GET, path)
    }

    /// Begins a call that does something.
    pub fn post(&self, path: &str) -> Call<'_> {
        self.call(Method::POST, path)
    }

    /// Begins a call that stores.
    pub fn put(&self, path: &str) -> Call<'_> {
        self.call(Method::PUT, path)
    }

    /// Begins a call that deletes.
    pub fn delete(&self, path: &str) -> Call<'_> {
        self.call(Method::DELETE, path)
    }

    fn call(&self, method: Method, path: &str) -> Call<'_> {
        Call {
            client: self,
            method,
            path: path.to_owned(),
            query: Vec::new(),
            body: Ok(None),
            deadline: DEADLINE,
        }
    }
}

/// A call that was refused, and when the server wants it again.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub error: ClientError,
    /// How long the server asks to wait, where it says so.
    pub retry_after: Option<Duration>,
}

impl From<ClientError> for Refused {
    fn from(error: ClientError) -> Self {
        Self {
            error,
            retry_after: None,
        }
    }
}

/// Reads the header `Retry-After` in seconds; a date in it is not understood.
fn retry_after(response: &Response) -> Option<Duration> {
    let header = response.headers().get(RETRY_AFTER)?;
    let seconds: u64 = header.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

struct Content {
    content_type: &'static str,
    body: reqwest::Body,
}

/// A call that is being put together.
pub struct Call<'a> {
    client: &'a Client,
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    body: Result<Option<Content>, ClientError>,
    deadline: Duration,
}

impl Call<'_> {
    /// Adds a parameter.
    #[must_use]
    pub fn query(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// Adds a parameter, where there is one.
    #[must_use]
    pub fn query_some(self, name: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// Sends a value as JSON.
    #[must_use]
    pub fn json(mut self, value: &impl Serialize) -> Self {
        self.body = serde_json::to_vec(value)
            .map(|bytes| {
                Some(Content {
                    content_type: "application/json",
                    body: bytes.into(),
                })
            })
            .map_err(|error| ClientError::Setup(error.to_string()));
        self
    }

    /// Sends text or bytes of a media type.
    #[must_use]
    pub fn bytes(mut self, content_type: &'static str, bytes: impl Into<Bytes>) -> Self {
        self.body = Ok(Some(Content {
            content_type,
            body: bytes.into().into(),
        }));
        self
    }

    /// Sends a stream of a media type, as it comes.
    #[must_use]
    pub fn stream<S, E>(mut self, content_type: &'static str, stream: S) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        self.body = Ok(Some(Content {
            content_type,
            body: reqwest::Body::wrap_stream(stream),
        }));
        self
    }

    /// Sets how long the whole call may take, its body and its answer included.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sends the call and reads its answer as JSON.
    ///
    /// # Errors
    /// [`ClientError`] in all its forms.
    pub async fn send<T: DeserializeOwned>(self) -> Result<T, ClientError> {
        let url = self.client.link(&self.path);
        let bytes = self.send_bytes().await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            match serde_json::from_slice::<Value>(&bytes) {
                Ok(_) => ClientError::Shape {
                    url,
                    reason: error.to_string(),
                },
                Err(_) => ClientError::Foreign {
                    url,
                    status: 200,
                    said: beginning(&bytes),
                },
            }
        })
    }

    /// Sends the call and looks at nothing of its answer but whether it succeeded.
    ///
    /// # Errors
    /// [`ClientError`] in all its forms.
    pub async fn send_only(self) -> Result<(), ClientError> {
        self.send_bytes().await.map(|_| ())
    }

    /// Sends the call and reads its answer as JSON; a refusal tells when the server wants it again.
    ///
    /// # Errors
    /// [`Refused`] with a [`ClientError`] in all its forms.
    pub async fn send_paced<T: DeserializeOwned>(self) -> Result<T, Refused> {
        let url = self.client.link(&self.path);
        let bytes = self.send_for_bytes().await?;
        serde_json::from_slice(&bytes).map_err(|error| Refused {
            error: ClientError::Shape {
                url,
                reason: error.to_string(),
            },
            retry_after: None,
        })
    }

    async fn send_bytes(self) -> Result<Vec<u8>, ClientError> {
        self.send_for_bytes().await.map_err(|refused| refused.error)
    }

    async fn send_for_bytes(self) -> Result<Vec<u8>, Refused> {
        let (client, deadline) = (self.client.clone(), self.deadline);
        let response = self.dispatch(Some(deadline), "application/json").await?;
        let status = response.status();
        let url = response.url().to_string();
        let retry_after = retry_after(&response);
        let bytes = read(&client, response).await?;
        if status.is_success() {
            Ok(bytes)
        } else {
            let error = failure(url, status.as_u16(), &bytes);
            Err(Refused { error, retry_after })
        }
    }

    /// Opens a stream of server-sent events.
    ///
    /// # Errors
    /// [`ClientError`] in all its forms; later ones are items of the stream.
    pub async fn events(self) -> Result<Events, ClientError> {
        let client = self.client.clone();
        // The stream has no end; the silence between its events has a limit instead.
        let response = self.dispatch(None, "text/event-stream").await?;
        let status = response.status();
        let url = response.url().to_string();
        if !status.is_success() {
            let bytes = read(&client, response).await?;
            return Err(failure(url, status.as_u16(), &bytes));
        }
        let is_events = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.starts_with("text/event-stream"));
        if !is_events {
            return Err(ClientError::Foreign {
                url,
                status: status.as_u16(),
                said: "it sends no events".to_owned(),
            });
        }
        Ok(Events::new(client.base, response))
    }

    /// Sends the call and gives its answer piece by piece, for files of any size.
    ///
    /// # Errors
    /// [`ClientError`] in all its forms; what breaks off later is an item of the stream.
    pub async fn pieces(self) -> Result<impl Stream<Item = Result<Bytes, ClientError>>, ClientError> {
        let client = self.client.clone();
        let response = self.dispatch(None, "*/*").await?;
        let status = response.status();
        if !status.is_success() {
            let url = response.url().to_string();
            let bytes = read(&client, response).await?;
            return Err(failure(url, status.as_u16(), &bytes));
        }
        Ok(response.bytes_stream().map(move |piece| piece.map_err(|error| broken_off(&client, &error))))
    }

    async fn dispatch(
        self,
        deadline: Option<Duration>,
        accept: &'static str,
    ) -> Result<Response, ClientError> {
        let base = &self.client.base;
        let mut url =
            Url::parse(&self.client.link(&self.path)).map_err(|error| ClientError::Address {
                text: self.path.clone(),
                reason: error.to_string(),
            })?;
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        let mut request = self
            .client
            .http
            .request(self.method, url)
            .header(ACCEPT, HeaderValue::from_static(accept));
        if let Some(token) = &self.client.token {
            request = request.header(AUTHORIZATION, token.header());
        }
        if let Some(deadline) = deadline {
            request = request.timeout(deadline);
        }
        if let Some(content) = self.body? {
            request = request
                .header(CONTENT_TYPE, content.content_type)
                .body(content.body);
        }
        request
            .send()
            .await
            .map_err(|error| ClientError::unreachable(base, reason_of(&error)))
    }
}

fn broken_off(client: &Client, error: &reqwest::Error) -> ClientError {
    ClientError::unreachable(
        &client.base,
        format!("the answer broke off ({})", reason_of(error)),
    )
}

async fn read(client: &Client, response: Response) -> Result<Vec<u8>, ClientError> {
    let mut bytes = Vec::new();
    let mut parts = response.bytes_stream();
    while let Some(part) = parts.next().await {
        let part = part.map_err(|error| broken_off(client, &error))?;
        if bytes.len() + part.len() > ANSWER_BYTES_MAX {
            let reason = format!("it is over {ANSWER_BYTES_MAX} bytes");
            return Err(ClientError::Shape {
                url: client.link(""),
                reason,
            });
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

/// Tells a problem of Andon from whatever else answers with an error.
fn failure(url: String, status: u16, bytes: &[u8]) -> ClientError {
    match serde_json::from_slice::<Problem>(bytes) {
        Ok(problem) => ClientError::Problem(Box::new(problem)),
        Err(_) => ClientError::Foreign {
            url,
            status,
            said: beginning(bytes),
        },
    }
}

fn beginning(bytes: &[u8]) -> String {
    let text =
        String::from_utf8_lossy(&bytes[..bytes.len().min(4 * FOREIGN_CHARACTERS_MAX)]).into_owned();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let plain: String = words
        .chars()
        .filter(|c| !c.is_control())
        .take(FOREIGN_CHARACTERS_MAX)
        .collect();
    if plain.is_empty() {
        "nothing".to_owned()
    } else {
        format!("\"{plain}\"")
    }
}

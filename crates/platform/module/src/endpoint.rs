//! One row of the API: method, path, permission, event, request, response, handler.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use andon_api::{ErrorCode, Problem};
use andon_auth::Caller;
use andon_objects::EventDraft;
use bytes::Bytes;
use futures::Stream;
use futures::future::BoxFuture;
use http::{HeaderMap, Method, StatusCode};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::world::World;

/// The body of a request that is read as it comes.
pub type BodyStream = Pin<Box<dyn Stream<Item = Result<Bytes, Problem>> + Send>>;

/// What is sent to a browser as it happens (server-sent events, WHATWG HTML 9.2).
pub type EventStream = Pin<Box<dyn Stream<Item = ServerEvent> + Send>>;

/// One server-sent event.
#[derive(Clone, Debug)]
pub struct ServerEvent {
    /// The name of the event.
    pub name: &'static str,
    /// Its data.
    pub data: Value,
    /// Its identity, from which a client goes on after a break.
    pub id: Option<String>,
}

/// Handles a call.
pub type Handler = Arc<dyn Fn(World, Call) -> BoxFuture<'static, Result<Reply, Problem>> + Send + Sync>;

/// Who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody; the handler checks a signature or a link itself, or there is nothing to guard.
    Open,
    /// Whoever holds the permission.
    Permission(&'static str),
}

/// How a schema is made.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// The most bytes of a request body that is read whole, unless a row says otherwise.
pub const BODY_MAX_BYTES: usize = 4 * 1024 * 1024;

/// One row of the API.
#[derive(Clone)]
pub struct Endpoint {
    /// The method.
    pub method: Method,
    /// The path, with parameters as `{name}`.
    pub path: &'static str,
    /// The name of the operation.
    pub id: &'static str,
    /// Who may call.
    pub access: Access,
    /// The action of the event that success records.
    pub event: Option<&'static str>,
    /// One sentence for people.
    pub summary: &'static str,
    /// The names of the query parameters, with what they mean.
    pub parameters: Vec<(&'static str, &'static str)>,
    /// The schema of the request's body.
    pub request: Option<SchemaOf>,
    /// The schema of the answer's body.
    pub response: Option<SchemaOf>,
    /// The most bytes of the body; `None` gives the body as a stream.
    pub body_max_bytes: Option<usize>,
    /// Whether the path belongs to another product's API or to pages, and stays out of ours.
    pub hidden: bool,
    /// What handles the call.
    pub handler: Handler,
}

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

impl Endpoint {
    /// Starts a row.
    pub fn new(method: Method, path: &'static str, id: &'static str) -> Self {
        let missing: Handler = Arc::new(|_, call: Call| {
            let detail = format!("The operation {} has no handler.", call.operation);
            Box::pin(async move { Err(Problem::internal(detail)) })
        });
        Self {
            method,
            path,
            id,
            access: Access::Permission("system.write"),
            event: None,
            summary: "",
            parameters: Vec::new(),
            request: None,
            response: None,
            body_max_bytes: Some(BODY_MAX_BYTES),
            hidden: false,
            handler: missing,
        }
    }

    /// Starts a row that reads.
    pub fn get(path: &'static str, id: &'static str) -> Self {
        Self::new(Method::GET, path, id)
    }

    /// Starts a row that writes.
    pub fn post(path: &'static str, id: &'static str) -> Self {
        Self::new(Method::POST, path, id)
    }

    /// Starts a row that replaces.
    pub fn put(path: &'static str, id: &'static str) -> Self {
        Self::new(Method::PUT, path, id)
    }

    /// Starts a row that deletes.
    pub fn delete(path: &'static str, id: &'static str) -> Self {
        Self::new(Method::DELETE, path, id)
    }

    /// Says which permission a caller needs.
    #[must_use]
    pub fn permission(mut self, permission: &'static str) -> Self {
        self.access = Access::Permission(permission);
        self
    }

    /// Lets anybody call; the handler guards itself.
    #[must_use]
    pub fn open(mut self) -> Self {
        self.access = Access::Open;
        self
    }

    /// Says which event success records.
    #[must_use]
    pub fn event(mut self, action: &'static str) -> Self {
        self.event = Some(action);
        self
    }

    /// Says what the operation does.
    #[must_use]
    pub fn summary(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn parameter(mut self, name: &'static str, meaning: &'static str) -> Self {
        self.parameters.push((name, meaning));
        self
    }

    /// Says what the body of the request is.
    #[must_use]
    pub fn request<T: JsonSchema>(mut self) -> Self {
        self.request = Some(schema_of::<T>);
        self
    }

    /// Says what the body of the answer is.
    #[must_use]
    pub fn response<T: JsonSchema>(mut self) -> Self {
        self.response = Some(schema_of::<T>);
        self
    }

    /// Sets the most bytes of the body.
    #[must_use]
    pub fn body_max_bytes(mut self, bytes: usize) -> Self {
        self.body_max_bytes = Some(bytes);
        self
    }

    /// Gives the body to the handler as a stream ([`Call::stream`]).
    #[must_use]
    pub fn streamed(mut self) -> Self {
        self.body_max_bytes = None;
        self
    }

    /// Keeps the row out of our own API document: pages, and other products' APIs.
    #[must_use]
    pub fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    /// Says what handles the call.
    #[must_use]
    pub fn handle<F>(mut self, handler: F) -> Self
    where
        F: Fn(World, Call) -> BoxFuture<'static, Result<Reply, Problem>> + Send + Sync + 'static,
    {
        self.handler = Arc::new(handler);
        self
    }
}

/// One call, after who made it and whether it is allowed is known.
pub struct Call {
    /// Who calls.
    pub caller: Caller,
    /// The rules that allowed it.
    pub rules: Vec<String>,
    /// The operation's name.
    pub operation: &'static str,
    /// The parameters of the path, decoded.
    pub path: BTreeMap<String, String>,
    /// The parameters of the query, decoded.
    pub query: BTreeMap<String, String>,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body; empty where it is streamed.
    pub body: Bytes,
    /// The body as a stream, where the row says so.
    pub stream: Option<BodyStream>,
    /// The identity of the request in the log.
    pub request_id: String,
}

impl Call {
    /// Reads the body as JSON; an empty body reads as `{}`.
    ///
    /// # Errors
    /// `REQ-0001` with line and column, or the field.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let body: &[u8] = if self.body.is_empty() { b"{}" } else { &self.body };
        serde_json::from_slice(body).map_err(|error| {
            let detail = format!("The body of {} does not fit: {error}.", self.operation);
            Problem::new(ErrorCode::RequestInvalid, detail)
                .place(format!("body:{}:{}", error.line(), error.column()))
                .hint("GET /api/v1/openapi.json shows what the body looks like.")
        })
    }

    /// Reads a form (`application/x-www-form-urlencoded`); a name given twice keeps its last value.
    pub fn form(&self) -> BTreeMap<String, String> {
        decode_pairs(&String::from_utf8_lossy(&self.body))
    }

    /// Tells a parameter of the path.
    pub fn path(&self, name: &str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }

    /// Tells a parameter of the query, where it is given and not empty.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Reads a parameter of the query.
    ///
    /// # Errors
    /// `REQ-0001` when it cannot be read.
    pub fn query_as<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Problem> {
        let read = |text: &str| {
            text.parse().map_err(|_| {
                Problem::new(ErrorCode::RequestInvalid, format!("`{text}` is no value of the parameter `{name}`."))
                    .place(format!("?{name}"))
            })
        };
        self.query(name).map(read).transpose()
    }

    /// Reads a time of the query: RFC 3339, or an age such as `24h` before `now`.
    ///
    /// # Errors
    /// `REQ-0001` when it is neither.
    pub fn time(&self, name: &str, now: jiff::Timestamp) -> Result<Option<jiff::Timestamp>, Problem> {
        self.query(name).map(|text| read_time(text, now)).transpose().map_err(|problem| problem.place(format!("?{name}")))
    }

    /// Tells a header, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Starts the event of this call: who, and which rules allowed it.
    pub fn event(&self, action: &str) -> EventDraft {
        EventDraft::new(self.caller.actor.clone(), action).rules(self.rules.clone())
    }
}

/// Reads a time: RFC 3339, a date, or an age such as `24h` before `now`.
///
/// # Errors
/// `REQ-0001` when it is none of these.
pub fn read_time(text: &str, now: jiff::Timestamp) -> Result<jiff::Timestamp, Problem> {
    if text == "now" {
        return Ok(now);
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(time);
    }
    if let Ok(date) = text.parse::<jiff::civil::Date>() {
        return Ok(date.to_zoned(jiff::tz::TimeZone::UTC).map_err(Problem::internal)?.timestamp());
    }
    let age = andon_api::units::Span::parse(text.trim_start_matches('-')).map_err(|_| {
        Problem::new(ErrorCode::RequestInvalid, format!("`{text}` is no time."))
            .hint("Write an RFC 3339 time such as 2026-01-31T09:00:00Z, or an age such as 30m, 24h, 7d.")
    })?;
    now.checked_sub(jiff::SignedDuration::from_millis(age.milliseconds())).map_err(Problem::internal)
}

/// Decodes `a=b&c=d`; a name given twice keeps its last value.
pub fn decode_pairs(text: &str) -> BTreeMap<String, String> {
    let decode = |part: &str| {
        let bytes = part.as_bytes();
        let mut out = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while at < bytes.len() {
            let hex = |from: usize| {
                bytes.get(from..from + 2).and_then(|pair| std::str::from_utf8(pair).ok()).and_then(|pair| u8::from_str_radix(pair, 16).ok())
            };
            match bytes[at] {
                b'+' => out.push(b' '),
                b'%' => {
                    if let Some(byte) = hex(at + 1) {
                        out.push(byte);
                        at += 2;
                    } else {
                        out.push(b'%');
                    }
                }
                other => out.push(other),
            }
            at += 1;
        }
        String::from_utf8_lossy(&out).into_owned()
    };
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// What a handler answers.
pub enum Reply {
    /// A body with its type.
    Body {
        /// The status.
        status: StatusCode,
        /// The content type.
        content_type: &'static str,
        /// The body.
        body: Bytes,
        /// Further headers.
        headers: Vec<(&'static str, String)>,
    },
    /// Server-sent events.
    Events(EventStream),
    /// A file that is sent while it is made. What goes wrong then breaks the connection, so that nobody takes
    /// the beginning for the whole.
    File {
        /// The content type.
        content_type: &'static str,
        /// Its pieces.
        pieces: BodyStream,
        /// Further headers.
        headers: Vec<(&'static str, String)>,
    },
}

impl Reply {
    /// Answers 200 with JSON.
    ///
    /// # Errors
    /// `SYS-0001` when the value has no JSON form.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, Problem> {
        Self::json_with(StatusCode::OK, value)
    }

    /// Answers 201 with JSON.
    ///
    /// # Errors
    /// `SYS-0001` when the value has no JSON form.
    pub fn created<T: Serialize + ?Sized>(value: &T) -> Result<Self, Problem> {
        Self::json_with(StatusCode::CREATED, value)
    }

    /// Answers a status with JSON.
    ///
    /// # Errors
    /// `SYS-0001` when the value has no JSON form.
    pub fn json_with<T: Serialize + ?Sized>(status: StatusCode, value: &T) -> Result<Self, Problem> {
        let body = serde_json::to_vec(value).map_err(Problem::internal)?;
        Ok(Self::bytes(status, "application/json", body))
    }

    /// Answers a status with a body of a type.
    pub fn bytes(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self::Body { status, content_type, body: body.into(), headers: Vec::new() }
    }

    /// Answers 200 with a file that is sent while it is made.
    pub fn file(content_type: &'static str, pieces: BodyStream) -> Self {
        Self::File { content_type, pieces, headers: Vec::new() }
    }

    /// Answers 200 with a page.
    pub fn html(page: String) -> Self {
        Self::bytes(StatusCode::OK, "text/html; charset=utf-8", page)
    }

    /// Answers 204.
    pub fn nothing() -> Self {
        Self::bytes(StatusCode::NO_CONTENT, "text/plain", Bytes::new())
    }

    /// Answers 303 to another page, after a form was sent.
    pub fn redirect(location: impl Into<String>) -> Self {
        Self::bytes(StatusCode::SEE_OTHER, "text/plain", Bytes::new()).with_header("location", location.into())
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: String) -> Self {
        if let Self::Body { headers, .. } | Self::File { headers, .. } = &mut self {
            headers.push((name, value));
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_decoded() {
        let pairs = decode_pairs("a=b+c&d=%C3%A4%2&e&a=last");
        assert_eq!(pairs["a"], "last");
        assert_eq!(pairs["d"], "ä%2");
        assert_eq!(pairs["e"], "");
    }

    #[test]
    fn a_time_is_a_moment_or_an_age() {
        let now: jiff::Timestamp = "2026-01-31T09:00:00Z".parse().unwrap();
        assert_eq!(read_time("30m", now).unwrap().to_string(), "2026-01-31T08:30:00Z");
        assert_eq!(read_time("2026-01-01", now).unwrap().to_string(), "2026-01-01T00:00:00Z");
        assert!(read_time("yesterday", now).is_err());
    }
}

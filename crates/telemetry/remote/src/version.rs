//! Both sides must be the same version: what they say to each other is nobody else's business, and may change.

use andon_reader::{ReaderError, code};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderName, HeaderValue, StatusCode};

/// The version of Andon, and of what is said here.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "+link2");
/// How every call says it.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-andon-version");
/// The status of a call of another version; no answer of the store has it.
pub(crate) const REFUSED: StatusCode = StatusCode::UPGRADE_REQUIRED;

/// Gives what every call says.
pub(crate) fn told() -> HeaderValue {
    HeaderValue::from_static(VERSION)
}

/// Answers calls of the same version, and refuses others before they are looked at.
pub(crate) async fn check(request: Request, next: Next) -> Response {
    let theirs = request.headers().get(HEADER).map(|version| String::from_utf8_lossy(version.as_bytes()).into_owned());
    if theirs.as_deref() == Some(VERSION) {
        return next.run(request).await;
    }
    let theirs = theirs.unwrap_or_else(|| "of an unknown version".to_owned());
    tracing::warn!(theirs, ours = VERSION, "a call of another version is refused");
    let error = ReaderError::new(code::UNAVAILABLE, format!("the server is Andon {theirs} and its telemetry process is Andon {VERSION}"))
        .with_hint("run the same version of Andon on both machines; the link comes up by itself");
    (REFUSED, serde_json::to_vec(&error).unwrap_or_default()).into_response()
}

//! Who calls: a bearer token, or the cookie of a browser session.

use andon_api::{ErrorCode, Problem};
use andon_auth::{Caller, Tokens};
use http::{HeaderMap, Method, header};
use jiff::Timestamp;

/// The name of the session's cookie.
pub(crate) const COOKIE: &str = "andon_session";
/// The header that a browser's write carries, and that a foreign page cannot send.
const GUARD_HEADER: &str = "x-andon-csrf";

/// Finds the caller of a request; one without a token is anonymous.
pub(crate) async fn identify(
    tokens: &Tokens,
    headers: &HeaderMap,
    method: &Method,
    origin: &str,
    now: Timestamp,
) -> Result<Caller, Problem> {
    if let Some(value) = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) {
        let secret = value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("bearer ")).ok_or_else(|| {
            Problem::new(ErrorCode::NotSignedIn, "Only `Authorization: Bearer <token>` is understood.")
        })?;
        return tokens.authenticate(secret.trim(), origin, now).await;
    }
    let Some(secret) = session_of(headers) else { return Ok(Caller::anonymous(origin)) };
    // An ended session is nobody, so that the sign-in page can be reached with an old cookie.
    let Ok(caller) = tokens.authenticate(secret, origin, now).await else { return Ok(Caller::anonymous(origin)) };
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    if reads || headers.contains_key(GUARD_HEADER) || same_origin(headers) {
        return Ok(caller);
    }
    Err(Problem::new(ErrorCode::NotAllowed, "The request comes from another site.")
        .hint("A browser's write carries the header X-Andon-CSRF, or the Origin of this server."))
}

/// Reads the session's secret from the cookies.
pub(crate) fn session_of(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, secret)| secret)
}

/// Tells whether a form was sent from a page of this server (Fetch metadata, else the Origin header).
fn same_origin(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => match (text("origin"), text("host")) {
            (Some(origin), Some(host)) => origin.split("://").nth(1) == Some(host),
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_session_is_one_cookie_among_others() {
        assert_eq!(session_of(&headers(&[("cookie", "a=b; andon_session=s1; c=d")])), Some("s1"));
        assert_eq!(session_of(&headers(&[("cookie", "x_andon_session=s1")])), None);
    }

    #[test]
    fn a_foreign_page_is_told_apart() {
        assert!(same_origin(&headers(&[("origin", "http://a:1"), ("host", "a:1")])));
        assert!(!same_origin(&headers(&[("origin", "http://evil"), ("host", "a:1")])));
        assert!(!same_origin(&headers(&[("sec-fetch-site", "cross-site"), ("origin", "http://a:1"), ("host", "a:1")])));
        assert!(!same_origin(&headers(&[("host", "a:1")])));
    }
}

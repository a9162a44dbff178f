//! Who calls: a bearer token, or the cookie of a browser session.
//!
//! Programs that speak another product's protocol cannot send a bearer token: they carry the same token as
//! the password of `Basic`, or as Elasticsearch's `ApiKey`. No answer ever asks a browser for a password, so
//! that none keeps one and sends it along with a foreign page's form.

use std::borrow::Cow;

use andon_api::{ErrorCode, Problem};
use andon_auth::{Caller, Tokens};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
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
        let secret = secret_of(value).ok_or_else(|| {
            Problem::new(ErrorCode::NotSignedIn, "Only `Authorization: Bearer <token>` is understood.")
                .hint("Programs that know Basic or ApiKey alone send the token as the password or as the key.")
        })?;
        return tokens.authenticate(&secret, origin, now).await;
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

/// Reads the token from `Bearer TOKEN`, `Basic base64(ANYTHING:TOKEN)`, `ApiKey TOKEN` or `ApiKey base64(ID:TOKEN)`.
fn secret_of(value: &str) -> Option<Cow<'_, str>> {
    let (scheme, secret) = value.trim().split_once(' ')?;
    let secret = secret.trim();
    let packed = match scheme.to_ascii_lowercase().as_str() {
        "bearer" => return Some(Cow::Borrowed(secret)),
        "apikey" if secret.starts_with("andon_") => return Some(Cow::Borrowed(secret)),
        "basic" | "apikey" => BASE64.decode(secret).ok()?,
        _ => return None,
    };
    let pair = String::from_utf8(packed).ok()?;
    let (name, password) = pair.split_once(':')?;
    // Some clients have a field for a user alone.
    let token = if password.is_empty() { name } else { password };
    Some(Cow::Owned(token.to_owned()))
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
    fn programs_carry_the_token_in_the_way_they_know() {
        let basic = |pair: &str| format!("Basic {}", BASE64.encode(pair));
        for value in [
            "Bearer andon_t".to_owned(),
            "bearer  andon_t".to_owned(),
            basic("anybody:andon_t"),
            basic("andon_t:"),
            "ApiKey andon_t".to_owned(),
            format!("ApiKey {}", BASE64.encode("id:andon_t")),
        ] {
            assert_eq!(secret_of(&value).as_deref(), Some("andon_t"), "{value}");
        }
        for value in ["", "andon_t", "Digest andon_t", "Basic ???", "Basic YQ==", "ApiKey other"] {
            assert_eq!(secret_of(value), None, "{value}");
        }
    }

    #[test]
    fn a_foreign_page_is_told_apart() {
        assert!(same_origin(&headers(&[("origin", "http://a:1"), ("host", "a:1")])));
        assert!(!same_origin(&headers(&[("origin", "http://evil"), ("host", "a:1")])));
        assert!(!same_origin(&headers(&[("sec-fetch-site", "cross-site"), ("origin", "http://a:1"), ("host", "a:1")])));
        assert!(!same_origin(&headers(&[("host", "a:1")])));
    }
}

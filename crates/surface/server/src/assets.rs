//! The web UI, from inside the binary or from a folder.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Component, Path, PathBuf};
use std::sync::{LazyLock, Mutex};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, header};
use rust_embed::RustEmbed;

use crate::inputs;

#[derive(RustEmbed)]
#[folder = "../../../ui/dist"]
#[allow_missing = true]
struct Embedded;

/// What a page of ours may do: nothing from elsewhere, no inline script.
pub(crate) const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'";

/// Makes the router of the UI: assets by name, and the page itself for every other path.
pub(crate) fn router(folder: Option<PathBuf>) -> Router {
    let serve = move |uri: Uri, headers: HeaderMap| {
        let folder = folder.clone();
        async move {
            if uri.path() == "/" && inputs::asks_for_elastic(&headers) {
                return inputs::elastic_root(&headers);
            }
            answer(folder.as_deref(), uri.path(), takes_gzip(&headers))
        }
    };
    Router::new().fallback(get(serve))
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).is_some_and(|text| text.contains("gzip"))
}

fn answer(folder: Option<&Path>, path: &str, gzip: bool) -> Response<Body> {
    let name = path.trim_start_matches('/');
    if path.starts_with("/api/") || path.starts_with("/v1/") || path.starts_with("/hooks/") {
        let problem = andon_api::Problem::new(andon_api::ErrorCode::NoSuchPath, format!("There is no path {path}."))
            .hint("GET /api/v1/openapi.json lists every path.");
        return andon_http::reply_to_problem(problem, "fallback", "-");
    }
    if let Some(content) = read(folder, name) {
        return file(name, content, name.starts_with("assets/"), gzip);
    }
    if name.starts_with("assets/") {
        return plain(StatusCode::NOT_FOUND, "There is no such asset.\n");
    }
    match read(folder, "index.html") {
        Some(content) => file("index.html", content, false, gzip),
        None => plain(
            StatusCode::NOT_FOUND,
            "This binary was built without the web UI (npm ci && npm run build in ui/, then build again).\n\
             The API, the CLI, /signin, /status and /pull work.\n",
        ),
    }
}

fn read(folder: Option<&Path>, name: &str) -> Option<Vec<u8>> {
    match folder {
        None => Embedded::get(name).map(|found| found.data.into_owned()),
        Some(folder) => {
            let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
            (inside && !name.is_empty()).then(|| std::fs::read(folder.join(name)).ok()).flatten()
        }
    }
}

/// The compressed assets: their names carry a hash of their content, so that one compression serves for ever.
static COMPRESSED: LazyLock<Mutex<HashMap<String, Bytes>>> = LazyLock::new(Mutex::default);

/// Compresses an asset (gzip, RFC 1952), once.
fn compress(name: &str, content: &[u8]) -> Option<Bytes> {
    if let Some(known) = COMPRESSED.lock().ok()?.get(name) {
        return Some(known.clone());
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).ok()?;
    let compressed = Bytes::from(encoder.finish().ok()?);
    COMPRESSED.lock().ok()?.insert(name.to_owned(), compressed.clone());
    Some(compressed)
}

fn file(name: &str, content: Vec<u8>, forever: bool, gzip: bool) -> Response<Body> {
    let compressed = if gzip && forever { compress(name, &content) } else { None };
    let is_compressed = compressed.is_some();
    let content_type = match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript",
        Some("css") => "text/css",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("json") | Some("map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    };
    let mut response = Response::new(Body::from(compressed.unwrap_or_else(|| Bytes::from(content))));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if is_compressed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let cache = if forever { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_is_compressed_for_whoever_takes_it() {
        let folder = std::env::temp_dir().join(format!("andon-assets-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("assets")).unwrap();
        std::fs::write(folder.join("assets/a.js"), "let a = 1;".repeat(500)).unwrap();
        for (gzip, encoding) in [(true, Some("gzip")), (false, None)] {
            let response = answer(Some(&folder), "/assets/a.js", gzip);
            let found = response.headers().get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap());
            assert_eq!((response.status(), found), (StatusCode::OK, encoding));
        }
        assert_eq!(answer(Some(&folder), "/assets/../../etc/passwd", true).status(), StatusCode::NOT_FOUND);
        assert_eq!(answer(Some(&folder), "/api/v1/nothing", true).status(), StatusCode::NOT_FOUND);
        std::fs::remove_dir_all(folder).unwrap();
    }
}

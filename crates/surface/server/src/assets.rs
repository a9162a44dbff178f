//! The web UI, from inside the binary or from a folder.

use std::path::{Component, Path, PathBuf};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{HeaderValue, Response, StatusCode, Uri, header};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../../ui/dist"]
#[allow_missing = true]
struct Embedded;

/// What a page of ours may do: nothing from elsewhere, no inline script.
pub(crate) const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'";

/// Makes the router of the UI: assets by name, and the page itself for every other path.
pub(crate) fn router(folder: Option<PathBuf>) -> Router {
    let serve = move |uri: Uri| {
        let folder = folder.clone();
        async move { answer(folder.as_deref(), uri.path()) }
    };
    Router::new().fallback(get(serve))
}

fn answer(folder: Option<&Path>, path: &str) -> Response<Body> {
    let name = path.trim_start_matches('/');
    if path.starts_with("/api/") || path.starts_with("/v1/") || path.starts_with("/hooks/") {
        let problem = andon_api::Problem::new(andon_api::ErrorCode::NoSuchPath, format!("There is no path {path}."))
            .hint("GET /api/v1/openapi.json lists every path.");
        return andon_http::reply_to_problem(problem, "fallback", "-");
    }
    if let Some(content) = read(folder, name) {
        return file(name, content, name.starts_with("assets/"));
    }
    if name.starts_with("assets/") {
        return plain(StatusCode::NOT_FOUND, "There is no such asset.\n");
    }
    match read(folder, "index.html") {
        Some(content) => file("index.html", content, false),
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

fn file(name: &str, content: Vec<u8>, forever: bool) -> Response<Body> {
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
    let mut response = Response::new(Body::from(content));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
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

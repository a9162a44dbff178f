//! What Elasticsearch's clients ask before they send: who is there, may I, which templates are there.
//!
//! Templates, policies and pipelines are neither needed nor kept here. That is said in a `Warning`
//! header, which clients show to whoever runs them; refusing would stop shippers that insist on them.

use serde_json::{Value, json};

/// The header by which clients tell Elasticsearch from others; every answer carries it.
pub const PRODUCT_HEADER: (&str, &str) = ("x-elastic-product", "Elasticsearch");
/// The version whose protocol is spoken.
const VERSION: &str = "9.1.0";
/// Said to whoever sets up templates, policies or pipelines (RFC 7234, 5.5).
const NOT_KEPT: &str = "299 Andon \"Andon needs no templates, policies and pipelines and keeps none; lines are stored as they come\"";

/// An answer of the handshake.
#[derive(Debug, Clone, PartialEq)]
pub struct ElasticAnswer {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Value,
    /// The header `Warning`.
    pub warning: Option<&'static str>,
}

fn ok(body: Value) -> ElasticAnswer {
    ElasticAnswer { status: 200, body, warning: None }
}

/// Gives the content type of an answer: clients that ask for a version get it.
#[must_use]
pub fn media_type(accept: Option<&str>) -> &'static str {
    let accept = accept.unwrap_or_default();
    let has = |version: &str| accept.contains("vnd.elasticsearch+") && accept.contains(version);
    if has("compatible-with=9") {
        "application/vnd.elasticsearch+json;compatible-with=9"
    } else if has("compatible-with=8") {
        "application/vnd.elasticsearch+json;compatible-with=8"
    } else if has("compatible-with=7") {
        "application/vnd.elasticsearch+json;compatible-with=7"
    } else {
        "application/json"
    }
}

/// Answers what a client asks beside sending; `path` is without the prefix.
#[must_use]
pub fn handshake(method: &str, path: &str) -> ElasticAnswer {
    let path = path.trim_matches('/');
    let first = path.split('/').next().unwrap_or_default();
    match (method, first) {
        ("GET" | "HEAD", "") => ok(info()),
        ("GET" | "HEAD", "_license") => ok(license()),
        ("GET" | "HEAD", "_xpack") => ok(xpack()),
        ("GET" | "HEAD", "_cluster") if path.starts_with("_cluster/health") => ok(health()),
        ("GET" | "HEAD", "_nodes") => ok(nodes()),
        ("PUT" | "POST", "_template" | "_index_template" | "_component_template" | "_ilm" | "_ingest" | "_data_stream") => {
            ElasticAnswer { status: 200, body: json!({"acknowledged": true}), warning: Some(NOT_KEPT) }
        }
        ("GET" | "HEAD", "_template" | "_index_template" | "_component_template" | "_ilm" | "_ingest" | "_data_stream") => missing(path),
        _ => unknown(method, path),
    }
}

fn info() -> Value {
    json!({
        "name": "andon",
        "cluster_name": "andon",
        "cluster_uuid": "andon",
        "version": {
            "number": VERSION,
            "build_flavor": "default",
            "build_type": "docker",
            "build_hash": "andon",
            "build_date": "2025-07-28T00:00:00.000000000Z",
            "build_snapshot": false,
            "lucene_version": "10.2.2",
            "minimum_wire_compatibility_version": "8.19.0",
            "minimum_index_compatibility_version": "8.0.0",
        },
        "tagline": "You Know, for Search",
    })
}

fn license() -> Value {
    json!({"license": {"status": "active", "uid": "andon", "type": "basic", "issue_date_in_millis": 0, "max_nodes": 1, "issued_to": "andon", "issuer": "andon", "start_date_in_millis": 0}})
}

fn xpack() -> Value {
    let absent = json!({"available": false, "enabled": false});
    json!({
        "build": {"hash": "andon", "date": "2025-07-28T00:00:00.000Z"},
        "license": {"uid": "andon", "type": "basic", "mode": "basic", "status": "active"},
        "features": {"ilm": absent, "ml": absent, "monitoring": absent, "security": absent},
        "tagline": "You know, for X",
    })
}

fn health() -> Value {
    json!({
        "cluster_name": "andon", "status": "green", "timed_out": false, "number_of_nodes": 1, "number_of_data_nodes": 1,
        "active_primary_shards": 1, "active_shards": 1, "relocating_shards": 0, "initializing_shards": 0, "unassigned_shards": 0,
        "delayed_unassigned_shards": 0, "number_of_pending_tasks": 0, "number_of_in_flight_fetch": 0,
        "task_max_waiting_in_queue_millis": 0, "active_shards_percent_as_number": 100.0,
    })
}

/// Without addresses: a client that looks for other nodes stays with this one.
fn nodes() -> Value {
    json!({"_nodes": {"total": 1, "successful": 1, "failed": 0}, "cluster_name": "andon", "nodes": {"andon": {"name": "andon", "version": VERSION, "roles": ["ingest"]}}})
}

fn missing(path: &str) -> ElasticAnswer {
    let reason = format!("[{}] is missing", shown(path));
    ElasticAnswer { status: 404, body: error(404, "resource_not_found_exception", &reason), warning: None }
}

fn unknown(method: &str, path: &str) -> ElasticAnswer {
    let reason = format!(
        "Andon takes lines in Elasticsearch's way and answers nothing else of it: no handler for {method} /{}; search at /api/v1/logs or with `andon logs`",
        shown(path)
    );
    ElasticAnswer { status: 400, body: error(400, "illegal_argument_exception", &reason), warning: None }
}

fn shown(path: &str) -> String {
    path.chars().filter(|letter| !letter.is_control()).take(80).collect()
}

fn error(status: u16, kind: &str, reason: &str) -> Value {
    json!({"error": {"root_cause": [{"type": kind, "reason": reason}], "type": kind, "reason": reason}, "status": status})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_find_the_product_and_set_up_what_they_insist_on() {
        assert_eq!(handshake("GET", "/").body["version"]["number"], json!(VERSION));
        assert_eq!(handshake("GET", "/_license").body["license"]["status"], json!("active"));
        assert_eq!(handshake("GET", "/_index_template/filebeat").status, 404);
        let put = handshake("PUT", "/_index_template/filebeat");
        assert_eq!((put.status, put.warning.is_some()), (200, true));
        let search = handshake("POST", "/logs/_search");
        assert_eq!(search.status, 400);
        assert_eq!(media_type(Some("application/vnd.elasticsearch+json; compatible-with=9")), "application/vnd.elasticsearch+json;compatible-with=9");
        assert_eq!(media_type(Some("*/*")), "application/json");
    }
}

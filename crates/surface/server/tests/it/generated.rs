//! What is generated is committed and fresh. `cargo xtask gen` writes it anew.

use std::path::PathBuf;

use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

/// Compares a generated document with the committed one, or writes it where `ANDON_GENERATE` is set.
fn check(path: &str, document: &Value) {
    let file = root().join(path);
    let text = format!("{}\n", serde_json::to_string_pretty(document).unwrap());
    if std::env::var_os("ANDON_GENERATE").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == text, "{path} is stale: run `cargo xtask gen` and commit what it writes");
}

#[test]
fn the_api_document_is_fresh() {
    check("spec/openapi.json", &andon_server::describe_api());
}

#[test]
fn the_schema_of_every_kind_is_fresh() {
    for kind in andon_server::kinds() {
        check(&format!("spec/schema/{}.json", kind.kind), &andon_http::schema_of(&kind));
    }
}

//! Which crate may name which: four floors, arrows down only, and fences around what is heavy.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::finding::Finding;
use crate::tree::Tree;

/// What `cargo metadata` says of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    packages: Vec<Package>,
    workspace_root: String,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
    path: Option<String>,
}

/// Asks cargo for the workspace.
pub(crate) fn read(root: &Path) -> Result<Metadata> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let asked = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root)
        .output()
        .context("cargo cannot be run")?;
    if !asked.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&asked.stderr).trim());
    }
    serde_json::from_slice(&asked.stdout).context("cargo metadata says something unknown")
}

/// A room of the house.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Api,
    Platform,
    Reader,
    Telemetry,
    Capability,
    Client,
    Cli,
    Server,
    Binary,
    Testkit,
    Tool,
    Unknown,
}

fn room_of(path: &str) -> Room {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["crates", "api"] => Room::Api,
        ["crates", "platform", _] => Room::Platform,
        ["crates", "telemetry", "reader"] => Room::Reader,
        ["crates", "telemetry", _] => Room::Telemetry,
        ["crates", "capability", _] => Room::Capability,
        ["crates", "surface", "client"] => Room::Client,
        ["crates", "surface", "cli"] => Room::Cli,
        ["crates", "surface", _] => Room::Server,
        ["crates", "testkit"] => Room::Testkit,
        ["bin", _] => Room::Binary,
        ["xtask" | "bench" | "fuzz", ..] => Room::Tool,
        _ => Room::Unknown,
    }
}

/// Lists the rooms that code of a room may name.
fn below(room: Room) -> &'static [Room] {
    match room {
        Room::Api | Room::Unknown => &[],
        Room::Reader | Room::Client => &[Room::Api],
        Room::Telemetry => &[Room::Api, Room::Reader, Room::Telemetry],
        Room::Platform | Room::Capability | Room::Testkit => &[Room::Api, Room::Platform, Room::Reader],
        Room::Cli => &[Room::Api, Room::Client],
        Room::Server => &[Room::Api, Room::Platform, Room::Reader, Room::Telemetry, Room::Capability],
        Room::Binary => &[Room::Api, Room::Client, Room::Cli, Room::Server],
        Room::Tool => &[Room::Api, Room::Platform, Room::Reader, Room::Telemetry, Room::Capability, Room::Client, Room::Cli, Room::Server],
    }
}

/// Lists the rooms that tests of a room may name beside these: stories need more than one capability.
fn below_in_tests(room: Room) -> &'static [Room] {
    match room {
        Room::Api | Room::Reader | Room::Unknown | Room::Tool => &[],
        Room::Telemetry | Room::Platform | Room::Testkit => &[Room::Testkit],
        Room::Capability => &[Room::Capability, Room::Testkit],
        Room::Client | Room::Cli | Room::Server | Room::Binary => {
            &[Room::Platform, Room::Capability, Room::Client, Room::Server, Room::Telemetry, Room::Testkit]
        }
    }
}

/// An outside crate that only some rooms may name, and why.
struct Fence {
    /// The crate, or its beginning when it ends with `*`.
    dependency: &'static str,
    inside: &'static [&'static str],
    why: &'static str,
}

const FENCES: &[Fence] = &[
    Fence { dependency: "datafusion*", inside: &["crates/telemetry/query"], why: "it is the heaviest thing we compile; SQL goes through andon_reader::SqlRunner" },
    Fence { dependency: "arrow*", inside: &["crates/telemetry/store", "crates/telemetry/query"], why: "no Arrow type crosses the reader; ask andon_reader for plain rows" },
    Fence { dependency: "parquet", inside: &["crates/telemetry/store"], why: "the form of segments is the store's own business" },
    Fence { dependency: "sqlx*", inside: &["crates/platform/objects"], why: "one crate speaks to the database; use Store and Tx" },
    Fence { dependency: "reqwest", inside: &["crates/platform/egress", "crates/surface/client", "crates/telemetry/remote"], why: "what leaves the server goes through the guard of egress; telemetry/remote speaks to the process of the telemetry alone" },
    Fence { dependency: "lettre", inside: &["crates/platform/egress"], why: "mail leaves through egress" },
    Fence { dependency: "cedar-policy*", inside: &["crates/platform/auth"], why: "one place decides who may what" },
    Fence { dependency: "regorus", inside: &["crates/capability/governance"], why: "policies are judged behind governance's limits" },
    Fence { dependency: "clap*", inside: &["crates/surface/cli", "bin/andon"], why: "only the command line parses arguments" },
];

/// Finds edges that go up or sideways, and outside crates beyond their fence.
pub(crate) fn check(metadata: &Metadata, tree: &Tree) -> Vec<Finding> {
    let root = metadata.workspace_root.trim_end_matches('/');
    let inside = |path: &str| path.strip_prefix(root).map(|path| path.trim_start_matches('/').to_owned());
    let mut findings = Vec::new();
    for package in &metadata.packages {
        let Some(manifest) = inside(&package.manifest_path) else { continue };
        let folder = manifest.trim_end_matches("/Cargo.toml");
        if room_of(folder) == Room::Unknown {
            let what = format!("{} is on no floor", package.name);
            findings.push(Finding::new(&manifest, 1, what, "a crate lies in bin/ or on a floor of crates/ (ARCHITECTURE.md)"));
        }
        for dependency in &package.dependencies {
            let why = match dependency.path.as_deref().and_then(inside) {
                Some(target) => refused_edge(folder, &target, dependency.kind.as_deref() == Some("dev")),
                None => refused_outside(folder, &dependency.name),
            };
            if let Some(why) = why {
                let line = line_of(tree, &manifest, &dependency.name);
                findings.push(Finding::new(&manifest, line, format!("{} names {}", package.name, dependency.name), why));
            }
        }
    }
    findings
}

/// Finds the line of a dependency in its manifest.
fn line_of(tree: &Tree, manifest: &str, dependency: &str) -> usize {
    let text = tree.find(manifest).map_or("", |file| file.text.as_str());
    text.lines().position(|line| line.starts_with(dependency)).map_or(1, |at| at + 1)
}

fn refused_edge(from: &str, to: &str, in_tests: bool) -> Option<String> {
    let (room, target) = (room_of(from), room_of(to));
    // The logs of the testkit measure with the real thing; columns is pure and builds without Arrow.
    if room == Room::Testkit && to == "crates/telemetry/columns" {
        return None;
    }
    if below(room).contains(&target) || (in_tests && below_in_tests(room).contains(&target)) {
        return None;
    }
    let what = match (room, target) {
        (Room::Capability, Room::Capability) => "no capability names another: they meet in objects and events",
        (_, Room::Testkit) => "the testkit is for tests",
        (Room::Capability, Room::Telemetry) => "capabilities see telemetry through andon_reader alone",
        _ => "arrows go down only: surface > capability > platform > api",
    };
    Some(what.to_owned())
}

fn refused_outside(from: &str, dependency: &str) -> Option<String> {
    if room_of(from) == Room::Tool {
        return None;
    }
    let fits = |fence: &&Fence| match fence.dependency.strip_suffix('*') {
        Some(start) => dependency.starts_with(start),
        None => dependency == fence.dependency,
    };
    let fence = FENCES.iter().find(fits)?;
    (!fence.inside.contains(&from)).then(|| fence.why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn edge(from: &str, to: &str, kind: Option<&str>) -> Vec<String> {
        let metadata = json!({"workspace_root": "/r", "packages": [{"name": "one", "manifest_path": format!("/r/{from}/Cargo.toml"),
            "dependencies": [{"name": "two", "kind": kind, "path": format!("/r/{to}")}]}]});
        check(&serde_json::from_value(metadata).unwrap(), &Tree::default()).iter().map(ToString::to_string).collect()
    }

    fn outside(from: &str, name: &str) -> usize {
        let metadata = json!({"workspace_root": "/r", "packages": [{"name": "one", "manifest_path": format!("/r/{from}/Cargo.toml"),
            "dependencies": [{"name": name, "kind": null, "path": null}]}]});
        check(&serde_json::from_value(metadata).unwrap(), &Tree::default()).len()
    }

    #[test]
    fn arrows_go_down() {
        for (from, to) in [
            ("crates/platform/http", "crates/api"),
            ("crates/platform/http", "crates/platform/objects"),
            ("crates/capability/flow", "crates/platform/module"),
            ("crates/capability/signals", "crates/telemetry/reader"),
            ("crates/surface/server", "crates/telemetry/query"),
            ("bin/andon", "crates/surface/cli"),
        ] {
            assert!(edge(from, to, None).is_empty(), "{from} to {to}");
        }
        for (from, to) in [
            ("crates/api", "crates/platform/objects"),
            ("crates/platform/http", "crates/capability/flow"),
            ("crates/capability/signals", "crates/telemetry/store"),
            ("crates/telemetry/store", "crates/platform/objects"),
            ("crates/surface/cli", "crates/surface/server"),
            ("crates/capability/flow", "crates/testkit"),
            ("crates/common", "crates/api"),
        ] {
            assert!(!edge(from, to, None).is_empty(), "{from} to {to}");
        }
    }

    #[test]
    fn a_capability_meets_another_in_tests_alone() {
        let found = edge("crates/capability/response", "crates/capability/delivery", None);
        assert_eq!(found, ["crates/capability/response/Cargo.toml:1: one names two (no capability names another: they meet in objects and events)"]);
        assert!(edge("crates/capability/response", "crates/capability/delivery", Some("dev")).is_empty());
    }

    #[test]
    fn what_is_heavy_stays_behind_its_fence() {
        assert_eq!(outside("crates/telemetry/query", "datafusion"), 0);
        assert_eq!(outside("crates/telemetry/store", "datafusion-common"), 1);
        assert_eq!(outside("crates/telemetry/ingest", "arrow-array"), 1);
        assert_eq!(outside("crates/capability/response", "reqwest"), 1);
        assert_eq!(outside("crates/capability/response", "sqlx"), 1);
        assert_eq!(outside("crates/surface/client", "reqwest"), 0);
        assert_eq!(outside("crates/capability/response", "serde"), 0);
    }
}

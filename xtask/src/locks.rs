//! Lock files name the public registries and no other host: a mirror of one machine helps nobody else.

use crate::finding::Finding;
use crate::tree::{TextFile, Tree};

const CRATES: &str = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
const PACKAGES: &str = "\"resolved\": \"https://registry.npmjs.org/";
const WHY: &str = "everybody installs from the public registry; put a mirror into your own configuration";

/// Finds hosts of other registries.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files.iter().flat_map(check_file).collect()
}

fn check_file(file: &TextFile) -> Vec<Finding> {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    let is_foreign: fn(&str) -> bool = match name {
        "Cargo.lock" => |line| line.starts_with("source = ") && line != CRATES,
        "package-lock.json" => |line| line.starts_with("\"resolved\": \"http") && !line.starts_with(PACKAGES),
        ".npmrc" => |line| line.replace(' ', "").contains("registry=") && !line.starts_with("omit-"),
        "config.toml" if file.path.contains(".cargo/") => |line| line.starts_with("[source") || line.starts_with("[registr"),
        _ => return Vec::new(),
    };
    let lines = file.text.lines().enumerate();
    let foreign = lines.filter(|(_, line)| is_foreign(line.trim()));
    foreign.map(|(index, _)| Finding::new(&file.path, index + 1, "a registry of one machine is named", WHY)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn only_the_public_registries_are_named() {
        assert_eq!(found("Cargo.lock", &format!("[[package]]\n{CRATES}\n")), 0);
        assert_eq!(found("Cargo.lock", "source = \"registry+https://mirror.example/index\"\n"), 1);
        assert_eq!(found("ui/package-lock.json", "  \"resolved\": \"https://registry.npmjs.org/a.tgz\",\n"), 0);
        assert_eq!(found("ui/package-lock.json", "  \"resolved\": \"http://mirror.example/a.tgz\",\n"), 1);
        assert_eq!(found("ui/.npmrc", "omit-lockfile-registry-resolved=true\n"), 0);
        assert_eq!(found("ui/.npmrc", "registry = http://mirror.example\n"), 1);
        assert_eq!(found(".cargo/config.toml", "[alias]\nxtask = \"run\"\n"), 0);
        assert_eq!(found(".cargo/config.toml", "[source.crates-io]\n"), 1);
    }
}

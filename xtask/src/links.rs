//! Pages that point at files: each link, and each path between backticks, leads somewhere.

use crate::finding::Finding;
use crate::markdown::{self, Page};
use crate::tree::{TextFile, Tree};

/// Where paths of the project begin; a code span that begins so is a path and must exist.
const TOPS: [&str; 14] = [
    ".cargo/", ".ci/", "bench/", "bin/", "crates/", "deploy/", "docs/", "examples/", "fuzz/", "scripts/", "spec/", "ui/",
    "xtask/", "Cargo.",
];

/// What is built and not kept.
const BUILT: [&str; 2] = ["ui/dist", "ui/node_modules"];

/// Finds links and paths that lead nowhere.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let pages = tree.files.iter().filter(|file| file.has_extension("md"));
    pages.flat_map(|file| check_page(tree, file)).collect()
}

fn check_page(tree: &Tree, file: &TextFile) -> Vec<Finding> {
    let page = markdown::read(&file.text);
    let mut findings = Vec::new();
    for link in &page.links {
        if let Some(what) = broken_link(tree, file, &page, &link.text) {
            findings.push(Finding::new(&file.path, link.line, what, "a page that points nowhere is trusted no more"));
        }
    }
    for span in &page.spans {
        let path = span.text.trim_end_matches('/');
        if is_path(&span.text) && !tree.has(path) && !BUILT.iter().any(|built| path.starts_with(built)) {
            let what = format!("there is no {path}");
            findings.push(Finding::new(&file.path, span.line, what, "a path between backticks exists; write `<…>` or `*` for a pattern"));
        }
    }
    findings
}

/// Tells whether a code span is a path of the project and no pattern or command.
fn is_path(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    TOPS.iter().any(|top| text.starts_with(top)) && text.chars().all(plain) && !text.contains("NNNN")
}

fn broken_link(tree: &Tree, file: &TextFile, page: &Page, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let whole = if path.is_empty() { file.path.clone() } else { resolve(file.folder(), path)? };
    if !tree.has(&whole) && !whole.is_empty() {
        return Some(format!("the link {target} leads nowhere"));
    }
    let anchor = anchor.filter(|anchor| !anchor.is_empty())?;
    let anchors = match tree.find(&whole) {
        Some(_) if path.is_empty() => page.anchors.clone(),
        Some(other) if other.has_extension("md") => markdown::read(&other.text).anchors,
        _ => return None,
    };
    (!anchors.iter().any(|known| known == anchor)).then(|| format!("{target} names no heading"))
}

/// Works out a relative path from a folder.
fn resolve(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = if path.starts_with('/') { Vec::new() } else { folder.split('/').filter(|part| !part.is_empty()).collect() };
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                // Above the root is another place, which nobody here can check.
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let tree = Tree::of(&[("docs/a.md", text), ("docs/b.md", "# Two words\n"), ("crates/x/src/lib.rs", "")]);
        check(&tree).iter().map(|finding| finding.what.clone()).collect()
    }

    #[test]
    fn a_link_leads_to_a_file_a_folder_or_a_heading() {
        let good = "# One\n[a](b.md) [b](../crates/x) [c](b.md#two-words) [d](#one) [e](https://example.org/x) [f](/docs/b.md)\n";
        assert_eq!(found(good), Vec::<String>::new());
        assert_eq!(found("[a](c.md)"), ["the link c.md leads nowhere"]);
        assert_eq!(found("[a](b.md#three)"), ["b.md#three names no heading"]);
        assert_eq!(found("[a](#nothing)"), ["#nothing names no heading"]);
    }

    #[test]
    fn a_path_between_backticks_exists() {
        assert_eq!(found("`crates/x/src/lib.rs` `crates/*/src` `crates/<name>` `ui/dist/index.html` `cargo xtask gen`"), Vec::<String>::new());
        assert_eq!(found("`crates/x/src/main.rs`"), ["there is no crates/x/src/main.rs"]);
    }
}

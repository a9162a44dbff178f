//! What folders are called, and that each crate says what it is.

use std::collections::BTreeSet;

use crate::finding::Finding;
use crate::tree::Tree;

/// Names under which anything can be put, so that everything is.
const GRAB_BAGS: [&str; 6] = ["common", "util", "utils", "helper", "helpers", "misc"];

/// Finds grab-bags and crates without a README.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = grab_bags(tree);
    findings.extend(silent_crates(tree));
    findings
}

fn grab_bags(tree: &Tree) -> Vec<Finding> {
    let mut told = BTreeSet::new();
    let mut findings = Vec::new();
    for file in &tree.files {
        let folders: Vec<&str> = file.folder().split('/').collect();
        for (depth, folder) in folders.iter().enumerate() {
            let path = folders[..=depth].join("/");
            if GRAB_BAGS.contains(folder) && told.insert(path.clone()) {
                let why = "a grab-bag is how houses decay; name the idea that its files share";
                findings.push(Finding::new(&path, 1, format!("a folder is called {folder}"), why));
            }
        }
    }
    findings
}

fn silent_crates(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with("/Cargo.toml")) {
        let readme = format!("{}/README.md", file.folder());
        if !tree.has(&readme) {
            let why = "a newcomer opens it first: purpose, nouns, invariants, limits, what is absent";
            findings.push(Finding::new(&file.path, 1, "the crate has no README.md", why));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grab_bag_is_told_once() {
        let tree = Tree::of(&[("crates/util/src/a.rs", ""), ("crates/util/src/b.rs", ""), ("ui/src/utilities.ts", "")]);
        let found = check(&tree);
        assert_eq!((found.len(), found[0].file.as_str()), (1, "crates/util"));
    }

    #[test]
    fn a_crate_says_what_it_is() {
        let tree = Tree::of(&[("Cargo.toml", ""), ("crates/a/Cargo.toml", ""), ("crates/b/Cargo.toml", ""), ("crates/b/README.md", "")]);
        let found = check(&tree);
        assert_eq!((found.len(), found[0].file.as_str()), (1, "crates/a/Cargo.toml"));
    }
}

//! Words that do not belong into the project, and macros that say "not yet".

use crate::finding::Finding;
use crate::rust_text::{blank, line_of};
use crate::tree::{TextFile, Tree};

/// Macros that must not be merged: what is not there yet is written down in docs/decisions/gaps.md.
const UNFINISHED: [&str; 3] = ["todo!", "unimplemented!", "dbg!"];

/// Words that tell of a machine, a tool or a place outside of the project; written backwards, so that
/// the list itself passes.
const DENIED: [(&str, &str); 17] = [
    ("edualc", TOOL),
    ("ciporhtna", TOOL),
    ("ianepo", TOOL),
    ("tpgtahc", TOOL),
    ("tolipoc", TOOL),
    ("xedoc", TOOL),
    ("inimeg", TOOL),
    ("yb-derohtua-oc", TOOL),
    ("niam/krow/", PLACE),
    ("derahs/krow/", PLACE),
    ("yrarbil./krow/", PLACE),
    ("hcraeser/derahs", PLACE),
    ("ngised/derahs", PLACE),
    ("/toor/", PLACE),
    ("feirb/pmt/", PLACE),
    ("kcol.tig/pmt/", PLACE),
    ("ograca", PLACE),
];

const TOOL: &str = "the project says what it is, not who or what typed it";
const PLACE: &str = "a path of one machine means nothing on another";

/// Finds unfinished code and denied words.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<Finding> = tree.rust().flat_map(unfinished).collect();
    let denied: Vec<(String, &str)> = DENIED.iter().map(|(word, why)| (word.chars().rev().collect(), *why)).collect();
    // The digests of a lock file are random letters, and its hosts have a check of their own.
    let files = tree.files.iter().filter(|file| !file.path.ends_with(".lock") && !file.path.ends_with("-lock.json"));
    findings.extend(files.flat_map(|file| denied_words(file, &denied)));
    findings
}

fn unfinished(file: &TextFile) -> Vec<Finding> {
    let code = blank(&file.text);
    let mut findings = Vec::new();
    for macro_name in UNFINISHED {
        for (at, _) in code.match_indices(macro_name) {
            let is_other = code[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
            if !is_other {
                let why = "nothing unfinished is merged; a known gap has its line in docs/decisions/gaps.md";
                findings.push(Finding::new(&file.path, line_of(&code, at), format!("{macro_name} stands in the code"), why));
            }
        }
    }
    findings
}

fn denied_words(file: &TextFile, denied: &[(String, &str)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let line = line.to_lowercase();
        for (word, why) in denied.iter().filter(|(word, _)| line.contains(word.as_str())) {
            findings.push(Finding::new(&file.path, index + 1, format!("`{word}` does not belong here"), *why));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_code_is_found_where_it_is_code() {
        let text = "// todo!() later\nfn a() { let x = \"dbg!\"; todo!() }\nfn b() { my_todo!() }\n";
        let found = check(&Tree::of(&[("a.rs", text)]));
        assert_eq!((found.len(), found[0].line), (1, 2));
    }

    #[test]
    fn a_denied_word_is_found_in_any_case_and_any_file() {
        let word: String = DENIED[0].0.chars().rev().collect();
        let text = format!("fine\nmade with {}\n", word.to_uppercase());
        let found = check(&Tree::of(&[("README.md", &text), ("Cargo.lock", &text)]));
        assert_eq!((found.len(), found[0].file.as_str(), found[0].line), (1, "README.md", 2));
    }

    #[test]
    fn the_list_itself_passes() {
        let own = include_str!("words.rs");
        assert!(check(&Tree::of(&[("xtask/src/words.rs", own)])).is_empty());
    }
}

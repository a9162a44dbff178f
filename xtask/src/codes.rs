//! Error codes: each is used, and the reference page lists them all.

use std::fmt::Write as _;

use andon_api::ErrorCode;

use crate::finding::Finding;
use crate::tree::Tree;

/// Where the reference page is.
pub(crate) const PAGE: &str = "docs/reference/errors.md";
/// Where the codes are declared.
const DECLARATION: &str = "crates/api/src/error.rs";

/// The rooms behind the letters of the codes.
const ROOMS: [(&str, &str); 11] = [
    ("SYS", "The system"),
    ("REQ", "Requests"),
    ("AUT", "Who may what"),
    ("OBJ", "Objects"),
    ("LED", "The ledger"),
    ("DEL", "Delivery"),
    ("LOG", "Telemetry"),
    ("RSP", "Response"),
    ("SIG", "Alarms"),
    ("LRN", "Learning"),
    ("GOV", "Policies"),
];

/// Finds codes that nothing raises.
pub(crate) fn check_used(tree: &Tree) -> Vec<Finding> {
    let declared = tree.find(DECLARATION).map_or("", |file| file.text.as_str());
    let mut findings = Vec::new();
    for code in ErrorCode::ALL {
        let name = format!("{code:?}");
        let used = tree.rust().filter(|file| file.path != DECLARATION && !file.path.starts_with("xtask/"));
        if !used.into_iter().any(|file| names(&file.text, &name)) {
            let line = declared.lines().position(|line| line.contains(&format!("\"{}\"", code.code()))).map_or(1, |at| at + 1);
            let what = format!("{} ({name}) is raised nowhere", code.code());
            findings.push(Finding::new(DECLARATION, line, what, "a code that never comes is a promise that nobody keeps; raise it or remove it"));
        }
    }
    findings
}

fn names(text: &str, variant: &str) -> bool {
    let whole = format!("ErrorCode::{variant}");
    text.match_indices(&whole).any(|(at, _)| !text[at + whole.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_'))
}

/// Finds that the reference page is not what the codes say.
pub(crate) fn check_page(tree: &Tree) -> Vec<Finding> {
    let written = tree.find(PAGE).map(|file| file.text.as_str());
    if written == Some(page().as_str()) {
        return Vec::new();
    }
    let what = if written.is_some() { "the page is stale" } else { "the page is missing" };
    vec![Finding::new(PAGE, 1, what, "it is written by `cargo xtask gen`")]
}

/// Writes the reference page.
pub(crate) fn page() -> String {
    let mut text = String::from(
        "# Errors\n\nThis page is written by `cargo xtask gen` from `crates/api/src/error.rs`; do not edit it.\n\n\
         Every error has a stable code. Over HTTP it is `application/problem+json` (RFC 9457) with `code`, `detail`,\n\
         and where they are known `place` and `hint`; the command line prints the same. `andon explain CODE` and\n\
         `/help/errors/CODE` on your server show the text below.\n",
    );
    let mut room = "";
    for code in ErrorCode::ALL {
        let letters = code.code().split('-').next().unwrap_or_default();
        if letters != room {
            room = letters;
            let title = ROOMS.iter().find(|(known, _)| *known == letters).map_or(letters, |(_, title)| title);
            let _written = write!(text, "\n## {title}\n");
        }
        let later = if code.meaning().retryable() { "; the same call may succeed later" } else { "" };
        let _written = write!(
            text,
            "\n### {} {}\n\nHTTP {}{later}.\n\n{}\n",
            code.code(),
            code.title(),
            code.meaning().status(),
            code.help()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_used_by_its_whole_name() {
        assert!(names("Problem::new(ErrorCode::DiskFull, x)", "DiskFull"));
        assert!(!names("ErrorCode::DiskFullNow", "DiskFull"));
        assert!(!names("DiskFull", "DiskFull"));
    }

    #[test]
    fn the_page_lists_every_code_once_under_a_room() {
        let page = page();
        for code in ErrorCode::ALL {
            assert_eq!(page.matches(&format!("### {} ", code.code())).count(), 1);
            assert!(ROOMS.iter().any(|(letters, _)| code.code().starts_with(letters)), "{}", code.code());
        }
        assert_eq!(page.matches("\n## ").count(), ROOMS.len());
    }

    #[test]
    fn the_page_in_the_repository_is_fresh() {
        let written = include_str!("../../docs/reference/errors.md");
        assert!(written == page(), "docs/reference/errors.md is stale; run `cargo xtask gen`");
    }

    #[test]
    fn a_stale_page_is_found() {
        assert_eq!(check_page(&Tree::of(&[(PAGE, "# Errors\n")]))[0].what, "the page is stale");
        assert_eq!(check_page(&Tree::of(&[(PAGE, &page())])), []);
    }
}

//! How long functions and files may be, and the few that are excused.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::finding::Finding;
use crate::ratchet::{self, Excused};
use crate::rust_text::{blank, functions};
use crate::tree::{TextFile, Tree};

/// The most lines of a function: more does not fit on a screen, nor in a head.
const FUNCTION_LINES_MAX: usize = 70;
/// The most lines of a file, its tests left out: a file has one idea.
const FILE_LINES_MAX: usize = 800;
/// The file of those that are excused.
pub(crate) const EXCEPTIONS: &str = "xtask/tidy-exceptions.txt";
/// How many may be excused; lower it when one is mended, never raise it.
const EXCEPTIONS_MAX: usize = 0;

/// Finds what is too long.
pub(crate) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let excused = ratchet::read(tree.find(EXCEPTIONS).map_or("", |file| file.text.as_str()))?;
    Ok(judge(tree, &excused, EXCEPTIONS_MAX))
}

fn judge(tree: &Tree, excused: &[Excused], excused_max: usize) -> Vec<Finding> {
    let mut long: BTreeMap<String, (String, usize, usize)> = BTreeMap::new();
    for file in tree.files.iter().filter(|file| is_source(file)) {
        let lines = lines_without_tests(file);
        if lines > FILE_LINES_MAX {
            long.insert(format!("file {}", file.path), (file.path.clone(), 1, lines));
        }
    }
    for file in tree.rust().filter(|file| is_source(file)) {
        let found = functions(&blank(&file.text));
        for function in found.iter().filter(|function| !function.is_table && function.lines > FUNCTION_LINES_MAX) {
            let entry = long.entry(format!("function {} {}", file.path, function.name));
            let known = entry.or_insert((file.path.clone(), function.line, 0));
            known.2 = known.2.max(function.lines);
        }
    }
    ratchet::compare(&long, excused, excused_max, EXCEPTIONS, &advice)
}

fn advice(subject: &str, lines: usize) -> (String, String) {
    let name = subject.rsplit(' ').next().unwrap_or(subject);
    if subject.starts_with("file ") {
        let why = format!("a file has one idea and at most {FILE_LINES_MAX} lines; move an idea into a file of its own");
        return (format!("the file has {lines} lines without its tests"), why);
    }
    (format!("the function {name} has {lines} lines"), format!("at most {FUNCTION_LINES_MAX} fit on a screen; take a step out and name it"))
}

/// Tells whether the file is written by people and is no test.
fn is_source(file: &TextFile) -> bool {
    let written = ["rs", "ts", "tsx", "mjs", "js"].iter().any(|extension| file.has_extension(extension));
    let is_test = file.path.contains("/tests/")
        || file.path.contains("/test/")
        || file.path.contains("/e2e/")
        || file.path.ends_with("tests.rs")
        || file.path.contains(".test.");
    written && !is_test && !file.path.contains("/generated")
}

fn lines_without_tests(file: &TextFile) -> usize {
    let end = file.text.find("#[cfg(test)]\nmod ").unwrap_or(file.text.len());
    file.text[..end].lines().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long_function(lines: usize) -> String {
        format!("fn long() {{\n{}}}\n", "    step();\n".repeat(lines - 2))
    }

    #[test]
    fn a_function_of_seventy_lines_passes_and_one_of_seventy_one_does_not() {
        let check = |lines| judge(&Tree::of(&[("crates/a/src/lib.rs", &long_function(lines))]), &[], 0);
        assert!(check(70).is_empty());
        let found = check(71);
        assert_eq!((found[0].line, found[0].what.as_str()), (1, "the function long has 71 lines"));
    }

    #[test]
    fn tests_and_tables_may_be_long() {
        let test = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", long_function(100));
        let table = format!("fn rows() -> Vec<Row> {{\n    vec![\n{}    ]\n}}\n", "        row(),\n".repeat(100));
        let tree = Tree::of(&[
            ("crates/a/src/lib.rs", &test),
            ("crates/a/src/rows.rs", &table),
            ("crates/a/tests/it/main.rs", &long_function(100)),
        ]);
        assert!(judge(&tree, &[], 0).is_empty());
    }

    #[test]
    fn a_file_of_more_than_eight_hundred_lines_is_found() {
        let check = |lines: usize| judge(&Tree::of(&[("ui/src/a.ts", &"let a\n".repeat(lines))]), &[], 0).len();
        assert_eq!((check(800), check(801)), (0, 1));
    }
}

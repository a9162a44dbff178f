//! Every row of the API has a permission or a stated reason to have none, and a name of its own.

use std::collections::BTreeSet;

use andon_module::Access;

/// Rows that anybody may call: they guard themselves, or there is nothing to guard. May only shrink.
const OPEN: [&str; 10] = [
    "acknowledge_page_link",
    "read_error_help",
    "read_liveness",
    "read_openapi",
    "read_readiness",
    "show_page_link",
    "show_signin",
    "sign_in",
    "sign_out",
    "receive_github_hook",
];

#[test]
fn every_row_is_guarded() {
    let open: Vec<_> = andon_server::endpoints()
        .into_iter()
        .filter(|row| row.access == Access::Open && !OPEN.contains(&row.id))
        .map(|row| row.id)
        .collect();
    assert!(open.is_empty(), "rows without a permission: {open:?}");
}

#[test]
fn names_and_paths_are_unique_and_every_public_row_says_what_it_does() {
    let rows = andon_server::endpoints();
    let names: BTreeSet<_> = rows.iter().map(|row| row.id).collect();
    let paths: BTreeSet<_> = rows.iter().map(|row| (row.method.as_str().to_owned(), row.path)).collect();
    assert_eq!((names.len(), paths.len()), (rows.len(), rows.len()));
    let silent: Vec<_> = rows.iter().filter(|row| !row.hidden && row.summary.is_empty()).map(|row| row.id).collect();
    assert!(silent.is_empty(), "rows without a summary: {silent:?}");
}

#[test]
fn every_kind_has_an_example_that_fits_it() {
    for kind in andon_server::kinds() {
        assert!(!kind.summary.is_empty() && !kind.example.is_empty(), "{} has no example", kind.kind);
    }
}

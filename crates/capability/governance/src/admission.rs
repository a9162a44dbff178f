//! What a policy must be before it is stored: it compiles, denies something, and runs on an example.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use andon_api::error::{ErrorCode, Problem};
use jiff::Timestamp;

use crate::engine::Failure;
use crate::limits::COMPILED_POLICIES;
use crate::{input, judge};

/// Texts that have run, so that a policy is not run again each time its status is written.
static SEEN: LazyLock<Mutex<HashSet<[u8; 32]>>> = LazyLock::new(Mutex::default);

/// Compiles a policy and runs it once on an example of a change.
///
/// A policy that is merely slow on the example is let in: how long it takes depends on the input, and
/// a check that it does not answer in time is refused.
///
/// # Errors
/// `GOV-0001` with line and column where the text is wrong, or with what failed.
pub(crate) fn runs(rego: &str) -> Result<(), Problem> {
    let seen = || SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let key = judge::key_of(rego);
    if seen().contains(&key) {
        return Ok(());
    }
    judge::compiled(rego)?;
    match judge::ask_now(rego, &Arc::new(input::sample()), Timestamp::UNIX_EPOCH) {
        Err(Failure::Error { text }) => Err(Problem::new(
            ErrorCode::PolicyInvalid,
            format!("The policy compiles, but fails on an example of a change: {text}."),
        )
        .place("spec.rego")
        .hint("Policies have no network, files, environment or randomness; everything they may see is in `input`.")),
        Ok(_) | Err(Failure::TimeLimit { .. } | Failure::SizeLimit { .. } | Failure::Engine { .. }) => {
            let mut seen = seen();
            if seen.len() >= COMPILED_POLICIES {
                seen.clear();
            }
            seen.insert(key);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_calls_what_does_not_exist_is_refused_when_it_is_applied() {
        let rego = "package main\n\ndeny contains m if {\n  m := http.send({\"method\": \"get\", \"url\": \"http://example.org\"}).raw_body\n}\n";
        let problem = runs(rego).unwrap_err();
        assert!(problem.is(ErrorCode::PolicyInvalid));
        assert!(problem.detail.contains("http.send") && problem.detail.contains("line 4"), "{problem:?}");
    }

    #[test]
    fn a_policy_that_looks_for_what_is_absent_runs() {
        assert!(runs("package main\n\ndeny contains \"x\" if input.change.nothing.like.this\n").is_ok());
    }
}

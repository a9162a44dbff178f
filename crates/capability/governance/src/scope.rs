//! Which policies look at which scope: references with `*` for any part. Pure.

use andon_api::error::{ErrorCode, Problem};

use crate::limits::SCOPE_PATTERNS;

/// The scope of a check that concerns the whole line.
pub(crate) const WHOLE_LINE: &str = "*";

/// Tells whether a policy with these patterns looks at a scope; without patterns it looks at all.
///
/// `system` is the system that a component belongs to: a policy for a system is one for its parts.
/// A check of the whole line is looked at by every policy: what may not happen to one service may
/// not happen to all at once.
pub(crate) fn covers(patterns: &[String], scope: &str, system: Option<&str>) -> bool {
    let fits = |pattern: &String| matches(pattern, scope) || system.is_some_and(|system| matches(pattern, system));
    patterns.is_empty() || scope == WHOLE_LINE || patterns.iter().any(fits)
}

/// Tells whether one pattern fits a scope in its canonical form `kind:namespace/name`.
pub(crate) fn matches(pattern: &str, scope: &str) -> bool {
    let pattern = pattern.trim().to_lowercase();
    if pattern == "*" {
        return true;
    }
    let Some((kind, namespace, name)) = parts(&scope.to_lowercase()) else { return pattern == scope };
    let Some((for_kind, for_namespace, for_name)) = parts(&pattern) else { return false };
    glob(&for_kind, &kind) && glob(&for_namespace, &namespace) && glob(&for_name, &name)
}

/// Splits `[kind:][namespace/]name` with the defaults `component` and `default`.
fn parts(text: &str) -> Option<(String, String, String)> {
    let (kind, rest) = text.split_once(':').unwrap_or(("component", text));
    let (namespace, name) = rest.split_once('/').unwrap_or(("default", rest));
    let whole = !kind.is_empty() && !namespace.is_empty() && !name.is_empty() && !name.contains(['/', ':']);
    whole.then(|| (kind.to_owned(), namespace.to_owned(), name.to_owned()))
}

/// Fits a part with any number of `*` to a text.
fn glob(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        match rest.split_once(piece) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Refuses patterns that could never fit anything.
///
/// # Errors
/// `OBJ-0003` with the pattern.
pub(crate) fn check(patterns: &[String]) -> Result<(), Problem> {
    if patterns.len() > SCOPE_PATTERNS {
        let detail = format!("The policy has {} scope patterns; at most {SCOPE_PATTERNS} are allowed.", patterns.len());
        return Err(Problem::new(ErrorCode::ObjectInvalid, detail).place("spec.scope"));
    }
    for (index, pattern) in patterns.iter().enumerate() {
        if pattern.trim() != "*" && parts(pattern.trim()).is_none() {
            let detail = format!("The scope pattern `{pattern}` is not a reference.");
            return Err(Problem::new(ErrorCode::ReferenceInvalid, detail)
                .place(format!("spec.scope[{index}]"))
                .hint("Write `component:namespace/name` with `*` for any part, for example `component:default/*`."));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_pattern_fits_by_its_parts() {
        for (pattern, scope, fits) in [
            ("*", "component:default/payments", true),
            ("payments", "component:default/payments", true),
            ("component:default/pay*", "component:default/payments", true),
            ("component:*/*", "component:shop/payments", true),
            ("component:default/*", "component:shop/payments", false),
            ("system:*/*", "component:default/payments", false),
            ("*:default/p*y*s", "component:default/payments", true),
            ("Payments", "component:default/payments", true),
            ("component:default/pay*pay", "component:default/pay", false),
        ] {
            assert_eq!(matches(pattern, scope), fits, "{pattern} {scope}");
        }
    }

    #[test]
    fn without_patterns_and_for_the_whole_line_every_policy_looks() {
        assert!(covers(&[], "component:default/payments", None));
        assert!(covers(&["component:default/payments".to_owned()], WHOLE_LINE, None));
        assert!(!covers(&["component:default/payments".to_owned()], "component:default/checkout", None));
        assert!(covers(&["system:default/shop".to_owned()], "component:default/checkout", Some("system:default/shop")));
    }

    #[test]
    fn a_pattern_that_is_no_reference_is_refused_with_its_place() {
        assert!(check(&["component:default/*".to_owned(), "*".to_owned(), "payments".to_owned()]).is_ok());
        let problem = check(&["a".to_owned(), "component:/x".to_owned()]).unwrap_err();
        assert_eq!(problem.place.as_deref(), Some("spec.scope[1]"));
    }

    proptest! {
        #[test]
        fn a_name_fits_itself_and_every_cut_with_a_star(name in "[a-z0-9-]{1,20}", at in 0usize..20) {
            let scope = format!("component:default/{name}");
            prop_assert!(matches(&scope, &scope));
            let (head, tail) = name.split_at(at.min(name.len()));
            let pattern = format!("{head}*{tail}");
            prop_assert!(matches(&pattern, &scope));
        }
    }
}

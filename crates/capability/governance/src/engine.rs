//! The Rego engine: compiles one module and asks it for the reasons against one change.
//!
//! Conftest's convention holds: every rule named `deny`, `violation` or with such a prefix
//! (`deny_untested`) speaks; its elements are texts, or objects with a `msg`. The package's name is
//! free. A module is read in today's syntax (v1) and, where that fails, in the one before (v0).
//!
//! Invariants: a module without such a rule is no policy (it would let everything through); an
//! evaluation that fails or exceeds its limit is a failure, never an empty list of reasons; the same
//! module, input and time give the same answer. Absent: network, files, environment, randomness.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use andon_api::error::{ErrorCode, Problem};
use jiff::Timestamp;
use regex::Regex;
use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{Engine, Value};
use serde::{Deserialize, Serialize};

use crate::bounded;
use crate::limits::{
    EVALUATION_MS, INPUT_BYTES, REASON_CHARACTERS, REASONS, REGO_BYTES, WORK_PER_CLOCK_READING,
};

/// The name that the engine gives the module in its own messages.
const FILE: &str = "policy.rego";

/// A module that has been read and understood.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    engine: Engine,
    rules: Vec<String>,
}

/// Why a policy has no answer about a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Failure {
    /// It thought longer than it may.
    TimeLimit { limit_ms: u64 },
    /// It grew larger than it may.
    SizeLimit { text: String },
    /// It failed in itself.
    Error { text: String },
    /// The engine is not to be had.
    Engine { text: String },
}

impl std::fmt::Display for Failure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TimeLimit { limit_ms } => write!(out, "it ran longer than {limit_ms} ms"),
            Self::SizeLimit { text } | Self::Error { text } | Self::Engine { text } => out.write_str(text),
        }
    }
}

/// Reads and understands a module.
///
/// # Errors
/// `GOV-0001` with line and column where the text is wrong, and when the module has no rule that denies.
pub(crate) fn compile(rego: &str) -> Result<Compiled, Problem> {
    if rego.len() > REGO_BYTES {
        return Err(Problem::new(
            ErrorCode::PolicyInvalid,
            format!("The Rego text has {} bytes; at most {REGO_BYTES} are allowed.", rego.len()),
        )
        .place("spec.rego"));
    }
    let (mut engine, tree) = read(rego)?;
    let package = path_of(&tree);
    let rules = denying_rules(&tree, &package);
    if rules.is_empty() {
        return Err(Problem::new(
            ErrorCode::PolicyInvalid,
            format!("The module `{package}` has no rule named `deny` or `violation`, so it would let every change through."),
        )
        .place("spec.rego")
        .hint("Write `deny contains message if { … }`; each message is a reason to refuse."));
    }
    engine
        .compile_with_entrypoint(&rules[0].as_str().into())
        .map_err(|error| invalid(&error.to_string()))?;
    Ok(Compiled { engine, rules })
}

/// Reads a module in v1 syntax, and in v0 where that fails; of two errors the one further down counts.
/// Gives the module's syntax tree, too.
fn read(rego: &str) -> Result<(Engine, serde_json::Value), Problem> {
    let attempt = |old_syntax: bool| {
        let mut engine = Engine::new();
        engine.set_rego_v0(old_syntax);
        // OPA lets a rule whose builtin fails say nothing; what cannot be judged must not be let through.
        engine.set_strict_builtin_errors(true);
        bounded::install(&mut engine)?;
        engine.add_policy(FILE.to_owned(), rego.to_owned())?;
        let mut modules: serde_json::Value = serde_json::from_str(&engine.get_ast_as_json()?)?;
        let tree = modules[0]["ast"].take();
        anyhow::Ok((engine, tree))
    };
    let new_error = match attempt(false) {
        Ok(read) => return Ok(read),
        Err(error) => error.to_string(),
    };
    if speaks_today(rego) {
        return Err(invalid(&new_error));
    }
    attempt(true).map_err(|error| {
        let old_error = error.to_string();
        let further = place_of(&old_error) > place_of(&new_error);
        invalid(if further { &old_error } else { &new_error })
    })
}

/// Tells whether a rule's head is written with the words that only today's syntax has.
fn speaks_today(rego: &str) -> bool {
    static HEADS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?m)^[a-z_][A-Za-z0-9_.]*[^\n{]*\b(?:if|contains)\b").ok());
    HEADS.as_ref().is_some_and(|heads| heads.is_match(rego))
}

/// Lists the paths of the rules that deny, in the order of their names.
fn denying_rules(tree: &serde_json::Value, package: &str) -> Vec<String> {
    static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^(?:deny|violation)(?:_[A-Za-z0-9]+)*$").ok());
    let Some(name) = NAME.as_ref() else { return Vec::new() };
    let rules = tree["rules"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names: BTreeSet<String> = rules.iter().filter_map(rule_name).filter(|found| name.is_match(found)).collect();
    names.into_iter().map(|name| format!("{package}.{name}")).collect()
}

/// Gives the first name of the rule's path, which is where the rule stands in its package.
fn rule_name(rule: &serde_json::Value) -> Option<String> {
    let reference = match rule.get("Default") {
        Some(default) => &default["refr"],
        None => &rule["Spec"]["head"].as_object()?.values().next()?["refr"],
    };
    parts_of(reference).into_iter().next()
}

/// Gives the parts of a reference: `a.b["c"]` is `a`, `b` and `c`.
fn parts_of(reference: &serde_json::Value) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = reference;
    while let Some((form, inner)) = rest.as_object().and_then(|form| form.iter().next()) {
        let (named, next) = match form.as_str() {
            "RefDot" => (inner["field"][1].as_str().map(str::to_owned), &inner["refr"]),
            "RefBrack" => (parts_of(&inner["index"]).pop(), &inner["refr"]),
            _ => (inner["value"].as_str().map(str::to_owned), &serde_json::Value::Null),
        };
        parts.extend(named);
        rest = next;
    }
    parts.reverse();
    parts
}

/// Writes the package's path so that the engine finds rules in it, whatever the package is called.
fn path_of(tree: &serde_json::Value) -> String {
    let plain = |part: &str| part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !part.starts_with(|c: char| c.is_ascii_digit());
    let parts = parts_of(&tree["package"]["refr"]);
    let parts = parts.iter().map(|part| if plain(part) { format!(".{part}") } else { format!("[{}]", serde_json::Value::from(part.as_str())) });
    format!("data{}", parts.collect::<String>())
}

/// Turns the engine's message into a problem that names line and column.
fn invalid(message: &str) -> Problem {
    let words = first_error(message);
    let problem = |place: &str| Problem::new(ErrorCode::PolicyInvalid, format!("The policy does not compile{place}: {words}."));
    match place_of(message) {
        // In words too: the place of a document that is applied is a place of the whole file.
        Some((line, column)) => problem(&format!(" at line {line}, column {column}")).place(format!("spec.rego[{line}:{column}]")),
        None => problem("").place("spec.rego"),
    }
    .hint("Line and column count from the first line of the Rego text.")
}

/// Finds the first line and column in a message of the engine.
fn place_of(message: &str) -> Option<(u32, u32)> {
    let (_, rest) = message.split_once(&format!("--> {FILE}:"))?;
    let mut numbers = rest.lines().next()?.split(':');
    Some((numbers.next()?.trim().parse().ok()?, numbers.next()?.trim().parse().ok()?))
}

/// Takes the words of an error out of the picture that the engine draws around them.
fn first_error(message: &str) -> String {
    let line = message.lines().find_map(|line| line.strip_prefix("error: "));
    let text = line.or_else(|| message.lines().map(str::trim).find(|line| !line.is_empty()));
    shorten(text.unwrap_or("the engine gave no reason").trim_end_matches('.'))
}

impl Compiled {
    /// Asks every denying rule about one input at one moment.
    ///
    /// # Errors
    /// Why there is no answer; whoever asks must then refuse.
    pub(crate) fn reasons(&self, input: &serde_json::Value, now: Timestamp) -> Result<Vec<String>, Failure> {
        let text = input.to_string();
        if text.len() > INPUT_BYTES {
            return Err(Failure::SizeLimit { text: format!("its input has {} bytes; at most {INPUT_BYTES} are judged", text.len()) });
        }
        let input = Value::from_json_str(&text).map_err(|error| failure(&error))?;
        let mut engine = self.engine.clone();
        bounded::set_time(&mut engine, now).map_err(|error| failure(&error))?;
        engine.set_input(input);
        let begun = Instant::now();
        let mut reasons = Vec::new();
        for rule in &self.rules {
            engine.set_execution_timer_config(timer(begun.elapsed())?);
            let value = engine.eval_rule(rule.clone()).map_err(|error| failure(&error))?;
            collect(rule, &value, &mut reasons)?;
        }
        reasons.truncate(REASONS);
        Ok(reasons)
    }
}

fn timer(spent: Duration) -> Result<ExecutionTimerConfig, Failure> {
    let limit = Duration::from_millis(EVALUATION_MS)
        .checked_sub(spent)
        .ok_or(Failure::TimeLimit { limit_ms: EVALUATION_MS })?;
    let check_interval = NonZeroU32::new(WORK_PER_CLOCK_READING).unwrap_or(NonZeroU32::MIN);
    Ok(ExecutionTimerConfig { limit, check_interval })
}

/// Reads what a rule said: a set or list of texts or objects with `msg`, or plain `true`.
fn collect(rule: &str, value: &Value, reasons: &mut Vec<String>) -> Result<(), Failure> {
    let name = rule.rsplit('.').next().unwrap_or(rule);
    match value {
        Value::Undefined | Value::Bool(false) => Ok(()),
        Value::Bool(true) => {
            reasons.push(format!("The rule `{name}` denies it."));
            Ok(())
        }
        Value::Set(items) => items.iter().take(REASONS).try_for_each(|item| take(name, item, reasons)),
        Value::Array(items) => items.iter().take(REASONS).try_for_each(|item| take(name, item, reasons)),
        Value::String(text) => {
            reasons.push(shorten(text));
            Ok(())
        }
        _ => Err(Failure::Error {
            text: format!("its rule `{name}` gives neither texts nor objects with `msg`"),
        }),
    }
}

fn take(name: &str, item: &Value, reasons: &mut Vec<String>) -> Result<(), Failure> {
    let message = match item {
        Value::String(text) => Some(text.to_string()),
        Value::Object(_) => match &item["msg"] {
            Value::String(text) => Some(text.to_string()),
            _ => None,
        },
        _ => None,
    };
    let message = message.ok_or_else(|| Failure::Error {
        text: format!("its rule `{name}` gives an element that is neither a text nor an object with the text `msg`"),
    })?;
    reasons.push(shorten(&message));
    Ok(())
}

fn failure(error: &anyhow::Error) -> Failure {
    let message = error.to_string();
    if message.contains("exceeded time limit") {
        return Failure::TimeLimit { limit_ms: EVALUATION_MS };
    }
    if message.contains(bounded::TOO_LARGE) || message.contains("memory limit") {
        return Failure::SizeLimit { text: first_error(&message) };
    }
    let place = place_of(&message).map(|(line, column)| format!(" at line {line}, column {column}")).unwrap_or_default();
    Failure::Error { text: format!("it failed{place}: {}", first_error(&message)) }
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= REASON_CHARACTERS {
        return text.to_owned();
    }
    text.chars().take(REASON_CHARACTERS - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn now() -> Timestamp {
        "2026-03-02T10:00:00Z".parse().unwrap()
    }

    fn reasons(rego: &str, input: serde_json::Value) -> Result<Vec<String>, Failure> {
        compile(rego).unwrap().reasons(&input, now())
    }

    const UNTESTED: &str = r#"
package shop.idempotency

deny contains message if {
    not input.change.tests.idempotency == "passed"
    message := sprintf("%s has no passed idempotency test", [input.change.service])
}
"#;

    #[test]
    fn a_rule_in_todays_syntax_gives_its_reasons() {
        let missing = json!({"change": {"service": "component:default/checkout", "tests": {}}});
        assert_eq!(reasons(UNTESTED, missing).unwrap(), ["component:default/checkout has no passed idempotency test"]);
        let passed = json!({"change": {"service": "c", "tests": {"idempotency": "passed"}}});
        assert!(reasons(UNTESTED, passed).unwrap().is_empty());
    }

    #[test]
    fn a_rule_in_the_old_syntax_is_understood() {
        let rego = "package main\n\ndeny[msg] {\n  input.change.version == \"2\"\n  msg := \"not two\"\n}\n\nviolation[{\"msg\": msg}] {\n  input.change.version == \"2\"\n  msg := \"still not two\"\n}\n";
        assert_eq!(reasons(rego, json!({"change": {"version": "2"}})).unwrap(), ["not two", "still not two"]);
    }

    #[test]
    fn rules_with_a_suffix_and_plain_true_speak_too() {
        let rego = "package main\n\ndeny if input.x > 1\n\ndeny_big contains {\"msg\": \"big\", \"x\": input.x} if input.x > 2\n";
        assert_eq!(reasons(rego, json!({"x": 3})).unwrap(), ["The rule `deny` denies it.", "big"]);
        assert!(reasons(rego, json!({"x": 0})).unwrap().is_empty());
    }

    #[test]
    fn a_builtin_that_fails_is_a_failure_and_never_lets_through() {
        let rego = "package main\n\ndeny contains \"too old\" if to_number(input.version) < 2\n";
        assert_eq!(reasons(rego, json!({"version": "1"})).unwrap(), ["too old"]);
        assert!(reasons(rego, json!({"version": "one"})).is_err());
    }

    #[test]
    fn an_error_names_line_and_column() {
        let problem = compile("package main\n\ndeny contains msg if {\n  msg := \"a\" +\n}\n").unwrap_err();
        assert!(problem.is(ErrorCode::PolicyInvalid));
        assert!(problem.place.as_deref().unwrap().starts_with("spec.rego[4:"), "{problem:?}");
    }

    #[test]
    fn the_error_of_an_old_module_is_not_about_new_keywords() {
        let problem = compile("package main\n\ndeny[msg] {\n  msg := \"a\"\n  x = = 2\n}\n").unwrap_err();
        assert!(problem.place.as_deref().unwrap().starts_with("spec.rego[5:"), "{problem:?}");
    }

    #[test]
    fn a_variable_without_a_value_is_an_error_before_anything_is_judged() {
        let problem = compile("package main\n\ndeny contains msg if {\n  input.x == unknown\n  msg := \"a\"\n}\n").unwrap_err();
        assert!(problem.detail.contains("unknown"), "{problem:?}");
    }

    #[test]
    fn a_module_that_denies_nothing_is_no_policy() {
        for rego in ["package main\n\nallow := true\n", "package main\n\n# deny everything\nwarn contains \"x\" if true\n"] {
            let problem = compile(rego).unwrap_err();
            assert!(problem.is(ErrorCode::PolicyInvalid) && problem.detail.contains("no rule"), "{problem:?}");
        }
        assert!(compile("").is_err());
        assert!(compile(&"#".repeat(REGO_BYTES + 1)).is_err());
    }

    #[test]
    fn a_policy_that_runs_forever_is_stopped() {
        let rego = "package main\n\ndeny contains msg if {\n  some a in numbers.range(1, 9999)\n  some b in numbers.range(1, 9999)\n  some c in numbers.range(1, 9999)\n  a + b + c < 0\n  msg := \"never\"\n}\n";
        assert_eq!(reasons(rego, json!({})), Err(Failure::TimeLimit { limit_ms: EVALUATION_MS }));
    }

    #[test]
    fn a_policy_that_wants_the_whole_memory_is_stopped() {
        for body in [
            "count(numbers.range(1, 9000000000000000000)) > 0",
            "count(numbers.range_step(1, 9000000000000000000, 1)) > 0",
            "bits.lsh(1, 900000000000) > 0",
            "sprintf(\"%999999999d\", [1]) != \"\"",
        ] {
            let rego = format!("package main\n\ndeny contains \"x\" if {{\n  {body}\n}}\n");
            let failure = reasons(&rego, json!({}));
            assert!(matches!(failure, Err(Failure::SizeLimit { .. })), "{body}: {failure:?}");
        }
    }

    #[test]
    fn a_text_that_doubles_itself_is_stopped() {
        let mut rego = "package main\n\ns0 := \"0123456789abcdef\"\n".to_owned();
        for step in 1..40 {
            rego += &format!("s{step} := concat(\"\", [s{}, s{}])\n", step - 1, step - 1);
        }
        rego += "deny contains \"x\" if count(s39) > 0\n";
        let failure = reasons(&rego, json!({}));
        assert!(matches!(failure, Err(Failure::SizeLimit { .. })), "{failure:?}");
    }

    #[test]
    fn what_fails_is_a_failure_and_not_a_pass() {
        let rego = "package main\n\nimport rego.v1\n\ndeny contains msg if {\n  r := http.send({\"method\": \"get\", \"url\": \"http://example.org\"})\n  msg := r.body\n}\n";
        assert!(matches!(reasons(rego, json!({})), Err(Failure::Error { .. })));
        let rego = "package main\n\ndeny contains 3 if true\n";
        assert!(matches!(reasons(rego, json!({})), Err(Failure::Error { .. })));
        let rego = "package main\n\ndeny contains \"x\" if rand.intn(\"a\", 9) > 0\n";
        assert!(matches!(reasons(rego, json!({})), Err(Failure::Error { .. })));
    }

    #[test]
    fn the_time_is_the_time_of_the_check() {
        let rego = "package main\n\ndeny contains time.format(time.now_ns()) if true\n";
        let said = reasons(rego, json!({})).unwrap();
        assert!(said[0].starts_with("2026-03-02T10:00:00"), "{said:?}");
    }
}

//! Matchers of a list's filter: `name="value"`, `!=`, `=~`, `!~`, as `amtool` sends them.

use regex::Regex;

use super::intake::Labels;

/// The longest regular expression of a filter.
const PATTERN_BYTES: usize = 1_000;

/// One condition on a label; an absent label counts as empty.
#[derive(Clone, Debug)]
pub struct Matcher {
    name: String,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    Equal(String),
    Unequal(String),
    Matches(Regex),
    MatchesNot(Regex),
}

impl Matcher {
    /// Reads a matcher.
    ///
    /// # Errors
    /// What cannot be read, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refuse = || format!("bad matcher format: {}", text.chars().take(80).collect::<String>());
        let at = text.find(['=', '!']).filter(|at| *at > 0).ok_or_else(refuse)?;
        let (name, rest) = text.split_at(at);
        let (operator, value) = ["=~", "!~", "!=", "="]
            .into_iter()
            .find_map(|operator| rest.strip_prefix(operator).map(|value| (operator, value)))
            .ok_or_else(refuse)?;
        let value = unquoted(value.trim()).ok_or_else(refuse)?;
        let test = match operator {
            "=" => Test::Equal(value),
            "!=" => Test::Unequal(value),
            "=~" => Test::Matches(pattern(&value)?),
            _ => Test::MatchesNot(pattern(&value)?),
        };
        Ok(Self { name: unquoted(name.trim()).ok_or_else(refuse)?, test })
    }

    /// Tells whether a label set fits.
    pub fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.name).map_or("", String::as_str);
        match &self.test {
            Test::Equal(wanted) => value == wanted,
            Test::Unequal(wanted) => value != wanted,
            Test::Matches(pattern) => pattern.is_match(value),
            Test::MatchesNot(pattern) => !pattern.is_match(value),
        }
    }
}

fn unquoted(text: &str) -> Option<String> {
    if text.starts_with('"') { serde_json::from_str(text).ok() } else { Some(text.to_owned()) }
}

fn pattern(text: &str) -> Result<Regex, String> {
    if text.len() > PATTERN_BYTES {
        return Err(format!("the regular expression is longer than {PATTERN_BYTES} bytes"));
    }
    Regex::new(&format!("^(?:{text})$")).map_err(|error| format!("bad regular expression: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_operators_read_and_match() {
        let labels = Labels::from([("severity".into(), "critical".into()), ("env".into(), "prod".into())]);
        for (text, fits) in [
            (r#"severity="critical""#, true),
            ("severity=critical", true),
            (r#"severity!="critical""#, false),
            (r#"severity=~"crit.*|warning""#, true),
            (r#"severity=~"crit""#, false),
            (r#"env!~"dev|test""#, true),
            (r#"missing="""#, true),
        ] {
            assert_eq!(Matcher::parse(text).unwrap().matches(&labels), fits, "{text}");
        }
        for text in ["", "severity", "=x", "a=~\"(\"", "a=\"x"] {
            assert!(Matcher::parse(text).is_err(), "{text}");
        }
    }
}

//! Judgements about words: causes that name a person or "a bug", and actions that are good intentions.
//!
//! "Good intentions don't work; mechanisms work." These rules are deliberately few and literal, so
//! that whoever is refused sees why at once. Pure.

use std::sync::LazyLock;

use regex::Regex;

/// Makes a pattern that is compiled once; a pattern that does not compile matches nothing (a test sees it).
fn pattern(text: &str) -> Option<Regex> {
    Regex::new(&format!("(?i){text}")).ok()
}

static BLAME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"\b(human|operator|user|developer|engineer|manual|pilot) (error|mistake|failure)\b|\b(careless|negligen|sloppy|lazy|incompeten)|\b(forgot|did not pay attention|was not careful|made a mistake|should have known)\b",
    )
});

static BUG: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(r"^(there (was|is)|it (was|is)|because of|due to|we had|caused by)?\s*(a|an|the|some|this)?\s*([a-z]+\s+)?(bug|bugs|defect|glitch|programming error|coding error)\b(\s+(in|of|with|that)\b.*)?\s*[.!]?$")
});

static INTENTION: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"\b(be|being|is|are) (more |extra |very )?(careful|cautious|attentive|vigilant|mindful|diligent)\b|\bpay(ing)? (more |closer |better )?attention\b|\b(raise|raising|improve|increase) (the )?awareness\b|\b(re)?train(ing)? (the |our |all |more )?(team|teams|people|staff|engineers?|everyone|everybody|developers?|operators?|on-?call|colleagues|users)\b|^(re)?training\b|\bremind(ing|er)?\b.*\b(team|teams|people|staff|engineers?|everyone|everybody|developers?|operators?|on-?call|colleagues)\b|\b(try|trying) (harder|not to)\b|\bdouble[- ]check (more|everything|carefully)\b|\b(tell|ask|educate) (the )?(team|people|staff|engineers?|everyone|everybody|developers?|operators?)\b",
    )
});

fn matches(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(text.trim()))
}

/// Tells why a leaf of the whys is no cause; `people` are names of persons, as they are written.
pub(crate) fn no_cause(leaf: &str, people: &[String]) -> Option<String> {
    if matches(&BLAME, leaf) {
        return Some(format!("`{}` ends at a person; ask why the system let it happen", leaf.trim()));
    }
    if matches(&BUG, leaf) {
        return Some(format!("`{}` ends at a bug; ask why nothing stopped it", leaf.trim()));
    }
    let person = people.iter().find(|person| names(leaf, person))?;
    Some(format!("`{}` names {person}; ask why the system let it happen", leaf.trim()))
}

/// Tells whether a text is a good intention and not a mechanism.
pub(crate) fn is_intention(text: &str) -> bool {
    matches(&INTENTION, text)
}

/// Tells whether a text contains a name as whole words, without regard to case; short names do not count.
fn names(text: &str, person: &str) -> bool {
    if person.chars().count() < 3 {
        return false;
    }
    let words = |text: &str| -> Vec<String> {
        text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
    };
    let (text, person) = (words(text), words(person));
    !person.is_empty() && text.windows(person.len()).any(|window| window == person)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert!(BLAME.is_some() && BUG.is_some() && INTENTION.is_some());
    }

    #[test]
    fn a_person_or_a_bug_is_no_cause() {
        let people = ["Maya Lindt".to_owned(), "maya".to_owned(), "Bo".to_owned()];
        for leaf in [
            "Human error", "operator error during the deploy", "The engineer forgot the flag", "a bug", "Bug.",
            "There was a bug in the retry code", "a software defect", "Maya Lindt merged it", "because maya was tired",
        ] {
            assert!(no_cause(leaf, &people).is_some(), "{leaf}");
        }
        for leaf in [
            "Bug triage has no owner and no deadline",
            "The retry has no idempotency key and no test asks for one",
            "Nobody is asked for a second look at a change of the payment path",
            "The mayan calendar is used for dates",
        ] {
            assert!(no_cause(leaf, &people).is_none(), "{leaf}");
        }
    }

    #[test]
    fn a_good_intention_is_no_action() {
        for title in [
            "Be more careful with retries", "Train the team on idempotency", "Training", "Remind everyone to run the test",
            "Pay attention to the dashboard", "Raise awareness of double charges", "Try harder", "Tell engineers about it",
        ] {
            assert!(is_intention(title), "{title}");
        }
        for title in [
            "No deploy of a service whose idempotency test has not passed",
            "Alarm on double charges within 60 seconds",
            "Train the fraud model on the new data",
            "Send a reminder mail to customers whose refund is open",
            "Roll back by itself when the error alarm fires",
        ] {
            assert!(!is_intention(title), "{title}");
        }
    }
}

//! What the metadata of a group says about a search before any column is read.

use andon_reader::query::{Check, Filter, FixedField, Node, Place, Subject, Test};

use crate::column::GroupView;

use super::fixed::{SEVERITIES, level_passes, severity_number_passes};
use super::named::sources;

/// What is known about all lines of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Every line matches.
    All,
    /// No line matches.
    None,
    /// The lines must be looked at.
    Some,
}

impl Verdict {
    fn not(self) -> Self {
        match self {
            Self::All => Self::None,
            Self::None => Self::All,
            Self::Some => Self::Some,
        }
    }

    fn of(any: bool, all: bool) -> Self {
        match (any, all) {
            (false, _) => Self::None,
            (true, true) => Self::All,
            (true, false) => Self::Some,
        }
    }
}

/// Says what the metadata of a group says about a search.
#[must_use]
pub fn verdict(filter: &Filter, group: &dyn GroupView) -> Verdict {
    of_node(filter.root(), group)
}

pub(super) fn of_node(node: &Node, group: &dyn GroupView) -> Verdict {
    match node {
        Node::All => Verdict::All,
        Node::Not(inner) => of_node(inner, group).not(),
        Node::And(parts) => of_parts(parts, group, Verdict::None, Verdict::All),
        Node::Or(parts) => of_parts(parts, group, Verdict::All, Verdict::None),
        Node::Test(test) => of_test(test, group),
    }
}

/// One part that is decisive decides; otherwise all must be the other.
fn of_parts(
    parts: &[Node],
    group: &dyn GroupView,
    decisive: Verdict,
    other: Verdict,
) -> Verdict {
    let mut result = other;
    for part in parts {
        let verdict = of_node(part, group);
        if verdict == decisive {
            return decisive;
        }
        if verdict != other {
            result = Verdict::Some;
        }
    }
    result
}

fn of_test(test: &Test, group: &dyn GroupView) -> Verdict {
    let check = test.check();
    match test.subject() {
        Subject::Fixed(FixedField::SeverityNumber) => {
            of_severities(group, |number| severity_number_passes(check, number))
        }
        Subject::Fixed(FixedField::Level) => {
            let by_number = of_severities(group, |number| level_passes(check, number));
            match (by_number, check) {
                // What the sender calls it may still pass.
                (Verdict::None, check) if !matches!(check, Check::Between(..)) => Verdict::Some,
                (verdict, _) => verdict,
            }
        }
        Subject::Fixed(FixedField::Timestamp) => of_times(check, group.timestamp_bounds_us()),
        Subject::Fixed(FixedField::ReceivedAt) => of_times(check, group.received_bounds_us()),
        Subject::Named(place, name) => of_named(*place, name, group),
        _ => Verdict::Some,
    }
}

fn of_severities(group: &dyn GroupView, passes: impl Fn(u8) -> bool) -> Verdict {
    let occurring = group.severities();
    let mut any = false;
    let mut all = true;
    for number in (0..=SEVERITIES).filter(|&number| occurring >> number & 1 == 1) {
        let is_in = passes(number);
        any |= is_in;
        all &= is_in;
    }
    if occurring == 0 {
        return Verdict::Some;
    }
    Verdict::of(any, all)
}

fn of_times(check: &Check, (first, last): (i64, i64)) -> Verdict {
    match check {
        Check::Exists => Verdict::All,
        Check::Between(low, high) => {
            Verdict::of(*low <= last && first <= *high, *low <= first && last <= *high)
        }
        _ => Verdict::None,
    }
}

fn of_named(place: Place, name: &str, group: &dyn GroupView) -> Verdict {
    if sources(group, place, name).is_empty() {
        Verdict::None
    } else {
        Verdict::Some
    }
}

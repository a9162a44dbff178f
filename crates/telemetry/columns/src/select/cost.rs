//! Which part of a conjunction runs first.

use andon_reader::query::{Check, FixedField, Node, Subject, Test};

/// Gives parts in the order of what they cost per line, as far as the query tells.
pub(super) fn cheapest_first(parts: &[Node]) -> Vec<&Node> {
    let mut ordered: Vec<&Node> = parts.iter().collect();
    ordered.sort_by_key(|part| of(part));
    ordered
}

fn of(node: &Node) -> u32 {
    match node {
        Node::All => 0,
        Node::Not(inner) => of(inner),
        Node::And(parts) => parts.iter().map(of).min().unwrap_or(0),
        Node::Or(parts) => parts.iter().map(of).fold(0, u32::saturating_add),
        Node::Test(test) => of_test(test),
    }
}

fn of_test(test: &Test) -> u32 {
    let pattern = if matches!(test.check(), Check::Pattern(_)) { 20 } else { 0 };
    let column = match test.subject() {
        Subject::Fixed(field) => match field {
            FixedField::Level
            | FixedField::SeverityNumber
            | FixedField::Timestamp
            | FixedField::ReceivedAt => 1,
            FixedField::Service | FixedField::SeverityText | FixedField::Scope => 2,
            FixedField::TraceId | FixedField::SpanId => 4,
            FixedField::Message => 10,
        },
        Subject::Named(..) => 5,
        Subject::MessageOrId => 14,
    };
    column + pattern
}

//! What a member of an object is for, by its name; the lists are those of [`crate::fields`].

use crate::fields::{
    MESSAGE, SCOPE, SERVICE, SEVERITY, SEVERITY_NUMBER, SPAN, TIME, TIME_UNREAD, TRACE,
};

/// What a member is for. Where several names mean the same, the number is their rank: the name of
/// the lowest rank whose value fits wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Nothing special.
    Attribute,
    /// The time.
    Time(u8),
    /// The line itself.
    Message(u8),
    /// The line itself, as the sender of the request named it: texts and numbers.
    NamedMessage,
    /// The severity as a number of OpenTelemetry's.
    SeverityNumber(u8),
    /// The severity as a name.
    Severity(u8),
    /// The service.
    Service(u8),
    /// Trace, span or logger: place among the text columns, and rank.
    Text(usize, u8),
    /// An object about the process.
    Resource,
    /// An object whose members stand for themselves.
    Attributes,
    /// Only the slow path knows.
    Unusual,
}

/// Names given with a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) time: Option<String>,
    pub(crate) message: Option<String>,
}

/// Says what a name is for.
pub(crate) fn role_of(name: &str, named: &Named) -> Role {
    let is_time = named.time.as_deref().is_some_and(|field| field == name);
    let is_message = named.message.as_deref().is_some_and(|field| field == name);
    let usual = usual_role(name, named);
    match (is_time, is_message) {
        (true, true) => Role::Unusual,
        (true, false) => Role::Time(0),
        // The time is taken first, what is left of the object is the message.
        (false, true) if matches!(usual, Role::Time(_) | Role::Unusual) => Role::Unusual,
        (false, true) => Role::NamedMessage,
        (false, false) => usual,
    }
}

fn usual_role(name: &str, named: &Named) -> Role {
    let rank = |names: &[&str]| -> Option<u8> {
        let place = names.iter().position(|known| *known == name)?;
        u8::try_from(place).ok()
    };
    let time = rank(&TIME).filter(|_| named.time.is_none()).map(Role::Time);
    let message = rank(&MESSAGE)
        .filter(|_| named.message.is_none())
        .map(Role::Message);
    time.or(message)
        .or_else(|| rank(&SEVERITY_NUMBER).map(Role::SeverityNumber))
        .or_else(|| rank(&SEVERITY).map(Role::Severity))
        .or_else(|| rank(&SERVICE).map(Role::Service))
        .or_else(|| rank(&TRACE).map(|rank| Role::Text(place::TRACE, rank)))
        .or_else(|| rank(&SPAN).map(|rank| Role::Text(place::SPAN, rank)))
        .or_else(|| rank(&SCOPE).map(|rank| Role::Text(place::SCOPE, rank)))
        .or_else(|| match name {
            "resource" => Some(Role::Resource),
            "attributes" => Some(Role::Attributes),
            TIME_UNREAD => Some(Role::Unusual),
            _ => None,
        })
        .unwrap_or(Role::Attribute)
}

/// Places of the text columns, see [`andon_columns::lines::TEXT_FIELDS`].
pub(crate) mod place {
    pub(crate) const SEVERITY: usize = 0;
    pub(crate) const SERVICE: usize = 1;
    pub(crate) const MESSAGE: usize = 2;
    pub(crate) const TRACE: usize = 3;
    pub(crate) const SPAN: usize = 4;
    pub(crate) const SCOPE: usize = 5;
}

#[cfg(test)]
mod tests {
    use andon_columns::lines::text_place;
    use andon_reader::query::FixedField;

    use super::place;

    #[test]
    fn texts_go_where_the_columns_expect_them() {
        for (field, expected) in [
            (FixedField::SeverityText, place::SEVERITY),
            (FixedField::Service, place::SERVICE),
            (FixedField::Message, place::MESSAGE),
            (FixedField::TraceId, place::TRACE),
            (FixedField::SpanId, place::SPAN),
            (FixedField::Scope, place::SCOPE),
        ] {
            assert_eq!(text_place(field), Some(expected));
        }
    }
}

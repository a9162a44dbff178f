//! What an andon stops: the whole line, a system with its components, or one component.
//!
//! Invariants: pure; two scopes meet when a change to the one could touch the other, so asking about
//! a wider scope also meets an andon on a part of it.

use andon_api::object::DEFAULT_NAMESPACE;
use andon_api::{ErrorCode, ObjectRef, Problem};

/// The name of a scope, in canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ScopeName {
    /// Everything, written `*`.
    Line,
    /// A system and every component that belongs to it.
    System(ObjectRef),
    /// One component.
    Component(ObjectRef),
}

impl ScopeName {
    /// Reads `payments`, `component:default/payments`, `system:default/shop` or `*`.
    ///
    /// # Errors
    /// `OBJ-0003` when the text names nothing that has a line.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let text = text.trim();
        if text == "*" {
            return Ok(Self::Line);
        }
        let reference = ObjectRef::parse(text, Some("Component"), DEFAULT_NAMESPACE).map_err(|problem| problem.place("scope"))?;
        match reference.kind() {
            "component" => Ok(Self::Component(reference)),
            "system" => Ok(Self::System(reference)),
            kind => Err(Problem::new(ErrorCode::ReferenceInvalid, format!("A {kind} has no line that could be stopped."))
                .place("scope")
                .hint("Name a component (`payments`), a system (`system:default/shop`) or everything (`*`).")),
        }
    }

    /// Tells the object that the scope names; none for the whole line.
    pub(crate) fn reference(&self) -> Option<&ObjectRef> {
        match self {
            Self::Line => None,
            Self::System(reference) | Self::Component(reference) => Some(reference),
        }
    }

    /// Tells whether a change to the one scope could touch the other.
    pub(crate) fn meets(&self, other: &Self, system_of: &dyn Fn(&ObjectRef) -> Option<ObjectRef>) -> bool {
        match (self, other) {
            (Self::Line, _) | (_, Self::Line) => true,
            (Self::System(one), Self::System(two)) | (Self::Component(one), Self::Component(two)) => one == two,
            (Self::System(system), Self::Component(component)) | (Self::Component(component), Self::System(system)) => {
                system_of(component).as_ref() == Some(system)
            }
        }
    }
}

impl std::fmt::Display for ScopeName {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line => out.write_str("*"),
            Self::System(reference) | Self::Component(reference) => reference.fmt(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scope(text: &str) -> ScopeName {
        ScopeName::parse(text).unwrap()
    }

    fn system_of(component: &ObjectRef) -> Option<ObjectRef> {
        ["payments", "checkout"].contains(&component.name()).then(|| ObjectRef::new("system", "default", "shop"))
    }

    #[test]
    fn a_scope_is_written_as_people_name_things() {
        assert_eq!(scope(" Payments ").to_string(), "component:default/payments");
        assert_eq!(scope("component:default/payments"), scope("payments"));
        assert_eq!(scope("system:shop").to_string(), "system:default/shop");
        assert_eq!(scope("*").to_string(), "*");
        for bad in ["", "group:team-a", "a/b/c", "component:"] {
            assert!(ScopeName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_system_covers_its_components_and_the_line_covers_all() {
        let meets = |one: &str, two: &str| scope(one).meets(&scope(two), &system_of);
        assert!(meets("payments", "payments"));
        assert!(meets("system:shop", "payments"));
        assert!(meets("*", "payments"));
        assert!(meets("*", "elsewhere"));
        assert!(!meets("payments", "checkout"));
        assert!(!meets("system:shop", "elsewhere"));
        assert!(!meets("system:shop", "system:other"));
    }

    proptest! {
        #[test]
        fn meeting_is_mutual(one in "(\\*|payments|elsewhere|system:shop)", two in "(\\*|checkout|payments|system:other|system:shop)") {
            prop_assert_eq!(scope(&one).meets(&scope(&two), &system_of), scope(&two).meets(&scope(&one), &system_of));
        }

        #[test]
        fn no_text_breaks_the_reading_and_what_is_read_reads_back(text in ".{0,60}") {
            if let Ok(read) = ScopeName::parse(&text) {
                prop_assert_eq!(ScopeName::parse(&read.to_string()).unwrap(), read);
            }
        }
    }
}

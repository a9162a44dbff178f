//! What a descriptor must say beyond its schema: texts that are not blank, references that can be read.
//!
//! References that lead nowhere are accepted, as Backstage accepts them: descriptors arrive in any
//! order from many repositories. `catalog/graph` and `catalog/tree` show what is missing or unowned.

use andon_api::kind::Kind;
use andon_api::kinds::catalog::{Api, Component, Domain, Group, Location, Resource, System, User};
use andon_api::{AnyObject, ErrorCode, ObjectRef, Problem};
use serde_json::Value;

use crate::grammar::{check_metadata, clip, is_name, refuse};
use crate::limits::REFERENCES_MAX;

/// A field that names other objects, with the kind meant when none is written.
type Reference = (&'static str, &'static str);

macro_rules! checks {
    ($($function:ident $kind:ident [$($text:literal),*] [$($field:literal $default:literal),*];)*) => {$(
        #[doc = concat!("Checks one `", stringify!($kind), "`.")]
        ///
        /// # Errors
        /// `OBJ-0002` or `OBJ-0003` with the path of the field.
        pub(crate) fn $function(object: &AnyObject) -> Result<(), Problem> {
            check::<$kind>(object, &[$($text),*], &[$(($field, $default)),*])
        }
    )*};
}

checks! {
    component Component ["type", "lifecycle", "owner"] [
        "owner" "Group", "system" "System", "subcomponentOf" "Component", "providesApis" "API",
        "consumesApis" "API", "dependsOn" "Component", "dependencyOf" "Component"
    ];
    api Api ["type", "lifecycle", "owner"] ["owner" "Group", "system" "System"];
    resource Resource ["type", "owner"] [
        "owner" "Group", "system" "System", "dependsOn" "Component", "dependencyOf" "Component"
    ];
    system System ["owner"] ["owner" "Group", "domain" "Domain"];
    domain Domain ["owner"] ["owner" "Group", "subdomainOf" "Domain"];
    group Group ["type"] ["parent" "Group", "children" "Group", "members" "User"];
    user User [] ["memberOf" "Group"];
    location Location [] [];
}

fn check<K: Kind>(object: &AnyObject, texts: &[&str], references: &[Reference]) -> Result<(), Problem> {
    check_metadata(&object.metadata)?;
    K::fits(object).map_err(|problem| if problem.place.is_none() { problem.place("spec") } else { problem })?;
    for field in texts {
        let blank = object.spec.get(*field).and_then(Value::as_str).is_none_or(|text| text.trim().is_empty());
        if blank {
            return Err(refuse(format!("spec.{field}"), format!("`{field}` is blank."))
                .hint(format!("A {} says its {field}.", object.kind)));
        }
    }
    for (field, default_kind) in references {
        check_references(object, field, default_kind)?;
    }
    Ok(())
}

fn check_references(object: &AnyObject, field: &str, default_kind: &str) -> Result<(), Problem> {
    match object.spec.get(field) {
        Some(Value::Array(items)) if items.len() > REFERENCES_MAX => Err(refuse(
            format!("spec.{field}"),
            format!("There are {} references; at most {REFERENCES_MAX} are kept.", items.len()),
        )),
        Some(Value::Array(items)) => items.iter().enumerate().try_for_each(|(index, item)| {
            check_reference(object, item, default_kind, &format!("spec.{field}[{index}]"))
        }),
        Some(Value::Null) | None => Ok(()),
        Some(item) => check_reference(object, item, default_kind, &format!("spec.{field}")),
    }
}

fn check_reference(object: &AnyObject, item: &Value, default_kind: &str, place: &str) -> Result<(), Problem> {
    let Value::String(text) = item else {
        return Err(refuse(place, "A reference is text."));
    };
    let reference = ObjectRef::parse(text.trim(), Some(default_kind), &object.metadata.namespace)
        .map_err(|problem| problem.place(place))?;
    if !is_name(reference.name()) {
        return Err(Problem::new(
            ErrorCode::ReferenceInvalid,
            format!("`{}` is not a reference: `{}` is not a name.", clip(text), clip(reference.name())),
        )
        .place(place)
        .hint("Write `[kind:][namespace/]name`, for example `group:default/team-a`."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn component_with(spec: Value) -> AnyObject {
        let mut whole = json!({"type": "service", "lifecycle": "production", "owner": "team-a"});
        for (key, value) in spec.as_object().unwrap() {
            whole[key] = value.clone();
        }
        serde_json::from_value(json!({
            "apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": {"name": "payments"}, "spec": whole
        }))
        .unwrap()
    }

    #[test]
    fn a_descriptor_with_fields_of_other_tools_is_taken() {
        let object = component_with(json!({"dependsOn": ["resource:db", "other/thing"], "costCentre": 7}));
        assert!(component(&object).is_ok());
    }

    #[test]
    fn an_owner_that_does_not_exist_is_taken_but_a_blank_one_is_not() {
        assert!(component(&component_with(json!({"owner": "nobody-yet"}))).is_ok());
        let problem = component(&component_with(json!({"owner": "  "}))).unwrap_err();
        assert_eq!(problem.place.as_deref(), Some("spec.owner"));
    }

    #[test]
    fn a_reference_that_cannot_be_read_is_refused_at_its_place() {
        let problem = component(&component_with(json!({"dependsOn": ["ok", "component:/x"]}))).unwrap_err();
        assert_eq!((problem.code.as_str(), problem.place.as_deref()), ("OBJ-0003", Some("spec.dependsOn[1]")));
        let problem = component(&component_with(json!({"system": "two words"}))).unwrap_err();
        assert_eq!((problem.code.as_str(), problem.place.as_deref()), ("OBJ-0003", Some("spec.system")));
    }

    #[test]
    fn a_field_of_the_wrong_type_is_refused() {
        let problem = component(&component_with(json!({"lifecycle": 3}))).unwrap_err();
        assert_eq!(problem.code, "OBJ-0002");
        assert!(component(&component_with(json!({"dependsOn": "not-a-list"}))).is_err());
    }

    proptest! {
        #[test]
        fn no_text_breaks_a_check(text in ".{0,80}") {
            let _ = component(&component_with(json!({"owner": text, "dependsOn": [text], "system": text})));
        }
    }
}

//! What a policy sees of a change: the same document for a check now and for a change of the past.
//!
//! `input.change` {service, version, environment, changeType, commit, title, tests} and `input.service`
//! {ref, name, namespace, owner, system, type, lifecycle, tags, labels}. A part that is not known is
//! absent, so that Rego sees it as undefined. Pure.

use andon_api::error::Problem;
use andon_api::kinds::catalog::ComponentSpec;
use andon_api::kinds::delivery::{ChangeSpec, CheckRequest};
use andon_api::object::{AnyObject, ObjectRef};
use serde_json::{Map, Value, json};

/// Builds the input of a check.
///
/// # Errors
/// `SYS-0001` when the request has no JSON form, which does not happen.
pub(crate) fn of_check(request: &CheckRequest, scope: &str, service: Option<&AnyObject>, owner: Option<&ObjectRef>) -> Result<Value, Problem> {
    let mut change = json!({
        "service": scope,
        "environment": request.environment,
        "changeType": serde_json::to_value(request.change_type).map_err(Problem::internal)?,
        "tests": serde_json::to_value(&request.tests).map_err(Problem::internal)?,
    });
    set(&mut change, "version", request.version.as_deref());
    set(&mut change, "commit", request.commit.as_deref());
    Ok(json!({"change": change, "service": of_service(scope, service, owner)}))
}

/// Builds the input of a recorded change, as it was recorded.
///
/// # Errors
/// `SYS-0001` when the change has no JSON form, which does not happen.
pub(crate) fn of_change(spec: &ChangeSpec, service: Option<&AnyObject>, owner: Option<&ObjectRef>) -> Result<Value, Problem> {
    let scope = spec.service.to_string();
    let mut change = json!({
        "service": scope,
        "version": spec.version,
        "environment": spec.environment,
        "changeType": serde_json::to_value(spec.change_type).map_err(Problem::internal)?,
        "title": spec.title,
        "tests": serde_json::to_value(&spec.tests).map_err(Problem::internal)?,
    });
    set(&mut change, "commit", spec.commit.as_deref());
    Ok(json!({"change": change, "service": of_service(&scope, service, owner)}))
}

fn of_service(scope: &str, service: Option<&AnyObject>, owner: Option<&ObjectRef>) -> Value {
    let mut value = json!({"ref": scope});
    let owner = owner.map(ToString::to_string);
    set(&mut value, "owner", owner.as_deref());
    let (Some(object), Value::Object(fields)) = (service, &mut value) else { return value };
    fields.insert("name".to_owned(), json!(object.metadata.name));
    fields.insert("namespace".to_owned(), json!(object.metadata.namespace));
    fields.insert("tags".to_owned(), json!(object.metadata.tags));
    fields.insert("labels".to_owned(), json!(object.metadata.labels));
    if let Ok(spec) = object.spec_as::<ComponentSpec>() {
        add_component(fields, &spec);
    }
    value
}

fn add_component(fields: &mut Map<String, Value>, spec: &ComponentSpec) {
    fields.insert("type".to_owned(), json!(spec.component_type));
    fields.insert("lifecycle".to_owned(), json!(spec.lifecycle));
    if let Some(system) = &spec.system {
        fields.insert("system".to_owned(), json!(system));
    }
    if !fields.contains_key("owner") {
        fields.insert("owner".to_owned(), json!(spec.owner));
    }
}

fn set(value: &mut Value, name: &str, text: Option<&str>) {
    if let (Value::Object(fields), Some(text)) = (value, text) {
        fields.insert(name.to_owned(), json!(text));
    }
}

/// Builds an input that looks like any other, to see at admission whether a policy runs at all.
pub(crate) fn sample() -> Value {
    json!({
        "change": {
            "service": "component:default/example", "version": "1", "environment": "production",
            "changeType": "deploy", "commit": "0000000000000000000000000000000000000000",
            "tests": {"example": "passed"}
        },
        "service": {
            "ref": "component:default/example", "name": "example", "namespace": "default",
            "owner": "group:default/example", "type": "service", "lifecycle": "production",
            "tags": ["example"], "labels": {}
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use andon_api::kinds::delivery::TestResult;

    fn component() -> AnyObject {
        serde_json::from_value(json!({
            "apiVersion": "backstage.io/v1alpha1", "kind": "Component",
            "metadata": {"name": "payments", "tags": ["money"]},
            "spec": {"type": "service", "lifecycle": "production", "owner": "team-pay", "system": "shop"}
        }))
        .unwrap()
    }

    #[test]
    fn a_check_and_the_change_that_follows_look_the_same_to_a_policy() {
        let owner = ObjectRef::new("group", "default", "team-pay");
        let request: CheckRequest = serde_json::from_value(json!({
            "scope": "payments", "version": "2", "tests": {"idempotency": "missing"}
        }))
        .unwrap();
        let spec: ChangeSpec = serde_json::from_value(json!({
            "service": "component:default/payments", "version": "2", "tests": {"idempotency": "missing"}
        }))
        .unwrap();
        assert_eq!(spec.tests["idempotency"], TestResult::Missing);
        let check = of_check(&request, "component:default/payments", Some(&component()), Some(&owner)).unwrap();
        let mut change = of_change(&spec, Some(&component()), Some(&owner)).unwrap();
        change["change"].as_object_mut().unwrap().remove("title");
        assert_eq!(check, change);
        assert_eq!(check["service"]["owner"], "group:default/team-pay");
        assert_eq!(check["service"]["tags"][0], "money");
        assert!(check["change"].get("commit").is_none());
    }

    #[test]
    fn a_service_that_is_not_in_the_catalog_has_a_reference_and_no_more() {
        let request: CheckRequest = serde_json::from_value(json!({"scope": "*"})).unwrap();
        let input = of_check(&request, "*", None, None).unwrap();
        assert_eq!(input["service"], json!({"ref": "*"}));
    }
}

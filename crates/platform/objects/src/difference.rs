//! The difference between two versions of a document, as the ledger keeps it.

use serde_json::{Map, Value, json};

const HIDDEN: &str = "(secret)";

/// Lists what changed as `{pointer: {from, to}}`, leaving out what the server sets and hiding secrets.
pub fn difference(old: Option<&Value>, new: Option<&Value>, secrets: &[&str]) -> Value {
    let mut changes = Map::new();
    let nothing = Value::Null;
    compare("", old.unwrap_or(&nothing), new.unwrap_or(&nothing), secrets, &mut changes);
    Value::Object(changes)
}

const SERVER_SET: [&str; 4] =
    ["/metadata/version", "/metadata/updatedAt", "/metadata/createdAt", "/metadata/uid"];

fn compare(pointer: &str, old: &Value, new: &Value, secrets: &[&str], changes: &mut Map<String, Value>) {
    if old == new || SERVER_SET.contains(&pointer) {
        return;
    }
    match (old, new) {
        (Value::Object(before), Value::Object(after)) => {
            let keys = before.keys().chain(after.keys().filter(|key| !before.contains_key(*key)));
            for key in keys {
                let inner = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                let (was, is) = (before.get(key).unwrap_or(&Value::Null), after.get(key).unwrap_or(&Value::Null));
                compare(&inner, was, is, secrets, changes);
            }
        }
        (Value::Null, Value::Object(after)) if !after.is_empty() => {
            compare(pointer, &json!({}), new, secrets, changes);
            debug_assert!(!after.is_empty());
        }
        _ => {
            let hide = |value: &Value| match value {
                Value::Null => Value::Null,
                _ if secrets.contains(&pointer) => json!(HIDDEN),
                other => other.clone(),
            };
            changes.insert(pointer.to_owned(), json!({"from": hide(old), "to": hide(new)}));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_told_and_secrets_are_not() {
        let old = json!({"spec": {"a": 1, "b": 2, "secret": "one"}, "metadata": {"version": 1}});
        let new = json!({"spec": {"a": 1, "b": 3, "secret": "two"}, "metadata": {"version": 2}});
        assert_eq!(
            difference(Some(&old), Some(&new), &["/spec/secret"]),
            json!({"/spec/b": {"from": 2, "to": 3}, "/spec/secret": {"from": "(secret)", "to": "(secret)"}})
        );
    }

    #[test]
    fn a_new_document_is_told_field_by_field() {
        let new = json!({"spec": {"a": 1}});
        assert_eq!(difference(None, Some(&new), &[]), json!({"/spec/a": {"from": null, "to": 1}}));
    }
}

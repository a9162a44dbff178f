//! Storing one declared object inside a transaction: the rules that hold for every kind.

use std::sync::Arc;

use andon_api::kind::{KindInfo, Nature};
use andon_api::{AnyObject, ErrorCode, ObjectRef, Problem};
use andon_module::Admission;
use andon_objects::{EventDraft, Tx};
use serde::Serialize;
use serde_json::Value;

/// What stands where a secret is, outward.
pub(crate) const HIDDEN: &str = "(secret)";

/// What an apply did to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Done {
    Created,
    Updated,
    Unchanged,
}

/// Asks whether the caller may write an object as it stands.
pub(crate) type MayWrite = dyn Fn(&AnyObject) -> Result<(), Problem> + Send + Sync;

/// Stores one declared object, without looking at its references.
pub(crate) async fn store_one(
    tx: &mut Tx,
    admissions: &[Arc<dyn Admission>],
    object: AnyObject,
    draft: EventDraft,
    may_write: &MayWrite,
) -> Result<(AnyObject, Done), Problem> {
    let registry = tx.registry().clone();
    let kind = registry.get(&object.kind)?;
    refuse_foreign(kind, &object)?;
    let old = tx.get(&object.reference()).await?;
    let mut object = merge(kind, object, old.as_ref());
    if let Some(old) = &old {
        forgive(tx, &mut object, old).await?;
    }
    if let Some(old) = old.as_ref().filter(|old| old.metadata.version == object.metadata.version && same(old, &object)) {
        return Ok((old.clone(), Done::Unchanged));
    }
    if let Some(old) = old.as_ref().filter(|old| old.spec.get("owner") != object.spec.get("owner")) {
        // To name another owner must not be the way around the rules that go by the owner.
        may_write(old)?;
    }
    (kind.check)(&object)?;
    for admission in admissions.iter().filter(|admission| looks_at(admission, kind)) {
        admission.admit(tx, Some(&object), old.as_ref()).await?;
    }
    let done = if old.is_some() { Done::Updated } else { Done::Created };
    Ok((tx.put(object, draft).await?, done))
}

fn looks_at(admission: &Arc<dyn Admission>, kind: &KindInfo) -> bool {
    admission.kinds().iter().any(|name| *name == kind.kind || *name == "*")
}

/// Refuses what people do not declare: records, other versions of a kind, names that are none.
fn refuse_foreign(kind: &KindInfo, object: &AnyObject) -> Result<(), Problem> {
    if kind.nature == Nature::Record {
        return Err(Problem::new(
            ErrorCode::RecordReadOnly,
            format!("{} is a record: the system opens and closes it.", object.reference()),
        )
        .place("kind")
        .hint(format!("`andon explain {}` names its verbs.", kind.kind)));
    }
    let group = |version: &str| version.split('/').next().unwrap_or_default().to_owned();
    if group(&object.api_version) != group(kind.api_version) {
        return Err(Problem::new(
            ErrorCode::ObjectInvalid,
            format!("{} is of `{}`, and this says `{}`.", kind.kind, kind.api_version, object.api_version),
        )
        .place("apiVersion"));
    }
    check_name(&object.metadata.name, "metadata.name")?;
    check_name(&object.metadata.namespace, "metadata.namespace")
}

/// Checks a name (Backstage's rule): 1 to 63 of `[A-Za-z0-9-_.]`, beginning and ending with a letter or digit.
fn check_name(name: &str, place: &str) -> Result<(), Problem> {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let inner = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if inner && name.len() <= 63 && edge(name.chars().next()) && edge(name.chars().last()) {
        return Ok(());
    }
    Err(Problem::new(ErrorCode::ObjectInvalid, format!("`{name}` is no name."))
        .place(place)
        .hint("A name has 1 to 63 of letters, digits, `-`, `_`, `.`, and begins and ends with a letter or digit."))
}

/// Takes from the stored object what people do not send: status, identity, hidden secrets.
fn merge(kind: &KindInfo, mut object: AnyObject, old: Option<&AnyObject>) -> AnyObject {
    object.status = old.and_then(|old| old.status.clone());
    let Some(old) = old else {
        object.metadata.version = 0;
        return object;
    };
    if object.metadata.version == 0 {
        // A file carries no version: what it says is wanted, whatever stands there.
        object.metadata.version = old.metadata.version;
    }
    object.metadata.uid.clone_from(&old.metadata.uid);
    object.metadata.created_at = old.metadata.created_at;
    for pointer in kind.secrets {
        let Some(inner) = pointer.strip_prefix("/spec") else { continue };
        let kept = old.spec.pointer(inner).cloned();
        if let (Some(slot), Some(kept)) = (object.spec.pointer_mut(inner), kept)
            && slot.as_str() == Some(HIDDEN)
        {
            *slot = kept;
        }
    }
    object
}

/// Lets a change through that was made on an older version of which only the status has changed since:
/// what the system observes never stands against what people write.
async fn forgive(tx: &mut Tx, object: &mut AnyObject, old: &AnyObject) -> Result<(), Problem> {
    let sent = object.metadata.version;
    if sent < old.metadata.version
        && let Some(base) = tx.version(&old.reference(), sent).await?
        && same(&base, old)
    {
        object.metadata.version = old.metadata.version;
    }
    Ok(())
}

/// Tells whether two versions say the same, apart from what the server sets.
fn same(one: &AnyObject, other: &AnyObject) -> bool {
    let plain = |object: &AnyObject| {
        let mut metadata = object.metadata.clone();
        metadata.updated_at = None;
        metadata.version = 0;
        (object.api_version.clone(), metadata, object.spec.clone())
    };
    plain(one) == plain(other)
}

/// Hides secrets of an object on its way out.
pub(crate) fn hide_secrets(kind: &KindInfo, mut object: AnyObject) -> AnyObject {
    for pointer in kind.secrets {
        if let Some(slot) = pointer.strip_prefix("/spec").and_then(|inner| object.spec.pointer_mut(inner))
            && !slot.is_null()
        {
            *slot = Value::String(HIDDEN.to_owned());
        }
    }
    object
}

/// Refuses an object whose required references lead nowhere.
pub(crate) async fn check_references(tx: &mut Tx, object: &AnyObject) -> Result<(), Problem> {
    let registry = tx.registry().clone();
    let kind = registry.get(&object.kind)?;
    let whole = serde_json::to_value(object).map_err(Problem::internal)?;
    for field in kind.references.iter().filter(|field| field.required) {
        for text in texts_at(&whole, field.pointer) {
            let place = field.pointer.trim_start_matches('/').replace('/', ".");
            let named = ObjectRef::parse(&text, Some(field.default_kind), &object.metadata.namespace)
                .map_err(|problem| problem.place(place.clone()))?;
            let found = tx.get(&named).await.map_err(|problem| problem.place(place.clone()))?;
            if found.is_none() {
                return Err(Problem::new(
                    ErrorCode::ReferenceBroken,
                    format!("{} names {named}, which does not exist.", object.reference()),
                )
                .place(place)
                .hint("Apply both together, or create the other first."));
            }
        }
    }
    Ok(())
}

/// Reads the texts at a pointer; a `*` in it stands for every item of a list.
fn texts_at(value: &Value, pointer: &str) -> Vec<String> {
    let mut found = vec![value];
    for part in pointer.split('/').skip(1) {
        found = found
            .into_iter()
            .flat_map(|value| match (part, value) {
                ("*", Value::Array(items)) => items.iter().collect::<Vec<_>>(),
                (part, value) => value.get(part).into_iter().collect(),
            })
            .collect();
    }
    found
        .into_iter()
        .flat_map(|value| match value {
            Value::String(text) => vec![text.clone()],
            Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        })
        .collect()
}

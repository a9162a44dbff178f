//! The line of a bulk request that says what to do with the next one.

use serde_json::Value;

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Index,
    Create,
    Update,
    Delete,
}

impl Operation {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    /// Says whether a document follows on the next line.
    pub(crate) fn has_document(self) -> bool {
        self != Self::Delete
    }

    fn of(name: &str) -> Option<Self> {
        [Self::Index, Self::Create, Self::Update, Self::Delete].into_iter().find(|operation| operation.name() == name)
    }
}

/// An action with its target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Action {
    pub(crate) operation: Operation,
    /// The index, or nothing where neither the action nor the path names one.
    pub(crate) index: String,
    pub(crate) id: Option<String>,
}

/// Longest name and id that are taken, bytes; Elasticsearch's are 255 and 512.
const NAME_BYTES: usize = 512;

/// Reads an action; `default_index` is the one of the path.
pub(crate) fn read(line: &[u8], default_index: &str) -> Result<Action, String> {
    let Ok(Value::Object(object)) = serde_json::from_slice::<Value>(line) else {
        return Err("the action is no JSON object".to_owned());
    };
    let mut entries = object.into_iter();
    let (Some((name, target)), None) = (entries.next(), entries.next()) else {
        return Err("an action has exactly one of index, create, update and delete".to_owned());
    };
    let shown: String = name.chars().take(40).collect();
    let operation = Operation::of(&name).ok_or_else(|| format!("`{shown}` is no action"))?;
    let text = |key: &str| match target.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.len() <= NAME_BYTES => Ok(Some(text.clone())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(format!("`{key}` is no text of at most {NAME_BYTES} bytes")),
    };
    Ok(Action {
        operation,
        index: text("_index")?.unwrap_or_else(|| default_index.to_owned()),
        id: text("_id")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_name_their_target_or_take_it_from_the_path() {
        let action = read(br#"{"index":{"_index":"logs","_id":7}}"#, "path").expect("an action");
        assert_eq!(action, Action { operation: Operation::Index, index: "logs".into(), id: Some("7".into()) });
        let action = read(br#"{"create":{}}"#, "path").expect("an action");
        assert_eq!((action.operation, action.index.as_str()), (Operation::Create, "path"));
        for line in [&b"{}"[..], b"[]", b"{", br#"{"index":{},"create":{}}"#, br#"{"drop":{}}"#, br#"{"index":{"_id":[]}}"#] {
            assert!(read(line, "path").is_err(), "{}", String::from_utf8_lossy(line));
        }
    }
}

//! The kinds that the server knows, found by any of their names.

use andon_client::{Client, ClientError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::failure::Failure;

/// What the server says of a kind.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KindRow {
    pub(crate) kind: String,
    pub(crate) plural: String,
    pub(crate) api_version: String,
    pub(crate) capability: String,
    pub(crate) nature: String,
    #[serde(default)]
    pub(crate) summary: String,
    #[serde(default)]
    pub(crate) indexed: Vec<Value>,
    #[serde(default)]
    pub(crate) columns: Vec<Column>,
    #[serde(default)]
    pub(crate) references: Vec<Value>,
    #[serde(default)]
    pub(crate) example: String,
}

/// A column of a kind's list.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Column {
    pub(crate) title: String,
    pub(crate) pointer: String,
}

#[derive(Deserialize)]
struct Kinds {
    items: Vec<KindRow>,
}

/// Reads the kinds.
pub(crate) async fn all(client: &Client) -> Result<Vec<KindRow>, ClientError> {
    Ok(client.get("/api/v1/kinds").send::<Kinds>().await?.items)
}

/// Finds a kind by its plural or its name, in any case.
pub(crate) async fn find(client: &Client, name: &str) -> Result<KindRow, Failure> {
    pick(all(client).await?, name)
}

fn pick(kinds: Vec<KindRow>, name: &str) -> Result<KindRow, Failure> {
    let wanted = name.to_lowercase();
    let fits = |kind: &KindRow| {
        kind.plural == wanted
            || kind.kind.to_lowercase() == wanted
            || kind.plural.replace('-', "") == wanted
    };
    if let Some(kind) = kinds.iter().find(|kind| fits(kind)) {
        return Ok(kind.clone());
    }
    let names: Vec<&str> = kinds.iter().map(|kind| kind.plural.as_str()).collect();
    let hint = match nearest(&wanted, &names) {
        Some(near) => format!("Did you mean `{near}`? `andon kinds` lists them all."),
        None => "`andon kinds` lists them all.".to_owned(),
    };
    Err(Failure::usage(format!("There is no kind `{name}`.")).hint(hint))
}

/// Finds the known word that is nearest to what was written, if any is near.
pub(crate) fn nearest<'a>(wanted: &str, known: &[&'a str]) -> Option<&'a str> {
    let best = known
        .iter()
        .map(|word| (distance(wanted, word), *word))
        .min()?;
    (best.0 <= (wanted.chars().count() / 3).max(1)).then_some(best.1)
}

/// Counts the letters to insert, delete or replace.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for at in 0..to.len() {
            let replaced = diagonal + usize::from(to[at] != letter);
            diagonal = row[at + 1];
            row[at + 1] = replaced.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row[to.len()]
}

/// Tells the verbs of a record, which is neither applied nor deleted.
pub(crate) fn verbs(kind: &str) -> &'static [&'static str] {
    match kind {
        "Change" => &[
            "andon change record",
            "andon change stage",
            "andon import deploys",
        ],
        "Andon" => &[
            "andon andon pull",
            "andon andon acknowledge",
            "andon andon release",
        ],
        "Alert" => &["andon ack"],
        "Incident" => &[
            "andon incident open",
            "andon incident state",
            "andon incident note",
            "andon incident commander",
        ],
        "COE" => &["andon incident coe", "andon coe state", "andon apply"],
        "Action" => &["andon action verify", "andon apply"],
        "Review" => &["andon review --freeze", "andon review --spin"],
        "Policy" => &["andon apply", "andon policy trial"],
        "Schedule" => &["andon apply", "andon oncall"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kinds() -> Vec<KindRow> {
        let row = |kind: &str, plural: &str| {
            serde_json::from_value(json!({"kind": kind, "plural": plural, "apiVersion": "andon.dev/v1", "capability": "x", "nature": "resource"})).unwrap()
        };
        vec![
            row("Component", "components"),
            row("EscalationPolicy", "escalation-policies"),
            row("COE", "coes"),
        ]
    }

    #[test]
    fn a_kind_answers_to_all_its_names() {
        for name in [
            "components",
            "Component",
            "COMPONENTS",
            "coe",
            "escalationpolicy",
            "escalation-policies",
        ] {
            assert!(pick(kinds(), name).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_kind_that_is_not_there_brings_the_nearest() {
        let Err(Failure::Usage { detail, hint, .. }) = pick(kinds(), "componets") else {
            panic!()
        };
        assert!(detail.contains("`componets`") && hint.unwrap().contains("`components`"));
        let Err(Failure::Usage { hint, .. }) = pick(kinds(), "zebras") else {
            panic!()
        };
        assert!(!hint.unwrap().contains("Did you mean"));
    }

    #[test]
    fn near_is_counted_in_letters() {
        assert_eq!(
            (
                distance("kitten", "sitting"),
                distance("", "abc"),
                distance("a", "a")
            ),
            (3, 3, 0)
        );
        assert_eq!(nearest("releese", &["release", "pull"]), Some("release"));
    }
}

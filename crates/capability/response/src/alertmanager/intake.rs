//! What a client posts, read as Alertmanager reads it (`api/v2/api.go`, 0.34).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};

use crate::limits::{LABEL_NAME_BYTES, LABEL_VALUE_BYTES, LABELS_MAX, POSTED_ALERTS_MAX, RESOLVE_TIMEOUT_MS};

/// Label names and their values.
pub type Labels = BTreeMap<String, String>;

/// One alert as it was posted, with Alertmanager's defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    /// The labels, without empty ones.
    pub labels: Labels,
    /// The longer texts.
    pub annotations: Labels,
    /// When the trouble began.
    pub starts_at: Timestamp,
    /// When it ends unless it is sent again, or when it ended.
    pub ends_at: Timestamp,
    /// Whether the end is a guess of ours, because none was sent.
    pub timeout: bool,
    /// Where the rule can be looked at.
    pub generator_url: String,
}

/// A batch that was read: the valid alerts, and why the others are refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The valid alerts.
    pub alerts: Vec<Posted>,
    /// One reason per refused alert.
    pub refused: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    labels: Labels,
    #[serde(default, deserialize_with = "null_is_empty")]
    annotations: Labels,
    #[serde(default)]
    starts_at: Option<String>,
    #[serde(default)]
    ends_at: Option<String>,
    #[serde(default, rename = "generatorURL")]
    generator_url: Option<String>,
}

fn null_is_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Labels, D::Error> {
    Ok(Option::<Labels>::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a posted batch.
///
/// # Errors
/// What is wrong with the body as a whole; nothing of it may be stored then.
pub fn read_batch(body: &[u8], now: Timestamp) -> Result<Batch, String> {
    let wires: Vec<Wire> = serde_json::from_slice(body).map_err(|error| format!("parsing body failed: {error}"))?;
    if wires.len() > POSTED_ALERTS_MAX {
        return Err(format!("{} alerts in one post; send at most {POSTED_ALERTS_MAX}", wires.len()));
    }
    let mut batch = Batch::default();
    for (index, wire) in wires.into_iter().enumerate() {
        let posted = fill(wire, now).map_err(|why| format!("alert {index}: {why}"))?;
        match validate(&posted) {
            Ok(()) => batch.alerts.push(posted),
            Err(why) => batch.refused.push(format!("alert {index}: {why}")),
        }
    }
    Ok(batch)
}

fn fill(wire: Wire, now: Timestamp) -> Result<Posted, String> {
    let starts_at = read_time("startsAt", wire.starts_at)?;
    let ends_at = read_time("endsAt", wire.ends_at)?;
    let timeout_at = now.checked_add(SignedDuration::from_millis(RESOLVE_TIMEOUT_MS)).unwrap_or(now);
    Ok(Posted {
        labels: wire.labels.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
        annotations: wire.annotations,
        starts_at: starts_at.or(ends_at).unwrap_or(now),
        ends_at: ends_at.unwrap_or(timeout_at),
        timeout: ends_at.is_none(),
        generator_url: wire.generator_url.unwrap_or_default(),
    })
}

/// Reads a time; an absent one, an empty one and Go's zero time all mean "not said".
fn read_time(field: &str, text: Option<String>) -> Result<Option<Timestamp>, String> {
    let Some(text) = text.filter(|text| !text.is_empty() && !text.starts_with("0001-01-01T")) else {
        return Ok(None);
    };
    text.parse().map(Some).map_err(|_| format!("{field} `{}` is not an RFC 3339 time", shortened(&text)))
}

fn validate(posted: &Posted) -> Result<(), String> {
    if posted.ends_at < posted.starts_at {
        return Err("start time must be before end time".to_owned());
    }
    if posted.labels.is_empty() {
        return Err("at least one label pair required".to_owned());
    }
    for (what, labels) in [("label", &posted.labels), ("annotation", &posted.annotations)] {
        if labels.len() > LABELS_MAX {
            return Err(format!("{} {what}s; at most {LABELS_MAX} are kept", labels.len()));
        }
        for (name, value) in labels {
            if name.is_empty() || name.len() > LABEL_NAME_BYTES {
                return Err(format!("invalid {what} name \"{}\"", shortened(name)));
            }
            if value.len() > LABEL_VALUE_BYTES {
                return Err(format!(
                    "the value of {what} \"{}\" is longer than {LABEL_VALUE_BYTES} bytes",
                    shortened(name)
                ));
            }
        }
    }
    if posted.generator_url.len() > LABEL_VALUE_BYTES {
        return Err(format!("generatorURL is longer than {LABEL_VALUE_BYTES} bytes"));
    }
    Ok(())
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Tells the identity of a label set: FNV-1a over the sorted pairs, as Prometheus computes it, in hex.
pub fn fingerprint(labels: &Labels) -> String {
    const OFFSET: u64 = 14_695_981_039_346_656_037;
    const PRIME: u64 = 1_099_511_628_211;
    const SEPARATOR: u8 = 255;
    let mut hash = OFFSET;
    let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    for (name, value) in labels.iter().filter(|(_, value)| !value.is_empty()) {
        name.bytes().chain([SEPARATOR]).chain(value.bytes()).chain([SEPARATOR]).for_each(&mut add);
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-02-01T12:00:00Z".parse().unwrap()
    }

    fn read(body: &str) -> Batch {
        read_batch(body.as_bytes(), now()).unwrap()
    }

    #[test]
    fn prometheus_own_message_is_read() {
        let batch = read(
            r#"[{"annotations":{"summary":"Too many errors"},"endsAt":"2026-02-01T12:03:50.123Z","startsAt":"2026-02-01T11:59:50.123Z",
                "generatorURL":"http://prometheus:9090/graph?g0.expr=up","labels":{"alertname":"Errors","severity":"critical","empty":""}}]"#,
        );
        let posted = &batch.alerts[0];
        assert_eq!(posted.labels.len(), 2, "empty labels are dropped");
        assert!(!posted.timeout);
        assert_eq!(posted.starts_at.to_string(), "2026-02-01T11:59:50.123Z");
        assert!(read("[]").alerts.is_empty());
    }

    #[test]
    fn what_is_not_said_is_filled_in_as_alertmanager_does() {
        let batch = read(
            r#"[{"labels":{"a":"1"},"annotations":null,"startsAt":"0001-01-01T00:00:00.000Z","endsAt":"0001-01-01T00:00:00.000Z"},
                {"labels":{"a":"2"},"endsAt":"2026-02-01T11:00:00Z"}]"#,
        );
        assert_eq!(batch.alerts[0].starts_at, now());
        assert_eq!(batch.alerts[0].ends_at.to_string(), "2026-02-01T12:05:00Z");
        assert!(batch.alerts[0].timeout);
        assert_eq!(batch.alerts[1].starts_at.to_string(), "2026-02-01T11:00:00Z");
    }

    #[test]
    fn valid_alerts_are_kept_beside_refused_ones() {
        let batch = read(
            r#"[{"labels":{}},{"labels":{"a":""}},{"labels":{"a":"1"}},
                {"labels":{"a":"1"},"startsAt":"2026-02-01T12:00:00Z","endsAt":"2026-02-01T11:00:00Z"}]"#,
        );
        assert_eq!(batch.alerts.len(), 1);
        assert_eq!(
            batch.refused,
            [
                "alert 0: at least one label pair required",
                "alert 1: at least one label pair required",
                "alert 3: start time must be before end time"
            ]
        );
    }

    #[test]
    fn a_body_that_is_no_list_of_alerts_is_refused_whole() {
        for body in ["", "{}", r#"[{"labels":{"a":1}}]"#, r#"[{"labels":{"a":"1"},"startsAt":"yesterday"}]"#, "[{}]"] {
            assert!(read_batch(body.as_bytes(), now()).is_err(), "{body}");
        }
    }

    #[test]
    fn the_fingerprint_is_the_one_of_prometheus() {
        // The value of an empty label set is FNV's offset basis, as in prometheus/common `signature_test.go`.
        assert_eq!(fingerprint(&Labels::new()), format!("{:016x}", 14_695_981_039_346_656_037u64));
        let labels = Labels::from([
            ("garden".into(), "variables".into()),
            ("name".into(), "garland".into()),
            ("label-2".into(), "test-2".into()),
        ]);
        let with_empty: Labels = labels.clone().into_iter().chain([("z".to_owned(), String::new())]).collect();
        assert_eq!(fingerprint(&labels), fingerprint(&with_empty), "empty labels do not count");
        // prometheus/common, model/signature_test.go: TestLabelsToSignature.
        let known =
            Labels::from([("name".into(), "garland, briggs".into()), ("fear".into(), "love is not enough".into())]);
        assert_eq!(fingerprint(&known), format!("{:016x}", 5_799_056_148_416_392_346u64));
    }
}

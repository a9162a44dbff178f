//! Alerts and the server's state in Alertmanager's own shape, so that `amtool` and dashboards read them.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::intake::{Labels, fingerprint};

/// A firing alert as `GET /api/v2/alerts` lists it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    annotations: Labels,
    ends_at: String,
    fingerprint: String,
    receivers: Vec<Value>,
    starts_at: String,
    status: Value,
    updated_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: String,
    labels: Labels,
}

/// Shows a firing alert.
pub fn shown(
    labels: Labels,
    annotations: Labels,
    [starts_at, ends_at, updated_at]: [Timestamp; 3],
    generator_url: String,
    receiver: &str,
) -> Shown {
    Shown {
        fingerprint: fingerprint(&labels),
        annotations,
        ends_at: milliseconds(ends_at),
        receivers: vec![json!({"name": receiver})],
        starts_at: milliseconds(starts_at),
        status: json!({"inhibitedBy": [], "mutedBy": [], "silencedBy": [], "state": "active"}),
        updated_at: milliseconds(updated_at),
        generator_url,
        labels,
    }
}

/// Shows the server's state, which `amtool` asks for before every command.
pub fn status_document(version: &str, started_at: Timestamp) -> Value {
    json!({
        "cluster": {"name": "", "status": "disabled", "peers": []},
        "config": {"original": "# Andon routes by its own escalation policies.\nroute:\n  receiver: andon\nreceivers:\n- name: andon\n"},
        "uptime": milliseconds(started_at),
        "versionInfo": {
            "branch": "", "buildDate": "", "buildUser": "", "goVersion": "", "revision": "", "version": format!("andon-{version}"),
        },
    })
}

fn milliseconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_shown_with_every_field_that_amtool_reads() {
        let at: Timestamp = "2026-02-01T12:00:00Z".parse().unwrap();
        let labels = Labels::from([("alertname".into(), "Errors".into())]);
        let alert = shown(labels, Labels::new(), [at; 3], String::new(), "team-a");
        let value = serde_json::to_value(alert).unwrap();
        for field in ["annotations", "endsAt", "fingerprint", "receivers", "startsAt", "status", "updatedAt", "labels"]
        {
            assert!(value.get(field).is_some(), "{field}");
        }
        assert_eq!(value["startsAt"], "2026-02-01T12:00:00.000Z");
        assert_eq!(value["status"]["state"], "active");
        let status = status_document("0.1.0", at);
        for field in ["cluster", "config", "uptime", "versionInfo"] {
            assert!(status.get(field).is_some(), "{field}");
        }
    }
}

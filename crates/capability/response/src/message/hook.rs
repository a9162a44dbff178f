//! A page as the JSON of a webhook, signed, and as what Slack's incoming webhooks understand.

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::content::{Content, Facts};

/// The most characters of a text that Slack shows in a block.
const SLACK_TEXT_CHARS: usize = 2_900;

/// Writes the body of a webhook.
pub(crate) fn webhook_body(content: &Content, facts: &Facts<'_>, page: &str, user: &str) -> Value {
    let alert = facts.alert;
    json!({
        "type": "page",
        "id": page,
        "user": user,
        "subject": content.subject,
        "description": content.description,
        "severity": content.severity,
        "link": content.link,
        "alert": {
            "reference": alert.reference(), "title": alert.spec.title, "state": alert.status.state,
            "service": alert.spec.service, "source": alert.spec.source, "startedAt": alert.status.started_at,
            "labels": alert.spec.labels,
        },
        "incident": facts.incident.map(|incident| json!({
            "reference": incident.reference(), "title": incident.spec.title, "state": incident.status.state,
        })),
        "suspect": facts.suspect.map(|(suspect, _)| suspect),
        "andons": facts.andons.iter().map(|andon| andon.reference()).collect::<Vec<_>>(),
        "lines": content.lines.iter().map(|line| json!({"label": line.label, "text": line.text})).collect::<Vec<_>>(),
    })
}

/// Signs a body with the secret of its receiver: `sha256=` and the hex HMAC (RFC 2104).
pub(crate) fn signature(secret: &str, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(body);
    Some(format!("sha256={}", hex::encode(mac.finalize().into_bytes())))
}

/// Writes the body for Slack, with a plain text for notifications.
pub(crate) fn slack_body(content: &Content) -> Value {
    let mut lines = String::new();
    for line in &content.lines {
        lines.push_str(&format!("*{}* {}\n", line.label, slack_escape(&line.text)));
    }
    let lines: String = lines.chars().take(SLACK_TEXT_CHARS).collect();
    let head = format!("*{}*\n{}", slack_escape(&content.subject), slack_escape(&content.description));
    let head: String = head.chars().take(SLACK_TEXT_CHARS).collect();
    json!({
        "text": slack_escape(&content.subject),
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": head}},
            {"type": "section", "text": {"type": "mrkdwn", "text": lines}},
            {"type": "actions", "elements": [{
                "type": "button", "style": "danger", "url": content.link,
                "text": {"type": "plain_text", "text": "Look and acknowledge"},
            }]},
        ],
    })
}

fn slack_escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::{content, html, text};
    use super::*;
    use crate::typed::Typed;

    fn alert() -> crate::typed::AlertObject {
        let object = serde_json::from_value(json!({
            "apiVersion": "andon.dev/v1", "kind": "Alert", "metadata": {"name": "alt-3"},
            "spec": {"title": "Payments fails", "source": "alarm:default/payments-errors", "dedupKey": "x",
                     "service": "component:default/payments", "severity": "sev2",
                     "annotations": {"symptom": "Customers are charged twice", "description": "14 lines of <error>, more than 5",
                                     "runbook": "https://runbooks.example.org/payments"}},
            "status": {"state": "triggered", "eventCount": 1, "startedAt": "2026-03-02T09:00:12Z"}
        }))
        .unwrap();
        Typed::read(object).unwrap()
    }

    fn with_facts<R>(check: impl FnOnce(&Facts<'_>) -> R) -> R {
        let alert = alert();
        let (suspect, change) = (
            andon_api::kinds::response::Suspect {
                change: andon_api::ObjectRef::new("change", "default", "chg-7"),
                score: 0.9,
                reasons: vec!["reached production 42 s before the first failing line".into(), "same service".into()],
            },
            serde_json::from_value(json!({"service": "component:default/payments", "version": "2"})).unwrap(),
        );
        let link = "http://andon.test/p/secret";
        check(&Facts {
            alert: &alert,
            incident: None,
            suspect: Some((&suspect, &change)),
            andons: &[],
            owner: Some("payments-team"),
            link,
            public_url: "http://andon.test",
        })
    }

    #[test]
    fn the_subject_says_service_and_symptom() {
        with_facts(|facts| {
            let content = content(facts);
            assert_eq!(content.subject, "[sev2] payments: Customers are charged twice");
            assert_eq!(
                text(&content),
                "Customers are charged twice\n\n14 lines of <error>, more than 5\n\n\
                 Service   payments (owner payments-team)\n\
                 Since     2026-03-02 09:00:12 UTC\n\
                 Suspect   chg-7 (payments 2): reached production 42 s before the first failing line; same service\n\
                 Alert     alt-3 Payments fails\n\
                 Runbook   https://runbooks.example.org/payments\n\
                 \nLook and acknowledge:\nhttp://andon.test/p/secret\n\
                 (Opening the link acknowledges nothing; the button there does.)\n"
            );
        });
    }

    #[test]
    fn html_escapes_what_people_and_logs_say() {
        with_facts(|facts| {
            let page = html(&content(facts));
            assert!(page.contains("14 lines of &lt;error&gt;"));
            assert!(!page.contains("<error>") && !page.contains("<script"));
            assert!(page.contains("href=\"http://andon.test/p/secret\""));
        });
    }

    #[test]
    fn a_webhook_carries_what_a_program_needs() {
        with_facts(|facts| {
            let body = webhook_body(&content(facts), facts, "p1", "user:default/maya");
            assert_eq!(body["id"], "p1");
            assert_eq!(body["alert"]["reference"], "alert:default/alt-3");
            assert_eq!(body["link"], "http://andon.test/p/secret");
            assert_eq!(body["suspect"]["change"], "change:default/chg-7");
        });
    }

    #[test]
    fn the_signature_is_the_usual_hmac() {
        // RFC 4231, test case 2.
        assert_eq!(
            signature("Jefe", b"what do ya want for nothing?").unwrap(),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn slack_gets_a_text_and_a_button() {
        with_facts(|facts| {
            let body = slack_body(&content(facts));
            assert_eq!(body["text"], "[sev2] payments: Customers are charged twice");
            assert!(body["blocks"][0]["text"]["text"].as_str().unwrap().contains("&lt;error&gt;"));
            assert_eq!(body["blocks"][2]["elements"][0]["url"], "http://andon.test/p/secret");
        });
    }
}

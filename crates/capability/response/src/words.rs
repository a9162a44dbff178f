//! What an event says in a timeline. Pure.

use andon_api::event::Event;
use andon_api::kinds::delivery::{AndonSpec, ChangeSpec, ChangeStatus, ChangeType, Outcome};
use andon_api::kinds::response::Channel;
use andon_api::object::{AnyObject, ObjectRef};
use serde_json::Value;

/// The longest text of an entry, characters.
const TEXT_CHARS: usize = 600;

/// The sort and the text of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    pub(crate) entry_type: &'static str,
    pub(crate) text: String,
}

/// Says what an event means to responders; `None` where it means nothing to them.
pub(crate) fn words_of(event: &Event, object: Option<&AnyObject>) -> Option<Words> {
    let payload = event.payload.as_ref().unwrap_or(&Value::Null);
    let name = event.object.as_ref().map_or("", ObjectRef::name);
    let actor = person(&event.actor.principal);
    let (entry_type, text) = match event.action.split('.').next()? {
        "alarm" => ("alarm", alarm(&event.action, name, payload)?),
        "alert" => alert(&event.action, name, &actor, payload)?,
        "page" => ("page", page(&event.action, payload)?),
        "andon" => ("andon", andon(&event.action, name, payload, object)?),
        "change" => ("change", change(&event.action, name, object)?),
        "check" => ("change", refused(&event.action, &actor, payload)?),
        _ => return None,
    };
    Some(Words { entry_type, text: sentence(&text) })
}

/// Begins with a capital letter where it begins with one of our own words, and is not too long.
fn sentence(text: &str) -> String {
    let text = text.strip_prefix("the alarm").map_or_else(|| text.to_owned(), |rest| format!("The alarm{rest}"));
    text.chars().take(TEXT_CHARS).collect()
}

/// Says who somebody is: `user:default/maya` is maya, `system:alarms` the alarms.
pub(crate) fn person(principal: &str) -> String {
    if let Some(room) = principal.strip_prefix("system:") {
        return if room == "alarms" { "the alarm".to_owned() } else { format!("Andon ({room})") };
    }
    if let Some(token) = principal.strip_prefix("token:") {
        return format!("token {token}");
    }
    match principal.strip_prefix("user:") {
        Some(user) => user.strip_prefix("default/").unwrap_or(user).to_owned(),
        None => principal.to_owned(),
    }
}

/// Says how a page travels.
pub(crate) const fn channel_word(channel: Channel) -> &'static str {
    match channel {
        Channel::Email => "mail",
        Channel::Webhook => "webhook",
        Channel::Slack => "Slack",
    }
}

fn text<'a>(payload: &'a Value, field: &str) -> Option<&'a str> {
    payload.get(field)?.as_str().filter(|text| !text.is_empty())
}

fn with_reason(sentence: String, reason: Option<&str>) -> String {
    match reason {
        Some(reason) => format!("{sentence}: {reason}"),
        None => sentence,
    }
}

fn alarm(action: &str, name: &str, payload: &Value) -> Option<String> {
    let what = match action {
        "alarm.fired" => "fired",
        "alarm.confirmed" => "fires still",
        "alarm.resolved" => "is fine again",
        "alarm.unknown" => "is unknown",
        _ => return None,
    };
    Some(with_reason(format!("The alarm {name} {what}"), text(payload, "reason")))
}

fn paged(payload: &Value) -> Option<String> {
    let mut people: Vec<(String, Vec<&str>)> = Vec::new();
    for page in payload.get("pages")?.as_array()? {
        let user = person(text(page, "user")?);
        let channel = match text(page, "channel")? {
            "email" => "mail",
            "slack" => "Slack",
            other => other,
        };
        match people.iter_mut().find(|(known, _)| *known == user) {
            Some((_, channels)) => channels.push(channel),
            None => people.push((user, vec![channel])),
        }
    }
    let people: Vec<String> =
        people.into_iter().map(|(user, channels)| format!("{user} ({})", channels.join(", "))).collect();
    (!people.is_empty()).then(|| people.join(", "))
}

fn alert(action: &str, name: &str, actor: &str, payload: &Value) -> Option<(&'static str, String)> {
    let pages = paged(payload).map(|people| format!(" and pages {people}")).unwrap_or_default();
    let said = text(payload, "text");
    Some(match action {
        "alert.triggered" => {
            ("alert", format!("{name} “{}” wants an answer{pages}", text(payload, "title").unwrap_or_default()))
        }
        "alert.escalated" => ("alert", format!("Nobody has answered {name} in time; it goes on{pages}")),
        "alert.unanswered" => ("alert", with_reason(format!("{name} is not answered"), said) + &pages),
        "alert.retriggered" => ("alert", with_reason(format!("{name} wants an answer again"), said) + &pages),
        "alert.worsened" => ("alert", format!("{name} has become worse{pages}")),
        "alert.acknowledged" => ("acknowledge", format!("{actor} is on it ({name})")),
        "alert.resolved" => ("alert", format!("{name} is over")),
        _ => return None,
    })
}

fn page(action: &str, payload: &Value) -> Option<String> {
    let whom = || Some(format!("The page to {} by {}", person(text(payload, "user")?), text(payload, "channel")?));
    match action {
        "page.accepted" => Some(format!("{} was accepted", whom()?)),
        "page.failed" => Some(with_reason(format!("{} failed", whom()?), text(payload, "failure"))),
        "page.delayed" => Some(with_reason(format!("{} has not been accepted yet", whom()?), text(payload, "failure"))),
        "page.unroutable" => text(payload, "text").map(str::to_owned),
        _ => None,
    }
}

fn andon(action: &str, name: &str, payload: &Value, object: Option<&AnyObject>) -> Option<String> {
    let by = text(payload, "by").map(person).unwrap_or_default();
    let spec: Option<AndonSpec> = object.and_then(|object| object.spec_as().ok());
    let scope = text(payload, "scope").map(str::to_owned).or_else(|| spec.map(|spec| spec.scope)).unwrap_or_default();
    let scope = ObjectRef::parse(&scope, Some("Component"), "default").map_or(scope, |scope| scope.name().to_owned());
    let case = text(payload, "case").map(|case| format!(" (case {case})")).unwrap_or_default();
    let reason = text(payload, "reason").map(|reason| format!(": “{reason}”")).unwrap_or_default();
    Some(match action {
        "andon.pulled" => format!("{by} pulled the andon on {scope}{reason}{case}"),
        "andon.joined" => format!("{by} pulled the andon on {scope} as well{reason}{case}"),
        "andon.acknowledged" => format!("{by} is on the andon {name}"),
        "andon.released" => {
            let countermeasure = text(payload, "countermeasure").unwrap_or("no countermeasure named");
            format!("{by} released the andon on {scope}; countermeasure: “{countermeasure}”")
        }
        "andon.unanswered" => format!("Nobody has acknowledged the andon {name} yet"),
        _ => return None,
    })
}

fn change(action: &str, name: &str, object: Option<&AnyObject>) -> Option<String> {
    if !matches!(action, "change.recorded" | "change.staged") {
        return None;
    }
    let object = object?;
    let (spec, status): (ChangeSpec, ChangeStatus) = (object.spec_as().ok()?, object.status_as().ok()?);
    Some(change_words(name, &spec, &status))
}

/// Says what a change is and how it stands.
pub(crate) fn change_words(name: &str, spec: &ChangeSpec, status: &ChangeStatus) -> String {
    let service = spec.service.name();
    let what = match spec.change_type {
        ChangeType::Deploy => format!("{service} {} to {}", spec.version, spec.environment),
        ChangeType::Rollback => format!("{service} back to {} in {}", spec.version, spec.environment),
        ChangeType::Configuration => format!("settings of {service} in {} ({})", spec.environment, spec.version),
        ChangeType::Flag => format!("a flag of {service} in {} ({})", spec.environment, spec.version),
    };
    let outcome = match status.outcome {
        Outcome::InProgress => "on its way",
        Outcome::Succeeded => "with the customer",
        Outcome::Failed => "did not arrive",
        Outcome::RolledBack => "taken back",
    };
    format!("{name}: {what}, {outcome}")
}

fn refused(action: &str, actor: &str, payload: &Value) -> Option<String> {
    if action != "check.refused" {
        return None;
    }
    let reasons: Vec<&str> =
        payload.get("reasons")?.as_array()?.iter().filter_map(|reason| text(reason, "text")).take(3).collect();
    let scope = text(payload, "scope").unwrap_or_default();
    let scope =
        ObjectRef::parse(scope, Some("Component"), "default").map_or(scope.to_owned(), |scope| scope.name().to_owned());
    let version = text(payload, "version").map(|version| format!(" {version}")).unwrap_or_default();
    Some(format!("A change of {scope}{version} by {actor} was refused: {}", reasons.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use andon_api::event::Actor;
    use jiff::Timestamp;
    use serde_json::json;

    fn say(action: &str, object: &str, actor: &str, payload: Value) -> Option<(String, String)> {
        let event = Event {
            sequence: 1,
            id: "e1".into(),
            at: Timestamp::UNIX_EPOCH,
            actor: Actor { principal: actor.into(), ..Actor::default() },
            action: action.into(),
            object: ObjectRef::parse(object, None, "default").ok(),
            version: None,
            rules: vec![],
            payload: Some(payload),
            hash: String::new(),
        };
        words_of(&event, None).map(|words| (words.entry_type.to_owned(), words.text))
    }

    #[test]
    fn the_timeline_reads_as_a_story() {
        let pages = json!([
            {"user": "user:default/maya", "channel": "email"}, {"user": "user:default/maya", "channel": "webhook"},
            {"user": "user:default/sam", "channel": "slack"}
        ]);
        for (action, object, actor, payload, wanted) in [
            (
                "alarm.fired",
                "alarm:a",
                "system:alarms",
                json!({"reason": "14 lines"}),
                "alarm: The alarm a fired: 14 lines",
            ),
            (
                "alert.triggered",
                "alert:alt-1",
                "system:response",
                json!({"title": "Payments fails", "pages": pages}),
                "alert: alt-1 “Payments fails” wants an answer and pages maya (mail, webhook), sam (Slack)",
            ),
            ("alert.acknowledged", "alert:alt-1", "user:default/maya", json!({}), "acknowledge: maya is on it (alt-1)"),
            (
                "page.accepted",
                "alert:alt-1",
                "system:response",
                json!({"user": "user:default/maya", "channel": "mail"}),
                "page: The page to maya by mail was accepted",
            ),
            (
                "andon.pulled",
                "andon:and-1",
                "user:default/ruth",
                json!({"scope": "component:default/payments", "by": "user:default/ruth", "reason": "they were charged twice", "case": "4711"}),
                "andon: ruth pulled the andon on payments: “they were charged twice” (case 4711)",
            ),
            (
                "andon.pulled",
                "andon:and-1",
                "system:alarms",
                json!({"scope": "component:default/payments", "by": "system:alarms"}),
                "andon: The alarm pulled the andon on payments",
            ),
            (
                "check.refused",
                "component:payments",
                "token:ci",
                json!({"scope": "component:default/payments", "version": "3", "reasons": [{"text": "the andon is pulled"}]}),
                "change: A change of payments 3 by token ci was refused: the andon is pulled",
            ),
        ] {
            let (entry_type, text) = say(action, object, actor, payload).unwrap();
            assert_eq!(format!("{entry_type}: {text}"), wanted);
        }
        assert_eq!(say("alarm.cleared", "alarm:a", "system:alarms", json!({})), None);
        assert_eq!(say("token.created", "alarm:a", "x", json!({})), None);
    }
}

//! The content of a page: what is known of the alert, its incident, its suspect and its andons.

use andon_api::kinds::delivery::{AndonSpec, AndonState, AndonStatus, ChangeSpec};
use andon_api::kinds::response::{AlertState, Suspect};
use andon_api::kinds::signals::Severity;
use andon_api::object::ObjectRef;
use jiff::Timestamp;

use crate::typed::{AlertObject, IncidentObject, Typed};
use crate::words::person;

pub(crate) type AndonObject = Typed<AndonSpec, AndonStatus>;

/// What was read for a page.
pub(crate) struct Facts<'a> {
    pub(crate) alert: &'a AlertObject,
    pub(crate) incident: Option<&'a IncidentObject>,
    /// The likeliest suspect with its change.
    pub(crate) suspect: Option<(&'a Suspect, &'a ChangeSpec)>,
    pub(crate) andons: &'a [AndonObject],
    /// The group that owns the service.
    pub(crate) owner: Option<&'a str>,
    pub(crate) link: &'a str,
    /// The address under which people reach this server.
    pub(crate) public_url: &'a str,
}

impl Facts<'_> {
    /// Makes the address of an object's page, for people who have signed in.
    fn page(&self, path: &str, name: &str) -> String {
        format!("{}/{path}/{name}", self.public_url)
    }
}

/// A labelled line of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) label: &'static str,
    pub(crate) text: String,
    /// Where the text leads, where it is an address.
    pub(crate) url: Option<String>,
}

/// What a page says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    /// The one line for a lock screen: severity, service, symptom.
    pub(crate) subject: String,
    /// The symptom.
    pub(crate) headline: String,
    /// What was seen.
    pub(crate) description: String,
    pub(crate) severity: &'static str,
    pub(crate) state: AlertState,
    pub(crate) lines: Vec<Line>,
    pub(crate) link: String,
}

/// Names a severity as people do.
pub(crate) const fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Sev1 => "sev1",
        Severity::Sev2 => "sev2",
        Severity::Sev3 => "sev3",
        Severity::Sev4 => "sev4",
        Severity::Sev5 => "sev5",
    }
}

/// Writes a time for people in any zone.
pub(crate) fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Draws up what a page says.
pub(crate) fn content(facts: &Facts<'_>) -> Content {
    let alert = facts.alert;
    let annotation = |name: &str| alert.spec.annotations.get(name).filter(|text| !text.trim().is_empty()).cloned();
    let headline = annotation("symptom").unwrap_or_else(|| alert.spec.title.clone());
    let headline = headline.lines().next().unwrap_or_default().to_owned();
    let severity = severity_word(alert.spec.severity);
    let service = alert.spec.service.as_ref().map(ObjectRef::name);
    let subject = match service {
        Some(service) => format!("[{severity}] {service}: {headline}"),
        None => format!("[{severity}] {headline}"),
    };
    let description = annotation("description").or_else(|| annotation("summary")).filter(|text| *text != headline);
    Content {
        subject,
        lines: lines(facts, &headline, service, annotation("runbook").or_else(|| annotation("runbook_url"))),
        headline,
        description: description.unwrap_or_default(),
        severity,
        state: alert.status.state,
        link: facts.link.to_owned(),
    }
}

fn lines(facts: &Facts<'_>, headline: &str, service: Option<&str>, runbook: Option<String>) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut add = |label, text: Option<String>, url: Option<String>| {
        lines.extend(text.map(|text| Line { label, text, url }));
    };
    let alert = facts.alert;
    let owner = facts.owner.map(|owner| format!(" (owner {owner})")).unwrap_or_default();
    add("Service", service.map(|service| format!("{service}{owner}")), None);
    add("Since", alert.status.started_at.map(instant), None);
    let change = facts.suspect.map(|(suspect, _)| facts.page("changes", suspect.change.name()));
    add("Suspect", facts.suspect.map(|(suspect, change)| suspect_words(suspect, change)), change);
    for andon in facts.andons {
        add("Andon", Some(andon_words(andon)), Some(facts.page("andon", andon.name())));
    }
    // A title that only repeats the headline says nothing.
    let named = |name: &str, title: &str| if title == headline { name.to_owned() } else { format!("{name} {title}") };
    if let Some(incident) = facts.incident {
        add(
            "Incident",
            Some(named(incident.name(), &incident.spec.title)),
            Some(facts.page("incidents", incident.name())),
        );
    }
    add("Alert", Some(named(alert.name(), &alert.spec.title)), Some(facts.page("alerts", alert.name())));
    add("Stalled", alert.status.stalled.clone(), None);
    let is_address = |text: &String| text.starts_with("https://") || text.starts_with("http://");
    add("Runbook", runbook.clone(), runbook.filter(is_address));
    lines
}

fn suspect_words(suspect: &Suspect, change: &ChangeSpec) -> String {
    let reasons = suspect.reasons.join("; ");
    format!("{} ({} {}): {reasons}", suspect.change.name(), change.service.name(), change.version)
}

fn andon_words(andon: &AndonObject) -> String {
    let by = person(&andon.spec.pulled_by);
    let state = match andon.status.state {
        AndonState::Pulled => "pulled",
        AndonState::Acknowledged => "pulled, somebody is on it",
        AndonState::Released => "released",
    };
    let reason = if andon.spec.reason.is_empty() { String::new() } else { format!(": “{}”", andon.spec.reason) };
    let cases =
        if andon.spec.cases.is_empty() { String::new() } else { format!(" (case {})", andon.spec.cases.join(", ")) };
    format!("{} {state} by {by}{reason}{cases}", andon.name())
}

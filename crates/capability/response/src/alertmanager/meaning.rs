//! What the labels of a source mean to Andon: title, severity, service, team.

use andon_api::kinds::signals::Severity;

use super::intake::Labels;

/// Labels that name a component, the most telling first.
const SERVICE_LABELS: [&str; 5] = ["component", "service", "service_name", "app", "job"];

/// Labels that name a group.
const TEAM_LABELS: [&str; 3] = ["team", "owner", "group"];

/// Longest title, characters.
const TITLE_CHARS: usize = 200;

/// Tells the one line for people: the summary, else the name of the rule.
pub fn title_of(labels: &Labels, annotations: &Labels) -> String {
    let first = |from: &Labels, names: &[&str]| {
        names.iter().find_map(|name| from.get(*name).filter(|value| !value.trim().is_empty()).cloned())
    };
    let text = first(annotations, &["summary", "title"])
        .or_else(|| first(labels, &["alertname"]))
        .or_else(|| first(annotations, &["message", "description"]))
        .unwrap_or_else(|| labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "));
    text.lines().next().unwrap_or_default().chars().take(TITLE_CHARS).collect()
}

/// Tells how bad it is. A source that does not say it gets the middle: it pages, and opens no incident.
pub fn severity_of(labels: &Labels) -> Severity {
    let said = ["severity", "priority", "level"].iter().find_map(|name| labels.get(*name));
    match said.map(|text| text.to_ascii_lowercase()).as_deref() {
        Some("critical" | "page" | "emergency" | "disaster" | "fatal" | "p1" | "sev1" | "s1") => Severity::Sev1,
        Some("error" | "high" | "major" | "p2" | "sev2" | "s2") => Severity::Sev2,
        Some("low" | "minor" | "p4" | "sev4" | "s4") => Severity::Sev4,
        Some("info" | "information" | "informational" | "none" | "debug" | "p5" | "sev5" | "s5") => Severity::Sev5,
        _ => Severity::Sev3,
    }
}

/// Lists the names under which the component may be in the catalog, the likeliest first.
pub fn service_candidates(labels: &Labels) -> Vec<String> {
    SERVICE_LABELS.iter().filter_map(|name| labels.get(*name)).cloned().collect()
}

/// Tells the group that the source names.
pub fn team_of(labels: &Labels) -> Option<String> {
    TEAM_LABELS.iter().find_map(|name| labels.get(*name)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_title_is_what_people_wrote() {
        let named = labels(&[("alertname", "HighErrorRate"), ("job", "payments")]);
        assert_eq!(title_of(&named, &labels(&[("summary", "Payments fail\nmore")])), "Payments fail");
        assert_eq!(title_of(&named, &labels(&[("summary", "  ")])), "HighErrorRate");
        assert_eq!(title_of(&labels(&[("a", "1"), ("b", "2")]), &Labels::new()), "a=1 b=2");
    }

    #[test]
    fn the_severity_follows_the_usual_words() {
        for (word, severity) in [
            ("critical", Severity::Sev1),
            ("Error", Severity::Sev2),
            ("warning", Severity::Sev3),
            ("P4", Severity::Sev4),
            ("info", Severity::Sev5),
        ] {
            assert_eq!(severity_of(&labels(&[("severity", word)])), severity);
        }
        assert_eq!(severity_of(&Labels::new()), Severity::Sev3);
    }

    #[test]
    fn the_service_is_looked_for_by_the_most_telling_label() {
        assert_eq!(service_candidates(&labels(&[("job", "node"), ("service", "payments")])), ["payments", "node"]);
        assert_eq!(team_of(&labels(&[("team", "team-a")])).as_deref(), Some("team-a"));
    }
}

//! What a reader of the review relies on.

use super::*;
use andon_api::kinds::learning::AdoptionMeasure;
use proptest::prelude::*;
use serde_json::json;

fn object(kind: &str, name: &str, spec: serde_json::Value, status: serde_json::Value) -> AnyObject {
    serde_json::from_value(json!({
        "apiVersion": "andon.dev/v1", "kind": kind, "metadata": {"name": name, "version": 1}, "spec": spec, "status": status
    }))
    .unwrap()
}

fn group(name: &str) -> ObjectRef {
    ObjectRef::new("group", "default", name)
}

/// acme > {commerce > {pay, web}}, {platform}; strangers stands beside.
fn tree() -> OwnerTree {
    let groups = [("acme", None), ("commerce", Some("acme")), ("pay", Some("commerce")), ("web", Some("commerce")), ("platform", Some("acme")), ("strangers", None)]
        .map(|(name, parent)| object("Group", name, json!({"type": "team", "parent": parent, "children": []}), json!(null)));
    let users = [object("User", "maya", json!({"memberOf": ["pay"]}), json!(null))];
    OwnerTree::new(&groups, &users)
}

fn service(name: &str, owner: &str) -> AnyObject {
    object("Component", name, json!({"type": "service", "lifecycle": "production", "owner": owner}), json!(null))
}

fn week() -> Week {
    Week::of("2026-03-04".parse().unwrap()).unwrap()
}

fn after() -> Timestamp {
    "2026-03-12T09:00:00Z".parse().unwrap()
}

fn change(name: &str, service: &str, at: &str, outcome: &str, time_to_value_ms: Option<i64>) -> ChangeObject {
    let spec = json!({"service": format!("component:default/{service}"), "version": "1"});
    let status = json!({"outcome": outcome, "stages": [], "commitCount": 1, "deployedAt": at, "timeToValueMs": time_to_value_ms});
    ChangeObject::read(&object("Change", name, spec, status)).unwrap()
}

fn records() -> Records {
    let mut records = Records { tree: tree(), ..Records::default() };
    records.components = vec![service("payments", "pay"), service("checkout", "web"), service("dns", "platform"), service("ghost", "nobody")];
    records.changes = vec![
        change("chg-1", "payments", "2026-03-02T00:00:00Z", "rolledBack", Some(1_000)),
        change("chg-2", "payments", "2026-03-03T10:00:00Z", "succeeded", Some(3_000)),
        change("chg-3", "checkout", "2026-03-08T23:59:59Z", "succeeded", Some(2_000)),
        change("chg-4", "checkout", "2026-03-09T00:00:00Z", "succeeded", Some(9_000)),
        change("chg-5", "checkout", "2026-03-04T00:00:00Z", "failed", Some(9_000)),
        change("chg-6", "ghost", "2026-03-04T00:00:00Z", "succeeded", None),
    ];
    let coe = json!({"title": "x", "owner": "pay", "incident": "incident:default/inc-1"});
    records.coes = vec![CoeObject::read(&object("COE", "coe-1", coe, json!({"state": "published"}))).unwrap()];
    let action = |name: &str, due: &str, state: &str| {
        let spec = json!({"title": "t", "coe": "coe:default/coe-1", "owner": "maya", "due": due, "verifier": {"type": "alarmFired", "alarm": "a"}});
        ActionObject::read(&object("Action", name, spec, json!({"state": state}))).unwrap()
    };
    records.actions = vec![action("act-1", "2026-03-05", "open"), action("act-2", "2026-03-05", "verified"), action("act-3", "2026-03-09", "open")];
    let incident = json!({"title": "x", "severity": "sev2", "services": ["component:default/payments", "component:default/checkout"]});
    records.incidents = vec![IncidentObject::read(&object("Incident", "inc-1", incident, json!({"state": "resolved", "startedAt": "2026-03-03T11:00:00Z"}))).unwrap()];
    let andon = json!({"scope": "component:default/payments", "pulledBy": "system:alarms"});
    let pulled = json!({"state": "released", "pulledAt": "2026-03-03T11:01:00Z", "acknowledgedAt": "2026-03-03T11:04:00Z",
        "pulls": [{"by": "user:default/kim", "at": "2026-03-03T11:02:00Z"}]});
    records.andons = vec![AndonObject::read(&object("Andon", "and-1", andon, pulled)).unwrap()];
    let page = |state: &str| json!({"id": "p", "user": "user:default/maya", "channel": "email", "dueAt": "2026-03-03T11:01:00Z", "state": state, "acceptedAt": "2026-03-03T11:01:02Z"});
    let alert = json!({"title": "x", "source": "alarm:default/a", "dedupKey": "k", "service": "component:default/payments"});
    records.alerts = vec![AlertObject::read(&object("Alert", "alt-1", alert, json!({"state": "resolved", "eventCount": 1, "pages": [page("accepted"), page("cancelled")]}))).unwrap()];
    records.refusals = vec![
        Refusal { event: "e1".to_owned(), at: "2026-03-03T11:05:00Z".parse().unwrap(), scope: "component:default/checkout".to_owned(), by: vec![] },
        Refusal { event: "e2".to_owned(), at: "2026-03-03T11:05:00Z".parse().unwrap(), scope: "*".to_owned(), by: vec![] },
    ];
    records
}

fn row<'a>(pack: &'a ReviewPack, name: &str) -> &'a ReviewRow {
    let reference = group(name).to_string();
    pack.rows.iter().find(|row| row.group == reference || row.group == name).unwrap_or_else(|| panic!("{name} in {:?}", pack.rows))
}

#[test]
fn a_week_runs_from_monday_to_monday() {
    let week = week();
    assert_eq!(week.monday.to_string(), "2026-03-02");
    assert_eq!(week.from.to_string(), "2026-03-02T00:00:00Z");
    assert_eq!(week.until.to_string(), "2026-03-09T00:00:00Z");
    assert_eq!(Week::containing("2026-03-08T23:59:59Z".parse().unwrap()).unwrap(), week);
    assert_ne!(Week::containing("2026-03-09T00:00:00Z".parse().unwrap()).unwrap(), week);
}

#[test]
fn every_number_stands_with_the_team_that_owns_it() {
    let pack = build(&records(), week(), None, after()).unwrap();
    let pay = row(&pack, "pay");
    assert_eq!((pay.changes, pay.rollbacks, pay.pages, pay.incidents, pay.andon_pulls), (2, 1, 1, 1, 2));
    assert_eq!((pay.open_coes, pay.overdue_actions, pay.refusals), (1, 1, 0));
    assert_eq!((pay.time_to_value_p50_ms, pay.time_to_value_p90_ms), (Some(1_000), Some(3_000)));
    let web = row(&pack, "web");
    assert_eq!((web.changes, web.incidents, web.refusals), (1, 0, 1));
}

#[test]
fn the_company_is_the_sum_with_percentiles_over_all_changes_and_nobody_is_left_out() {
    let pack = build(&records(), week(), None, after()).unwrap();
    let acme = row(&pack, "acme");
    assert_eq!((acme.changes, acme.incidents, acme.andon_pulls, acme.refusals), (4, 1, 2, 2));
    assert_eq!(acme.time_to_value_p50_ms, Some(2_000));
    assert_eq!(row(&pack, UNOWNED).changes, 1);
    assert_eq!(row(&pack, "strangers").parent.as_deref(), Some("group:default/acme"));
    let order: Vec<(&str, u32)> = pack.rows.iter().map(|row| (row.group.trim_start_matches("group:default/"), row.depth)).collect();
    assert_eq!(order, [("acme", 0), ("commerce", 1), ("pay", 2), ("web", 2), ("platform", 1), ("strangers", 1), (UNOWNED, 1)]);
}

#[test]
fn a_review_of_one_group_holds_what_is_below_it() {
    let pack = build(&records(), week(), Some(&group("web")), after()).unwrap();
    assert_eq!(pack.rows.len(), 1);
    assert!(pack.incidents.is_empty() && pack.coes.is_empty() && pack.overdue_actions.is_empty());
    let pack = build(&records(), week(), Some(&group("commerce")), after()).unwrap();
    assert_eq!(pack.rows.len(), 3);
    assert_eq!(pack.overdue_actions, [ObjectRef::new("action", "default", "act-1")]);
    assert_eq!(row(&pack, "commerce").changes, 3);
    assert!(build(&records(), week(), Some(&group("gone")), after()).unwrap_err().is(ErrorCode::ObjectNotFound));
}

#[test]
fn adoption_is_counted_per_mechanism_and_team() {
    let mut records = records();
    records.mechanisms = vec![object(
        "Mechanism",
        "andon-in-five-minutes",
        json!({"purpose": "p", "owner": "acme", "adoption": AdoptionMeasure::AndonAnswered}),
        json!(null),
    )];
    let schedule = json!({"owner": "commerce", "timeZone": "UTC", "layers": [{"anchor": "2026-01-05T09:00:00", "members": ["maya"]}]});
    records.schedules = vec![object("Schedule", "s", schedule, json!(null))];
    let pack = build(&records, week(), None, after()).unwrap();
    let share = |mechanism: &str, team: &str| {
        let team = group(team).to_string();
        pack.adoption.iter().find(|row| row.mechanism == mechanism && row.group == team).map(|row| (row.adopters, row.population))
    };
    assert_eq!(share("andon-in-five-minutes", "pay"), Some((1, 1)));
    assert_eq!(share("andon-answered", "pay"), None);
    assert_eq!(share("changes-recorded", "pay"), Some((1, 1)));
    assert_eq!(share("changes-recorded", "platform"), Some((0, 1)));
    assert_eq!(share("on-call-covered", "web"), Some((1, 1)));
    assert_eq!(share("on-call-covered", "platform"), Some((0, 1)));
    assert_eq!(share("coe-per-incident", "pay"), Some((1, 1)));
    assert_eq!(share("alarm-per-service", "web"), Some((0, 1)));
    assert_eq!(share("actions-verified", "pay"), Some((0, 3)));
}

#[test]
fn the_digest_changes_with_the_pack_and_not_with_the_order_of_keys() {
    let pack = build(&records(), week(), None, after()).unwrap();
    let first = digest(&pack).unwrap();
    let text = serde_json::to_string(&pack).unwrap();
    let read: ReviewPack = serde_json::from_str(&text).unwrap();
    assert_eq!(digest(&read).unwrap(), first);
    let mut other = pack;
    other.rows[0].changes += 1;
    assert_ne!(digest(&other).unwrap(), first);
    assert_eq!(canonical(&json!({"b": [1, {"d": 2, "c": "x\"y"}], "a": null})), r#"{"a":null,"b":[1,{"c":"x\"y","d":2}]}"#);
}

#[test]
fn a_company_without_groups_still_sees_what_happened() {
    let mut records = records();
    records.tree = OwnerTree::default();
    let pack = build(&records, week(), None, after()).unwrap();
    assert_eq!(pack.rows.len(), 1);
    assert_eq!((pack.rows[0].group.as_str(), pack.rows[0].changes), (UNOWNED, 4));
}

proptest! {
    #[test]
    fn a_parent_is_the_sum_of_its_children_and_its_own(
        parents in prop::collection::vec(prop::option::of(0usize..8), 8),
        owners in prop::collection::vec(0usize..9, 1..40),
        times in prop::collection::vec(0i64..1_000_000, 40),
    ) {
        let groups: Vec<AnyObject> = parents.iter().enumerate().map(|(index, parent)| {
            let parent = parent.map(|parent| format!("g{parent}"));
            object("Group", &format!("g{index}"), json!({"type": "t", "parent": parent, "children": []}), json!(null))
        }).collect();
        let mut records = Records { tree: OwnerTree::new(&groups, &[]), ..Records::default() };
        for (index, owner) in owners.iter().enumerate() {
            let name = format!("s{index}");
            records.components.push(service(&name, &format!("g{owner}")));
            records.changes.push(change(&format!("chg-{index}"), &name, "2026-03-03T10:00:00Z", "succeeded", Some(times[index])));
        }
        let pack = build(&records, week(), None, after()).unwrap();
        let lookup = records.owners();
        for row in &pack.rows {
            let own = records.changes.iter().filter(|change| {
                let owner = lookup.of(&change.spec.service).map_or(UNOWNED.to_owned(), |owner| owner.to_string());
                owner == row.group
            });
            let below: i64 = pack.rows.iter().filter(|child| child.parent.as_ref() == Some(&row.group)).map(|child| child.changes).sum();
            prop_assert_eq!(row.changes, count(own.count()) + below, "{:?}", row);
        }
        let mut all: Vec<i64> = times[..owners.len()].to_vec();
        all.sort_unstable();
        prop_assert_eq!(pack.rows[0].changes, count(owners.len()));
        prop_assert_eq!(pack.rows[0].time_to_value_p50_ms, percentile(&all, 50));
        prop_assert_eq!(pack.rows[0].time_to_value_p90_ms, percentile(&all, 90));
    }
}

//! A small organisation with two teams, and the kinds of neighbours that learning reads.

use andon_api::event::Actor;
use andon_api::kind::{ColumnType, IndexedField, Kind, KindInfo, Nature};
use andon_api::kinds::response::{Alert, Incident, Schedule};
use andon_api::kinds::signals::Alarm;
use andon_api::{AnyObject, ObjectRef};
use andon_module::Module;
use andon_objects::{EventDraft, Priority};
use andon_testkit::Testkit;
use http::StatusCode;
use serde_json::{Value, json};

const CATALOG: &str = "
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: acme}
spec: {type: company, children: []}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: payments-team}
spec: {type: team, parent: acme, children: []}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: web-team}
spec: {type: team, parent: acme, children: []}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: maya}
spec: {profile: {displayName: Maya Lindqvist}, memberOf: [payments-team]}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: payments}
spec: {type: service, lifecycle: production, owner: payments-team}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: checkout}
spec: {type: service, lifecycle: production, owner: web-team, dependsOn: ['component:payments']}
---
apiVersion: andon.dev/v1
kind: Alarm
metadata: {name: payments-errors}
spec: {service: 'component:default/payments', query: 'service:payments AND level:error', window: 30s, threshold: 2}
";

pub(crate) const POLICY: &str = "
apiVersion: andon.dev/v1
kind: Policy
metadata: {name: idempotency}
spec:
  owner: payments-team
  enforcement: enforced
  lesson: coe:default/coe-1
  rego: |
    package shop
    deny contains \"no passed idempotency test\" if not input.change.tests.idempotency == \"passed\"
";

const fn text(name: &'static str, pointer: &'static str) -> IndexedField {
    IndexedField { name, pointer, column_type: ColumnType::Text }
}

const fn time(name: &'static str, pointer: &'static str) -> IndexedField {
    IndexedField { name, pointer, column_type: ColumnType::Time }
}

/// The kinds of other capabilities, with the fields by which learning finds them.
fn neighbours() -> Module {
    const ALARM: KindInfo = KindInfo {
        kind: Alarm::KIND,
        plural: "alarms",
        api_version: Alarm::API_VERSION,
        capability: "signals",
        nature: Nature::Resource,
        prefix: "",
        summary: "",
        indexed: &[text("state", "/status/state")],
        columns: &[],
        references: &[],
        secrets: &[],
        example: "",
        open: false,
        schema: Alarm::schema,
        check: Alarm::fits,
    };
    const ALERT: KindInfo = KindInfo {
        kind: Alert::KIND,
        plural: "alerts",
        nature: Nature::Record,
        indexed: &[text("state", "/status/state"), text("source", "/spec/source"), time("started_at", "/status/startedAt")],
        schema: Alert::schema,
        check: Alert::fits,
        ..ALARM
    };
    const INCIDENT: KindInfo = KindInfo {
        kind: Incident::KIND,
        plural: "incidents",
        indexed: &[text("state", "/status/state"), text("severity", "/spec/severity")],
        schema: Incident::schema,
        check: Incident::fits,
        ..ALERT
    };
    const SCHEDULE: KindInfo = KindInfo {
        kind: Schedule::KIND,
        plural: "schedules",
        indexed: &[],
        schema: Schedule::schema,
        check: Schedule::fits,
        ..ALARM
    };
    Module { name: "neighbours", kinds: vec![ALARM, ALERT, INCIDENT, SCHEDULE], ..Module::default() }
}

/// Opens a world with the shop in it, at rest.
pub(crate) async fn open() -> Testkit {
    open_with(andon_learning::module()).await
}

/// Opens a world with the shop and a learning of its own making in it, at rest.
pub(crate) async fn open_with(learning: Module) -> Testkit {
    let modules = vec![andon_catalog::module(), andon_delivery::module(), andon_governance::module(), learning, neighbours()];
    let kit = Testkit::new(modules).await;
    kit.apply(CATALOG).await;
    kit.settle().await;
    kit
}

/// Stores a record of a neighbour, new or over the one that there is, and lets everything come to rest.
pub(crate) async fn record(kit: &Testkit, kind: &str, name: &str, spec: Value, status: Value) {
    let mut object: AnyObject = serde_json::from_value(json!({
        "apiVersion": "andon.dev/v1", "kind": kind, "metadata": {"name": name}, "spec": spec, "status": status
    }))
    .unwrap();
    let reference = object.reference();
    let event = format!("{}.changed", kind.to_lowercase());
    kit.world
        .store
        .write(Priority::Object, move |tx| {
            Box::pin(async move {
                object.metadata.version = tx.get(&reference).await?.map_or(0, |known| known.metadata.version);
                tx.put(object, EventDraft::new(Actor::system("test"), event)).await
            })
        })
        .await
        .unwrap();
    kit.settle().await;
}

/// Writes the status of a resource as its capability would.
pub(crate) async fn observe(kit: &Testkit, reference: &str, status: Value) {
    let reference = ObjectRef::parse(reference, None, "default").unwrap();
    let object = kit.world.store.require(&reference).await.unwrap();
    record(kit, &object.kind, &object.metadata.name, object.spec, status).await;
}

/// Records a change that reached customers now.
pub(crate) async fn change(kit: &Testkit, service: &str, version: &str, more: Value) -> String {
    let now = kit.world.now();
    let mut spec = json!({"service": format!("component:default/{service}"), "version": version});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let stages = json!([{"name": "deploy", "startedAt": now, "finishedAt": now}]);
    let made = done(kit, "/api/v1/changes", json!({"spec": spec, "stages": stages, "outcome": "succeeded"})).await;
    made["metadata"]["name"].as_str().unwrap().to_owned()
}

/// Posts, expects success, and lets everything come to rest.
pub(crate) async fn done(kit: &Testkit, path: &str, body: Value) -> Value {
    let (status, answer) = kit.post(path, body).await;
    assert!(status.is_success(), "{path}: {status} {answer}");
    kit.settle().await;
    answer
}

/// Posts, expects a refusal, and gives the problem.
pub(crate) async fn refused(kit: &Testkit, path: &str, body: Value) -> Value {
    let (status, answer) = kit.post(path, body).await;
    assert!(!status.is_success(), "{path}: {status} {answer}");
    answer
}

/// Gets and expects success.
pub(crate) async fn got(kit: &Testkit, path: &str) -> Value {
    let (status, answer) = kit.get(path).await;
    assert_eq!(status, StatusCode::OK, "{path}: {answer}");
    answer
}

/// Plays an incident from the failing change to its mitigation after 14 minutes: lines fail, customer
/// service pulls the andon with a case, the change is rolled back.
pub(crate) async fn incident(kit: &Testkit) {
    let bad = change(kit, "payments", "2", json!({})).await;
    let start = kit.world.now();
    for second in 0..40 {
        kit.logs.add(start.as_microsecond() + second * 10_000_000, "payments", "error", "charged twice");
    }
    kit.advance("30s").await;
    record(
        kit,
        "Alert",
        "alt-1",
        json!({"title": "payments fails", "source": "alarm:default/payments-errors", "dedupKey": "a", "service": "component:default/payments"}),
        json!({"state": "acknowledged", "eventCount": 1, "startedAt": start, "incident": "incident:default/inc-1"}),
    )
    .await;
    observe(kit, "alarm:default/payments-errors", json!({"state": "firing", "reason": "9 > 2", "firedCount": 1, "lastFiredAt": kit.world.now()})).await;
    done(kit, "/api/v1/andons", json!({"scope": "payments", "reason": "they were charged twice", "case": "4711"})).await;
    let mut status = json!({
        "state": "investigating", "alerts": ["alert:default/alt-1"], "andons": ["andon:default/and-1"],
        "startedAt": start, "detectedAt": kit.world.now(),
        "suspects": [{"change": format!("change:default/{bad}"), "score": 0.9, "reasons": ["deployed just before"]}]
    });
    let spec = json!({"title": "Customers are charged twice", "severity": "sev2", "services": ["component:default/payments"]});
    record(kit, "Incident", "inc-1", spec.clone(), status.clone()).await;
    kit.advance("13m30s").await;
    change(kit, "payments", "1", json!({"changeType": "rollback", "rollsBack": format!("change:default/{bad}")})).await;
    observe(kit, "alarm:default/payments-errors", json!({"state": "ok", "reason": "", "firedCount": 1})).await;
    status["state"] = json!("mitigated");
    status["mitigatedAt"] = json!(kit.world.now());
    record(kit, "Incident", "inc-1", spec, status).await;
}

/// What people write into the COE of the incident.
pub(crate) async fn write_coe(kit: &Testkit) {
    let mut coe = got(kit, "/api/v1/coes/coe-1").await;
    let spec = &mut coe["spec"];
    spec["summary"] = json!("For 14 minutes customers were charged twice. A payment without its test is refused from now on.");
    spec["lessons"] = json!(["Whatever is retried needs a key."]);
    spec["factors"] = json!([{"category": "change", "whys": [
        "customers were charged twice", "the retry sent the payment again", "the payment has no key",
        "no test asks for one", "nothing refuses a change without that test"
    ]}]);
    let (status, answer) = kit.put("/api/v1/coes/coe-1", coe).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    kit.settle().await;
}

/// Adds an action to the COE of the incident.
pub(crate) async fn action(kit: &Testkit, title: &str, purpose: &str, verifier: Value) -> String {
    let due = "2026-03-20";
    let body = json!({"title": title, "coe": "coe:default/coe-1", "purpose": purpose, "owner": "maya", "due": due, "verifier": verifier});
    let action = done(kit, "/api/v1/actions", body).await;
    action["metadata"]["name"].as_str().unwrap().to_owned()
}

//! A small organisation to test with: two teams, a system with three services, an alarm.

use andon_api::kind::{ColumnType, IndexedField, Kind, KindInfo, Nature};
use andon_api::kinds::response::Alert;
use andon_api::kinds::signals::Alarm;
use andon_module::Module;
use andon_testkit::Testkit;
use http::StatusCode;
use serde_json::{Value, json};

const CATALOG: &str = "
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: acme, title: Acme}
spec: {type: company, children: []}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: payments-team, title: Payments team}
spec: {type: team, parent: acme, children: [], members: [maya]}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: storefront-team, title: Storefront team}
spec: {type: team, parent: acme, children: []}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: maya}
spec: {profile: {displayName: Maya Lindqvist}, memberOf: [payments-team]}
---
apiVersion: backstage.io/v1alpha1
kind: System
metadata: {name: shop, title: Shop}
spec: {owner: acme}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: payments, title: Payments <&>}
spec: {type: service, lifecycle: production, owner: payments-team, system: shop}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: checkout, title: Checkout}
spec: {type: service, lifecycle: production, owner: storefront-team, system: shop, dependsOn: ['component:payments']}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: elsewhere}
spec: {type: service, lifecycle: production, owner: nobody}
---
apiVersion: andon.dev/v1
kind: Alarm
metadata: {name: payments-errors, title: Payments fails}
spec: {service: 'component:default/payments', query: 'level:error', window: 10s, threshold: 2, pullsAndon: true}
---
apiVersion: andon.dev/v1
kind: Alarm
metadata: {name: quiet}
spec: {service: 'component:default/checkout', query: 'level:error', window: 10s, threshold: 2}
";

/// The kinds of other capabilities that delivery reads, as plain as they can be.
pub(crate) fn neighbours() -> Module {
    const ALARM: KindInfo = KindInfo {
        kind: Alarm::KIND,
        plural: "alarms",
        api_version: Alarm::API_VERSION,
        capability: "signals",
        nature: Nature::Resource,
        prefix: "",
        summary: "",
        indexed: &[],
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
        prefix: "alt",
        indexed: &[IndexedField { name: "state", pointer: "/status/state", column_type: ColumnType::Text }],
        schema: Alert::schema,
        check: Alert::fits,
        ..ALARM
    };
    Module { name: "neighbours", kinds: vec![ALARM, ALERT], ..Module::default() }
}

/// Opens a world with the shop in it.
pub(crate) async fn open() -> Testkit {
    open_with(Vec::new()).await
}

/// Opens a world with the shop and further modules in it.
pub(crate) async fn open_with(more: Vec<Module>) -> Testkit {
    let mut modules = vec![andon_catalog::module(), andon_delivery::module(), neighbours()];
    modules.extend(more);
    let kit = Testkit::new(modules).await;
    kit.apply(CATALOG).await;
    kit.settle().await;
    kit
}

/// Posts and expects success.
pub(crate) async fn done(kit: &Testkit, path: &str, body: Value) -> Value {
    let (status, answer) = kit.post(path, body).await;
    assert!(status.is_success(), "{path}: {status} {answer}");
    answer
}

/// Posts and expects a refusal, of which it tells code and place.
pub(crate) async fn refused(kit: &Testkit, path: &str, body: Value) -> (String, String) {
    let (status, answer) = kit.post(path, body).await;
    assert!(!status.is_success(), "{path}: {status} {answer}");
    let text = |field: &str| answer[field].as_str().unwrap_or_default().to_owned();
    (text("code"), text("place"))
}

/// Gets and expects success.
pub(crate) async fn got(kit: &Testkit, path: &str) -> Value {
    let (status, answer) = kit.get(path).await;
    assert_eq!(status, StatusCode::OK, "{path}: {answer}");
    answer
}

/// Lists the actions in the ledger, newest first, optionally of one object.
pub(crate) async fn actions(kit: &Testkit, object: Option<&str>) -> Vec<String> {
    let filter = object.map_or_else(String::new, |object| format!("&object={object}"));
    let events = got(kit, &format!("/api/v1/events?limit=200{filter}")).await;
    events["items"].as_array().unwrap().iter().map(|event| event["action"].as_str().unwrap().to_owned()).collect()
}

/// Asks whether version 2 of payments may go.
pub(crate) async fn check(kit: &Testkit, scope: &str) -> Value {
    done(kit, "/api/v1/check", json!({"scope": scope, "version": "2"})).await
}

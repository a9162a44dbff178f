//! A small organisation with two teams, and the kinds of neighbours that governance names.

use andon_api::kind::{Kind, KindInfo, Nature};
use andon_api::kinds::learning::Coe;
use andon_api::kinds::signals::Alarm;
use andon_module::Module;
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
kind: Component
metadata: {name: payments, tags: [money]}
spec: {type: service, lifecycle: production, owner: payments-team}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: checkout}
spec: {type: service, lifecycle: production, owner: web-team}
---
apiVersion: andon.dev/v1
kind: COE
metadata: {name: coe-1}
spec: {title: Charged twice, owner: payments-team}
";

/// The kinds of other capabilities, as plain as they can be.
fn neighbours() -> Module {
    const COE: KindInfo = KindInfo {
        kind: Coe::KIND,
        plural: "coes",
        api_version: Coe::API_VERSION,
        capability: "learning",
        nature: Nature::Resource,
        prefix: "coe",
        summary: "",
        indexed: &[],
        columns: &[],
        references: &[],
        secrets: &[],
        example: "",
        open: false,
        schema: Coe::schema,
        check: Coe::fits,
    };
    const ALARM: KindInfo =
        KindInfo { kind: Alarm::KIND, plural: "alarms", schema: Alarm::schema, check: Alarm::fits, ..COE };
    Module { name: "neighbours", kinds: vec![COE, ALARM], ..Module::default() }
}

/// Opens a world with the shop in it.
pub(crate) async fn open() -> Testkit {
    let modules = vec![andon_catalog::module(), andon_delivery::module(), andon_governance::module(), neighbours()];
    let kit = Testkit::new(modules).await;
    kit.apply(CATALOG).await;
    kit
}

/// Writes the policy of the shop.
pub(crate) fn policy(enforcement: &str, rego: &str) -> String {
    let rego = rego.trim().replace('\n', "\n    ");
    format!(
        "apiVersion: andon.dev/v1\nkind: Policy\nmetadata: {{name: idempotency}}\nspec:\n  owner: payments-team\n  \
         enforcement: {enforcement}\n  lesson: coe:default/coe-1\n  remedy: Run the idempotency test.\n  rego: |\n    {rego}\n"
    )
}

pub(crate) const UNTESTED: &str = r#"
package shop

deny contains message if {
  not input.change.tests.idempotency == "passed"
  message := sprintf("%s has no passed idempotency test", [input.service.name])
}
"#;

/// Records a change that reached customers now, with a result of the idempotency test.
pub(crate) async fn record(kit: &Testkit, service: &str, version: &str, tests: Value) -> String {
    let now = kit.world.now();
    let body = json!({
        "spec": {"service": format!("component:default/{service}"), "version": version, "tests": tests},
        "stages": [{"name": "deploy", "startedAt": now, "finishedAt": now}],
        "outcome": "succeeded"
    });
    let (status, change) = kit.post("/api/v1/changes", body).await;
    assert!(status.is_success(), "{change}");
    change["metadata"]["name"].as_str().unwrap().to_owned()
}

/// Asks whether a change may go.
pub(crate) async fn check(kit: &Testkit, request: Value) -> Value {
    let (status, answer) = kit.post("/api/v1/check", request).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer
}

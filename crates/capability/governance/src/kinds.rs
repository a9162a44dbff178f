//! The kind that governance owns: `Policy`.

use andon_api::error::Problem;
use andon_api::kind::{ColumnType, IndexedField, Kind, KindInfo, ListColumn, Nature, ReferenceField};
use andon_api::kinds::delivery::API_VERSION;
use andon_api::kinds::governance::{Policy, PolicySpec};
use andon_api::object::AnyObject;

use crate::admission;
use crate::scope;

/// Tells everything that is known of `Policy`.
pub(crate) fn policy() -> KindInfo {
    KindInfo {
        kind: Policy::KIND,
        plural: "policies",
        api_version: API_VERSION,
        capability: "governance",
        nature: Nature::Resource,
        prefix: "",
        summary: "A rule over changes, in Rego: tried on the past, then enforced.",
        indexed: &[
            IndexedField { name: "enforcement", pointer: "/spec/enforcement", column_type: ColumnType::Text },
            IndexedField { name: "owner", pointer: "/spec/owner", column_type: ColumnType::Text },
            IndexedField { name: "lesson", pointer: "/spec/lesson", column_type: ColumnType::Text },
            IndexedField { name: "refused_count", pointer: "/status/refusedCount", column_type: ColumnType::Integer },
        ],
        columns: &[
            ListColumn { title: "Name", pointer: "/metadata/name" },
            ListColumn { title: "Enforcement", pointer: "/spec/enforcement" },
            ListColumn { title: "Owner", pointer: "/spec/owner" },
            ListColumn { title: "Lesson", pointer: "/spec/lesson" },
            ListColumn { title: "Would refuse", pointer: "/status/wouldRefuseCount" },
            ListColumn { title: "Refused", pointer: "/status/refusedCount" },
        ],
        references: &[
            ReferenceField { pointer: "/spec/owner", default_kind: "Group", required: true },
            ReferenceField { pointer: "/spec/lesson", default_kind: "COE", required: true },
        ],
        secrets: &[],
        example: EXAMPLE,
        open: false,
        schema: Policy::schema,
        check,
    }
}

/// Checks a policy by itself: it fits its kind, its patterns are references, its Rego compiles and runs.
fn check(object: &AnyObject) -> Result<(), Problem> {
    Policy::fits(object)?;
    let spec: PolicySpec = object.spec_as()?;
    scope::check(&spec.scope)?;
    admission::runs(&spec.rego)
}

const EXAMPLE: &str = r#"apiVersion: andon.dev/v1
kind: Policy
metadata:
  name: idempotency-tested
  title: No deploy without a passed idempotency test
spec:
  owner: team-payments
  enforcement: trial
  scope: ["component:default/*"]
  remedy: Run the idempotency test in the pipeline and hand its result to `andon check --test idempotency=passed`.
  rego: |
    package andon.idempotency

    deny contains message if {
      input.change.changeType == "deploy"
      not input.change.tests.idempotency == "passed"
      message := sprintf("%s %s has no passed idempotency test", [input.service.ref, input.change.version])
    }
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_page_is_a_policy() {
        let rego = EXAMPLE.split_once("  rego: |\n").unwrap().1.replace("\n    ", "\n");
        assert!(admission::runs(rego.trim_start()).is_ok());
    }
}

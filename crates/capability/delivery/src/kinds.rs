//! What is known of the two kinds of delivery: the change and the andon.

use andon_api::kind::{ColumnType, IndexedField, Kind, KindInfo, ListColumn, Nature, ReferenceField};
use andon_api::kinds::delivery::{API_VERSION, Andon, Change};

const fn text(name: &'static str, pointer: &'static str) -> IndexedField {
    IndexedField { name, pointer, column_type: ColumnType::Text }
}

const fn time(name: &'static str, pointer: &'static str) -> IndexedField {
    IndexedField { name, pointer, column_type: ColumnType::Time }
}

const fn column(title: &'static str, pointer: &'static str) -> ListColumn {
    ListColumn { title, pointer }
}

const CHANGE: KindInfo = KindInfo {
    kind: Change::KIND,
    plural: "changes",
    api_version: API_VERSION,
    capability: "delivery",
    nature: Nature::Record,
    prefix: "chg",
    summary: "One thing on its way from commit to customer.",
    indexed: &[
        text("service", "/spec/service"),
        text("environment", "/spec/environment"),
        text("version", "/spec/version"),
        text("commit", "/spec/commit"),
        text("change_type", "/spec/changeType"),
        text("outcome", "/status/outcome"),
        time("deployed_at", "/status/deployedAt"),
        IndexedField { name: "time_to_value_ms", pointer: "/status/timeToValueMs", column_type: ColumnType::Integer },
    ],
    columns: &[
        column("Name", "/metadata/name"),
        column("Service", "/spec/service"),
        column("Version", "/spec/version"),
        column("Environment", "/spec/environment"),
        column("Outcome", "/status/outcome"),
        column("Deployed", "/status/deployedAt"),
        column("Commits", "/status/commitCount"),
    ],
    references: &[
        ReferenceField { pointer: "/spec/service", default_kind: "Component", required: true },
        ReferenceField { pointer: "/spec/rollsBack", default_kind: "Change", required: true },
    ],
    secrets: &[],
    example: include_str!("examples/change.yaml"),
    open: false,
    schema: Change::schema,
    check: Change::fits,
};

const ANDON: KindInfo = KindInfo {
    kind: Andon::KIND,
    plural: "andons",
    prefix: "and",
    summary: "One pull of the cord, from pull to release.",
    indexed: &[
        text("scope", "/spec/scope"),
        text("state", "/status/state"),
        text("pulled_by", "/spec/pulledBy"),
        text("alarm", "/spec/alarm"),
        text("incident", "/status/incident"),
        time("pulled_at", "/status/pulledAt"),
        time("released_at", "/status/releasedAt"),
    ],
    columns: &[
        column("Name", "/metadata/name"),
        column("Scope", "/spec/scope"),
        column("State", "/status/state"),
        column("Pulled by", "/spec/pulledBy"),
        column("Pulled", "/status/pulledAt"),
        column("Reason", "/spec/reason"),
    ],
    references: &[ReferenceField { pointer: "/spec/alarm", default_kind: "Alarm", required: false }],
    example: include_str!("examples/andon.yaml"),
    schema: Andon::schema,
    check: Andon::fits,
    ..CHANGE
};

/// Lists the kinds of delivery.
pub(crate) fn kinds() -> Vec<KindInfo> {
    vec![CHANGE, ANDON]
}

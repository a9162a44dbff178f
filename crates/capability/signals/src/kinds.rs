//! What is known of the kind `Alarm`.

use andon_api::kind::{ColumnType, IndexedField, Kind, KindInfo, ListColumn, Nature, ReferenceField};
use andon_api::kinds::delivery::API_VERSION;
use andon_api::kinds::signals::Alarm;

use crate::check::check_object;

const fn text(name: &'static str, pointer: &'static str) -> IndexedField {
    IndexedField { name, pointer, column_type: ColumnType::Text }
}

const fn column(title: &'static str, pointer: &'static str) -> ListColumn {
    ListColumn { title, pointer }
}

/// What is known of alarms.
pub(crate) const ALARM: KindInfo = KindInfo {
    kind: Alarm::KIND,
    plural: "alarms",
    api_version: API_VERSION,
    capability: "signals",
    nature: Nature::Resource,
    prefix: "",
    summary: "A question asked of closed windows of received telemetry, and the answer that alarms.",
    indexed: &[
        text("service", "/spec/service"),
        text("state", "/status/state"),
        text("severity", "/spec/severity"),
        IndexedField { name: "since", pointer: "/status/since", column_type: ColumnType::Time },
    ],
    columns: &[
        column("Name", "/metadata/name"),
        column("State", "/status/state"),
        column("Since", "/status/since"),
        column("Service", "/spec/service"),
        column("Severity", "/spec/severity"),
        column("Reason", "/status/reason"),
    ],
    references: &[
        ReferenceField { pointer: "/spec/service", default_kind: "Component", required: true },
        ReferenceField { pointer: "/spec/escalationPolicy", default_kind: "EscalationPolicy", required: true },
    ],
    secrets: &[],
    example: include_str!("examples/alarm.yaml"),
    open: false,
    schema: Alarm::schema,
    check: check_object,
};

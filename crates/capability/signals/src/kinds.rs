//! What is known of the kinds `Alarm` and `SavedSearch`.

use andon_api::kind::{ColumnType, IndexedField, Kind, KindInfo, ListColumn, Nature, ReferenceField};
use andon_api::kinds::delivery::API_VERSION;
use andon_api::kinds::signals::{Alarm, SavedSearch};

use crate::{check, saved_search};

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
    check: check::check_object,
};

/// What is known of saved searches.
pub(crate) const SAVED_SEARCH: KindInfo = KindInfo {
    kind: SavedSearch::KIND,
    plural: "saved-searches",
    api_version: API_VERSION,
    capability: "signals",
    nature: Nature::Resource,
    prefix: "",
    summary: "A search of the logs under a name, to be opened again and shared.",
    indexed: &[text("title", "/spec/title"), text("query", "/spec/query")],
    columns: &[
        column("Name", "/metadata/name"),
        column("Title", "/spec/title"),
        column("Query", "/spec/query"),
        column("Since", "/spec/since"),
        column("Until", "/spec/until"),
    ],
    references: &[],
    secrets: &[],
    example: include_str!("examples/saved-search.yaml"),
    open: false,
    schema: SavedSearch::schema,
    check: saved_search::check_object,
};

//! The limits of response, each with its reason.

/// Layers of a schedule.
pub const LAYERS_MAX: usize = 20;

/// Members of a layer.
pub const MEMBERS_MAX: usize = 200;

/// Restrictions of a layer.
pub const RESTRICTIONS_MAX: usize = 50;

/// Overrides of a schedule; older ones can be removed, the history keeps them.
pub const OVERRIDES_MAX: usize = 1_000;

/// Units that one turn may last.
pub const TURN_UNITS_MAX: u32 = 1_000;

/// The longest range of shifts worked out in one call.
pub const SHIFTS_RANGE_DAYS: i64 = 400;

/// Steps of an escalation policy.
pub const STEPS_MAX: usize = 20;

/// Targets of one step, and of the catch-all.
pub const TARGETS_MAX: usize = 10;

/// How often a policy may start again.
pub const REPEAT_MAX: u32 = 100;

/// The shortest wait for an answer: a person has to wake up.
pub const WAIT_MIN_MS: i64 = 10_000;

/// How long an alert that reached nobody waits before it is tried again.
pub const NOBODY_RETRY_MS: i64 = 60_000;

/// Alerts in one post; Prometheus sends at most 64.
pub const POSTED_ALERTS_MAX: usize = 10_000;

/// Labels and annotations of a posted alert, each.
pub const LABELS_MAX: usize = 64;

/// Bytes of a label's name.
pub const LABEL_NAME_BYTES: usize = 256;

/// Bytes of a label's or an annotation's value.
pub const LABEL_VALUE_BYTES: usize = 16 * 1024;

/// How long an alert without an end fires unless it is sent again: Alertmanager's `resolve_timeout`.
pub const RESOLVE_TIMEOUT_MS: i64 = 5 * 60_000;

/// For how long after a resolve a firing message of the same episode counts as late and not as new.
pub const LATE_FIRING_MS: i64 = 5 * 60_000;

/// How far back changes are suspected.
pub const SUSPECT_HORIZON_MS: i64 = 24 * 3_600_000;

/// How long after the first failing line a change may have reached production and still be suspected:
/// clocks differ, and a rolling deploy serves before it reports.
pub const SUSPECT_SLACK_MS: i64 = 60_000;

/// Suspects that an incident lists.
pub const SUSPECTS_MAX: usize = 10;

/// After which time an alert that nobody answered starts its escalation again: Alertmanager's `repeat_interval`.
pub const UNANSWERED_RETRY_MS: i64 = 4 * 3_600_000;

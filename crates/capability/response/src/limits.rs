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

/// The longest wait for an answer.
pub const WAIT_MAX_MS: i64 = 24 * 3_600_000;

/// The shortest time after which an acknowledged alert pages again.
pub const ACKNOWLEDGE_TIMEOUT_MIN_MS: i64 = 60_000;

/// Bytes of an address or URL.
pub const TARGET_BYTES: usize = 2_048;

/// The longest delay of a contact method.
pub const CONTACT_DELAY_MAX_MS: i64 = 3_600_000;

/// Pages that an alert's status shows; older ones stay in the list of pages.
pub const PAGES_SHOWN: usize = 200;

/// How long a sender keeps a page before another may take it.
pub const PAGE_LEASE_MS: i64 = 10_000;

/// How long one try to send may take: shorter than the lease, so that no page is sent by two at once.
pub const SEND_DEADLINE_MS: u64 = 8_000;

/// Pages that are sent at the same time.
pub const PAGES_AT_ONCE: i64 = 32;

/// The longest pause between two tries of a page.
pub const RETRY_MAX_MS: i64 = 60_000;

/// How long a page may wait for its provider before the person's next channel is used as well.
pub const NEXT_CHANNEL_MS: i64 = 60_000;

/// How late a page or a step may be before the self-audit reports it.
pub const OVERDUE_MS: i64 = 30_000;

/// How long the link of a page works.
pub const LINK_MS: i64 = 72 * 3_600_000;

/// Entries of an incident's timeline; beyond it the oldest automatic ones go first.
pub const TIMELINE_MAX: usize = 1_000;

/// Entries up to which a timeline takes in what machines tell: each version of the incident keeps it whole.
pub const TIMELINE_AUTOMATIC_MAX: usize = 400;

/// Entries up to which a timeline takes in single pages.
pub const TIMELINE_PAGES_MAX: usize = 150;

/// Alerts that one incident gathers; in a storm the others stand alone.
pub const ALERTS_PER_INCIDENT: usize = 200;

/// How often links and episodes that are over are deleted.
pub const CLEANING_PERIOD_MS: i64 = 3_600_000;

/// How long what a source said of an episode that is over is kept.
pub const SOURCES_KEPT_MS: i64 = 7 * 24 * 3_600_000;

/// Characters of a note.
pub const NOTE_CHARS: usize = 10_000;

/// Characters of an incident's title.
pub const TITLE_CHARS: usize = 300;

/// Services of an incident.
pub const SERVICES_MAX: usize = 100;

/// For how long after its mitigation an incident takes in what comes again.
pub const REJOIN_MS: i64 = 30 * 60_000;

/// Failing lines that are looked at for versions.
pub const FAILING_LINES: usize = 500;

/// Failing lines that the context of an incident shows.
pub const FAILING_SHOWN: usize = 50;

/// How far before its start an incident's logs are looked at.
pub const BEFORE_START_MS: i64 = 15 * 60_000;

/// The ages of an incident at which its suspects are worked out again: lines and changes arrive late.
pub const ANALYSIS_AGES_MS: [i64; 6] = [0, 10_000, 30_000, 120_000, 600_000, 1_800_000];

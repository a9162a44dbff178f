//! The limits of alarms and saved searches, each with its reason.

/// The shortest window: shorter ones would be evaluated more often than lines become visible.
pub const WINDOW_MIN_MS: i64 = 1_000;

/// The longest window: longer questions are for reports.
pub const WINDOW_MAX_MS: i64 = 24 * 3_600_000;

/// How many windows in a row may be asked for, so that an alarm is decided within a useful time.
pub const WINDOWS_IN_A_ROW_MAX: u32 = 100;

/// How many missed windows are evaluated after a downtime; older ones stay unevaluated, visibly.
pub const CATCH_UP_WINDOWS: i64 = 60;

/// How long after its end a window may wait for the log store before it counts as incomplete.
pub const OVERDUE_MS: i64 = 30_000;

/// How long a server keeps an alarm that it no longer evaluates: a server that starts after a crash waits
/// for the lease of the one that died.
pub const LEASE_MS: i64 = 8_000;

/// How often the alarms are looked at; a tenth of the shortest useful answer time.
pub const PERIOD_MS: u64 = 1_000;

/// How long evaluations are kept for the chart.
pub const EVALUATIONS_KEPT_MS: i64 = 7 * 24 * 3_600_000;

/// How often old evaluations are deleted.
pub const CLEANING_PERIOD_MS: i64 = 10 * 60_000;

/// How many windows the chart answers with at most.
pub const CHART_WINDOWS_MAX: i64 = 10_000;

/// How many alarms are counted at the same time, so that a burst of due windows leaves room for people's queries.
pub const COUNTS_AT_ONCE: usize = 4;

/// The longest title of a saved search, in characters: it is a line of a menu.
pub const TITLE_CHARACTERS: usize = 200;

/// The longest description of a saved search, in characters.
pub const DESCRIPTION_CHARACTERS: usize = 2_000;

/// How many columns a saved search shows: more are not on any screen.
pub const COLUMNS: usize = 50;

/// The longest name of a column, in bytes, as of a field in the logs.
pub const COLUMN_BYTES: usize = 256;

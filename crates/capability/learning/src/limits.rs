//! The limits of learning, in one place.

/// The longest summary of a COE, in words.
pub(crate) const SUMMARY_WORDS: usize = 150;
/// The fewest whys on the longest branch after an incident of severity 1 or 2.
pub(crate) const WHYS_SEVERE: usize = 5;
/// The fewest whys on the longest branch otherwise.
pub(crate) const WHYS: usize = 3;
/// The most factors, lessons or entries of one list in a COE.
pub(crate) const LIST_ITEMS: usize = 50;
/// The longest text of one field of a COE or an action, in characters.
pub(crate) const TEXT_CHARACTERS: usize = 10_000;
/// The longest title, in characters.
pub(crate) const TITLE_CHARACTERS: usize = 300;
/// The most entries of a COE's timeline.
pub(crate) const TIMELINE_ENTRIES: usize = 1_000;
/// The most bars of a COE's graph.
pub(crate) const GRAPH_BUCKETS: i64 = 240;
/// The most related COEs that a COE names.
pub(crate) const RELATED: usize = 10;
/// How much of the time before and after an incident its graph shows at least, in microseconds.
pub(crate) const GRAPH_MARGIN_US: i64 = 10 * 60 * 1_000_000;
/// How long after a verifier's last run it runs again without any cause, in milliseconds.
pub(crate) const VERIFY_EVERY_MS: i64 = 24 * 3_600_000;
/// How many events a controller reads at once.
pub(crate) const EVENTS: usize = 1_000;
/// The smallest recency weight of the wheel: a team that was just drawn is not quite safe.
pub(crate) const WHEEL_FLOOR: f64 = 0.1;
/// The largest risk multiplier of the wheel.
pub(crate) const WHEEL_RISK: f64 = 3.0;
/// How many rounds of all teams may pass before a team is drawn by rule.
pub(crate) const WHEEL_ROUNDS: usize = 3;
/// How many past reviews the wheel remembers.
pub(crate) const WHEEL_MEMORY: usize = 1_000;
/// How soon an andon must be answered to count as answered, in milliseconds.
pub(crate) const ANSWER_MS: i64 = 5 * 60_000;
/// How many days back a service's recorded change counts as adoption.
pub(crate) const ADOPTION_DAYS: i64 = 30;
/// How many days after an incident its COE should be published (ten working days).
pub(crate) const PUBLISH_DAYS: i64 = 14;
/// How many changes the home page shows.
pub(crate) const HOME_CHANGES: usize = 10;
/// How many lines each list of the home page has at most.
pub(crate) const HOME_LINES: usize = 50;
/// How many changes the home page's median looks at, at most.
pub(crate) const HOME_SAMPLE: usize = 1_000;
/// The most changes, alerts, incidents or andons that one review reads of each kind.
pub(crate) const REVIEW_OBJECTS: usize = 50_000;
/// How long after its release an andon can still call for a COE, in hours.
pub(crate) const UPHELD_HOURS: i64 = 24;
/// How many refusals of one policy a verifier looks through, newest first.
pub(crate) const REFUSALS: usize = 5_000;
/// How many of a service's newest changes are looked through for the latest that counts.
pub(crate) const LATEST_CHANGES: usize = 50;
/// How many days before a week something may have begun whose pages or pulls fall into the week.
pub(crate) const LATE_DAYS: i64 = 14;
/// The time of which the home page shows the time to value, in hours (30 days).
pub(crate) const FLOW_HOURS: i64 = 30 * 24;

//! The limits of delivery. Each is an error with a place, not a surprise.

/// The longest version, in bytes.
pub(crate) const VERSION_BYTES_MAX: usize = 200;
/// The longest title of a change, in bytes.
pub(crate) const TITLE_BYTES_MAX: usize = 500;
/// The longest address of a repository, in bytes.
pub(crate) const REPOSITORY_BYTES_MAX: usize = 2_000;
/// The longest idempotency key, in bytes.
pub(crate) const KEY_BYTES_MAX: usize = 200;
/// The longest name of an actor, a reason to wait or a test, in bytes.
pub(crate) const NAME_BYTES_MAX: usize = 300;
/// The most stages of one change.
pub(crate) const STAGES_MAX: usize = 200;
/// The most named tests of one change.
pub(crate) const TESTS_MAX: usize = 500;
/// How far a reported time may be ahead of the server's clock, in milliseconds.
pub(crate) const AHEAD_MS_MAX: i64 = 3_600_000;
/// The longest words of whoever pulls the andon or releases it, in bytes.
pub(crate) const WORDS_BYTES_MAX: usize = 4_000;
/// The longest case number, in bytes.
pub(crate) const CASE_BYTES_MAX: usize = 100;
/// The most pulls kept on one andon; later ones count, and their events stay in the ledger.
pub(crate) const PULLS_MAX: usize = 500;
/// How long an andon may stay without an answer before that is an event, in milliseconds.
pub(crate) const ANSWER_MS_MAX: i64 = 300_000;
/// The most commits in one import call.
pub(crate) const COMMITS_PER_IMPORT_MAX: usize = 200_000;
/// The longest line of an import, in bytes.
pub(crate) const IMPORT_LINE_BYTES_MAX: usize = 65_536;
/// The longest subject of a commit that is kept, in bytes.
pub(crate) const SUBJECT_BYTES_MAX: usize = 500;
/// The most parents of one commit (git's own octopus limit is far lower).
pub(crate) const PARENTS_MAX: usize = 100;
/// The most deploys in one import call.
pub(crate) const DEPLOYS_PER_IMPORT_MAX: usize = 20_000;
/// The most commits of a repository's graph held in memory at once.
pub(crate) const GRAPH_COMMITS_MAX: usize = 5_000_000;
/// The largest body of a forge's webhook, in bytes (GitHub's own limit).
pub(crate) const HOOK_BYTES_MAX: usize = 25 * 1_048_576;
/// The largest body of an import, in bytes.
pub(crate) const IMPORT_BYTES_MAX: usize = 128 * 1_048_576;
/// The shortest secret of a webhook, in bytes.
pub(crate) const SECRET_BYTES_MIN: usize = 8;
/// The longest secret of a webhook, in bytes.
pub(crate) const SECRET_BYTES_MAX: usize = 1_000;
/// How long the ids of a forge's deliveries are kept, in milliseconds.
pub(crate) const DELIVERY_MEMORY_MS: i64 = 30 * 86_400_000;
/// How old a check may be to count as the one that let a change through, in milliseconds.
pub(crate) const CHECK_AGE_MS_MAX: i64 = 86_400_000;

//! The limits of the policy engine, in one place.

/// The longest Rego text of one policy, in bytes.
pub(crate) const REGO_BYTES: usize = 64 * 1024;
/// The largest input document, in bytes.
pub(crate) const INPUT_BYTES: usize = 256 * 1024;
/// How long one policy may think about one change, in milliseconds.
pub(crate) const EVALUATION_MS: u64 = 250;
/// How long a policy may take to compile, in milliseconds.
pub(crate) const COMPILE_MS: u64 = 2_000;
/// How long the watchdog waits beyond a limit before it gives a policy up, in milliseconds.
pub(crate) const GRACE_MS: u64 = 250;
/// How many units of work pass between two looks at the clock.
pub(crate) const WORK_PER_CLOCK_READING: u32 = 64;
/// The longest array that a policy may make at once.
pub(crate) const ARRAY_ITEMS: i64 = 10_000;
/// The longest text that a policy may make at once, in bytes.
pub(crate) const TEXT_BYTES: usize = 256 * 1024;
/// The widest column that a policy may print.
pub(crate) const PRINT_WIDTH: usize = 1_000;
/// The most values within one value that a policy may print.
pub(crate) const VALUE_NODES: usize = 20_000;
/// The largest shift of a number, in bits.
pub(crate) const SHIFT_BITS: i64 = 512;
/// The most reasons that one policy gives against one change.
pub(crate) const REASONS: usize = 20;
/// The longest reason, in characters.
pub(crate) const REASON_CHARACTERS: usize = 500;
/// How many policies are judged at the same time.
pub(crate) const JUDGES: usize = 4;
/// How many judges may run, those that do not end included, before none is asked any more.
pub(crate) const JUDGES_RUNNING: usize = 8;
/// The stack of a judge's thread, in bytes.
pub(crate) const STACK_BYTES: usize = 16 * 1024 * 1024;
/// How many compiled policies are kept.
pub(crate) const COMPILED_POLICIES: usize = 1_000;
/// The most past changes that one trial looks at.
pub(crate) const TRIAL_CHANGES: usize = 5_000;
/// The longest time that one trial takes, in milliseconds.
pub(crate) const TRIAL_MS: u64 = 20_000;
/// The most refusals and failures that a trial lists each.
pub(crate) const TRIAL_LISTED: usize = 200;
/// The most scope patterns of one policy.
pub(crate) const SCOPE_PATTERNS: usize = 100;
/// The address space of one worker process, in KiB.
pub(crate) const WORKER_MEMORY_KIB: u64 = 1024 * 1024;
/// How many compiled policies one worker keeps.
pub(crate) const WORKER_POLICIES: usize = 200;
/// How long a worker may take to start, in milliseconds.
pub(crate) const WORKER_START_MS: u64 = 10_000;

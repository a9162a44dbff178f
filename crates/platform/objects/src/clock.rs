//! The clock and the source of identities: the only places where time and randomness come from.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

/// Tells the time; simulated in tests.
pub trait Clock: Send + Sync + 'static {
    /// Tells the current time.
    fn now(&self) -> Timestamp;

    /// Tells whether a database server's own clock should be preferred for leases and timers.
    fn yields_to_database(&self) -> bool {
        false
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn yields_to_database(&self) -> bool {
        true
    }
}

/// Makes identities and secrets.
#[derive(Clone)]
pub struct Ids {
    clock: Arc<dyn Clock>,
}

impl Ids {
    /// Makes a source that stamps identities with the given clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }

    /// Makes a new identity that sorts by time (UUID version 7, RFC 9562).
    pub fn new_id(&self) -> String {
        let now = self.clock.now();
        let seconds = u64::try_from(now.as_second()).unwrap_or(0);
        let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
        let stamp = uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanoseconds);
        Uuid::new_v7(stamp).to_string()
    }

    /// Makes a key of 256 random bits.
    pub fn new_key(&self) -> [u8; 32] {
        random_bytes()
    }

    /// Makes a secret of 256 random bits, in URL-safe base64.
    pub fn new_secret(&self) -> String {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random_bytes::<32>())
    }
}

/// Fills an array from the operating system's random source.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0u8; N];
    if let Err(error) = getrandom::fill(&mut bytes) {
        // Without randomness no secret is safe: better to stop than to go on.
        tracing::error!(%error, "the operating system gives no random bytes");
        std::process::abort();
    }
    bytes
}

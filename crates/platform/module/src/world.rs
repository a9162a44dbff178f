//! What a capability is given to work with.

use std::sync::Arc;

use andon_api::AnyObject;
use andon_auth::Authorizer;
use andon_egress::Egress;
use andon_objects::{Clock, Ids, Store};
use andon_reader::LogReader;
use jiff::Timestamp;

use crate::shape::{Admission, Gate};

/// Settings that capabilities read.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The address under which people reach this server, without a slash at the end.
    pub public_url: String,
    /// Whether the demo may be played.
    pub demo: bool,
}

/// What a capability is given to work with. Cheap to clone.
#[derive(Clone)]
pub struct World {
    /// The records.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Identities and secrets.
    pub ids: Ids,
    /// The logs.
    pub logs: Arc<dyn LogReader>,
    /// The way out.
    pub egress: Egress,
    /// What callers may do.
    pub authorizer: Arc<Authorizer>,
    /// What may refuse a change, of all capabilities.
    pub gates: Arc<Vec<Arc<dyn Gate>>>,
    /// What may refuse an object, of all capabilities.
    pub admissions: Arc<Vec<Arc<dyn Admission>>>,
    /// Settings.
    pub settings: Settings,
}

impl World {
    /// Tells the current time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Makes a link to a page of this server.
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.settings.public_url)
    }

    /// Reads every object of several kinds, for the pure graph functions.
    ///
    /// # Errors
    /// As the store.
    pub async fn all_of(&self, kinds: &[&str]) -> Result<Vec<AnyObject>, andon_api::Problem> {
        let mut objects = Vec::new();
        for kind in kinds {
            objects.extend(self.store.all(kind).await?);
        }
        Ok(objects)
    }
}

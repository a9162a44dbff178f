//! The parts of a capability.

use std::sync::Arc;

use andon_api::kind::KindInfo;
use andon_api::kinds::delivery::{CheckRequest, Reason};
use andon_api::{AnyObject, Event, ObjectRef, Problem};
use andon_objects::{Migration, Tx};
use futures::future::BoxFuture;

use crate::endpoint::Endpoint;
use crate::world::World;

/// Everything that a capability brings.
#[derive(Default)]
pub struct Module {
    /// The name of the capability.
    pub name: &'static str,
    /// The kinds that it owns.
    pub kinds: Vec<KindInfo>,
    /// Its rows of the API.
    pub endpoints: Vec<Endpoint>,
    /// What brings the world to what is wanted.
    pub controllers: Vec<Arc<dyn Controller>>,
    /// What hears of events.
    pub subscribers: Vec<Arc<dyn Subscriber>>,
    /// What may refuse a change.
    pub gates: Vec<Arc<dyn Gate>>,
    /// What may refuse an object.
    pub admissions: Vec<Arc<dyn Admission>>,
    /// Its own plain tables.
    pub migrations: &'static [Migration],
}

/// Brings the world to what is wanted: takes no input, reads the world, writes the world, is
/// idempotent. Runs after a nudge (a commit) and at least every period; one run at a time.
pub trait Controller: Send + Sync {
    /// Names the controller for operators.
    fn name(&self) -> &'static str;

    /// Tells how long it may sleep at most, in milliseconds.
    fn period_ms(&self) -> u64 {
        5_000
    }

    /// Tells whether a commit wakes it; a controller that only watches time or telemetry says no.
    fn wakes_on_commit(&self) -> bool {
        true
    }

    /// Looks at the world once and changes what is not as it should be.
    fn reconcile<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Result<(), Problem>>;
}

/// Hears of each event once, in order: what it writes and its cursor are one transaction.
pub trait Subscriber: Send + Sync {
    /// Names the subscriber; its cursor is kept under this name.
    fn name(&self) -> &'static str;

    /// Tells which actions it hears of: exact names, or beginnings that end with `.`.
    fn actions(&self) -> &'static [&'static str];

    /// Handles one event. An error is tried again later, with those after it.
    fn handle<'a>(&'a self, world: &'a World, tx: &'a mut Tx, event: &'a Event) -> BoxFuture<'a, Result<(), Problem>>;
}

/// What a check speaks of, worked out once for all gates.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// The canonical text: a reference, or `*`.
    pub text: String,
    /// The component or system; none for `*`.
    pub reference: Option<ObjectRef>,
    /// The object, where it is known.
    pub object: Option<AnyObject>,
    /// The group that owns it.
    pub owner: Option<ObjectRef>,
    /// The system that it belongs to.
    pub system: Option<ObjectRef>,
}

/// What a gate says of a check.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Every reason against the change.
    pub reasons: Vec<Reason>,
    /// What was looked at, also when it passed.
    pub evaluated: Vec<String>,
}

/// May refuse a change. An error refuses: what cannot be judged is never let through.
pub trait Gate: Send + Sync {
    /// Names the gate.
    fn name(&self) -> &'static str;

    /// Judges one change.
    fn judge<'a>(
        &'a self,
        world: &'a World,
        request: &'a CheckRequest,
        scope: &'a Scope,
    ) -> BoxFuture<'a, Result<Verdict, Problem>>;
}

/// May refuse an object before it is stored, where that needs other objects.
pub trait Admission: Send + Sync {
    /// Names the kinds that it looks at.
    fn kinds(&self) -> &'static [&'static str];

    /// Judges one object; `new` is absent when the object is deleted.
    fn admit<'a>(
        &'a self,
        tx: &'a mut Tx,
        new: Option<&'a AnyObject>,
        old: Option<&'a AnyObject>,
    ) -> BoxFuture<'a, Result<(), Problem>>;
}

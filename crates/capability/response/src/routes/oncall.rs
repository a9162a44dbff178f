//! Who is on call: now, at a time, and over a range, also in the past as it was then.

use andon_api::error::{ErrorCode, Problem};
use andon_api::kinds::learning::OnCallTurn;
use andon_api::kinds::response::ScheduleSpec;
use andon_api::object::ObjectRef;
use andon_module::{Call, Endpoint, Reply, World};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::alerts::time_or;
use super::named;
use crate::limits::SHIFTS_RANGE_DAYS;
use crate::oncall::{Holder, Rota, Shift};

/// A list of answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Items<T> {
    /// The answers.
    pub(super) items: Vec<T>,
}

/// Lists the endpoints of schedules.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/on-call", "list_on_call")
            .permission("object.read")
            .summary("Tells who is on call now, schedule by schedule.")
            .response::<Items<OnCallTurn>>()
            .handle(|world, _call| Box::pin(async move { Reply::json(&Items { items: on_call_now(&world).await? }) })),
        Endpoint::get("/api/v1/schedules/{name}/on-call", "read_on_call")
            .permission("object.read")
            .summary("Tells who is on call by a schedule at a time; in the past as the schedule was then.")
            .parameter("at", "RFC 3339, or an age such as 2h; now when absent.")
            .response::<Holder>()
            .handle(|world, call| Box::pin(read_on_call(world, call))),
        Endpoint::get("/api/v1/schedules/{name}/shifts", "list_shifts")
            .permission("object.read")
            .summary("Lists the shifts of a range; where nobody is on call there is none.")
            .parameter("from", "RFC 3339, or an age such as 7d; now when absent.")
            .parameter("until", "RFC 3339; 14 days after `from` when absent; at most 400 days.")
            .response::<Items<Shift>>()
            .handle(|world, call| Box::pin(list_shifts(world, call))),
    ]
}

/// Tells who is on call now by every schedule.
///
/// # Errors
/// As the store.
pub async fn on_call_now(world: &World) -> Result<Vec<OnCallTurn>, Problem> {
    let now = world.now();
    let mut items = Vec::new();
    for schedule in world.store.all("Schedule").await? {
        let spec: ScheduleSpec = schedule.spec_as()?;
        // A schedule that cannot be worked out any more has nobody on call; it hides no other.
        let holder = Rota::compile(&spec).map(|rota| rota.holder(now)).unwrap_or_default();
        items.push(OnCallTurn {
            schedule: schedule.reference(),
            owner: spec.owner,
            user: holder.user,
            until: holder.until,
        });
    }
    Ok(items)
}

async fn read_on_call(world: World, call: Call) -> Result<Reply, Problem> {
    let (reference, now) = (named(&call, "Schedule")?, world.now());
    let at = time_or(&call, "at", now, now)?;
    let revisions = revisions(&world, &reference).await?;
    let rota = revisions.iter().rev().find(|(from, _)| *from <= at).or_else(|| revisions.first());
    let (_, rota) = rota.ok_or_else(|| gone(&reference))?;
    Reply::json(&rota.holder(at))
}

async fn list_shifts(world: World, call: Call) -> Result<Reply, Problem> {
    let (reference, now) = (named(&call, "Schedule")?, world.now());
    let from = time_or(&call, "from", now, now)?;
    let fortnight = from.checked_add(SignedDuration::from_hours(14 * 24)).unwrap_or(from);
    let until = time_or(&call, "until", now, fortnight)?;
    let longest = SignedDuration::from_hours(24 * SHIFTS_RANGE_DAYS);
    if until < from || until.duration_since(from) > longest {
        let detail = format!("The range must be forward and at most {SHIFTS_RANGE_DAYS} days.");
        return Err(Problem::new(ErrorCode::RequestInvalid, detail).place("?until"));
    }
    let revisions = revisions(&world, &reference).await?;
    if revisions.is_empty() {
        return Err(gone(&reference));
    }
    Reply::json(&Items { items: shifts(&revisions, from, until) })
}

fn gone(reference: &ObjectRef) -> Problem {
    Problem::new(ErrorCode::ObjectNotFound, format!("There is no {reference}."))
        .hint("`andon get schedules` lists the schedules.")
}

/// Reads how a schedule was, from when on, oldest first. The first one counts for all time before it,
/// so that a calendar shows whole weeks.
async fn revisions(world: &World, reference: &ObjectRef) -> Result<Vec<(Timestamp, Rota)>, Problem> {
    world.store.require(reference).await?;
    let mut found = Vec::new();
    for version in world.store.history(reference).await?.into_iter().rev().filter(|version| !version.deleted) {
        // A version of an older Andon that cannot be worked out any more shows as it is now.
        if let Ok(rota) = version.object.spec_as::<ScheduleSpec>().and_then(|spec| Rota::compile(&spec)) {
            found.push((version.at, rota));
        }
    }
    Ok(found)
}

/// Joins the shifts of each revision over the time in which it held: an edit never changes the past.
fn shifts(revisions: &[(Timestamp, Rota)], from: Timestamp, until: Timestamp) -> Vec<Shift> {
    let mut joined: Vec<Shift> = Vec::new();
    for (index, (since, rota)) in revisions.iter().enumerate() {
        let start = if index == 0 { from } else { from.max(*since) };
        let end = revisions.get(index + 1).map_or(until, |(next, _)| until.min(*next));
        for shift in rota.shifts(start, end) {
            match joined.last_mut() {
                Some(last) if last.user == shift.user && last.until == shift.from => last.until = shift.until,
                _ => joined.push(shift),
            }
        }
    }
    joined
}

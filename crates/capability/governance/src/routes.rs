//! The rows of the API that governance adds: trials.

use andon_api::kinds::governance::PolicyTrial;
use andon_api::{ObjectRef, Problem};
use andon_module::{Call, Endpoint, Reply, World};
use jiff::SignedDuration;

use crate::trial;

/// How far a trial looks back when nobody says, in hours.
const SINCE_HOURS: i64 = 90 * 24;

/// Lists the rows.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("/api/v1/policies/{name}/trial", "try_policy")
            .permission("policy.try")
            .event("policy.tried")
            .summary("Tries a policy on past changes and tells which it would have refused.")
            .parameter("since", "Changes that reached customers after this time: RFC 3339, or an age such as 90d (the default).")
            .response::<PolicyTrial>()
            .handle(|world, call| Box::pin(try_policy(world, call))),
    ]
}

async fn try_policy(world: World, call: Call) -> Result<Reply, Problem> {
    let now = world.now();
    let policy = ObjectRef::parse(call.path("name"), Some("Policy"), "default")?;
    let default = now.checked_sub(SignedDuration::from_hours(SINCE_HOURS)).map_err(Problem::internal)?;
    let since = call.time("since", now)?.unwrap_or(default);
    let trial = trial::run(&world, &policy, since, call.event("policy.tried")).await?;
    Reply::json(&trial::shortened(trial))
}

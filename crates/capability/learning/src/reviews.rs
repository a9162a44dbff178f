//! Reviews in the world: read for a week, frozen, and the wheel spun.

use std::collections::BTreeMap;

use andon_api::error::{ErrorCode, Problem};
use andon_api::kind::{Kind, to_any};
use andon_api::kinds::learning::{Review, ReviewPack, ReviewSpec, ReviewStatus, ReviewVerification};
use andon_api::object::{AnyObject, ObjectRef};
use andon_module::World;
use andon_objects::{EventDraft, EventQuery, ListQuery, Priority, Tx};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::limits::{ADOPTION_DAYS, LATE_DAYS, REVIEW_OBJECTS, WHEEL_MEMORY};
use crate::pack::{self, Records, UNOWNED, Week};
use crate::read::{self, Catalog};
use crate::typed::{AlertObject, AndonObject, ChangeObject, ReviewObject};
use crate::wheel::{self, Spin};

/// Builds the pack of a week as it is now.
///
/// # Errors
/// `OBJ-0001` when the group does not exist; otherwise as the store.
pub(crate) async fn live(world: &World, week: Week, group: Option<&ObjectRef>) -> Result<ReviewPack, Problem> {
    pack::build(&records(world, week).await?, week, group, world.now())
}

async fn records(world: &World, week: Week) -> Result<Records, Problem> {
    let days_before = |time: Timestamp, days: i64| time.checked_sub(SignedDuration::from_hours(24 * days)).map_err(Problem::internal);
    // Pages and pulls of the week can belong to what began before it.
    let (adopted_since, began_since) = (days_before(week.until, ADOPTION_DAYS)?, days_before(week.from, LATE_DAYS)?);
    let catalog = Catalog::read(world).await?;
    let changes = ListQuery::kind("Change").from("deployed_at", adopted_since);
    let alerts = ListQuery::kind("Alert").from("started_at", began_since);
    let andons = ListQuery::kind("Andon").from("pulled_at", began_since);
    let refused = EventQuery { action: Some("check.refused".to_owned()), since: Some(week.from), until: Some(week.until), ..EventQuery::default() };
    let refusals = read::events(world, refused, REVIEW_OBJECTS).await?;
    Ok(Records {
        tree: catalog.tree,
        components: catalog.components,
        systems: catalog.systems,
        changes: ChangeObject::read_all(&read::pages(world, changes, REVIEW_OBJECTS).await?)?,
        alerts: AlertObject::read_all(&read::pages(world, alerts, REVIEW_OBJECTS).await?)?,
        andons: AndonObject::read_all(&read::pages(world, andons, REVIEW_OBJECTS).await?)?,
        incidents: read::all(world, "Incident").await?,
        coes: read::all(world, "COE").await?,
        actions: read::all(world, "Action").await?,
        refusals: refusals.iter().filter_map(read::refusal).collect(),
        alarms: read::all(world, "Alarm").await?,
        schedules: world.store.all("Schedule").await?,
        mechanisms: world.store.all("Mechanism").await?,
    })
}

/// Freezes the pack of a week; a week that is frozen stays as it is.
///
/// # Errors
/// `OBJ-0001` when the group does not exist, or there is none at all; otherwise as the store.
pub(crate) async fn freeze(world: &World, week: Week, group: Option<ObjectRef>, draft: EventDraft) -> Result<(AnyObject, bool), Problem> {
    let records = records(world, week).await?;
    let nobody = || Problem::new(ErrorCode::ObjectNotFound, "There is no group to hold a review for.").hint("Apply Group descriptors first: `andon apply -f DIR`.");
    let group = group.or_else(|| records.tree.root()).ok_or_else(nobody)?;
    let pack = pack::build(&records, week, Some(&group), world.now())?;
    let pack_digest = pack::digest(&pack)?;
    let name = review_name(week, &group);
    world
        .store
        .write(Priority::Object, move |tx| {
            Box::pin(async move {
                let reference = ObjectRef::new(Review::KIND, "default", &name);
                if let Some(known) = tx.get(&reference).await? {
                    return Ok((known, false));
                }
                let status = ReviewStatus { frozen_at: Some(tx.now()), pack_digest: Some(pack_digest.clone()), pack: Some(pack), draw: None };
                let object = to_any(&Review::object(&name, ReviewSpec { week: week.monday, group }, Some(status)))?;
                Ok((tx.put(object, draft.payload(json!({"packDigest": pack_digest}))).await?, true))
            })
        })
        .await
}

/// Names a review after its week and group; groups of other namespaces carry it.
fn review_name(week: Week, group: &ObjectRef) -> String {
    let namespace = if group.namespace() == "default" { String::new() } else { format!("{}.", group.namespace()) };
    let name: String = format!("{}-{namespace}{}", week.monday, group.name()).chars().take(63).collect();
    name.trim_end_matches(['-', '_', '.']).to_owned()
}

/// Spins the wheel of a frozen review; a draw is made once.
///
/// # Errors
/// `OBJ-0001` when there is no such review, `LRN-0001` when nobody can be drawn.
pub(crate) async fn spin(world: &World, reference: &ObjectRef, draft: EventDraft) -> Result<AnyObject, Problem> {
    let reference = reference.clone();
    world.store.write(Priority::Object, move |tx| Box::pin(async move { spin_once(tx, &reference, draft).await })).await
}

async fn spin_once(tx: &mut Tx, reference: &ObjectRef, draft: EventDraft) -> Result<AnyObject, Problem> {
    let gone = || Problem::new(ErrorCode::ObjectNotFound, format!("There is no {reference}.")).hint("Freeze the week first: `POST /api/v1/reviews`.");
    let mut object = tx.get(reference).await?.ok_or_else(gone)?;
    let review = ReviewObject::read(&object)?;
    if review.status.draw.is_some() {
        return Ok(object);
    }
    let unfrozen = || Problem::internal("a review without a frozen pack");
    let pack_digest = review.status.pack_digest.clone().ok_or_else(unfrozen)?;
    let pack = review.status.pack.as_ref().ok_or_else(unfrozen)?;
    let (history, previous_seed) = past_draws(tx, &review).await?;
    let what = Spin { risks: teams(pack), history, previous_seed, pack_digest };
    let nobody = || Problem::new(ErrorCode::GateFailed, "The pack has no team that could present.").hint("Components with an owning group make teams.");
    let draw = wheel::spin(&what, tx.now()).ok_or_else(nobody)?;
    let facts = json!({"team": draw.team, "seed": draw.seed, "rule": draw.rule});
    let status = ReviewStatus { draw: Some(draw), ..review.status };
    object.status = Some(serde_json::to_value(&status).map_err(Problem::internal)?);
    tx.put(object, draft.payload(facts)).await
}

/// Works a frozen review out again: the digest from the pack, the draw from seed and weights.
///
/// # Errors
/// `OBJ-0001` when there is no such review.
pub(crate) async fn verify(world: &World, reference: &ObjectRef) -> Result<ReviewVerification, Problem> {
    let status = ReviewObject::read(&world.store.require(reference).await?)?.status;
    let digest = status.pack.as_ref().map(pack::digest).transpose()?;
    let pack_ok = digest.is_some() && digest == status.pack_digest;
    let draw_ok = status.draw.as_ref().map(|draw| wheel::verifies(draw, digest.as_deref().unwrap_or_default()));
    Ok(ReviewVerification { pack_ok, draw_ok })
}

/// Reads the earlier draws of the same group, oldest first, and the last seed.
async fn past_draws(tx: &mut Tx, review: &ReviewObject) -> Result<(Vec<String>, String), Problem> {
    let query = ListQuery::kind("Review").filter("group_ref", &review.spec.group).limit(WHEEL_MEMORY);
    let mut draws: Vec<_> = ReviewObject::read_all(&tx.list(&query).await?.items)?.into_iter().filter_map(|other| other.status.draw).collect();
    draws.sort_by_key(|draw| draw.drawn_at);
    let seed = draws.last().map(|draw| draw.seed.clone()).unwrap_or_default();
    Ok((draws.into_iter().map(|draw| draw.team).collect(), seed))
}

/// Lists the teams that can present, with their risk, from the frozen pack alone, so that anyone can
/// check: those that own components (they have adoption to show), else the groups at the bottom.
fn teams(pack: &ReviewPack) -> BTreeMap<String, f64> {
    let is_parent = |group: &str| pack.rows.iter().any(|row| row.parent.as_deref() == Some(group));
    let owns = |group: &str| pack.adoption.iter().any(|row| row.group == group && row.population > 0);
    let any_owner = pack.rows.iter().any(|row| owns(&row.group));
    pack.rows
        .iter()
        .filter(|row| row.group != UNOWNED && if any_owner { owns(&row.group) } else { !is_parent(&row.group) })
        .map(|row| (row.group.clone(), wheel::risk(row.overdue_actions, row.open_coes)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use andon_api::kinds::learning::{Adoption, ReviewRow};

    fn row(group: &str, parent: Option<&str>, overdue_actions: i64) -> ReviewRow {
        ReviewRow { group: group.to_owned(), parent: parent.map(str::to_owned), overdue_actions, ..ReviewRow::default() }
    }

    #[test]
    fn teams_with_components_present_and_risk_comes_from_the_pack() {
        let mut pack = ReviewPack {
            rows: vec![row("acme", None, 2), row("pay", Some("acme"), 2), row("web", Some("acme"), 0), row(UNOWNED, Some("acme"), 0)],
            ..ReviewPack::default()
        };
        assert_eq!(teams(&pack).into_keys().collect::<Vec<_>>(), ["pay", "web"]);
        pack.adoption = vec![Adoption { mechanism: "m".to_owned(), group: "pay".to_owned(), adopters: 0, population: 1 }];
        let found = teams(&pack);
        assert_eq!(found.len(), 1);
        assert!((found["pay"] - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_review_is_named_after_its_week_and_group() {
        let week = Week::of("2026-03-04".parse().unwrap()).unwrap();
        assert_eq!(review_name(week, &ObjectRef::new("group", "default", "acme")), "2026-03-02-acme");
        assert_eq!(review_name(week, &ObjectRef::new("group", "shop", "acme")), "2026-03-02-shop.acme");
        assert!(review_name(week, &ObjectRef::new("group", "default", &"x".repeat(63))).len() <= 63);
    }
}

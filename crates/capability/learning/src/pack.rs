//! The pack of the weekly review: what happened to whom, rolled up team -> group -> company. Pure.
//!
//! Invariants: a parent's number is the sum of what is below it and its own, never an average; a
//! percentile is taken over all changes below; whatever nobody owns is shown as `unowned`, not lost.

use std::collections::BTreeMap;

use andon_api::error::{ErrorCode, Problem};
use andon_api::graph::OwnerTree;
use andon_api::kinds::delivery::{ChangeType, Outcome};
use andon_api::kinds::learning::{Adoption, CoeState, ReviewPack, ReviewRow};
use andon_api::kinds::response::PageState;
use andon_api::object::{AnyObject, ObjectRef};
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::actions::is_overdue;
use crate::owners::Owners;
use crate::typed::{ActionObject, AlarmObject, AlertObject, AndonObject, ChangeObject, CoeObject, IncidentObject};

/// The name of the row of what nobody owns.
pub(crate) const UNOWNED: &str = "unowned";

/// A week: from Monday, 0:00 UTC, to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Week {
    pub(crate) monday: Date,
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
}

impl Week {
    /// Tells the week of a day.
    ///
    /// # Errors
    /// `REQ-0001` for a day at the end of time.
    pub(crate) fn of(day: Date) -> Result<Self, Problem> {
        let invalid = |_| Problem::new(ErrorCode::RequestInvalid, format!("{day} has no week.")).place("?week");
        let back = i64::from(day.weekday().since(Weekday::Monday));
        let monday = day.checked_sub(back.days()).map_err(invalid)?;
        let next = monday.checked_add(7.days()).map_err(invalid)?;
        let start = |day: Date| day.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp()).map_err(invalid);
        Ok(Self { monday, from: start(monday)?, until: start(next)? })
    }

    /// Tells the week of a moment.
    ///
    /// # Errors
    /// As [`Week::of`].
    pub(crate) fn containing(now: Timestamp) -> Result<Self, Problem> {
        Self::of(now.to_zoned(TimeZone::UTC).date())
    }

    pub(crate) fn holds(&self, at: Option<Timestamp>) -> bool {
        at.is_some_and(|at| at >= self.from && at < self.until)
    }

    /// Tells the day by which what is due counts as overdue: today, or the end of a week that is over.
    pub(crate) fn last_day(&self, now: Timestamp) -> Date {
        now.min(self.until).to_zoned(TimeZone::UTC).date()
    }
}

/// A refusal of the ledger.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) event: String,
    pub(crate) at: Timestamp,
    /// The scope that was checked, in canonical form.
    pub(crate) scope: String,
    /// What refused: andons and policies.
    pub(crate) by: Vec<ObjectRef>,
}

/// Everything that a pack is made of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Records {
    pub(crate) tree: OwnerTree,
    pub(crate) components: Vec<AnyObject>,
    pub(crate) systems: Vec<AnyObject>,
    pub(crate) changes: Vec<ChangeObject>,
    pub(crate) alerts: Vec<AlertObject>,
    pub(crate) incidents: Vec<IncidentObject>,
    pub(crate) andons: Vec<AndonObject>,
    pub(crate) coes: Vec<CoeObject>,
    pub(crate) actions: Vec<ActionObject>,
    pub(crate) refusals: Vec<Refusal>,
    pub(crate) alarms: Vec<AlarmObject>,
    pub(crate) schedules: Vec<AnyObject>,
    pub(crate) mechanisms: Vec<AnyObject>,
}

impl Records {
    /// Tells which group answers for what.
    pub(crate) fn owners(&self) -> Owners<'_> {
        Owners::new(&self.tree, self.components.iter().chain(&self.systems))
    }
}

/// The numbers of one group in one week.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) changes: i64,
    pub(crate) rollbacks: i64,
    pub(crate) times_to_value_ms: Vec<i64>,
    pub(crate) pages: i64,
    pub(crate) incidents: i64,
    pub(crate) andon_pulls: i64,
    pub(crate) open_coes: i64,
    pub(crate) overdue_actions: i64,
    pub(crate) refusals: i64,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.changes += other.changes;
        self.rollbacks += other.rollbacks;
        self.times_to_value_ms.extend(&other.times_to_value_ms);
        self.pages += other.pages;
        self.incidents += other.incidents;
        self.andon_pulls += other.andon_pulls;
        self.open_coes += other.open_coes;
        self.overdue_actions += other.overdue_actions;
        self.refusals += other.refusals;
    }

    fn row(mut self, group: String, parent: Option<String>, depth: u32) -> ReviewRow {
        self.times_to_value_ms.sort_unstable();
        ReviewRow {
            group,
            parent,
            depth,
            changes: self.changes,
            rollbacks: self.rollbacks,
            time_to_value_p50_ms: percentile(&self.times_to_value_ms, 50),
            time_to_value_p90_ms: percentile(&self.times_to_value_ms, 90),
            pages: self.pages,
            incidents: self.incidents,
            andon_pulls: self.andon_pulls,
            open_coes: self.open_coes,
            overdue_actions: self.overdue_actions,
            refusals: self.refusals,
        }
    }
}

/// Takes a percentile of sorted numbers by the nearest rank; none of none.
pub(crate) fn percentile(sorted: &[i64], percent: usize) -> Option<i64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// Builds the pack of a week for one group, or for the company.
///
/// # Errors
/// `OBJ-0001` when the group does not exist.
pub(crate) fn build(records: &Records, week: Week, group: Option<&ObjectRef>, now: Timestamp) -> Result<ReviewPack, Problem> {
    let shape = Shape::new(&records.tree, group)?;
    let owners = records.owners();
    let own = tallies(records, &owners, week, now);
    let inside = |owner: Option<ObjectRef>| shape.holds(owner.as_ref());
    let adoption = crate::adoption::measure(records, &owners, week)
        .into_iter()
        .filter(|row| inside(ObjectRef::parse(&row.group, Some("group"), "default").ok()))
        .collect::<Vec<Adoption>>();
    let last_day = week.last_day(now);
    Ok(ReviewPack {
        from: Some(week.from),
        until: Some(week.until),
        rows: shape.rows(&own),
        adoption,
        overdue_actions: records
            .actions
            .iter()
            .filter(|action| is_overdue(&action.spec, &action.status, last_day) && inside(owner_of_action(action, records, &owners)))
            .map(|action| action.reference.clone())
            .collect(),
        coes: records.coes.iter().filter(|coe| inside(owners.of_coe(coe))).map(|coe| coe.reference.clone()).collect(),
        incidents: records
            .incidents
            .iter()
            .filter(|incident| week.holds(began(incident)) && inside(owners.of_incident(incident)))
            .map(|incident| incident.reference.clone())
            .collect(),
    })
}

pub(crate) fn began(incident: &IncidentObject) -> Option<Timestamp> {
    incident.status.started_at.or(incident.status.detected_at)
}

fn owner_of_action(action: &ActionObject, records: &Records, owners: &Owners<'_>) -> Option<ObjectRef> {
    let coe = records.coes.iter().find(|coe| coe.reference == action.spec.coe);
    coe.and_then(|coe| owners.of_coe(coe)).or_else(|| records.tree.group_for(&ObjectRef::parse(&action.spec.owner, Some("user"), "default").ok()?))
}

/// Counts what each group owns itself; `None` is nobody.
fn tallies(records: &Records, owners: &Owners<'_>, week: Week, now: Timestamp) -> BTreeMap<Option<ObjectRef>, Tally> {
    let mut tallies: BTreeMap<Option<ObjectRef>, Tally> = BTreeMap::new();
    for change in &records.changes {
        let arrived = matches!(change.status.outcome, Outcome::Succeeded | Outcome::RolledBack);
        if arrived && change.spec.change_type != ChangeType::Rollback && week.holds(change.status.deployed_at) {
            let tally = tallies.entry(owners.of(&change.spec.service)).or_default();
            tally.changes += 1;
            tally.rollbacks += i64::from(change.status.outcome == Outcome::RolledBack);
            tally.times_to_value_ms.extend(change.status.time_to_value_ms);
        }
    }
    for alert in &records.alerts {
        let accepted = |page: &&andon_api::kinds::response::PageSummary| page.state == PageState::Accepted && week.holds(page.accepted_at);
        let pages = alert.status.pages.iter().filter(accepted).count();
        let owner = alert.spec.service.as_ref().and_then(|service| owners.of(service));
        tallies.entry(owner).or_default().pages += count(pages);
    }
    for incident in records.incidents.iter().filter(|incident| week.holds(began(incident))) {
        tallies.entry(owners.of_incident(incident)).or_default().incidents += 1;
    }
    for andon in &records.andons {
        let pulls = std::iter::once(andon.status.pulled_at).chain(andon.status.pulls.iter().map(|pull| Some(pull.at)));
        let pulls = pulls.filter(|at| week.holds(*at)).count();
        tallies.entry(owners.of_scope(&andon.spec.scope)).or_default().andon_pulls += count(pulls);
    }
    for coe in records.coes.iter().filter(|coe| coe.status.state != CoeState::Verified) {
        tallies.entry(owners.of_coe(coe)).or_default().open_coes += 1;
    }
    let last_day = week.last_day(now);
    for action in records.actions.iter().filter(|action| is_overdue(&action.spec, &action.status, last_day)) {
        tallies.entry(owner_of_action(action, records, owners)).or_default().overdue_actions += 1;
    }
    for refusal in records.refusals.iter().filter(|refusal| week.holds(Some(refusal.at))) {
        tallies.entry(owners.of_scope(&refusal.scope)).or_default().refusals += 1;
    }
    tallies
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The groups of a review, each after its parent.
struct Shape {
    /// Group, parent and depth.
    groups: Vec<(ObjectRef, Option<ObjectRef>, u32)>,
    /// Whether this is the company, to which whatever nobody owns belongs.
    company: bool,
}

impl Shape {
    /// Takes the groups below one, or the whole company; whoever stands beside the company's tree
    /// (nobody said that it belongs there) stands below its root, so that nothing is left out.
    fn new(tree: &OwnerTree, group: Option<&ObjectRef>) -> Result<Self, Problem> {
        let root = tree.root();
        let company = group.is_none() || group == root.as_ref();
        let mut shape = Self { groups: Vec::new(), company };
        match group.cloned().or(root) {
            None => {}
            Some(top) if tree.path_to_root(&top).is_empty() => {
                return Err(Problem::new(ErrorCode::ObjectNotFound, format!("There is no group {top}.")).hint("`andon get groups` lists them."));
            }
            Some(top) => {
                shape.take(tree, &top, None, 0);
                for other in tree.roots().into_iter().filter(|other| company && *other != top) {
                    shape.take(tree, &other, Some(&top), 1);
                }
            }
        }
        Ok(shape)
    }

    fn take(&mut self, tree: &OwnerTree, group: &ObjectRef, parent: Option<&ObjectRef>, depth: u32) {
        self.groups.push((group.clone(), parent.cloned(), depth));
        for child in tree.children(group) {
            self.take(tree, &child, Some(group), depth + 1);
        }
    }

    fn holds(&self, owner: Option<&ObjectRef>) -> bool {
        match owner {
            None => self.company,
            Some(owner) => self.groups.iter().any(|(group, _, _)| group == owner),
        }
    }

    /// Rolls the groups' own numbers up: children come after their parents, so backwards is upwards.
    fn rows(&self, own: &BTreeMap<Option<ObjectRef>, Tally>) -> Vec<ReviewRow> {
        let mut totals: BTreeMap<&ObjectRef, Tally> = BTreeMap::new();
        for (group, parent, _) in self.groups.iter().rev() {
            totals.entry(group).or_default().add(own.get(&Some(group.clone())).unwrap_or(&Tally::default()));
            if let Some(parent) = parent {
                let total = totals.get(group).cloned().unwrap_or_default();
                totals.entry(parent).or_default().add(&total);
            }
        }
        let nobody = own.get(&None).filter(|tally| self.company && **tally != Tally::default());
        let root = self.groups.first().map(|(group, _, _)| group);
        if let (Some(nobody), Some(root)) = (nobody, root) {
            totals.entry(root).or_default().add(nobody);
        }
        let mut rows: Vec<ReviewRow> = self
            .groups
            .iter()
            .map(|(group, parent, depth)| {
                totals.remove(group).unwrap_or_default().row(group.to_string(), parent.as_ref().map(ToString::to_string), *depth)
            })
            .collect();
        if let Some(nobody) = nobody {
            rows.push(nobody.clone().row(UNOWNED.to_owned(), root.map(ToString::to_string), u32::from(root.is_some())));
        }
        rows
    }
}

/// Makes the digest of a pack: SHA-256 over its JSON with sorted keys and no blanks.
///
/// # Errors
/// `SYS-0001` when the pack has no JSON form, which does not happen.
pub(crate) fn digest(pack: &ReviewPack) -> Result<String, Problem> {
    let value = serde_json::to_value(pack).map_err(Problem::internal)?;
    Ok(hex::encode(Sha256::digest(canonical(&value).as_bytes())))
}

fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<&String, &Value> = fields.iter().collect();
            let fields: Vec<String> =
                sorted.into_iter().map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), canonical(value))).collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        plain => plain.to_string(),
    }
}

#[cfg(test)]
#[path = "pack_tests.rs"]
mod tests;

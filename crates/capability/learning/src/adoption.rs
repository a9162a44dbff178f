//! Adoption per mechanism and team: of how many could, how many do. Pure.
//!
//! A mechanism is a tool, its adoption and its inspection; a mechanism that nobody has declared yet is
//! measured all the same, under the name of its measure, so that the first review is not empty.

use std::collections::{BTreeMap, BTreeSet};

use andon_api::kinds::learning::{Adoption, AdoptionMeasure, MechanismSpec};
use andon_api::kinds::response::ScheduleSpec;
use andon_api::kinds::signals::Severity;
use andon_api::object::ObjectRef;
use jiff::SignedDuration;

use crate::limits::{ADOPTION_DAYS, ANSWER_MS};
use crate::owners::Owners;
use crate::pack::{Records, Week, began};

/// The measures, with the names of mechanisms that nobody has declared.
const MEASURES: [(AdoptionMeasure, &str); 6] = [
    (AdoptionMeasure::ChangesRecorded, "changes-recorded"),
    (AdoptionMeasure::AlarmPerService, "alarm-per-service"),
    (AdoptionMeasure::OnCallCovered, "on-call-covered"),
    (AdoptionMeasure::CoePerIncident, "coe-per-incident"),
    (AdoptionMeasure::ActionsVerified, "actions-verified"),
    (AdoptionMeasure::AndonAnswered, "andon-answered"),
];

/// How many of a team have adopted something, of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Share {
    adopters: i64,
    population: i64,
}

type Shares = BTreeMap<ObjectRef, Share>;

/// Measures every mechanism for every team that it concerns.
pub(crate) fn measure(records: &Records, owners: &Owners<'_>, week: Week) -> Vec<Adoption> {
    let mut rows = Vec::new();
    for (name, measure) in mechanisms(records) {
        let shares = shares(measure, records, owners, week);
        rows.extend(shares.into_iter().map(|(group, share)| Adoption {
            mechanism: name.clone(),
            group: group.to_string(),
            adopters: share.adopters,
            population: share.population,
        }));
    }
    rows
}

fn mechanisms(records: &Records) -> Vec<(String, AdoptionMeasure)> {
    let mut found: Vec<(String, AdoptionMeasure)> = records
        .mechanisms
        .iter()
        .filter_map(|object| Some((object.metadata.name.clone(), object.spec_as::<MechanismSpec>().ok()?.adoption)))
        .collect();
    let declared: Vec<AdoptionMeasure> = found.iter().map(|(_, measure)| *measure).collect();
    let undeclared = MEASURES.iter().filter(|(measure, _)| !declared.contains(measure));
    found.extend(undeclared.map(|(measure, name)| ((*name).to_owned(), *measure)));
    found
}

fn shares(measure: AdoptionMeasure, records: &Records, owners: &Owners<'_>, week: Week) -> Shares {
    match measure {
        AdoptionMeasure::ChangesRecorded => {
            let since = week.until.checked_sub(SignedDuration::from_hours(24 * ADOPTION_DAYS)).unwrap_or(week.from);
            let recorded: BTreeSet<&ObjectRef> = records
                .changes
                .iter()
                .filter(|change| change.status.deployed_at.is_some_and(|at| at >= since && at < week.until))
                .map(|change| &change.spec.service)
                .collect();
            per_service(records, owners, |service| recorded.contains(service))
        }
        AdoptionMeasure::AlarmPerService => {
            let watched: BTreeSet<&ObjectRef> = records.alarms.iter().map(|alarm| &alarm.spec.service).collect();
            per_service(records, owners, |service| watched.contains(service))
        }
        AdoptionMeasure::OnCallCovered => on_call(records, owners),
        AdoptionMeasure::CoePerIncident => {
            let severe = records.incidents.iter().filter(|incident| {
                week.holds(began(incident)) && matches!(incident.spec.severity, Severity::Sev1 | Severity::Sev2)
            });
            count(severe.map(|incident| {
                let learned = records.coes.iter().any(|coe| coe.spec.incident.as_ref() == Some(&incident.reference));
                (owners.of_incident(incident), learned)
            }))
        }
        AdoptionMeasure::ActionsVerified => count(records.actions.iter().map(|action| {
            let coe = records.coes.iter().find(|coe| coe.reference == action.spec.coe);
            (coe.and_then(|coe| owners.of_coe(coe)), action.status.verified_at.is_some())
        })),
        AdoptionMeasure::AndonAnswered => {
            let pulled = records.andons.iter().filter(|andon| week.holds(andon.status.pulled_at));
            count(pulled.map(|andon| {
                let answered = andon.status.acknowledged_at.or(andon.status.released_at);
                let within = answered.zip(andon.status.pulled_at).is_some_and(|(answered, pulled)| {
                    answered.as_millisecond() - pulled.as_millisecond() <= ANSWER_MS
                });
                (owners.of_scope(&andon.spec.scope), within)
            }))
        }
    }
}

fn count(items: impl Iterator<Item = (Option<ObjectRef>, bool)>) -> Shares {
    let mut shares = Shares::new();
    for (owner, adopted) in items {
        if let Some(owner) = owner {
            let share = shares.entry(owner).or_default();
            share.population += 1;
            share.adopters += i64::from(adopted);
        }
    }
    shares
}

fn per_service(records: &Records, owners: &Owners<'_>, adopted: impl Fn(&ObjectRef) -> bool) -> Shares {
    count(records.components.iter().map(|component| {
        let service = component.reference();
        (owners.of(&service), adopted(&service))
    }))
}

/// A team is covered when it, or a group above it, owns a rotation with somebody in it.
fn on_call(records: &Records, owners: &Owners<'_>) -> Shares {
    let covered: BTreeSet<ObjectRef> = records
        .schedules
        .iter()
        .filter(|schedule| schedule.spec_as::<ScheduleSpec>().is_ok_and(|spec| spec.layers.iter().any(|layer| !layer.members.is_empty())))
        .filter_map(|schedule| records.tree.owner_of(schedule))
        .collect();
    let teams: BTreeSet<ObjectRef> = records.components.iter().filter_map(|component| owners.of(&component.reference())).collect();
    count(teams.into_iter().map(|team| {
        let is_covered = records.tree.path_to_root(&team).iter().any(|group| covered.contains(group));
        (Some(team), is_covered)
    }))
}

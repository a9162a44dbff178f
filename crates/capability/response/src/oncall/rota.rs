//! A schedule, compiled: layers and overrides, who holds an instant, and the shifts of a range.

use andon_api::error::{ErrorCode, Problem};
use andon_api::kinds::response::{Layer, Override, ScheduleSpec};
use andon_api::object::{DEFAULT_NAMESPACE, ObjectRef};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::restriction::Cover;
use super::turn::{Turns, resolve};
use crate::limits::{LAYERS_MAX, MEMBERS_MAX, OVERRIDES_MAX, RESTRICTIONS_MAX, SHIFTS_RANGE_DAYS, TURN_UNITS_MAX};

/// A schedule that can be asked who is on call.
#[derive(Clone, Debug)]
pub struct Rota {
    layers: Vec<CompiledLayer>,
    overrides: Vec<CompiledOverride>,
}

#[derive(Clone, Debug)]
struct CompiledLayer {
    turns: Turns,
    covers: Vec<Cover>,
}

#[derive(Clone, Debug)]
struct CompiledOverride {
    user: ObjectRef,
    from: Timestamp,
    until: Timestamp,
}

/// One person's uninterrupted time on call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Shift {
    /// Who.
    pub user: ObjectRef,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// Who is on call at an instant, since when and until when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// Who; absent when nobody is on call.
    pub user: Option<ObjectRef>,
    /// Since when; absent when it has been so for longer than a year.
    pub from: Option<Timestamp>,
    /// Until when; absent when it stays so for longer than a year.
    pub until: Option<Timestamp>,
}

impl Rota {
    /// Compiles a schedule.
    ///
    /// # Errors
    /// `RSP-0001` with the field that cannot be worked out.
    pub fn compile(spec: &ScheduleSpec) -> Result<Self, Problem> {
        let zone = TimeZone::get(&spec.time_zone).map_err(|error| {
            refuse("spec.timeZone", format!("`{}` is not a time zone.", spec.time_zone))
                .hint("Write a name of the IANA data base, such as Europe/Berlin, America/New_York or UTC.")
                .operator(error)
        })?;
        bounded("spec.layers", spec.layers.len(), 1, LAYERS_MAX, "layers")?;
        bounded("spec.overrides", spec.overrides.len(), 0, OVERRIDES_MAX, "overrides")?;
        let layers = spec
            .layers
            .iter()
            .enumerate()
            .map(|(index, layer)| compile_layer(&zone, index, layer))
            .collect::<Result<_, _>>()?;
        let overrides = spec
            .overrides
            .iter()
            .enumerate()
            .map(|(index, item)| compile_override(index, item))
            .collect::<Result<_, _>>()?;
        Ok(Self { layers, overrides })
    }

    /// Tells who is on call at an instant.
    pub fn member(&self, at: Timestamp) -> Option<&ObjectRef> {
        let replaced = self.overrides.iter().rev().find(|item| item.from <= at && at < item.until);
        if let Some(item) = replaced {
            return Some(&item.user);
        }
        self.layers.iter().rev().find_map(|layer| layer.member(at))
    }

    /// Lists the shifts of a range, oldest first; where nobody is on call there is no shift.
    pub fn shifts(&self, from: Timestamp, until: Timestamp) -> Vec<Shift> {
        self.sweep(from, until)
            .into_iter()
            .filter_map(|(user, from, until)| Some(Shift { user: user?, from, until }))
            .collect()
    }

    /// Lists the times of a range in which nobody is on call.
    pub fn gaps(&self, from: Timestamp, until: Timestamp) -> Vec<(Timestamp, Timestamp)> {
        let swept = self.sweep(from, until).into_iter();
        swept.filter(|(user, ..)| user.is_none()).map(|(_, from, until)| (from, until)).collect()
    }

    /// Tells who is on call at an instant, since when and until when.
    pub fn holder(&self, at: Timestamp) -> Holder {
        let user = self.member(at).cloned();
        let mut found = Holder { user, from: None, until: None };
        for days in [8, 64, SHIFTS_RANGE_DAYS] {
            let reach = SignedDuration::from_hours(24 * days);
            let first = at.checked_sub(reach).unwrap_or(Timestamp::MIN);
            let last = at.checked_add(reach).unwrap_or(Timestamp::MAX);
            let swept = self.sweep(first, last);
            let Some((_, from, until)) = swept.into_iter().find(|(_, from, until)| *from <= at && at < *until) else {
                continue;
            };
            found.from = (from > first).then_some(from);
            found.until = (until < last).then_some(until);
            if found.from.is_some() && found.until.is_some() {
                break;
            }
        }
        found
    }

    /// Cuts a range at every instant at which something may change, asks once per piece, and joins
    /// neighbours of the same person.
    fn sweep(&self, from: Timestamp, until: Timestamp) -> Vec<(Option<ObjectRef>, Timestamp, Timestamp)> {
        if from >= until {
            return Vec::new();
        }
        let mut cuts = vec![from, until];
        for layer in &self.layers {
            layer.cuts(from, until, &mut cuts);
        }
        for item in &self.overrides {
            cuts.extend([item.from, item.until].into_iter().filter(|at| from < *at && *at < until));
        }
        cuts.sort_unstable();
        cuts.dedup();
        let mut pieces: Vec<(Option<ObjectRef>, Timestamp, Timestamp)> = Vec::new();
        for pair in cuts.windows(2) {
            let user = self.member(pair[0]);
            match pieces.last_mut() {
                Some((last, _, end)) if last.as_ref() == user => *end = pair[1],
                _ => pieces.push((user.cloned(), pair[0], pair[1])),
            }
        }
        pieces
    }
}

impl CompiledLayer {
    fn member(&self, at: Timestamp) -> Option<&ObjectRef> {
        let covered = self.covers.is_empty() || self.covers.iter().any(|cover| cover.covers(&self.turns.zone, at));
        if covered { self.turns.member(at) } else { None }
    }

    fn cuts(&self, from: Timestamp, until: Timestamp, cuts: &mut Vec<Timestamp>) {
        cuts.extend(self.turns.boundaries(from, until));
        for cover in &self.covers {
            cuts.extend(cover.edges(&self.turns.zone, from, until));
        }
    }
}

fn compile_layer(zone: &TimeZone, index: usize, layer: &Layer) -> Result<CompiledLayer, Problem> {
    let place = |field: &str| format!("spec.layers[{index}].{field}");
    bounded(&place("members"), layer.members.len(), 1, MEMBERS_MAX, "members")?;
    bounded(&place("restrictions"), layer.restrictions.len(), 0, RESTRICTIONS_MAX, "restrictions")?;
    if layer.count == 0 || layer.count > TURN_UNITS_MAX {
        return Err(refuse(&place("count"), format!("A turn lasts 1 to {TURN_UNITS_MAX} units, not {}.", layer.count)));
    }
    let year = layer.anchor.year();
    if !(1970..=2200).contains(&year) || resolve(zone, layer.anchor).is_none() {
        return Err(refuse(&place("anchor"), format!("The first hand-off is in the year {year}; write 1970 to 2200.")));
    }
    let members = layer
        .members
        .iter()
        .map(|text| user_reference(text).map_err(|problem| problem.place(place("members"))))
        .collect::<Result<_, _>>()?;
    let turns =
        Turns { zone: zone.clone(), anchor: layer.anchor, unit: layer.every, count: i64::from(layer.count), members };
    let covers = layer.restrictions.iter().map(|item| Cover::new(&item.days, item.start, item.end)).collect();
    Ok(CompiledLayer { turns, covers })
}

fn compile_override(index: usize, item: &Override) -> Result<CompiledOverride, Problem> {
    let place = format!("spec.overrides[{index}]");
    if item.from >= item.until {
        return Err(refuse(&format!("{place}.until"), "The override ends before it starts.".to_owned()));
    }
    let user = user_reference(&item.user).map_err(|problem| problem.place(format!("{place}.user")))?;
    Ok(CompiledOverride { user, from: item.from, until: item.until })
}

/// Reads the reference of a user, where `maya` stands for `user:default/maya`.
///
/// # Errors
/// `OBJ-0003` when it is no reference, `RSP-0001` when it names something else.
pub fn user_reference(text: &str) -> Result<ObjectRef, Problem> {
    let reference = ObjectRef::parse(text, Some("User"), DEFAULT_NAMESPACE)?;
    if reference.kind() == "user" {
        Ok(reference)
    } else {
        Err(Problem::new(ErrorCode::ScheduleInvalid, format!("`{text}` is not a user."))
            .hint("Write the user's name, or `user:namespace/name`."))
    }
}

fn bounded(place: &str, have: usize, least: usize, most: usize, what: &str) -> Result<(), Problem> {
    if (least..=most).contains(&have) {
        Ok(())
    } else {
        Err(refuse(place, format!("There are {have} {what}; write {least} to {most}.")))
    }
}

fn refuse(place: &str, detail: String) -> Problem {
    Problem::new(ErrorCode::ScheduleInvalid, detail).place(place)
}

use andon_api::kinds::response::{Layer, Override, Restriction, ScheduleSpec, TurnUnit, Weekday};
use jiff::civil::{DateTime, Time, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::turn::{Turns, resolve};
use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn layer(anchor: DateTime, every: TurnUnit, members: &[&str]) -> Layer {
    Layer {
        anchor,
        every,
        count: 1,
        members: members.iter().map(|name| (*name).to_owned()).collect(),
        restrictions: vec![],
    }
}

fn schedule(zone: &str, layers: Vec<Layer>) -> ScheduleSpec {
    ScheduleSpec { owner: "team-a".into(), time_zone: zone.into(), layers, overrides: vec![] }
}

fn name(rota: &Rota, at: Timestamp) -> Option<String> {
    rota.member(at).map(|user| user.name().to_owned())
}

#[test]
fn local_times_that_do_not_exist_or_exist_twice_follow_rfc_5545() {
    // (zone, local time, the instant of a hand-off, the end of a restriction)
    let vectors = [
        ("America/New_York", date(2026, 3, 8).at(2, 30, 0, 0), "2026-03-08T07:30:00Z", "2026-03-08T07:30:00Z"),
        ("America/New_York", date(2026, 11, 1).at(1, 30, 0, 0), "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"),
        ("Europe/London", date(2026, 3, 29).at(1, 30, 0, 0), "2026-03-29T01:30:00Z", "2026-03-29T01:30:00Z"),
        ("Europe/London", date(2026, 10, 25).at(1, 30, 0, 0), "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"),
        ("Australia/Lord_Howe", date(2026, 4, 5).at(1, 45, 0, 0), "2026-04-04T14:45:00Z", "2026-04-04T15:15:00Z"),
        ("Africa/Cairo", date(2026, 4, 24).at(0, 0, 0, 0), "2026-04-23T22:00:00Z", "2026-04-23T22:00:00Z"),
        ("Pacific/Apia", date(2011, 12, 30).at(9, 0, 0, 0), "2011-12-30T19:00:00Z", "2011-12-30T19:00:00Z"),
    ];
    for (zone, local, first, second) in vectors {
        let zone = TimeZone::get(zone).unwrap();
        assert_eq!(resolve(&zone, local).unwrap(), at(first), "{local} {zone:?}");
        assert_eq!(zone.to_ambiguous_timestamp(local).later().unwrap(), at(second), "{local} {zone:?}");
    }
}

fn week_hours(zone: &str, anchor: DateTime) -> f64 {
    let rota = Rota::compile(&schedule(zone, vec![layer(anchor, TurnUnit::Week, &["ann", "ben"])])).unwrap();
    let start = resolve(&TimeZone::get(zone).unwrap(), anchor).unwrap();
    let holder = rota.holder(start);
    let hours = holder.until.unwrap().duration_since(start).as_secs_f64() / 3600.0;
    assert_eq!(name(&rota, start).unwrap(), "ann");
    assert_eq!(name(&rota, holder.until.unwrap()).unwrap(), "ben");
    hours
}

#[test]
fn a_week_keeps_its_wall_clock_hand_off_across_summer_time() {
    assert_eq!(week_hours("America/New_York", date(2026, 3, 2).at(9, 0, 0, 0)), 167.0);
    assert_eq!(week_hours("America/New_York", date(2026, 10, 26).at(9, 0, 0, 0)), 169.0);
    assert_eq!(week_hours("Australia/Lord_Howe", date(2026, 9, 28).at(9, 0, 0, 0)), 167.5);
    assert_eq!(week_hours("UTC", date(2026, 3, 2).at(9, 0, 0, 0)), 168.0);
}

#[test]
fn a_rotation_set_up_in_summer_hands_off_at_the_same_hour_in_winter() {
    let anchor = date(2026, 7, 6).at(9, 0, 0, 0);
    let rota = Rota::compile(&schedule("Europe/Berlin", vec![layer(anchor, TurnUnit::Week, &["ann", "ben"])])).unwrap();
    for shift in rota.shifts(at("2026-07-06T07:00:00Z"), at("2027-06-01T00:00:00Z")) {
        let local = TimeZone::get("Europe/Berlin").unwrap().to_datetime(shift.from);
        assert_eq!(local.time(), Time::constant(9, 0, 0, 0), "{shift:?}");
    }
}

#[test]
fn months_are_clamped_to_their_end_and_do_not_drift() {
    let anchor = date(2026, 1, 31).at(8, 0, 0, 0);
    let rota = Rota::compile(&schedule("UTC", vec![layer(anchor, TurnUnit::Month, &["ann", "ben"])])).unwrap();
    let starts: Vec<_> = rota
        .shifts(at("2026-01-31T08:00:00Z"), at("2026-06-01T00:00:00Z"))
        .iter()
        .map(|shift| shift.from.to_string())
        .collect();
    assert_eq!(
        starts,
        [
            "2026-01-31T08:00:00Z",
            "2026-02-28T08:00:00Z",
            "2026-03-31T08:00:00Z",
            "2026-04-30T08:00:00Z",
            "2026-05-31T08:00:00Z"
        ]
    );
}

#[test]
fn hourly_turns_are_elapsed_hours() {
    let mut hourly = layer(date(2026, 3, 28).at(12, 0, 0, 0), TurnUnit::Hour, &["ann", "ben", "cid"]);
    hourly.count = 8;
    let rota = Rota::compile(&schedule("Europe/Berlin", vec![hourly])).unwrap();
    for shift in rota.shifts(at("2026-03-28T11:00:00Z"), at("2026-03-30T03:00:00Z")) {
        assert_eq!(shift.until.duration_since(shift.from).as_hours(), 8, "{shift:?}");
    }
}

#[test]
fn a_skipped_day_skips_its_empty_turn() {
    let rota = Rota::compile(&schedule(
        "Pacific/Apia",
        vec![layer(date(2011, 12, 28).at(9, 0, 0, 0), TurnUnit::Day, &["ann", "ben", "cid", "dan"])],
    ))
    .unwrap();
    let shifts = rota.shifts(at("2011-12-28T19:00:00Z"), at("2011-12-31T19:00:00Z"));
    let names: Vec<_> = shifts.iter().map(|shift| shift.user.name()).collect();
    assert_eq!(names, ["ann", "ben", "dan"], "the 30th of December never was, so its turn is empty");
    assert!(shifts.windows(2).all(|pair| pair[0].until == pair[1].from));
}

#[test]
fn nobody_is_on_call_before_the_first_hand_off() {
    let rota = Rota::compile(&schedule("UTC", vec![layer(date(2026, 3, 2).at(9, 0, 0, 0), TurnUnit::Week, &["ann"])]))
        .unwrap();
    assert_eq!(rota.member(at("2026-03-02T08:59:59.999999999Z")), None);
    assert_eq!(name(&rota, at("2026-03-02T09:00:00Z")).unwrap(), "ann");
    assert_eq!(
        rota.gaps(at("2026-03-01T00:00:00Z"), at("2026-03-03T00:00:00Z")),
        [(at("2026-03-01T00:00:00Z"), at("2026-03-02T09:00:00Z"))]
    );
    let holder = rota.holder(at("2026-03-05T00:00:00Z"));
    assert_eq!((holder.from, holder.until), (Some(at("2026-03-02T09:00:00Z")), None), "one member stays on call");
}

#[test]
fn the_last_layer_that_has_somebody_wins_and_overrides_win_over_layers() {
    let all_day = layer(date(2026, 3, 2).at(0, 0, 0, 0), TurnUnit::Week, &["ann"]);
    let mut nights = layer(date(2026, 3, 2).at(0, 0, 0, 0), TurnUnit::Day, &["ben"]);
    nights.restrictions = vec![Restriction {
        days: vec![Weekday::Monday, Weekday::Friday],
        start: Time::constant(22, 0, 0, 0),
        end: Time::constant(6, 0, 0, 0),
    }];
    let mut spec = schedule("UTC", vec![all_day, nights]);
    spec.overrides.push(Override {
        user: "cid".into(),
        from: at("2026-03-02T23:00:00Z"),
        until: at("2026-03-03T01:00:00Z"),
    });
    let rota = Rota::compile(&spec).unwrap();
    let shifts: Vec<_> = rota
        .shifts(at("2026-03-02T12:00:00Z"), at("2026-03-04T12:00:00Z"))
        .into_iter()
        .map(|shift| format!("{} {} {}", shift.user.name(), shift.from, shift.until))
        .collect();
    assert_eq!(
        shifts,
        [
            "ann 2026-03-02T12:00:00Z 2026-03-02T22:00:00Z",
            "ben 2026-03-02T22:00:00Z 2026-03-02T23:00:00Z",
            "cid 2026-03-02T23:00:00Z 2026-03-03T01:00:00Z",
            "ben 2026-03-03T01:00:00Z 2026-03-03T06:00:00Z",
            "ann 2026-03-03T06:00:00Z 2026-03-04T12:00:00Z",
        ]
    );
}

#[test]
fn a_night_shift_on_the_day_clocks_go_back_has_no_hole() {
    let mut nights = layer(date(2026, 10, 1).at(0, 0, 0, 0), TurnUnit::Week, &["ann"]);
    nights.restrictions = vec![
        Restriction { days: vec![], start: Time::constant(22, 0, 0, 0), end: Time::constant(1, 30, 0, 0) },
        Restriction { days: vec![], start: Time::constant(1, 30, 0, 0), end: Time::constant(22, 0, 0, 0) },
    ];
    let rota = Rota::compile(&schedule("Europe/London", vec![nights])).unwrap();
    assert_eq!(rota.gaps(at("2026-10-20T00:00:00Z"), at("2026-10-30T00:00:00Z")), []);
}

#[test]
fn what_cannot_be_worked_out_is_refused_with_its_place() {
    let good = || schedule("Europe/Berlin", vec![layer(date(2026, 3, 2).at(9, 0, 0, 0), TurnUnit::Week, &["ann"])]);
    let refused = |change: fn(&mut ScheduleSpec)| {
        let mut spec = good();
        change(&mut spec);
        let problem = Rota::compile(&spec).unwrap_err();
        (problem.code.clone(), problem.place.clone().unwrap_or_default())
    };
    let code = |place: &str| ("RSP-0001".to_owned(), place.to_owned());
    assert_eq!(refused(|spec| spec.time_zone = "Europe/Atlantis".into()), code("spec.timeZone"));
    assert_eq!(refused(|spec| spec.layers.clear()), code("spec.layers"));
    assert_eq!(refused(|spec| spec.layers[0].members.clear()), code("spec.layers[0].members"));
    assert_eq!(refused(|spec| spec.layers[0].members = vec!["group:default/x".into()]), code("spec.layers[0].members"));
    assert_eq!(refused(|spec| spec.layers[0].count = 0), code("spec.layers[0].count"));
    assert_eq!(
        refused(|spec| spec.overrides.push(Override {
            user: "ben".into(),
            from: Timestamp::UNIX_EPOCH,
            until: Timestamp::UNIX_EPOCH
        })),
        code("spec.overrides[0].until")
    );
}

fn zones() -> Vec<String> {
    jiff::tz::db().available().map(|zone| zone.to_string()).collect()
}

fn any_turns() -> impl Strategy<Value = (String, Layer)> {
    let zones = zones();
    let unit = prop_oneof![Just(TurnUnit::Hour), Just(TurnUnit::Day), Just(TurnUnit::Week), Just(TurnUnit::Month)];
    let anchor = (2000i16..2037, 1i8..=12, 1i8..=31, 0i8..24, prop_oneof![Just(0i8), Just(30), Just(45)]);
    (prop::sample::select(zones), unit, anchor, 1u32..5, 1usize..5).prop_map(|(zone, every, anchor, count, members)| {
        let (year, month, day, hour, minute) = anchor;
        let first = date(year, month, 1);
        let anchor = date(year, month, day.min(first.days_in_month())).at(hour, minute, 0, 0);
        let members = (0..members).map(|index| format!("user-{index}")).collect();
        (zone, Layer { anchor, every, count, members, restrictions: vec![] })
    })
}

fn turns(zone: &str, layer: &Layer) -> Turns {
    Turns {
        zone: TimeZone::get(zone).unwrap(),
        anchor: layer.anchor,
        unit: layer.every,
        count: i64::from(layer.count),
        members: layer.members.iter().map(|name| user_reference(name).unwrap()).collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn every_instant_is_in_exactly_one_turn((zone, layer) in any_turns(), index in 0i64..400, share in 0.0f64..1.0) {
        let turns = turns(&zone, &layer);
        let (start, end) = (turns.boundary(index).unwrap(), turns.boundary(index + 1).unwrap());
        prop_assert!(start <= end, "turns go forward");
        prop_assert_eq!(turns.index(end - SignedDuration::from_nanos(1)).unwrap() > index, start == end);
        if start < end {
            let inside = start + end.duration_since(start).mul_f64(share * 0.999_999);
            prop_assert_eq!(turns.index(start), Some(index));
            prop_assert_eq!(turns.index(inside), Some(index));
            prop_assert!(turns.index(end).unwrap() > index);
            let expected = &turns.members[usize::try_from(index).unwrap() % turns.members.len()];
            prop_assert_eq!(turns.member(inside), Some(expected));
        }
    }

    #[test]
    fn shifts_cover_the_range_without_gap_or_overlap((zone, layer) in any_turns(), turn in 0i64..300, length in 1i64..40) {
        let turns = turns(&zone, &layer);
        let (from, until) = (turns.boundary(turn).unwrap(), turns.boundary(turn + length).unwrap());
        prop_assume!(from < until);
        let rota = Rota::compile(&schedule(&zone, vec![layer])).unwrap();
        let shifts = rota.shifts(from, until);
        prop_assert_eq!(shifts[0].from, from);
        prop_assert_eq!(shifts[shifts.len() - 1].until, until);
        for pair in shifts.windows(2) {
            prop_assert_eq!(pair[0].until, pair[1].from);
            prop_assert_ne!(&pair[0].user, &pair[1].user);
        }
        for shift in &shifts {
            prop_assert_eq!(rota.member(shift.from), Some(&shift.user));
            prop_assert_eq!(rota.member(shift.until - SignedDuration::from_nanos(1)), Some(&shift.user));
        }
    }

    #[test]
    fn asking_for_one_instant_agrees_with_the_sweep(
        (zone, layer) in any_turns(), start in 0i8..24, end in 0i8..24, days in prop::collection::vec(0usize..7, 0..4),
        minutes in 0i64..60 * 24 * 60,
    ) {
        const WEEK: [Weekday; 7] = [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday,
            Weekday::Friday, Weekday::Saturday, Weekday::Sunday];
        let zone_data = TimeZone::get(&zone).unwrap();
        let from = resolve(&zone_data, layer.anchor).unwrap();
        let mut over = layer.clone();
        over.members = vec!["night".into()];
        over.restrictions = vec![Restriction {
            days: days.iter().map(|day| WEEK[*day]).collect(),
            start: Time::constant(start, 30, 0, 0), end: Time::constant(end, 30, 0, 0),
        }];
        let rota = Rota::compile(&schedule(&zone, vec![layer, over])).unwrap();
        let until = from + SignedDuration::from_hours(24 * 40);
        let asked = from + SignedDuration::from_mins(minutes);
        let shifts = rota.shifts(from, until);
        let holding: Vec<_> = shifts.iter().filter(|shift| shift.from <= asked && asked < shift.until).collect();
        prop_assume!(asked < until);
        prop_assert_eq!(holding.len(), 1);
        prop_assert_eq!(rota.member(asked), Some(&holding[0].user));
    }
}

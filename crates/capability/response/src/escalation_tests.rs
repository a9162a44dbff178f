use proptest::prelude::*;

use super::*;

fn user(name: &str) -> ObjectRef {
    ObjectRef::new("user", "default", name)
}

fn plan(steps: &[&[&str]]) -> Plan {
    Plan {
        steps: steps
            .iter()
            .map(|users| PlanStep { users: users.iter().map(|name| user(name)).collect(), wait_ms: 300_000 })
            .collect(),
        nobody_because: "Nobody is on call.".to_owned(),
        ..Plan::default()
    }
}

/// The minute `minute` of the alert.
fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_769_947_200 + minute * 60).unwrap()
}

fn run(status: &AlertStatus, plan: &Plan, command: Command, minute: i64) -> Outcome {
    decide(status, plan, &command, at(minute)).unwrap()
}

fn paged(outcome: &Outcome) -> Vec<String> {
    let mut names = Vec::new();
    for effect in &outcome.effects {
        if let Effect::Page { round, part, users } = effect {
            let part = match part {
                Part::Step(step) => step.to_string(),
                Part::CatchAll => "all".to_owned(),
            };
            names.extend(users.iter().map(|user| format!("{} {round}/{part}", user.name())));
        }
    }
    names
}

fn announced(outcome: &Outcome) -> Vec<&'static str> {
    let actions = outcome.effects.iter().filter_map(|effect| match effect {
        Effect::Announce { action, .. } => Some(*action),
        _ => None,
    });
    actions.collect()
}

#[test]
fn a_step_that_nobody_answers_is_followed_by_the_next() {
    let plan = plan(&[&["ann"], &["ben"]]);
    let first = run(&AlertStatus::default(), &plan, Command::Trigger, 0);
    assert_eq!(paged(&first), ["ann 0/0"]);
    assert_eq!(first.status.next_due_at, Some(at(5)));
    let early = run(&first.status, &plan, Command::StepDue, 4);
    assert_eq!((early.effects.len(), &early.status), (0, &first.status), "an early timer changes nothing");
    let second = run(&first.status, &plan, Command::StepDue, 5);
    assert_eq!(paged(&second), ["ben 0/1"]);
    assert_eq!(second.status.next_due_at, Some(at(10)));
}

#[test]
fn an_acknowledgement_stops_what_is_not_out_yet() {
    let plan = plan(&[&["ann"], &["ben"]]);
    let first = run(&AlertStatus::default(), &plan, Command::Trigger, 0);
    let acknowledged = run(&first.status, &plan, Command::Acknowledge { by: "user:default/ann".into() }, 3);
    assert_eq!(acknowledged.effects[0], Effect::CancelPages);
    assert_eq!(acknowledged.status.next_due_at, None);
    assert!(run(&acknowledged.status, &plan, Command::StepDue, 5).effects.is_empty());
    let twice = run(&acknowledged.status, &plan, Command::Acknowledge { by: "user:default/ben".into() }, 6);
    assert_eq!(twice.status, acknowledged.status, "the first answer counts");
}

#[test]
fn a_step_that_reaches_nobody_is_passed_over_at_once() {
    let outcome = run(&AlertStatus::default(), &plan(&[&[], &["ben"]]), Command::Trigger, 0);
    assert_eq!(paged(&outcome), ["ben 0/1"]);
}

#[test]
fn the_steps_repeat_and_then_the_catch_all_is_paged() {
    let mut plan = plan(&[&["ann"], &["ben"]]);
    plan.repeat = 1;
    plan.catch_all = vec![user("eva")];
    let mut status = run(&AlertStatus::default(), &plan, Command::Trigger, 0).status;
    let mut all = Vec::new();
    for minute in [5, 10, 15, 20] {
        let outcome = run(&status, &plan, Command::StepDue, minute);
        all.extend(paged(&outcome));
        status = outcome.status;
    }
    assert_eq!(all, ["ben 0/1", "ann 1/0", "ben 1/1", "eva 1/all"]);
    assert!(status.stalled.is_some());
    assert_eq!(status.next_due_at, Some(at(20 + 240)), "it starts again, because nothing stays silent for ever");
    assert_eq!(paged(&run(&status, &plan, Command::StepDue, 260)), ["ann 2/0"]);
}

#[test]
fn when_nobody_can_be_reached_it_says_so_once_and_tries_again() {
    let empty = plan(&[&[], &[]]);
    let first = run(&AlertStatus::default(), &empty, Command::Trigger, 0);
    assert_eq!(announced(&first), ["page.unroutable"]);
    assert_eq!(first.status.stalled.as_deref(), Some("Nobody is on call."));
    let second = run(&first.status, &empty, Command::StepDue, 1);
    assert!(announced(&second).is_empty());
    let third = run(&second.status, &plan(&[&["ann"]]), Command::StepDue, 2);
    assert_eq!(paged(&third), ["ann 0/0"], "somebody has come on call");
    assert_eq!(third.status.stalled, None);
}

#[test]
fn nobody_on_call_pages_the_catch_all_at_once() {
    let mut plan = plan(&[&[]]);
    plan.catch_all = vec![user("eva")];
    assert_eq!(paged(&run(&AlertStatus::default(), &plan, Command::Trigger, 0)), ["eva 0/all"]);
}

#[test]
fn a_page_that_cannot_be_delivered_brings_the_next_step_at_once() {
    let plan = plan(&[&["ann"], &["ben"]]);
    let first = run(&AlertStatus::default(), &plan, Command::Trigger, 0);
    assert_eq!(paged(&run(&first.status, &plan, Command::StepFailed, 1)), ["ben 0/1"]);
}

#[test]
fn an_acknowledged_alert_that_stays_open_pages_again() {
    let mut plan = plan(&[&["ann"]]);
    plan.acknowledge_timeout_ms = Some(30 * 60_000);
    let first = run(&AlertStatus::default(), &plan, Command::Trigger, 0);
    let acknowledged = run(&first.status, &plan, Command::Acknowledge { by: "user:default/ann".into() }, 1);
    assert_eq!(acknowledged.status.next_due_at, Some(at(31)));
    let again = run(&acknowledged.status, &plan, Command::AcknowledgeTimeout, 31);
    assert_eq!(paged(&again), ["ann 1/0"]);
    assert_eq!(again.status.state, AlertState::Triggered);
    assert_eq!(again.status.acknowledged_by, None);
}

#[test]
fn a_repeat_pages_nobody_unless_it_has_become_worse() {
    let plan = plan(&[&["ann"]]);
    let first = run(&AlertStatus::default(), &plan, Command::Trigger, 0);
    let acknowledged = run(&first.status, &plan, Command::Acknowledge { by: "user:default/ann".into() }, 1);
    let same = run(&acknowledged.status, &plan, Command::Repeat { worse: false }, 2);
    assert!(same.effects.is_empty());
    assert_eq!((same.status.event_count, same.status.state), (2, AlertState::Acknowledged));
    let worse = run(&same.status, &plan, Command::Repeat { worse: true }, 3);
    assert_eq!(paged(&worse), ["ann 1/0"]);
}

#[test]
fn what_is_over_stays_over() {
    let plan = plan(&[&["ann"]]);
    let first = run(&AlertStatus::default(), &plan, Command::Trigger, 0);
    let over = run(&first.status, &plan, Command::Resolve, 2).status;
    assert_eq!(over.next_due_at, None);
    for command in [Command::StepDue, Command::StepFailed, Command::AcknowledgeTimeout, Command::Resolve] {
        assert!(run(&over, &plan, command, 60).effects.is_empty());
    }
    let refused = decide(&over, &plan, &Command::Acknowledge { by: "user:default/ann".into() }, at(3)).unwrap_err();
    assert_eq!(refused.code, "RSP-0002");
}

fn any_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        any::<bool>().prop_map(|worse| Command::Repeat { worse }),
        Just(Command::Acknowledge { by: "user:default/ann".into() }),
        Just(Command::StepDue),
        Just(Command::StepFailed),
        Just(Command::AcknowledgeTimeout),
    ]
}

proptest! {
    #[test]
    fn an_alert_that_wants_an_answer_always_has_a_due_time_and_no_page_has_the_name_of_another(
        commands in prop::collection::vec((any_command(), 1i64..400), 1..60),
        reached in prop::collection::vec(any::<bool>(), 0..4), repeat in 0u32..3, catch_all in any::<bool>(),
    ) {
        let steps: Vec<&[&str]> = reached.iter().map(|some| if *some { &["ann", "ben"][..] } else { &[][..] }).collect();
        let mut plan = plan(&steps);
        plan.repeat = repeat;
        plan.acknowledge_timeout_ms = Some(60_000);
        if catch_all { plan.catch_all = vec![user("eva")]; }
        let mut minute = 0;
        let mut outcome = run(&AlertStatus::default(), &plan, Command::Trigger, 0);
        let mut seen = std::collections::BTreeSet::new();
        for (command, pause) in commands {
            prop_assert!(outcome.status.next_due_at.is_some_and(|due| due > at(minute)));
            for page in paged(&outcome) {
                prop_assert!(seen.insert(page.clone()), "{} is paged twice", page);
            }
            minute += pause;
            outcome = run(&outcome.status, &plan, command, minute);
            // A timer is never forgotten: what is due runs at the latest with the next look.
            if outcome.status.next_due_at.is_some_and(|due| due <= at(minute)) {
                for page in paged(&outcome) {
                    prop_assert!(seen.insert(page.clone()), "{} is paged twice", page);
                }
                let command = timer(outcome.status.state).unwrap();
                outcome = run(&outcome.status, &plan, command, minute);
            }
        }
    }
}

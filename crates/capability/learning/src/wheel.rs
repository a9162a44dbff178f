//! The wheel: which team presents this week. Pure, and anyone can check a draw.
//!
//! A team's weight is `recency * risk`. Recency follows the public AWS wheel with a floor: whoever is
//! drawn gives its weight to the others, and keeps 0.1, so that no team knows it is safe. Risk is 1 to 3.
//! A rule stands above chance: no team waits longer than three rounds of all teams.
//!
//! Invariants: the seed is a hash over the previous seed and the digest of the frozen pack, so nobody
//! chooses it; the same seed and weights give the same team; recency weights sum to the number of teams.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use andon_api::kinds::learning::WheelDraw;

use crate::limits::{WHEEL_FLOOR, WHEEL_RISK, WHEEL_ROUNDS};

/// What is known when the wheel is spun.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spin {
    /// The teams that can be drawn, with their risk: what is overdue and open counts.
    pub(crate) risks: BTreeMap<String, f64>,
    /// The teams of past draws, oldest first.
    pub(crate) history: Vec<String>,
    /// The previous draw's seed; empty for the first.
    pub(crate) previous_seed: String,
    /// The digest of the frozen pack.
    pub(crate) pack_digest: String,
}

/// Turns what a team has open into its risk multiplier, 1 to 3.
pub(crate) fn risk(overdue_actions: i64, open_coes: i64) -> f64 {
    let (overdue, open) = (to_float(overdue_actions.max(0)), to_float(open_coes.max(0)));
    (1.0 + 0.5 * overdue + 0.25 * open).min(WHEEL_RISK)
}

/// Spins the wheel; `None` without teams.
pub(crate) fn spin(spin: &Spin, now: Timestamp) -> Option<WheelDraw> {
    let teams: Vec<&String> = spin.risks.keys().collect();
    if teams.is_empty() {
        return None;
    }
    let recency = recency(&teams, &spin.history);
    let weights: BTreeMap<String, f64> = spin
        .risks
        .iter()
        .map(|(team, risk)| (team.clone(), recency.get(team).copied().unwrap_or(1.0) * risk.clamp(1.0, WHEEL_RISK)))
        .collect();
    let seed = seed(&spin.previous_seed, &spin.pack_digest);
    let (team, rule) = match overdue(&teams, &spin.history) {
        Some((team, gap)) => {
            let rule = format!("{team} would wait longer than {WHEEL_ROUNDS} rounds: {gap} draws without it");
            (team, Some(rule))
        }
        None => (draw(&seed, &weights)?, None),
    };
    Some(WheelDraw { seed, previous_seed: spin.previous_seed.clone(), weights, team, rule, drawn_at: Some(now) })
}

/// Makes the seed of a draw.
pub(crate) fn seed(previous_seed: &str, pack_digest: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(previous_seed.as_bytes());
    hasher.update(pack_digest.as_bytes());
    hex::encode(hasher.finalize())
}

/// Walks the weights, in the order of the teams' names, to where the seed points.
pub(crate) fn draw(seed: &str, weights: &BTreeMap<String, f64>) -> Option<String> {
    let bytes = hex::decode(seed).ok()?;
    let first: [u8; 8] = bytes.get(..8)?.try_into().ok()?;
    // The upper 53 bits are what a float holds exactly: the same on every machine.
    let fraction = to_float(i64::try_from(u64::from_be_bytes(first) >> 11).ok()?) / 9_007_199_254_740_992.0;
    let mut rest = fraction * weights.values().sum::<f64>();
    for (team, weight) in weights {
        rest -= weight;
        if rest < 0.0 {
            return Some(team.clone());
        }
    }
    weights.keys().next_back().cloned()
}

/// Tells whether a draw follows from its own seed and weights, and its seed from the pack.
pub(crate) fn verifies(draw_record: &WheelDraw, pack_digest: &str) -> bool {
    let by_chance = || draw(&draw_record.seed, &draw_record.weights).as_deref() == Some(draw_record.team.as_str());
    draw_record.seed == seed(&draw_record.previous_seed, pack_digest) && (draw_record.rule.is_some() || by_chance())
}

/// Follows the recency weights of the current teams through the past draws.
fn recency(teams: &[&String], history: &[String]) -> BTreeMap<String, f64> {
    let mut weights: BTreeMap<String, f64> = teams.iter().map(|team| ((*team).clone(), 1.0)).collect();
    let others = to_float(i64::try_from(teams.len()).unwrap_or(i64::MAX)) - 1.0;
    if others < 1.0 {
        return weights;
    }
    for drawn in history {
        let Some(weight) = weights.get_mut(drawn) else { continue };
        let given = *weight - WHEEL_FLOOR;
        *weight = WHEEL_FLOOR;
        for (team, weight) in &mut weights {
            if team != drawn {
                *weight += given / others;
            }
        }
    }
    weights
}

/// Finds a team that must be drawn now, so that nobody ever waits longer than the rule allows.
///
/// One draw serves one team. So it is not enough to look for a team at its limit: when `k` teams must
/// be drawn within the next `k` draws, the first of them is due now (earliest deadline first).
fn overdue(teams: &[&String], history: &[String]) -> Option<(String, usize)> {
    let limit = WHEEL_ROUNDS * teams.len();
    let mut left: Vec<(usize, &String)> = teams
        .iter()
        .map(|team| {
            let gap = history.iter().rev().take_while(|drawn| drawn != team).count();
            (limit.saturating_sub(gap), *team)
        })
        .collect();
    left.sort();
    let due = left.iter().enumerate().any(|(index, (draws_left, _))| *draws_left <= index + 1);
    let (draws_left, team) = left.first()?;
    due.then(|| ((*team).clone(), limit - draws_left))
}

fn to_float(number: i64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(count: usize) -> BTreeMap<String, f64> {
        (0..count).map(|index| (format!("group:default/team-{index:02}"), 1.0)).collect()
    }

    fn draws(risks: &BTreeMap<String, f64>, digests: &[String]) -> Vec<WheelDraw> {
        let (mut history, mut previous_seed, mut drawn) = (Vec::new(), String::new(), Vec::new());
        for digest in digests {
            let one = spin(
                &Spin { risks: risks.clone(), history: history.clone(), previous_seed, pack_digest: digest.clone() },
                Timestamp::UNIX_EPOCH,
            )
            .unwrap();
            history.push(one.team.clone());
            previous_seed = one.seed.clone();
            drawn.push(one);
        }
        drawn
    }

    #[test]
    fn without_teams_nobody_is_drawn_and_one_team_is_always_drawn() {
        assert!(spin(&Spin::default(), Timestamp::UNIX_EPOCH).is_none());
        let one = draws(&names(1), &vec!["x".to_owned(); 5]);
        assert!(one.iter().all(|draw| draw.team == "group:default/team-00"));
    }

    #[test]
    fn whoever_was_drawn_is_unlikely_but_not_safe() {
        let risks = names(4);
        let teams: Vec<&String> = risks.keys().collect();
        let weights = recency(&teams, &["group:default/team-02".to_owned()]);
        assert!((weights["group:default/team-02"] - WHEEL_FLOOR).abs() < 1e-9);
        assert!((weights["group:default/team-00"] - 1.3).abs() < 1e-9);
    }

    #[test]
    fn risk_is_between_one_and_three() {
        assert!((risk(0, 0) - 1.0).abs() < 1e-9);
        assert!((risk(1, 2) - 2.0).abs() < 1e-9);
        assert!((risk(100, 100) - 3.0).abs() < 1e-9);
    }

    #[test]
    fn a_draw_that_was_tampered_with_does_not_verify() {
        let draw = draws(&names(5), &["abc".to_owned()]).remove(0);
        assert!(verifies(&draw, "abc"));
        assert!(!verifies(&draw, "abd"));
        let other = draw.weights.keys().find(|team| **team != draw.team).unwrap().clone();
        assert!(!verifies(&WheelDraw { team: other, ..draw }, "abc"));
    }

    proptest! {
        #[test]
        fn no_team_waits_longer_than_three_rounds(
            risks in prop::collection::vec(1.0f64..3.0, 1..9),
            digests in prop::collection::vec("[0-9a-f]{8}", 120),
        ) {
            let count = risks.len();
            let risks: BTreeMap<String, f64> = names(count).into_keys().zip(risks).collect();
            let drawn = draws(&risks, &digests);
            for team in risks.keys() {
                let mut gap = 0;
                for draw in &drawn {
                    gap = if draw.team == *team { 0 } else { gap + 1 };
                    prop_assert!(gap < WHEEL_ROUNDS * count, "{team} waited {gap} draws of {count} teams");
                }
            }
        }

        #[test]
        fn the_same_past_and_pack_draw_the_same_team(digest in "[0-9a-f]{64}", count in 1usize..12) {
            let risks = names(count);
            let first = draws(&risks, std::slice::from_ref(&digest)).remove(0);
            let second = draws(&risks, std::slice::from_ref(&digest)).remove(0);
            prop_assert_eq!(&first, &second);
            prop_assert!(verifies(&first, &digest));
        }

        #[test]
        fn recency_weights_always_sum_to_the_number_of_teams(
            count in 2usize..12,
            picks in prop::collection::vec(0usize..12, 0..60),
        ) {
            let risks = names(count);
            let teams: Vec<&String> = risks.keys().collect();
            let history: Vec<String> = picks.iter().map(|pick| teams[pick % count].clone()).collect();
            let weights = recency(&teams, &history);
            prop_assert!((weights.values().sum::<f64>() - to_float(i64::try_from(count).unwrap())).abs() < 1e-6);
            prop_assert!(weights.values().all(|weight| *weight >= WHEEL_FLOOR - 1e-9));
        }

        #[test]
        fn a_team_with_more_weight_is_drawn_more_often(digests in prop::collection::hash_set("[0-9a-f]{12}", 400)) {
            let weights = BTreeMap::from([("a".to_owned(), 9.0), ("b".to_owned(), 1.0)]);
            let hits = digests.iter().filter(|digest| draw(&seed("", digest), &weights).as_deref() == Some("a")).count();
            prop_assert!(hits > 300, "{hits} of 400");
        }
    }
}

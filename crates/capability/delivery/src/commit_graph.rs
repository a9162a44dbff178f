//! Which commits a deploy brings: the ancestors of its commit that no earlier deploy has brought.
//!
//! Invariants: pure; each commit is counted in one deploy of a line (one service in one environment)
//! and no other, so a redeploy and a rollback bring nothing; the first deploy of a line is its
//! baseline and brings nothing; what failed or is under way takes nothing from later deploys. A
//! delivered commit is visited once per line, so a line of any length over N commits costs O(N).
//! Parents that the graph does not have (shallow clones) end the walk there.

use std::collections::{BTreeSet, HashMap, HashSet};

/// One commit as the graph takes it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CommitNode {
    pub(crate) sha: String,
    pub(crate) parents: Vec<String>,
    pub(crate) author: String,
    /// When it was written, in microseconds since the epoch.
    pub(crate) authored_us: i64,
}

/// The commits of one or several repositories and who descends from whom.
#[derive(Clone, Debug, Default)]
pub(crate) struct CommitGraph {
    by_sha: HashMap<Box<str>, u32>,
    /// The ids in order, to find an abbreviated one.
    sorted: Vec<(Box<str>, u32)>,
    /// Where each commit's parents start in `parents`; one more than there are commits.
    parent_starts: Vec<u32>,
    parents: Vec<u32>,
    author_of: Vec<u32>,
    authors: Vec<String>,
    authored_us: Vec<i64>,
}

/// The shortest abbreviation of a commit's id that is looked up.
const ABBREVIATION_MIN: usize = 7;

impl CommitGraph {
    /// Builds the graph; of two nodes with one id the first counts.
    pub(crate) fn new(commits: Vec<CommitNode>) -> Self {
        let mut graph = Self::default();
        let mut kept: Vec<Vec<String>> = Vec::with_capacity(commits.len());
        let mut author_numbers: HashMap<String, u32> = HashMap::new();
        for commit in commits {
            let number = number_of(kept.len());
            let sha: Box<str> = commit.sha.into_boxed_str();
            if graph.by_sha.contains_key(&sha) {
                continue;
            }
            graph.by_sha.insert(sha.clone(), number);
            graph.sorted.push((sha, number));
            let next_author = number_of(graph.authors.len());
            let author = *author_numbers.entry(commit.author.clone()).or_insert_with(|| {
                graph.authors.push(commit.author);
                next_author
            });
            graph.author_of.push(author);
            graph.authored_us.push(commit.authored_us);
            kept.push(commit.parents);
        }
        graph.sorted.sort();
        for parents in kept {
            graph.parent_starts.push(number_of(graph.parents.len()));
            graph.parents.extend(parents.iter().filter_map(|sha| graph.by_sha.get(sha.as_str())));
        }
        graph.parent_starts.push(number_of(graph.parents.len()));
        graph
    }

    /// Tells how many commits the graph has.
    pub(crate) fn len(&self) -> usize {
        self.author_of.len()
    }

    /// Finds a commit by its id, or by an abbreviation of at least seven digits that fits only one.
    pub(crate) fn find(&self, sha: &str) -> Option<u32> {
        if let Some(number) = self.by_sha.get(sha) {
            return Some(*number);
        }
        if sha.len() < ABBREVIATION_MIN {
            return None;
        }
        let start = self.sorted.partition_point(|(known, _)| known.as_ref() < sha);
        let mut fitting = self.sorted[start..].iter().take_while(|(known, _)| known.starts_with(sha));
        match (fitting.next(), fitting.next()) {
            (Some((_, number)), None) => Some(*number),
            _ => None,
        }
    }

    fn parents_of(&self, commit: u32) -> &[u32] {
        let at = commit as usize;
        &self.parents[self.parent_starts[at] as usize..self.parent_starts[at + 1] as usize]
    }
}

/// Numbers fit 32 bits because `limits::GRAPH_COMMITS_MAX` does, with room for the parents of each.
fn number_of(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// What a deploy brings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Brought {
    pub(crate) commits: usize,
    /// The names of who wrote them, in order.
    pub(crate) authors: Vec<String>,
    /// When the first of them was written, in microseconds since the epoch.
    pub(crate) first_us: Option<i64>,
}

/// What is known of the commits of a deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// Its commit is not known here, so nothing can be said.
    Unknown,
    /// It is the first of its line; everything before it is the baseline.
    Baseline,
    /// It brings this; nothing, for a redeploy.
    Known(Brought),
}

/// One deploy of a line, in the order in which they reached customers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LineDeploy {
    /// The commit, where it is known.
    pub(crate) commit: Option<String>,
    /// Whether it goes back to an earlier version.
    pub(crate) rollback: bool,
    /// Whether it reached customers; what is under way or failed is counted and takes nothing away.
    pub(crate) arrived: bool,
}

/// Counts what each deploy of one line brings, in the order given.
pub(crate) fn count_line(graph: &CommitGraph, deploys: &[LineDeploy]) -> Vec<Counted> {
    let mut delivered = vec![false; graph.len()];
    let mut has_baseline = false;
    // A redeploy is seen by its commit even where no repository is known.
    let mut named: HashSet<&str> = HashSet::new();
    deploys
        .iter()
        .map(|deploy| {
            let again = deploy.commit.as_deref().is_some_and(|sha| named.contains(sha));
            if deploy.rollback || again {
                return Counted::Known(Brought::default());
            }
            if deploy.arrived {
                named.extend(deploy.commit.as_deref());
            }
            let Some(commit) = deploy.commit.as_deref().and_then(|sha| graph.find(sha)) else {
                return Counted::Unknown;
            };
            let brought = missing(graph, &delivered, commit);
            if deploy.arrived {
                for commit in &brought {
                    delivered[*commit as usize] = true;
                }
            }
            if has_baseline {
                return Counted::Known(summary(graph, &brought));
            }
            has_baseline = deploy.arrived;
            Counted::Baseline
        })
        .collect()
}

/// Lists the ancestors of a commit, itself included, that are not delivered yet.
///
/// The delivered set is closed under ancestry, so the walk stops at the first delivered commit.
fn missing(graph: &CommitGraph, delivered: &[bool], commit: u32) -> Vec<u32> {
    let mut seen: HashSet<u32> = HashSet::new();
    let mut found = Vec::new();
    let mut open = vec![commit];
    while let Some(commit) = open.pop() {
        if !delivered[commit as usize] && seen.insert(commit) {
            found.push(commit);
            open.extend_from_slice(graph.parents_of(commit));
        }
    }
    found
}

fn summary(graph: &CommitGraph, commits: &[u32]) -> Brought {
    let authors: BTreeSet<&String> =
        commits.iter().map(|commit| &graph.authors[graph.author_of[*commit as usize] as usize]).collect();
    Brought {
        commits: commits.len(),
        authors: authors.into_iter().cloned().collect(),
        first_us: commits.iter().map(|commit| graph.authored_us[*commit as usize]).min(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sha(number: usize) -> String {
        format!("{number:040x}")
    }

    /// Builds a random history: each commit has up to three parents among the earlier ones.
    fn history() -> impl Strategy<Value = Vec<CommitNode>> {
        prop::collection::vec((prop::collection::vec(any::<prop::sample::Index>(), 0..3), 0u8..4, 0i64..1_000), 1..40).prop_map(|rows| {
            rows.iter()
                .enumerate()
                .map(|(number, (parents, author, written))| CommitNode {
                    sha: sha(number),
                    parents: if number == 0 { vec![] } else { parents.iter().map(|p| sha(p.index(number))).collect() },
                    author: format!("author {author}"),
                    authored_us: *written,
                })
                .collect()
        })
    }

    /// The definition, computed the slow way: sets of ancestors and their difference.
    fn ancestors(commits: &[CommitNode], of: usize) -> BTreeSet<String> {
        let mut found = BTreeSet::from([commits[of].sha.clone()]);
        loop {
            let more: BTreeSet<String> =
                commits.iter().filter(|c| found.contains(&c.sha)).flat_map(|c| c.parents.clone()).collect();
            let before = found.len();
            found.extend(more);
            if found.len() == before {
                return found;
            }
        }
    }

    fn deploys_of(numbers: &[usize]) -> Vec<LineDeploy> {
        numbers.iter().map(|number| LineDeploy { commit: Some(sha(*number)), rollback: false, arrived: true }).collect()
    }

    proptest! {
        #[test]
        fn a_line_counts_what_the_definition_says(commits in history(), picks in prop::collection::vec(any::<prop::sample::Index>(), 1..8)) {
            let numbers: Vec<usize> = picks.iter().map(|pick| pick.index(commits.len())).collect();
            let counted = count_line(&CommitGraph::new(commits.clone()), &deploys_of(&numbers));
            let mut delivered: BTreeSet<String> = BTreeSet::new();
            for (place, (number, counted)) in numbers.iter().zip(counted).enumerate() {
                let new: BTreeSet<String> = ancestors(&commits, *number).difference(&delivered).cloned().collect();
                delivered.extend(new.clone());
                if place == 0 {
                    prop_assert_eq!(counted, Counted::Baseline);
                    continue;
                }
                let brought: Vec<&CommitNode> = commits.iter().filter(|c| new.contains(&c.sha)).collect();
                let authors: BTreeSet<String> = brought.iter().map(|c| c.author.clone()).collect();
                prop_assert_eq!(counted, Counted::Known(Brought {
                    commits: new.len(),
                    authors: authors.into_iter().collect(),
                    first_us: brought.iter().map(|c| c.authored_us).min(),
                }));
            }
        }

        #[test]
        fn where_each_deploy_descends_from_the_one_before_it_is_new_minus_previous(commits in history()) {
            // The first-parent chain of the newest commit: the usual life of a service.
            let graph = CommitGraph::new(commits.clone());
            let mut chain = vec![commits.len() - 1];
            while let Some(parent) = commits[chain[chain.len() - 1]].parents.first() {
                chain.push(usize::from_str_radix(parent, 16).unwrap());
            }
            chain.reverse();
            for (pair, counted) in chain.windows(2).zip(count_line(&graph, &deploys_of(&chain)).into_iter().skip(1)) {
                let new: Vec<String> = ancestors(&commits, pair[1]).difference(&ancestors(&commits, pair[0])).cloned().collect();
                let Counted::Known(brought) = counted else { panic!("{counted:?}") };
                prop_assert_eq!(brought.commits, new.len());
            }
        }

        #[test]
        fn the_order_in_which_commits_arrive_changes_nothing(commits in history(), rotate in any::<prop::sample::Index>()) {
            let numbers: Vec<usize> = (0..commits.len()).step_by(3).collect();
            let mut other = commits.clone();
            other.rotate_left(rotate.index(commits.len()));
            prop_assert_eq!(
                count_line(&CommitGraph::new(commits), &deploys_of(&numbers)),
                count_line(&CommitGraph::new(other), &deploys_of(&numbers))
            );
        }
    }

    fn chain(length: usize) -> Vec<CommitNode> {
        (0..length)
            .map(|number| CommitNode {
                sha: sha(number),
                parents: if number == 0 { vec![] } else { vec![sha(number - 1)] },
                author: format!("author {}", number % 7),
                authored_us: i64::try_from(number).unwrap(),
            })
            .collect()
    }

    #[test]
    fn a_rollback_and_a_redeploy_bring_nothing() {
        let graph = CommitGraph::new(chain(10));
        let mut line = deploys_of(&[2, 5, 2, 5, 7]);
        line[2].rollback = true;
        let counts: Vec<_> = count_line(&graph, &line)
            .into_iter()
            .map(|counted| match counted {
                Counted::Known(brought) => Some(brought.commits),
                _ => None,
            })
            .collect();
        assert_eq!(counts, [None, Some(3), Some(0), Some(0), Some(2)]);
    }

    #[test]
    fn what_is_under_way_is_counted_and_takes_nothing_away() {
        let graph = CommitGraph::new(chain(10));
        let mut line = deploys_of(&[2, 5, 5]);
        line[1].arrived = false;
        let three = Counted::Known(Brought {
            commits: 3,
            authors: (3..6).map(|author| format!("author {author}")).collect(),
            first_us: Some(3),
        });
        assert_eq!(count_line(&graph, &line), [Counted::Baseline, three.clone(), three]);
    }

    #[test]
    fn an_unknown_commit_says_nothing_and_is_no_baseline() {
        let graph = CommitGraph::new(chain(10));
        let line = [
            LineDeploy { commit: None, rollback: false, arrived: true },
            LineDeploy { commit: Some("f".repeat(40)), rollback: false, arrived: true },
            LineDeploy { commit: Some(sha(3)), rollback: false, arrived: true },
        ];
        assert_eq!(count_line(&graph, &line), [Counted::Unknown, Counted::Unknown, Counted::Baseline]);
    }

    #[test]
    fn a_redeploy_is_seen_even_where_no_repository_is_known() {
        let line = [Some("f".repeat(40)), Some("e".repeat(40)), Some("f".repeat(40))]
            .map(|commit| LineDeploy { commit, rollback: false, arrived: true });
        let counted = count_line(&CommitGraph::default(), &line);
        assert_eq!(counted, [Counted::Unknown, Counted::Unknown, Counted::Known(Brought::default())]);
    }

    #[test]
    fn an_abbreviated_commit_is_found_when_it_fits_only_one() {
        let node = |sha: &str| CommitNode { sha: sha.to_owned(), parents: vec![], author: String::new(), authored_us: 0 };
        let graph = CommitGraph::new(vec![
            node("abcdef1234567890abcdef1234567890abcdef12"),
            node("abcdef1999999999abcdef1234567890abcdef12"),
        ]);
        assert_eq!(graph.find("abcdef12"), Some(0));
        assert_eq!(graph.find("abcdef1"), None);
        assert_eq!(graph.find("abc"), None);
        assert_eq!(graph.find("ffffffff"), None);
    }

    #[test]
    fn a_hundred_thousand_commits_and_a_thousand_deploys_are_counted() {
        let graph = CommitGraph::new(chain(100_000));
        let numbers: Vec<usize> = (0..1_000).map(|deploy| deploy * 100 + 99).collect();
        let counted = count_line(&graph, &deploys_of(&numbers));
        assert!(counted[1..].iter().all(|c| matches!(c, Counted::Known(brought) if brought.commits == 100)));
    }
}

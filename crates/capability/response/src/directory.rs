//! Who owns what, which policy an alert follows, and how people are reached, as of one transaction.
//!
//! Read afresh for each transaction that pages: who is on call is settled when a step runs.

use std::collections::BTreeMap;

use andon_api::error::Problem;
use andon_api::graph::{OwnerTree, declared_owner};
use andon_api::kinds::catalog::UserSpec;
use andon_api::kinds::response::{Channel, ContactMethodSpec, EscalationPolicySpec, ScheduleSpec};
use andon_api::object::{AnyObject, DEFAULT_NAMESPACE, ObjectRef};
use andon_objects::{ListQuery, Order, Tx};
use jiff::Timestamp;

use crate::escalation::{Plan, PlanStep};
use crate::oncall::{Rota, user_reference};

/// The name of the policy that is followed when no other fits.
const DEFAULT_POLICY: &str = "default";

/// One way to reach one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contact {
    /// The contact method; none for the mail address of the person's profile.
    pub(crate) method: Option<ObjectRef>,
    pub(crate) channel: Channel,
    pub(crate) target: String,
    pub(crate) delay_ms: i64,
}

/// The organisation as paging sees it.
pub(crate) struct Directory {
    groups: Vec<AnyObject>,
    policies: BTreeMap<ObjectRef, EscalationPolicySpec>,
    rotas: BTreeMap<ObjectRef, Rota>,
    contacts: BTreeMap<ObjectRef, Vec<Contact>>,
}

/// Which policy an alert follows, or why none fits.
pub(crate) type Route = Result<ObjectRef, String>;

impl Directory {
    /// Reads the organisation.
    pub(crate) async fn load(tx: &mut Tx) -> Result<Self, Problem> {
        let groups = all(tx, "Group").await?;
        let policies = readable(all(tx, "EscalationPolicy").await?);
        let schedules: BTreeMap<ObjectRef, ScheduleSpec> = readable(all(tx, "Schedule").await?);
        let rotas = schedules.into_iter().filter_map(|(name, spec)| Some((name, Rota::compile(&spec).ok()?))).collect();
        let methods: BTreeMap<ObjectRef, ContactMethodSpec> = readable(all(tx, "ContactMethod").await?);
        let mut contacts: BTreeMap<ObjectRef, Vec<Contact>> = BTreeMap::new();
        for (method, spec) in methods {
            let Ok(user) = user_reference(&spec.user) else { continue };
            let delay_ms = spec.delay.milliseconds();
            let contact = Contact { method: Some(method), channel: spec.channel, target: spec.target, delay_ms };
            contacts.entry(user).or_default().push(contact);
        }
        for known in contacts.values_mut() {
            known.sort_by_key(|contact| contact.delay_ms);
        }
        Ok(Self { groups, policies, rotas, contacts })
    }

    /// Finds the policy that an alert follows: the one it names, else that of the owner's group or the
    /// nearest group above it, else the one named `default`.
    pub(crate) async fn route(
        &self,
        tx: &mut Tx,
        named: Option<&str>,
        service: Option<&ObjectRef>,
        team: Option<&str>,
    ) -> Result<Route, Problem> {
        let named = named.and_then(|name| ObjectRef::parse(name, Some("EscalationPolicy"), DEFAULT_NAMESPACE).ok());
        if let Some(policy) = named.filter(|policy| self.policies.contains_key(policy)) {
            return Ok(Ok(policy));
        }
        let owner = self.owner(tx, service, team).await?;
        let mut why = match (&owner, service) {
            (None, Some(service)) => format!("{service} has no owner in the catalog"),
            (None, None) => "the alert names no service that the catalog knows".to_owned(),
            (Some(owner), _) => format!("{owner} has no escalation policy, nor has any group above it"),
        };
        if let Some(owner) = owner {
            let tree = OwnerTree::new(&self.groups, &[]);
            for group in tree.path_to_root(&owner) {
                if let Some(policy) = self.policy_of(&group) {
                    return Ok(Ok(policy));
                }
            }
        }
        let fallback = ObjectRef::new("EscalationPolicy", DEFAULT_NAMESPACE, DEFAULT_POLICY);
        if self.policies.contains_key(&fallback) {
            return Ok(Ok(fallback));
        }
        why.push_str(", and there is no policy named `default`");
        Ok(Err(format!("Nobody can be paged: {why}.")))
    }

    /// Finds the group that answers for a service, or the team that the source names.
    async fn owner(
        &self,
        tx: &mut Tx,
        service: Option<&ObjectRef>,
        team: Option<&str>,
    ) -> Result<Option<ObjectRef>, Problem> {
        let mut declared = None;
        if let Some(service) = service {
            declared = tx.get(service).await?.as_ref().and_then(declared_owner);
        }
        let named = || team.and_then(|team| ObjectRef::parse(team, Some("Group"), DEFAULT_NAMESPACE).ok());
        let Some(owner) = declared.or_else(named) else { return Ok(None) };
        let mut users = Vec::new();
        if owner.kind() == "user" {
            users.extend(tx.get(&owner).await?);
        }
        Ok(OwnerTree::new(&self.groups, &users).group_for(&owner))
    }

    /// Finds the policy of a group; of several the one named like the group, else the first by name.
    fn policy_of(&self, group: &ObjectRef) -> Option<ObjectRef> {
        let is_of = |spec: &EscalationPolicySpec| {
            ObjectRef::parse(&spec.owner, Some("Group"), DEFAULT_NAMESPACE).is_ok_and(|owner| owner == *group)
        };
        let mut found = self.policies.iter().filter(|(_, spec)| is_of(spec)).map(|(policy, _)| policy);
        let first = found.next()?;
        let same_name = std::iter::once(first).chain(found).find(|policy| policy.name() == group.name());
        Some(same_name.unwrap_or(first).clone())
    }

    /// Works out whom each step of a policy reaches now.
    pub(crate) async fn plan(&mut self, tx: &mut Tx, route: &Route, at: Timestamp) -> Result<Plan, Problem> {
        let policy = match route {
            Ok(policy) => policy,
            Err(why) => return Ok(Plan { nobody_because: why.clone(), ..Plan::default() }),
        };
        let Some(spec) = self.policies.get(policy).cloned() else {
            return Ok(Plan { nobody_because: format!("{policy} does not exist any more."), ..Plan::default() });
        };
        let mut missing = Vec::new();
        let mut steps = Vec::new();
        for step in &spec.steps {
            let users = self.reachable(tx, &step.targets, at, &mut missing).await?;
            steps.push(PlanStep { users, wait_ms: step.wait.milliseconds() });
        }
        let last: Vec<ObjectRef> = spec.catch_all.iter().filter_map(|user| user_reference(user).ok()).collect();
        let catch_all = self.reachable(tx, &last, at, &mut missing).await?;
        missing.dedup();
        Ok(Plan {
            steps,
            repeat: spec.repeat,
            acknowledge_timeout_ms: spec.acknowledge_timeout.map(|wait| wait.milliseconds()),
            catch_all,
            nobody_because: format!("Nobody of {policy} can be paged now: {}.", missing.join("; ")),
        })
    }

    /// Turns targets into people who can be reached, each once; notes those who cannot.
    async fn reachable(
        &mut self,
        tx: &mut Tx,
        targets: &[ObjectRef],
        at: Timestamp,
        missing: &mut Vec<String>,
    ) -> Result<Vec<ObjectRef>, Problem> {
        let mut users: Vec<ObjectRef> = Vec::new();
        for target in targets {
            let user = match target.kind() {
                "user" => target.clone(),
                _ => match self.rotas.get(target).map(|rota| rota.member(at).cloned()) {
                    Some(Some(user)) => user,
                    Some(None) => {
                        missing.push(format!("{target} has nobody on call"));
                        continue;
                    }
                    None => {
                        missing.push(format!("{target} does not exist"));
                        continue;
                    }
                },
            };
            if self.contacts_of(tx, &user).await?.is_empty() {
                missing.push(format!("{user} has no contact method and no mail address"));
            } else if !users.contains(&user) {
                users.push(user);
            }
        }
        Ok(users)
    }

    /// Lists the ways to reach a person, the first to be used first; without any, the profile's mail address.
    pub(crate) async fn contacts_of(&mut self, tx: &mut Tx, user: &ObjectRef) -> Result<Vec<Contact>, Problem> {
        if let Some(known) = self.contacts.get(user) {
            return Ok(known.clone());
        }
        let spec: Option<UserSpec> = tx.get(user).await?.and_then(|user| user.spec_as().ok());
        let email =
            spec.and_then(|spec| spec.profile).and_then(|profile| profile.email).filter(|email| email.contains('@'));
        let contact = |target| Contact { method: None, channel: Channel::Email, target, delay_ms: 0 };
        let found: Vec<Contact> = email.map(contact).into_iter().collect();
        self.contacts.insert(user.clone(), found.clone());
        Ok(found)
    }
}

/// Reads specs by name; one that cannot be read is left out, so that it stops no page.
fn readable<T: serde::de::DeserializeOwned>(objects: Vec<AnyObject>) -> BTreeMap<ObjectRef, T> {
    objects.into_iter().filter_map(|object| Some((object.reference(), object.spec_as().ok()?))).collect()
}

/// Reads every object of a kind inside a transaction.
pub(crate) async fn all(tx: &mut Tx, kind: &str) -> Result<Vec<AnyObject>, Problem> {
    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let page = tx.list(&ListQuery::kind(kind).order(Order::Name).limit(1_000).cursor(cursor)).await?;
        found.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(found);
        }
    }
}

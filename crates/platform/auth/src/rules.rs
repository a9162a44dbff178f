//! The decision: Cedar (cedarpolicy.com, policy language 4) over the built-in rules.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;

use andon_api::{ErrorCode, ObjectRef, Problem};
use cedar_policy::{
    Authorizer as Engine, Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicyId, PolicySet, Request,
    RestrictedExpression,
};

use crate::Caller;

const RULES: &str = include_str!("rules.cedar");

/// Decides what callers may do.
pub struct Authorizer {
    engine: Engine,
    rules: PolicySet,
    names: HashMap<PolicyId, String>,
}

/// What a call is about.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// The object.
    pub object: Option<ObjectRef>,
    /// The group that owns it.
    pub owner: Option<ObjectRef>,
}

/// The answer, with the names of the rules that decided.
#[derive(Clone, Debug)]
pub struct Decision {
    /// Whether the call may go on.
    pub allowed: bool,
    /// The names of the rules that decided; empty when no rule allows.
    pub rules: Vec<String>,
}

impl Decision {
    /// Turns a refusal into a problem.
    ///
    /// # Errors
    /// `AUT-0001` for a caller who has not signed in, `AUT-0003` otherwise.
    pub fn require(self, caller: &Caller, permission: &str) -> Result<Vec<String>, Problem> {
        if self.allowed {
            return Ok(self.rules);
        }
        caller.require_signed_in()?;
        let why = if self.rules.is_empty() {
            "no rule allows it".to_owned()
        } else {
            format!("refused by {}", self.rules.join(", "))
        };
        Err(Problem::new(
            ErrorCode::NotAllowed,
            format!("{} may not do this: it needs the permission `{permission}`, and {why}.", caller.actor.principal),
        )
        .hint("Ask an administrator for a token with another role."))
    }
}

impl Authorizer {
    /// Reads the built-in rules.
    ///
    /// # Errors
    /// `SYS-0001` when the built-in rules do not parse, which a test excludes.
    pub fn built_in() -> Result<Self, Problem> {
        let rules = PolicySet::from_str(RULES).map_err(Problem::internal)?;
        let name = |policy: &cedar_policy::Policy| policy.annotation("id").unwrap_or("unnamed").to_owned();
        let names = rules.policies().map(|policy| (policy.id().clone(), name(policy))).collect();
        Ok(Self { engine: Engine::new(), rules, names })
    }

    /// Decides one call.
    ///
    /// # Errors
    /// `SYS-0001` when the request cannot be put to the engine; the call must then be refused.
    pub fn decide(&self, caller: &Caller, permission: &str, target: &Target) -> Result<Decision, Problem> {
        let action = uid("Action", permission)?;
        let principal = uid("Principal", &caller.actor.principal)?;
        let resource_name = target.object.as_ref().map_or_else(|| "andon".to_owned(), ToString::to_string);
        let resource = uid("Object", &resource_name)?;
        let entities = entities(caller, permission, target, [&principal, &action, &resource])?;
        let request =
            Request::new(principal, action, resource, Context::empty(), None).map_err(Problem::internal)?;
        let answer = self.engine.is_authorized(&request, &self.rules, &entities);
        if let Some(error) = answer.diagnostics().errors().next() {
            // A rule that cannot be evaluated decides nothing, and what is not allowed is refused.
            return Err(Problem::internal(error));
        }
        let mut rules: Vec<String> =
            answer.diagnostics().reason().filter_map(|id| self.names.get(id).cloned()).collect();
        rules.sort();
        Ok(Decision { allowed: answer.decision() == cedar_policy::Decision::Allow, rules })
    }
}

/// Names the sort of a permission, which the rules speak of.
fn sorts_of(permission: &str) -> Vec<&'static str> {
    match permission {
        "andon.pull" | "line.read" | "self.read" => vec!["pulling"],
        "telemetry.write" => vec!["ingesting", "working"],
        "token.write" | "hook.write" | "system.write" | "telemetry.delete" => vec!["administering"],
        "object.write" | "object.delete" => vec!["working", "writing"],
        reading if reading.ends_with(".read") => vec!["reading"],
        _ => vec!["working"],
    }
}

fn entities(
    caller: &Caller,
    permission: &str,
    target: &Target,
    [principal, action, resource]: [&EntityUid; 3],
) -> Result<Entities, Problem> {
    let mut parents = HashSet::new();
    for role in &caller.roles {
        parents.insert(uid("Role", role)?);
    }
    for group in &caller.groups {
        parents.insert(uid("Group", &group.to_string())?);
    }
    let signed_in = RestrictedExpression::new_bool(caller.is_signed_in());
    let principal = Entity::new(principal.clone(), HashMap::from([("signedIn".to_owned(), signed_in)]), parents)
        .map_err(Problem::internal)?;
    let sorts = sorts_of(permission).into_iter().map(|sort| uid("Action", sort)).collect::<Result<_, _>>()?;
    let action = Entity::new_no_attrs(action.clone(), sorts);
    let kind = target.object.as_ref().map_or("", ObjectRef::kind);
    let mut attributes = HashMap::from([("kind".to_owned(), RestrictedExpression::new_string(kind.to_owned()))]);
    if let Some(owner) = &target.owner {
        let owner = RestrictedExpression::new_entity_uid(uid("Group", &owner.to_string())?);
        attributes.insert("owner".to_owned(), owner);
    }
    let resource = Entity::new(resource.clone(), attributes, HashSet::new()).map_err(Problem::internal)?;
    Entities::from_entities([principal, action, resource], None).map_err(Problem::internal)
}

fn uid(entity_type: &str, id: &str) -> Result<EntityUid, Problem> {
    let name = EntityTypeName::from_str(entity_type).map_err(Problem::internal)?;
    Ok(EntityUid::from_type_name_and_id(name, EntityId::new(id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use andon_api::event::Actor;

    fn caller(role: &str, groups: &[&str]) -> Caller {
        Caller {
            actor: Actor { principal: "user:default/x".to_owned(), on_behalf_of: None, origin: String::new() },
            roles: vec![role.to_owned()],
            groups: groups.iter().map(|group| ObjectRef::new("group", "default", group)).collect(),
            token_id: Some("t".to_owned()),
            ..Caller::default()
        }
    }

    /// The whole matrix of roles and sorts of permission, so that a change of the rules is seen.
    #[test]
    fn the_matrix_of_roles_and_permissions() {
        let authorizer = Authorizer::built_in().unwrap();
        let permissions =
            ["object.read", "object.write", "change.record", "andon.pull", "andon.release", "telemetry.write", "token.write"];
        let mut matrix = Vec::new();
        for role in crate::ROLES {
            let row: String = permissions
                .iter()
                .map(|permission| authorizer.decide(&caller(role, &[]), permission, &Target::default()).unwrap().allowed)
                .map(|allowed| if allowed { '+' } else { '-' })
                .collect();
            matrix.push(format!("{role} {row}"));
        }
        assert_eq!(
            matrix,
            ["administrator +++++++", "engineer ++++++-", "reader +--+---", "reporter ---+---", "ingest ---+-+-"]
        );
    }

    #[test]
    fn a_policy_is_changed_by_its_owners_alone_and_the_rule_is_named() {
        let authorizer = Authorizer::built_in().unwrap();
        let target = Target {
            object: Some(ObjectRef::new("policy", "default", "p")),
            owner: Some(ObjectRef::new("group", "default", "payments")),
        };
        let stranger = authorizer.decide(&caller("engineer", &["storefront"]), "object.write", &target).unwrap();
        assert!(!stranger.allowed);
        assert_eq!(stranger.rules, ["policies-are-changed-by-their-owners"]);
        let owner = authorizer.decide(&caller("engineer", &["payments"]), "object.write", &target).unwrap();
        assert_eq!((owner.allowed, owner.rules), (true, vec!["engineers-may-work".to_owned()]));
    }

    #[test]
    fn lessons_are_kept() {
        let authorizer = Authorizer::built_in().unwrap();
        let may = |role: &str, kind: &str| {
            let target = Target { object: Some(ObjectRef::new(kind, "default", "x")), owner: None };
            authorizer.decide(&caller(role, &[]), "object.delete", &target).unwrap().allowed
        };
        assert!(!may("engineer", "coe") && !may("engineer", "action"));
        assert!(may("engineer", "alarm") && may("administrator", "action"));
    }

    #[test]
    fn nobody_may_do_anything_without_signing_in() {
        let authorizer = Authorizer::built_in().unwrap();
        let anonymous = Caller::anonymous("127.0.0.1");
        assert!(!authorizer.decide(&anonymous, "andon.pull", &Target::default()).unwrap().allowed);
    }
}

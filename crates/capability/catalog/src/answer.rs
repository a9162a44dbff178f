//! The answers of the catalog: the neighbourhood of one service, and the tree of groups.
//!
//! Pure: objects in, answer out. The graph itself is `andon_api::graph`, which others read too.

use std::collections::{BTreeMap, BTreeSet};

use andon_api::graph::{DependencyGraph, OwnerTree, Reached, declared_owner, references_of};
use andon_api::{AnyObject, ErrorCode, ObjectRef, Problem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Everything the catalog holds that the answers are made of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalog {
    pub(crate) components: Vec<AnyObject>,
    pub(crate) apis: Vec<AnyObject>,
    pub(crate) resources: Vec<AnyObject>,
    pub(crate) groups: Vec<AnyObject>,
    pub(crate) users: Vec<AnyObject>,
}

/// Who owns a service, what it needs and what is hurt when it fails.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GraphAnswer {
    /// The service that was asked about.
    pub service: ObjectRef,
    /// The owner as declared; it need not exist.
    pub owner: Option<ObjectRef>,
    /// The group that answers for it; absent when the declared owner does not exist.
    pub owner_group: Option<ObjectRef>,
    /// The groups from the owner up to the company.
    pub owner_path: Vec<ObjectRef>,
    /// Whether nobody answers for it.
    pub unowned: bool,
    /// The system it belongs to.
    pub system: Option<ObjectRef>,
    /// What it needs, nearest first.
    pub dependencies: Vec<Reached>,
    /// What is hurt when it fails, nearest first.
    pub dependants: Vec<Reached>,
    /// What among all of these is named by somebody and is not in the catalog.
    pub missing: Vec<ObjectRef>,
}

/// The groups of the organisation, parents before children.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TreeAnswer {
    /// The company: the group that most others stand below.
    pub root: Option<ObjectRef>,
    /// The groups, each after its parent.
    pub items: Vec<TreeGroup>,
    /// Components, APIs and resources whose declared owner does not exist.
    pub unowned: Vec<ObjectRef>,
}

/// One group in the tree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TreeGroup {
    /// The group.
    pub group: ObjectRef,
    /// Its name for people.
    pub title: String,
    /// What sort of group.
    #[serde(rename = "type")]
    pub group_type: String,
    /// The group above.
    pub parent: Option<ObjectRef>,
    /// The groups directly below.
    pub children: Vec<ObjectRef>,
    /// How many groups are above it.
    pub depth: usize,
    /// The people in the group itself.
    pub members: Vec<ObjectRef>,
    /// What the group itself owns.
    pub owned: Vec<ObjectRef>,
    /// How many things the group and every group below it own.
    pub owned_below_count: usize,
}

impl Catalog {
    fn owned(&self) -> impl Iterator<Item = &AnyObject> {
        self.components.iter().chain(&self.apis).chain(&self.resources)
    }
}

/// Answers who owns a service, what it needs and what is hurt when it fails.
///
/// # Errors
/// `OBJ-0001` when neither the catalog has the service nor anybody names it.
pub(crate) fn graph(catalog: &Catalog, service: &ObjectRef) -> Result<GraphAnswer, Problem> {
    let edges = DependencyGraph::new(&catalog.components, &catalog.apis, &catalog.resources);
    let (dependencies, dependants) = (edges.dependencies(service), edges.dependants(service));
    let object = catalog.owned().find(|object| object.reference() == *service);
    if object.is_none() && dependants.is_empty() && dependencies.is_empty() {
        return Err(Problem::new(ErrorCode::ObjectNotFound, format!("The catalog has no {service}."))
            .hint("`andon get components` lists what it has; `andon apply -f catalog-info.yaml` adds to it."));
    }
    let tree = OwnerTree::new(&catalog.groups, &catalog.users);
    let owner_group = object.and_then(|object| tree.owner_of(object));
    let known: BTreeSet<ObjectRef> = catalog.owned().map(AnyObject::reference).collect();
    let mut missing: BTreeSet<ObjectRef> = dependencies
        .iter()
        .chain(&dependants)
        .map(|reached| reached.reference.clone())
        .filter(|reference| !known.contains(reference))
        .collect();
    if object.is_none() {
        missing.insert(service.clone());
    }
    Ok(GraphAnswer {
        owner: object.and_then(declared_owner),
        owner_path: owner_group.as_ref().map(|group| tree.path_to_root(group)).unwrap_or_default(),
        unowned: owner_group.is_none(),
        owner_group,
        system: object.and_then(|object| references_of(object, "system", "System").into_iter().next()),
        dependencies,
        dependants,
        missing: missing.into_iter().collect(),
        service: service.clone(),
    })
}

/// Answers how the groups stand to each other, who is in them and what they own.
pub(crate) fn tree(catalog: &Catalog) -> TreeAnswer {
    let tree = OwnerTree::new(&catalog.groups, &catalog.users);
    let mut owned: BTreeMap<ObjectRef, BTreeSet<ObjectRef>> = BTreeMap::new();
    let mut unowned = BTreeSet::new();
    for object in catalog.owned() {
        match tree.owner_of(object) {
            Some(group) => owned.entry(group).or_default().insert(object.reference()),
            None => unowned.insert(object.reference()),
        };
    }
    let objects: BTreeMap<ObjectRef, &AnyObject> =
        catalog.groups.iter().map(|group| (group.reference(), group)).collect();
    let mut items = Vec::new();
    let mut open: Vec<ObjectRef> = tree.roots().into_iter().rev().collect();
    while let Some(group) = open.pop() {
        open.extend(tree.children(&group).into_iter().rev());
        items.push(tree_group(&tree, &owned, objects.get(&group).copied(), group));
    }
    TreeAnswer { root: tree.root(), items, unowned: unowned.into_iter().collect() }
}

fn tree_group(
    tree: &OwnerTree,
    owned: &BTreeMap<ObjectRef, BTreeSet<ObjectRef>>,
    object: Option<&AnyObject>,
    group: ObjectRef,
) -> TreeGroup {
    let text = |pointer: &str| object.and_then(|object| object.spec.pointer(pointer)).and_then(Value::as_str);
    let title = object
        .and_then(|object| object.metadata.title.as_deref())
        .or_else(|| text("/profile/displayName"))
        .or(object.map(|object| object.metadata.name.as_str()))
        .unwrap_or(group.name());
    TreeGroup {
        title: title.to_owned(),
        group_type: text("/type").unwrap_or_default().to_owned(),
        parent: tree.parent(&group).cloned(),
        children: tree.children(&group),
        depth: tree.path_to_root(&group).len().saturating_sub(1),
        members: tree.members(&group),
        owned: owned.get(&group).into_iter().flatten().cloned().collect(),
        owned_below_count: tree.with_descendants(&group).iter().filter_map(|g| owned.get(g)).map(BTreeSet::len).sum(),
        group,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(kind: &str, name: &str, spec: Value) -> AnyObject {
        serde_json::from_value(json!({
            "apiVersion": "backstage.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec
        }))
        .unwrap()
    }

    fn shop() -> Catalog {
        Catalog {
            components: vec![
                object("Component", "payments", json!({"owner": "team-a", "system": "shop", "dependsOn": ["resource:gone"]})),
                object("Component", "checkout", json!({"owner": "user:ida", "dependsOn": ["payments"]})),
                object("Component", "orphan", json!({"owner": "nobody"})),
            ],
            groups: vec![
                object("Group", "team-a", json!({"type": "team", "parent": "acme", "children": []})),
                object("Group", "acme", json!({"type": "company", "children": []})),
            ],
            users: vec![object("User", "ida", json!({"memberOf": ["team-a"]}))],
            ..Catalog::default()
        }
    }

    #[test]
    fn the_graph_tells_owner_path_needs_and_who_is_hurt() {
        let answer = graph(&shop(), &ObjectRef::new("component", "default", "payments")).unwrap();
        let text = |refs: &[ObjectRef]| refs.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(text(&answer.owner_path), ["group:default/team-a", "group:default/acme"]);
        assert_eq!(answer.dependants[0].reference.to_string(), "component:default/checkout");
        assert_eq!(text(&answer.missing), ["resource:default/gone"]);
        assert_eq!(answer.system.unwrap().to_string(), "system:default/shop");
        assert!(!answer.unowned);
    }

    #[test]
    fn what_nobody_owns_is_shown_as_unowned() {
        let answer = graph(&shop(), &ObjectRef::new("component", "default", "orphan")).unwrap();
        assert!(answer.unowned);
        assert_eq!(answer.owner.unwrap().to_string(), "group:default/nobody");
        let tree = tree(&shop());
        assert_eq!(tree.unowned.len(), 1);
    }

    #[test]
    fn ownership_counts_through_the_groups_below() {
        let tree = tree(&shop());
        let acme = &tree.items[0];
        assert_eq!((acme.group.name(), acme.owned.len(), acme.owned_below_count), ("acme", 0, 2));
        assert_eq!(tree.items[1].owned.len(), 2);
        assert_eq!(tree.root.unwrap().name(), "acme");
    }

    #[test]
    fn a_service_that_nobody_knows_is_not_found() {
        let problem = graph(&shop(), &ObjectRef::new("component", "default", "nope")).unwrap_err();
        assert_eq!(problem.code, "OBJ-0001");
    }
}

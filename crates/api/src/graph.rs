//! Who owns what and what depends on what: pure functions over catalog objects.
//!
//! Purpose: several capabilities ask these two questions (whom to page, who is hurt, which team an
//! adoption number belongs to) and may not call each other, so the answers live here, below them.
//!
//! Invariants: no I/O; nothing panics or loops on what people wrote: references that cannot be read
//! or lead nowhere are skipped, cycles are visited once; the same objects in any order give the same
//! answer. Absent: storage, permissions, validation of descriptors (the catalog does that).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::object::{AnyObject, DEFAULT_NAMESPACE, ObjectRef};

/// Reads one reference of a spec, with the defaults of the place where it stands.
///
/// Backstage allows the text form and the compound form `{kind, namespace, name}`.
pub fn read_reference(value: &Value, default_kind: &str, default_namespace: &str) -> Option<ObjectRef> {
    match value {
        Value::String(text) => ObjectRef::parse(text.trim(), Some(default_kind), default_namespace).ok(),
        Value::Object(parts) => {
            let part = |key: &str, default: &str| match parts.get(key) {
                None | Some(Value::Null) => Some(default.to_owned()),
                Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
                Some(_) => None,
            };
            let name = parts.get("name")?.as_str().filter(|name| !name.is_empty())?;
            Some(ObjectRef::new(&part("kind", default_kind)?, &part("namespace", default_namespace)?, name))
        }
        _ => None,
    }
}

/// Reads the reference, or the list of references, in one field of an object's spec.
pub fn references_of(object: &AnyObject, field: &str, default_kind: &str) -> Vec<ObjectRef> {
    let namespace = &object.metadata.namespace;
    match object.spec.get(field) {
        Some(Value::Array(items)) => {
            items.iter().filter_map(|item| read_reference(item, default_kind, namespace)).collect()
        }
        Some(value) => read_reference(value, default_kind, namespace).into_iter().collect(),
        None => Vec::new(),
    }
}

/// Reads who an object says its owner is, in canonical form; the owner need not exist.
pub fn declared_owner(object: &AnyObject) -> Option<ObjectRef> {
    references_of(object, "owner", "Group").into_iter().next()
}

/// The groups of an organisation as one tree, and which group answers for whom.
#[derive(Clone, Debug, Default)]
pub struct OwnerTree {
    groups: BTreeSet<ObjectRef>,
    parents: BTreeMap<ObjectRef, ObjectRef>,
    children: BTreeMap<ObjectRef, BTreeSet<ObjectRef>>,
    members: BTreeMap<ObjectRef, BTreeSet<ObjectRef>>,
    primary: BTreeMap<ObjectRef, ObjectRef>,
}

impl OwnerTree {
    /// Builds the tree of the groups and users of the catalog.
    ///
    /// A group's own `parent` counts; where it names none, the first group (by name) that lists it
    /// among its `children` is its parent. An edge that would close a circle is left out.
    pub fn new(groups: &[AnyObject], users: &[AnyObject]) -> Self {
        let mut tree = Self { groups: groups.iter().map(AnyObject::reference).collect(), ..Self::default() };
        let mut wanted: BTreeMap<ObjectRef, ObjectRef> = BTreeMap::new();
        for (parent, child) in listed_children(groups) {
            wanted.entry(child).or_insert(parent);
        }
        for group in groups {
            if let Some(parent) = references_of(group, "parent", "Group").into_iter().next() {
                wanted.insert(group.reference(), parent);
            }
        }
        for (child, parent) in wanted {
            tree.connect(child, parent);
        }
        tree.add_members(groups, users);
        tree
    }

    fn connect(&mut self, child: ObjectRef, parent: ObjectRef) {
        let known = self.groups.contains(&child) && self.groups.contains(&parent);
        if known && !self.path_to_root(&parent).contains(&child) {
            self.children.entry(parent.clone()).or_default().insert(child.clone());
            self.parents.insert(child, parent);
        }
    }

    fn add_members(&mut self, groups: &[AnyObject], users: &[AnyObject]) {
        for user in users {
            for (index, group) in references_of(user, "memberOf", "Group").into_iter().enumerate() {
                if !self.groups.contains(&group) {
                    continue;
                }
                let user = user.reference();
                self.members.entry(group.clone()).or_default().insert(user.clone());
                if index == 0 || !self.primary.contains_key(&user) {
                    self.primary.insert(user, group);
                }
            }
        }
        let mut listed: Vec<(ObjectRef, ObjectRef)> = Vec::new();
        for group in groups {
            for user in references_of(group, "members", "User") {
                listed.push((group.reference(), user));
            }
        }
        listed.sort();
        for (group, user) in listed {
            self.members.entry(group.clone()).or_default().insert(user.clone());
            self.primary.entry(user).or_insert(group);
        }
    }

    /// Tells which existing group answers for an owner as written in a spec (`default` namespace).
    ///
    /// A user stands for the first existing group the user is in. `None` means unowned.
    pub fn owner_group(&self, owner: &str) -> Option<ObjectRef> {
        let owner = ObjectRef::parse(owner.trim(), Some("Group"), DEFAULT_NAMESPACE).ok()?;
        self.group_for(&owner)
    }

    /// Tells which existing group answers for an object, by the owner that its spec declares.
    pub fn owner_of(&self, object: &AnyObject) -> Option<ObjectRef> {
        self.group_for(&declared_owner(object)?)
    }

    /// Tells which existing group a group or user reference stands for.
    pub fn group_for(&self, owner: &ObjectRef) -> Option<ObjectRef> {
        match owner.kind() {
            "group" => self.groups.get(owner).cloned(),
            "user" => self.primary.get(owner).cloned(),
            _ => None,
        }
    }

    /// Lists the groups from this one up to its root, this one first; empty for an unknown group.
    pub fn path_to_root(&self, group: &ObjectRef) -> Vec<ObjectRef> {
        let mut path = Vec::new();
        let mut next = self.groups.get(group);
        while let Some(group) = next {
            path.push(group.clone());
            next = self.parents.get(group);
        }
        path
    }

    /// Tells the group above.
    pub fn parent(&self, group: &ObjectRef) -> Option<&ObjectRef> {
        self.parents.get(group)
    }

    /// Lists the groups directly below, by name.
    pub fn children(&self, group: &ObjectRef) -> Vec<ObjectRef> {
        self.children.get(group).into_iter().flatten().cloned().collect()
    }

    /// Lists the group and every group below it.
    pub fn with_descendants(&self, group: &ObjectRef) -> BTreeSet<ObjectRef> {
        let mut found = BTreeSet::new();
        let mut open: Vec<ObjectRef> = self.groups.get(group).into_iter().cloned().collect();
        while let Some(group) = open.pop() {
            open.extend(self.children(&group));
            found.insert(group);
        }
        found
    }

    /// Tells whether a group is the other one or stands below it.
    pub fn is_within(&self, group: &ObjectRef, ancestor: &ObjectRef) -> bool {
        self.path_to_root(group).contains(ancestor)
    }

    /// Lists the people in a group itself, by name; people of groups below are not among them.
    pub fn members(&self, group: &ObjectRef) -> Vec<ObjectRef> {
        self.members.get(group).into_iter().flatten().cloned().collect()
    }

    /// Lists every group that a person is in, itself or through a group above, nearest first.
    pub fn groups_of(&self, user: &ObjectRef) -> Vec<ObjectRef> {
        let mut found = Vec::new();
        let primary = self.primary.get(user).cloned();
        let others = self.members.iter().filter(|(_, users)| users.contains(user)).map(|(group, _)| group.clone());
        for group in primary.into_iter().chain(others) {
            for above in self.path_to_root(&group) {
                if !found.contains(&above) {
                    found.push(above);
                }
            }
        }
        found
    }

    /// Lists every group, by name.
    pub fn groups(&self) -> impl Iterator<Item = &ObjectRef> {
        self.groups.iter()
    }

    /// Lists the groups that have no group above them, by name.
    pub fn roots(&self) -> Vec<ObjectRef> {
        self.groups.iter().filter(|group| !self.parents.contains_key(*group)).cloned().collect()
    }

    /// Tells the company: the root with the most groups below it, the first by name among equals.
    pub fn root(&self) -> Option<ObjectRef> {
        let mut best: Option<(usize, ObjectRef)> = None;
        for root in self.roots() {
            let size = self.with_descendants(&root).len();
            if best.as_ref().is_none_or(|(largest, _)| size > *largest) {
                best = Some((size, root));
            }
        }
        best.map(|(_, root)| root)
    }
}

fn listed_children(groups: &[AnyObject]) -> BTreeSet<(ObjectRef, ObjectRef)> {
    groups
        .iter()
        .flat_map(|group| references_of(group, "children", "Group").into_iter().map(|child| (group.reference(), child)))
        .collect()
}

/// Something that is reached from a starting point, and over how many steps.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reached {
    /// How many steps away it is; 1 for a direct neighbour.
    pub distance: usize,
    /// What is reached.
    pub reference: ObjectRef,
    /// The last step towards it.
    pub relation: Relation,
}

/// How one thing depends on another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Relation {
    /// It says so (`dependsOn`, or `dependencyOf` at the other end).
    DependsOn,
    /// It consumes an API, and with it whoever provides that API.
    ConsumesApi,
    /// It is an API and needs its provider.
    ProvidedBy,
    /// It has the other as a part (`subcomponentOf` at the other end).
    HasPart,
}

/// What depends on what among components, APIs and resources.
#[derive(Clone, Debug, Default)]
pub struct DependencyGraph {
    needs: BTreeMap<ObjectRef, BTreeMap<ObjectRef, Relation>>,
    needed_by: BTreeMap<ObjectRef, BTreeMap<ObjectRef, Relation>>,
}

impl DependencyGraph {
    /// Builds the graph of the components, APIs and resources of the catalog.
    ///
    /// A consumer of an API depends on the API and, at the same distance, on its providers.
    /// Targets that are not in the catalog stay in the graph: the dependency was declared.
    pub fn new(components: &[AnyObject], apis: &[AnyObject], resources: &[AnyObject]) -> Self {
        let mut graph = Self::default();
        let mut providers: BTreeMap<ObjectRef, BTreeSet<ObjectRef>> = BTreeMap::new();
        for component in components {
            for api in references_of(component, "providesApis", "API") {
                graph.add(&api, &component.reference(), Relation::ProvidedBy);
                providers.entry(api).or_default().insert(component.reference());
            }
        }
        for object in components.iter().chain(apis).chain(resources) {
            graph.add_declared(object);
        }
        for component in components {
            let consumer = component.reference();
            for api in references_of(component, "consumesApis", "API") {
                graph.add(&consumer, &api, Relation::ConsumesApi);
                for provider in providers.get(&api).into_iter().flatten() {
                    graph.add(&consumer, provider, Relation::ConsumesApi);
                }
            }
        }
        graph
    }

    fn add_declared(&mut self, object: &AnyObject) {
        let this = object.reference();
        for target in references_of(object, "dependsOn", "Component") {
            self.add(&this, &target, Relation::DependsOn);
        }
        for source in references_of(object, "dependencyOf", "Component") {
            self.add(&source, &this, Relation::DependsOn);
        }
        for whole in references_of(object, "subcomponentOf", "Component") {
            self.add(&whole, &this, Relation::HasPart);
        }
    }

    fn add(&mut self, from: &ObjectRef, to: &ObjectRef, relation: Relation) {
        if from == to {
            return;
        }
        for (map, key, value) in [(&mut self.needs, from, to), (&mut self.needed_by, to, from)] {
            let known = map.entry(key.clone()).or_default().entry(value.clone()).or_insert(relation);
            *known = (*known).min(relation);
        }
    }

    /// Lists everything that is hurt when this fails, nearest first, then by name.
    pub fn dependants(&self, of: &ObjectRef) -> Vec<Reached> {
        reach(&self.needed_by, of)
    }

    /// Lists everything that this needs, nearest first, then by name.
    pub fn dependencies(&self, of: &ObjectRef) -> Vec<Reached> {
        reach(&self.needs, of)
    }
}

/// Walks breadth first from one node; each node is visited once, so circles end.
fn reach(edges: &BTreeMap<ObjectRef, BTreeMap<ObjectRef, Relation>>, start: &ObjectRef) -> Vec<Reached> {
    let mut seen = BTreeSet::from([start.clone()]);
    let mut open = VecDeque::from([(start.clone(), 0)]);
    let mut found = Vec::new();
    while let Some((at, distance)) = open.pop_front() {
        for (next, relation) in edges.get(&at).into_iter().flatten() {
            if seen.insert(next.clone()) {
                found.push(Reached { distance: distance + 1, reference: next.clone(), relation: *relation });
                open.push_back((next.clone(), distance + 1));
            }
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn object(kind: &str, name: &str, spec: Value) -> AnyObject {
        serde_json::from_value(json!({
            "apiVersion": "backstage.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec
        }))
        .unwrap()
    }

    fn group(name: &str) -> ObjectRef {
        ObjectRef::new("group", "default", name)
    }

    fn company() -> OwnerTree {
        let groups = [
            object("Group", "acme", json!({"type": "company", "children": []})),
            object("Group", "commerce", json!({"type": "unit", "parent": "acme", "children": ["team-web"]})),
            object("Group", "Team-Pay", json!({"type": "team", "parent": "group:commerce", "children": [], "members": ["lee"]})),
            object("Group", "team-web", json!({"type": "team", "children": []})),
        ];
        let users = [object("User", "Maya", json!({"memberOf": ["gone", "team-pay", "acme"]}))];
        OwnerTree::new(&groups, &users)
    }

    #[test]
    fn a_team_stands_under_its_unit_and_the_company() {
        let tree = company();
        assert_eq!(tree.path_to_root(&group("team-pay")), [group("team-pay"), group("commerce"), group("acme")]);
        assert_eq!(tree.path_to_root(&group("team-web")), [group("team-web"), group("commerce"), group("acme")]);
        assert_eq!(tree.root(), Some(group("acme")));
        assert_eq!(tree.children(&group("commerce")), [group("team-pay"), group("team-web")]);
        assert!(tree.is_within(&group("team-pay"), &group("acme")));
        assert!(!tree.is_within(&group("acme"), &group("team-pay")));
    }

    #[test]
    fn a_person_who_owns_something_stands_for_the_first_existing_group() {
        let tree = company();
        assert_eq!(tree.owner_group("user:maya"), Some(group("team-pay")));
        assert_eq!(tree.owner_group("user:default/LEE"), Some(group("team-pay")));
        assert_eq!(tree.owner_group("team-pay"), Some(group("team-pay")));
        assert_eq!(tree.members(&group("team-pay")).len(), 2);
        let maya = ObjectRef::new("user", "default", "maya");
        assert_eq!(tree.groups_of(&maya), [group("team-pay"), group("commerce"), group("acme")]);
    }

    #[test]
    fn an_owner_that_does_not_exist_is_no_owner() {
        let tree = company();
        for owner in ["nobody", "user:nobody", "component:acme", "", "a/b/c"] {
            assert_eq!(tree.owner_group(owner), None, "{owner}");
        }
    }

    #[test]
    fn a_circle_of_groups_is_cut_and_still_answers() {
        let circle = [("a", "b"), ("b", "c"), ("c", "a")]
            .map(|(name, parent)| object("Group", name, json!({"type": "t", "parent": parent, "children": []})));
        let tree = OwnerTree::new(&circle, &[]);
        assert_eq!(tree.roots().len(), 1);
        assert_eq!(tree.with_descendants(&tree.root().unwrap()).len(), 3);
    }

    #[test]
    fn whoever_consumes_an_api_depends_on_its_provider() {
        let components = [
            object("Component", "payments", json!({"providesApis": ["pay"]})),
            object("Component", "checkout", json!({"consumesApis": ["pay"], "dependsOn": ["resource:db"]})),
            object("Component", "storefront", json!({"dependsOn": ["component:default/checkout"]})),
            object("Component", "ledger", json!({"subcomponentOf": "payments"})),
        ];
        let graph = DependencyGraph::new(&components, &[object("API", "pay", json!({}))], &[]);
        let names = |reached: Vec<Reached>| -> Vec<String> {
            reached.iter().map(|r| format!("{} {}", r.distance, r.reference)).collect()
        };
        let payments = ObjectRef::new("component", "default", "payments");
        assert_eq!(
            names(graph.dependants(&payments)),
            ["1 api:default/pay", "1 component:default/checkout", "2 component:default/storefront"]
        );
        let storefront = ObjectRef::new("component", "default", "storefront");
        assert_eq!(
            names(graph.dependencies(&storefront)),
            [
                "1 component:default/checkout",
                "2 api:default/pay",
                "2 component:default/payments",
                "2 resource:default/db",
                "3 component:default/ledger"
            ]
        );
    }

    proptest! {
        #[test]
        fn dependants_mirror_dependencies_whatever_people_wrote(edges in prop::collection::vec((0u8..8, 0u8..8), 0..30)) {
            let components: Vec<AnyObject> = (0u8..8)
                .map(|node| {
                    let targets: Vec<String> = edges.iter().filter(|(from, _)| *from == node).map(|(_, to)| format!("c{to}")).collect();
                    object("Component", &format!("c{node}"), json!({"dependsOn": targets}))
                })
                .collect();
            let graph = DependencyGraph::new(&components, &[], &[]);
            let all: Vec<ObjectRef> = components.iter().map(AnyObject::reference).collect();
            for a in &all {
                for reached in graph.dependencies(a) {
                    prop_assert_ne!(&reached.reference, a);
                    let back = graph.dependants(&reached.reference);
                    prop_assert!(back.iter().any(|other| other.reference == *a && other.distance == reached.distance));
                }
            }
        }

        #[test]
        fn every_group_has_one_path_and_none_is_endless(parents in prop::collection::vec(prop::option::of(0usize..9), 9)) {
            let groups: Vec<AnyObject> = parents.iter().enumerate().map(|(index, parent)| {
                let parent = parent.map(|p| format!("g{p}"));
                object("Group", &format!("g{index}"), json!({"type": "t", "parent": parent, "children": []}))
            }).collect();
            let tree = OwnerTree::new(&groups, &[]);
            let mut counted = 0;
            for root in tree.roots() {
                counted += tree.with_descendants(&root).len();
            }
            prop_assert_eq!(counted, 9);
            let mut reversed = groups.clone();
            reversed.reverse();
            let other = OwnerTree::new(&reversed, &[]);
            for group in &groups {
                prop_assert_eq!(tree.path_to_root(&group.reference()), other.path_to_root(&group.reference()));
            }
        }
    }
}

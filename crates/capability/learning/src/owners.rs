//! Which group answers for what. Pure.

use std::collections::BTreeMap;

use andon_api::graph::OwnerTree;
use andon_api::object::{AnyObject, ObjectRef};

use crate::typed::{CoeObject, IncidentObject};

/// Which group answers for which component or system; `None` is nobody.
pub(crate) struct Owners<'a> {
    tree: &'a OwnerTree,
    owners: BTreeMap<ObjectRef, Option<ObjectRef>>,
}

impl<'a> Owners<'a> {
    /// Looks the owners of components and systems up once.
    pub(crate) fn new(tree: &'a OwnerTree, owned: impl Iterator<Item = &'a AnyObject>) -> Self {
        Self { tree, owners: owned.map(|object| (object.reference(), tree.owner_of(object))).collect() }
    }

    /// Tells who answers for a component or system.
    pub(crate) fn of(&self, service: &ObjectRef) -> Option<ObjectRef> {
        self.owners.get(service).cloned().flatten()
    }

    /// Tells who answers for a scope as written in an andon or a check; the whole line is the company's.
    pub(crate) fn of_scope(&self, scope: &str) -> Option<ObjectRef> {
        if scope == "*" {
            return self.tree.root();
        }
        self.of(&ObjectRef::parse(scope, Some("component"), "default").ok()?)
    }

    /// Tells who answers for an incident: the owner of the first of its services that has one.
    pub(crate) fn of_incident(&self, incident: &IncidentObject) -> Option<ObjectRef> {
        incident.spec.services.iter().find_map(|service| self.of(service))
    }

    /// Tells who answers for a COE.
    pub(crate) fn of_coe(&self, coe: &CoeObject) -> Option<ObjectRef> {
        self.tree.owner_group(&coe.spec.owner)
    }
}

//! What is known of the eight kinds of the catalog.

use andon_api::kind::{ColumnType, IndexedField, Kind, KindInfo, ListColumn, Nature, ReferenceField};
use andon_api::kinds::catalog::{API_VERSION, Api, Component, Domain, Group, Location, Resource, System, User};

use crate::check;

const fn text(name: &'static str, pointer: &'static str) -> IndexedField {
    IndexedField { name, pointer, column_type: ColumnType::Text }
}

const fn column(title: &'static str, pointer: &'static str) -> ListColumn {
    ListColumn { title, pointer }
}

const fn reference(pointer: &'static str, default_kind: &'static str) -> ReferenceField {
    // Descriptors arrive in any order from many repositories: none of their references must exist.
    ReferenceField { pointer, default_kind, required: false }
}

const OWNER: ReferenceField = reference("/spec/owner", "Group");
const SYSTEM: ReferenceField = reference("/spec/system", "System");
const DEPENDS_ON: ReferenceField = reference("/spec/dependsOn", "Component");
const DEPENDENCY_OF: ReferenceField = reference("/spec/dependencyOf", "Component");
const TYPE_INDEX: IndexedField = text("type", "/spec/type");
const OWNER_INDEX: IndexedField = text("owner", "/spec/owner");
const SYSTEM_INDEX: IndexedField = text("system", "/spec/system");
const LIFECYCLE_INDEX: IndexedField = text("lifecycle", "/spec/lifecycle");
const NAME_COLUMN: ListColumn = column("Name", "/metadata/name");
const TYPE_COLUMN: ListColumn = column("Type", "/spec/type");
const OWNER_COLUMN: ListColumn = column("Owner", "/spec/owner");
const SYSTEM_COLUMN: ListColumn = column("System", "/spec/system");
const LIFECYCLE_COLUMN: ListColumn = column("Lifecycle", "/spec/lifecycle");

/// What all kinds of the catalog have in common.
const BASE: KindInfo = KindInfo {
    kind: Location::KIND,
    plural: "locations",
    api_version: API_VERSION,
    capability: "catalog",
    nature: Nature::Resource,
    prefix: "",
    summary: "A place where further descriptors are; kept as it is.",
    indexed: &[TYPE_INDEX],
    columns: &[NAME_COLUMN, TYPE_COLUMN, column("Target", "/spec/target")],
    references: &[],
    secrets: &[],
    example: include_str!("examples/location.yaml"),
    open: true,
    schema: Location::schema,
    check: check::location,
};

/// Lists the kinds of the catalog.
pub(crate) fn kinds() -> Vec<KindInfo> {
    vec![COMPONENT, GROUP, USER, SYSTEM_KIND, DOMAIN, API, RESOURCE, BASE]
}

const COMPONENT: KindInfo = KindInfo {
    kind: Component::KIND,
    plural: "components",
    summary: "A piece of software that a team owns: a service, a website, a library.",
    indexed: &[OWNER_INDEX, TYPE_INDEX, LIFECYCLE_INDEX, SYSTEM_INDEX],
    columns: &[NAME_COLUMN, TYPE_COLUMN, LIFECYCLE_COLUMN, OWNER_COLUMN, SYSTEM_COLUMN],
    references: &[
        OWNER,
        SYSTEM,
        reference("/spec/subcomponentOf", "Component"),
        reference("/spec/providesApis", "API"),
        reference("/spec/consumesApis", "API"),
        DEPENDS_ON,
        DEPENDENCY_OF,
    ],
    example: include_str!("examples/component.yaml"),
    schema: Component::schema,
    check: check::component,
    ..BASE
};

const GROUP: KindInfo = KindInfo {
    kind: Group::KIND,
    plural: "groups",
    summary: "A group of people: a team, a business unit, the company.",
    indexed: &[text("parent", "/spec/parent"), TYPE_INDEX],
    columns: &[NAME_COLUMN, TYPE_COLUMN, column("Parent", "/spec/parent"), column("Shown as", "/spec/profile/displayName")],
    references: &[
        reference("/spec/parent", "Group"),
        reference("/spec/children", "Group"),
        reference("/spec/members", "User"),
    ],
    example: include_str!("examples/group.yaml"),
    schema: Group::schema,
    check: check::group,
    ..BASE
};

const USER: KindInfo = KindInfo {
    kind: User::KIND,
    plural: "users",
    summary: "A person.",
    indexed: &[text("email", "/spec/profile/email")],
    columns: &[
        NAME_COLUMN,
        column("Shown as", "/spec/profile/displayName"),
        column("Mail", "/spec/profile/email"),
        column("Groups", "/spec/memberOf"),
    ],
    references: &[reference("/spec/memberOf", "Group")],
    example: include_str!("examples/user.yaml"),
    schema: User::schema,
    check: check::user,
    ..BASE
};

const SYSTEM_KIND: KindInfo = KindInfo {
    kind: System::KIND,
    plural: "systems",
    summary: "Components that together do something.",
    indexed: &[OWNER_INDEX, text("domain", "/spec/domain")],
    columns: &[NAME_COLUMN, OWNER_COLUMN, column("Domain", "/spec/domain")],
    references: &[OWNER, reference("/spec/domain", "Domain")],
    example: include_str!("examples/system.yaml"),
    schema: System::schema,
    check: check::system,
    ..BASE
};

const DOMAIN: KindInfo = KindInfo {
    kind: Domain::KIND,
    plural: "domains",
    summary: "Systems that share a purpose.",
    indexed: &[OWNER_INDEX, text("subdomain_of", "/spec/subdomainOf")],
    columns: &[NAME_COLUMN, OWNER_COLUMN, column("Part of", "/spec/subdomainOf")],
    references: &[OWNER, reference("/spec/subdomainOf", "Domain")],
    example: include_str!("examples/domain.yaml"),
    schema: Domain::schema,
    check: check::domain,
    ..BASE
};

const API: KindInfo = KindInfo {
    kind: Api::KIND,
    plural: "apis",
    summary: "An interface between components.",
    indexed: &[OWNER_INDEX, TYPE_INDEX, LIFECYCLE_INDEX, SYSTEM_INDEX],
    columns: &[NAME_COLUMN, TYPE_COLUMN, LIFECYCLE_COLUMN, OWNER_COLUMN, SYSTEM_COLUMN],
    references: &[OWNER, SYSTEM],
    example: include_str!("examples/api.yaml"),
    schema: Api::schema,
    check: check::api,
    ..BASE
};

const RESOURCE: KindInfo = KindInfo {
    kind: Resource::KIND,
    plural: "resources",
    summary: "Infrastructure that a component needs: a database, a bucket, a queue.",
    indexed: &[OWNER_INDEX, TYPE_INDEX, SYSTEM_INDEX],
    columns: &[NAME_COLUMN, TYPE_COLUMN, OWNER_COLUMN, SYSTEM_COLUMN],
    references: &[OWNER, SYSTEM, DEPENDS_ON, DEPENDENCY_OF],
    example: include_str!("examples/resource.yaml"),
    schema: Resource::schema,
    check: check::resource,
    ..BASE
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_kind_has_its_own_name_plural_and_example() {
        let kinds = kinds();
        let names: BTreeSet<_> = kinds.iter().map(|kind| kind.kind).collect();
        let plurals: BTreeSet<_> = kinds.iter().map(|kind| kind.plural).collect();
        assert_eq!((names.len(), plurals.len()), (8, 8));
        for kind in &kinds {
            assert!(kind.example.contains(&format!("kind: {}\n", kind.kind)), "{}", kind.kind);
        }
    }
}

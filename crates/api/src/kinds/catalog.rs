//! The catalog: Backstage descriptors as they are (descriptor format v1alpha1).
//!
//! Unknown fields of a spec are kept: descriptors come from people's repositories, where other tools
//! read them too.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::kind::Kind;

/// The version of the catalog's kinds.
pub const API_VERSION: &str = "backstage.io/v1alpha1";

/// Fields that a descriptor has and Andon does not read.
pub type Extra = BTreeMap<String, Value>;

/// The status of catalog objects: relations that others declared towards them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CatalogStatus {
    #[serde(flatten)]
    pub extra: Extra,
}

/// A piece of software that a team owns: a service, a website, a library.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComponentSpec {
    /// What sort of software, for example `service`.
    #[serde(rename = "type")]
    pub component_type: String,
    /// How mature it is, for example `production`.
    pub lifecycle: String,
    /// The group or user that owns it.
    pub owner: String,
    /// The system it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The component it is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subcomponent_of: Option<String>,
    /// The APIs it provides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provides_apis: Vec<String>,
    /// The APIs it consumes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consumes_apis: Vec<String>,
    /// The components and resources it depends on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
    /// The components that depend on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependency_of: Vec<String>,
    #[serde(flatten)]
    pub extra: Extra,
}

/// A group of people: a team, a business unit, the company.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupSpec {
    /// What sort of group, for example `team`.
    #[serde(rename = "type")]
    pub group_type: String,
    /// How the group is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// The group above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The groups below it.
    pub children: Vec<String>,
    /// The users in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
    #[serde(flatten)]
    pub extra: Extra,
}

/// A person.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserSpec {
    /// How the person is shown and reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// The groups the person is in.
    pub member_of: Vec<String>,
    #[serde(flatten)]
    pub extra: Extra,
}

/// How a person or group is shown and reached.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// The name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The address of a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
}

/// Components that together do something.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SystemSpec {
    /// The group or user that owns it.
    pub owner: String,
    /// The domain it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    #[serde(flatten)]
    pub extra: Extra,
}

/// Systems that share a purpose.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainSpec {
    /// The group or user that owns it.
    pub owner: String,
    /// The domain above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subdomain_of: Option<String>,
    #[serde(flatten)]
    pub extra: Extra,
}

/// An interface between components.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiSpec {
    /// What sort of interface, for example `openapi`.
    #[serde(rename = "type")]
    pub api_type: String,
    /// How mature it is.
    pub lifecycle: String,
    /// The group or user that owns it.
    pub owner: String,
    /// The system it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The definition, or where it is embedded from.
    pub definition: Value,
    #[serde(flatten)]
    pub extra: Extra,
}

/// Infrastructure that a component needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceSpec {
    /// What sort of resource, for example `database`.
    #[serde(rename = "type")]
    pub resource_type: String,
    /// The group or user that owns it.
    pub owner: String,
    /// The system it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The components and resources it depends on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
    /// The components that depend on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependency_of: Vec<String>,
    #[serde(flatten)]
    pub extra: Extra,
}

/// A place where further descriptors are; kept as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocationSpec {
    #[serde(flatten)]
    pub extra: Extra,
}

macro_rules! catalog_kinds {
    ($($name:ident $spec:ident $kind:literal;)*) => {$(
        #[doc = concat!("The kind `", $kind, "`.")]
        pub struct $name;

        impl Kind for $name {
            type Spec = $spec;
            type Status = CatalogStatus;
            const KIND: &'static str = $kind;
            const API_VERSION: &'static str = API_VERSION;
        }
    )*};
}

catalog_kinds! {
    Component ComponentSpec "Component";
    Group GroupSpec "Group";
    User UserSpec "User";
    System SystemSpec "System";
    Domain DomainSpec "Domain";
    Api ApiSpec "API";
    Resource ResourceSpec "Resource";
    Location LocationSpec "Location";
}

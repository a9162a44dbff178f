//! What a kind declares. Table, REST, CLI verbs, JSON schema, SQL view, audit, permissions and the
//! generic pages are all made from one `KindInfo`.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::Value;

use crate::error::Problem;
use crate::object::{AnyObject, Object};

/// Who opens and closes objects of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Nature {
    /// Declared by people, in YAML; people may apply and delete it.
    Resource,
    /// Opened and closed by the system; people act on it by its verbs alone.
    Record,
}

/// The type of an indexed column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ColumnType {
    /// Text.
    Text,
    /// A 64-bit integer.
    Integer,
    /// An RFC 3339 time, stored as microseconds since the epoch.
    Time,
}

/// A field of the document that is also a column, to filter and sort by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IndexedField {
    /// The name of the column and of the filter, `[a-z_]`.
    pub name: &'static str,
    /// Where the value is in the document, as a JSON pointer.
    pub pointer: &'static str,
    /// The type of the column.
    pub column_type: ColumnType,
}

/// A column of the generic list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListColumn {
    /// The heading.
    pub title: &'static str,
    /// Where the value is in the document, as a JSON pointer.
    pub pointer: &'static str,
}

/// A field that names another object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReferenceField {
    /// Where the reference, or the list of references, is in the document.
    pub pointer: &'static str,
    /// The kind meant by a reference that names none.
    pub default_kind: &'static str,
    /// Whether an apply is refused while the target does not exist.
    pub required: bool,
}

/// Everything that is known of a kind.
#[derive(Clone)]
pub struct KindInfo {
    /// The name, for example `Component`.
    pub kind: &'static str,
    /// The plural of paths, commands and SQL views, for example `components`.
    pub plural: &'static str,
    /// The group and version, for example `andon.dev/v1`.
    pub api_version: &'static str,
    /// The capability that owns the kind.
    pub capability: &'static str,
    /// Who opens and closes its objects.
    pub nature: Nature,
    /// The prefix of names that the system gives, for example `inc` for `inc-12`; empty where people name.
    pub prefix: &'static str,
    /// One sentence for people.
    pub summary: &'static str,
    /// The fields to filter and sort by.
    pub indexed: &'static [IndexedField],
    /// The columns of the generic list.
    pub columns: &'static [ListColumn],
    /// The fields that name other objects.
    pub references: &'static [ReferenceField],
    /// JSON pointers of fields that never enter a difference, a list or a log.
    pub secrets: &'static [&'static str],
    /// An example in YAML that a test applies.
    pub example: &'static str,
    /// Whether fields that the schema does not know are kept (foreign descriptors) or refused.
    pub open: bool,
    /// Makes the JSON schema of the whole object.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
    /// Checks what concerns this object alone, after the schema; rewrites nothing.
    pub check: fn(&AnyObject) -> Result<(), Problem>,
}

/// A typed kind: ties the spec and status types to what is known of the kind.
pub trait Kind {
    /// What people declare.
    type Spec: JsonSchema + Serialize + serde::de::DeserializeOwned;
    /// What the system observed.
    type Status: JsonSchema + Serialize + serde::de::DeserializeOwned + Default;
    /// The name of the kind.
    const KIND: &'static str;
    /// The group and version of the kind.
    const API_VERSION: &'static str;

    /// Makes a new object of this kind.
    fn object(name: &str, spec: Self::Spec, status: Option<Self::Status>) -> Object<Self::Spec, Self::Status> {
        Object {
            api_version: Self::API_VERSION.to_owned(),
            kind: Self::KIND.to_owned(),
            metadata: crate::object::Metadata {
                name: name.to_owned(),
                namespace: crate::object::DEFAULT_NAMESPACE.to_owned(),
                ..Default::default()
            },
            spec,
            status,
        }
    }

    /// Checks that an object's spec and status fit this kind.
    ///
    /// # Errors
    /// `OBJ-0002` with what does not fit.
    fn fits(object: &AnyObject) -> Result<(), Problem> {
        object.spec_as::<Self::Spec>()?;
        object.status_as::<Self::Status>()?;
        Ok(())
    }

    /// Makes the JSON schema of an object of this kind.
    fn schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Object<Self::Spec, Self::Status>>()
    }
}

/// Turns a typed object into its plain form.
///
/// # Errors
/// `SYS-0001` when a value has no JSON form, which a correct kind does not produce.
pub fn to_any<S: Serialize, T: Serialize>(object: &Object<S, T>) -> Result<AnyObject, Problem> {
    let value: Value = serde_json::to_value(object).map_err(Problem::internal)?;
    serde_json::from_value(value).map_err(Problem::internal)
}

//! The envelope of every object and the references between objects.
//!
//! The envelope is the one of Backstage descriptors (descriptor format v1alpha1), so that a
//! `catalog-info.yaml` is a valid object as it stands. References follow its grammar
//! `[kind:][namespace/]name` and are compared in lower case.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{ErrorCode, Problem};

/// The namespace of an object that names none.
pub const DEFAULT_NAMESPACE: &str = "default";

/// An object whose spec and status are plain JSON, as it travels and is stored.
pub type AnyObject = Object<Value, Value>;

/// One object of a registered kind: what people want in `spec`, what the system observed in `status`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    bound(
        serialize = "Spec: Serialize, Status: Serialize",
        deserialize = "Spec: Deserialize<'de>, Status: Deserialize<'de>"
    )
)]
pub struct Object<Spec, Status> {
    /// The group and version of the kind, for example `andon.dev/v1`.
    pub api_version: String,
    /// The name of the kind, for example `Component`.
    pub kind: String,
    /// What identifies and describes the object.
    pub metadata: Metadata,
    /// What people declare.
    pub spec: Spec,
    /// What the system observed; written by the system alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
}

/// What identifies and describes an object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// The name, unique in its kind and namespace without regard to case; 1 to 63 of `[A-Za-z0-9-_.]`.
    pub name: String,
    /// The namespace, a DNS label; `default` when absent.
    #[serde(default = "default_namespace")]
    pub namespace: String,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What the object is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Short values to select by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Longer values that tools keep.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Words to find the object by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Pages about the object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// The identity that survives a rename; set by the server.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// The version of the object, 1 for the first; set by the server, sent back to detect a conflict.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub version: i64,
    /// When the object was first stored; set by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When this version was stored; set by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
}

/// A link to a page about an object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Where the page is.
    pub url: String,
    /// What the link says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The name of an icon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    /// What sort of page it is.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub link_type: Option<String>,
}

fn default_namespace() -> String {
    DEFAULT_NAMESPACE.to_owned()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_zero(version: &i64) -> bool {
    *version == 0
}

impl<Spec, Status> Object<Spec, Status> {
    /// Names this object.
    pub fn reference(&self) -> ObjectRef {
        ObjectRef::new(&self.kind, &self.metadata.namespace, &self.metadata.name)
    }
}

impl AnyObject {
    /// Reads the spec as the typed spec of its kind.
    ///
    /// # Errors
    /// `OBJ-0002` with the path of the field that does not fit.
    pub fn spec_as<T: serde::de::DeserializeOwned>(&self) -> Result<T, Problem> {
        read_part(&self.spec, "spec", self)
    }

    /// Reads the status as the typed status of its kind; an absent status reads as the default.
    ///
    /// # Errors
    /// `OBJ-0002` with the path of the field that does not fit.
    pub fn status_as<T: serde::de::DeserializeOwned + Default>(&self) -> Result<T, Problem> {
        match &self.status {
            None | Some(Value::Null) => Ok(T::default()),
            Some(status) => read_part(status, "status", self),
        }
    }
}

fn read_part<T: serde::de::DeserializeOwned>(
    part: &Value,
    name: &str,
    object: &AnyObject,
) -> Result<T, Problem> {
    serde_path_to_error::deserialize(part).map_err(|error| {
        let path = match error.path().to_string() {
            path if path == "." => name.to_owned(),
            path => format!("{name}.{path}"),
        };
        Problem::new(
            ErrorCode::ObjectInvalid,
            format!("{path} of {} does not fit its kind: {}.", object.reference(), error.inner()),
        )
        .place(path)
        .hint(format!("Run `andon explain {}` for the fields of this kind.", object.kind))
    })
}

/// A reference to one object, in canonical lower case: `kind:namespace/name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
#[schemars(with = "String")]
pub struct ObjectRef {
    kind: String,
    namespace: String,
    name: String,
}

impl ObjectRef {
    /// Builds a reference from its three parts.
    pub fn new(kind: &str, namespace: &str, name: &str) -> Self {
        Self {
            kind: kind.to_lowercase(),
            namespace: namespace.to_lowercase(),
            name: name.to_lowercase(),
        }
    }

    /// Parses `[kind:][namespace/]name` with the defaults of the place where it stands.
    ///
    /// # Errors
    /// `OBJ-0003` when a part is empty or the kind is neither written nor given as a default.
    pub fn parse(text: &str, default_kind: Option<&str>, default_namespace: &str) -> Result<Self, Problem> {
        let refuse = |why: &str| {
            Problem::new(ErrorCode::ReferenceInvalid, format!("`{text}` is not a reference: {why}."))
                .hint("Write `kind:namespace/name`, for example `component:default/payments`.")
        };
        let (colon, slash) = (text.find(':'), text.find('/'));
        let has_kind = matches!((colon, slash), (Some(c), Some(s)) if c < s) || (colon.is_some() && slash.is_none());
        let (kind, rest) = match colon {
            Some(at) if has_kind => (Some(&text[..at]), &text[at + 1..]),
            _ => (default_kind, text),
        };
        let (namespace, name) = rest.split_once('/').unwrap_or((default_namespace, rest));
        let kind = kind.ok_or_else(|| refuse("it names no kind"))?;
        if kind.is_empty() || namespace.is_empty() || name.is_empty() {
            return Err(refuse("a part is empty"));
        }
        if name.contains('/') || name.len() > 253 {
            return Err(refuse("the name has a `/` or is longer than 253 bytes"));
        }
        Ok(Self::new(kind, namespace, name))
    }

    /// Tells the kind in lower case.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Tells the namespace in lower case.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Tells the name in lower case.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}/{}", self.kind, self.namespace, self.name)
    }
}

impl Serialize for ObjectRef {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ObjectRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text, None, DEFAULT_NAMESPACE).map_err(|problem| serde::de::Error::custom(problem.detail.trim_end_matches('.')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_takes_its_defaults_from_where_it_stands() {
        let parse = |text| ObjectRef::parse(text, Some("Group"), "default").map(|r| r.to_string());
        assert_eq!(parse("payments").unwrap(), "group:default/payments");
        assert_eq!(parse("User:Maya").unwrap(), "user:default/maya");
        assert_eq!(parse("shop/payments").unwrap(), "group:shop/payments");
        assert_eq!(parse("component:shop/payments").unwrap(), "component:shop/payments");
    }

    #[test]
    fn an_empty_part_or_a_missing_kind_is_refused() {
        for text in ["", "component:", "component:/x", ":x", "a/"] {
            assert!(ObjectRef::parse(text, Some("Group"), "default").is_err(), "{text}");
        }
        assert!(ObjectRef::parse("payments", None, "default").is_err());
    }

    #[test]
    fn a_backstage_descriptor_is_an_object() {
        let text = r#"{"apiVersion":"backstage.io/v1alpha1","kind":"Component",
            "metadata":{"name":"payments","annotations":{"github.com/project-slug":"acme/payments"}},
            "spec":{"type":"service","lifecycle":"production","owner":"team-a"}}"#;
        let object: AnyObject = serde_json::from_str(text).unwrap();
        assert_eq!(object.reference().to_string(), "component:default/payments");
    }
}

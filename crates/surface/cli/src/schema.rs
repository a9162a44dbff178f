//! The fields of a kind, read from its JSON schema. Pure.

use serde::Serialize;
use serde_json::Value;

/// How deep fields are listed.
const DEPTH_MAX: usize = 6;
/// The most fields that are listed.
const FIELDS_MAX: usize = 400;

/// One field of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Field {
    /// The path, for example `spec.layers[].members`.
    pub(crate) path: String,
    #[serde(rename = "type")]
    pub(crate) field_type: String,
    pub(crate) required: bool,
    pub(crate) description: String,
}

/// Lists the fields below `metadata.name`, `spec` and `status`, parents before children.
pub(crate) fn fields(schema: &Value) -> Vec<Field> {
    let mut walk = Walk {
        root: schema,
        fields: Vec::new(),
    };
    for part in ["spec", "status"] {
        if let Some(inner) = walk
            .properties(schema)
            .and_then(|properties| properties.get(part))
        {
            walk.visit(part, inner, false, 0);
        }
    }
    walk.fields
        .retain(|field| !matches!(field.path.as_str(), "spec" | "status"));
    walk.fields
}

struct Walk<'a> {
    root: &'a Value,
    fields: Vec<Field>,
}

impl<'a> Walk<'a> {
    /// Follows a reference to where the schema stands, and passes over "or null".
    fn resolve(&self, mut schema: &'a Value) -> &'a Value {
        for _ in 0..8 {
            if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
                match target
                    .strip_prefix('#')
                    .and_then(|pointer| self.root.pointer(pointer))
                {
                    Some(found) => schema = found,
                    None => return schema,
                }
            } else if let Some(inner) = sole_option(schema) {
                schema = inner;
            } else {
                return schema;
            }
        }
        schema
    }

    fn properties(&self, schema: &'a Value) -> Option<&'a serde_json::Map<String, Value>> {
        self.resolve(schema)
            .get("properties")
            .and_then(Value::as_object)
    }

    fn visit(&mut self, path: &str, schema: &'a Value, required: bool, depth: usize) {
        if depth > DEPTH_MAX || self.fields.len() >= FIELDS_MAX {
            return;
        }
        let resolved = self.resolve(schema);
        let description = [schema, resolved]
            .iter()
            .find_map(|one| one.get("description").and_then(Value::as_str));
        self.fields.push(Field {
            path: path.to_owned(),
            field_type: self.type_of(resolved),
            required,
            description: description.unwrap_or_default().to_owned(),
        });
        let (inner, path) = match resolved.get("items") {
            Some(items) => (self.resolve(items), format!("{path}[]")),
            None => (resolved, path.to_owned()),
        };
        self.visit_properties(&path, inner, depth);
        for variant in options(inner) {
            self.visit_properties(&path, self.resolve(variant), depth);
        }
    }

    fn visit_properties(&mut self, path: &str, schema: &'a Value, depth: usize) {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            return;
        };
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        for (name, inner) in properties {
            let path = format!("{path}.{name}");
            if let Some(known) = self.fields.iter_mut().find(|field| field.path == path) {
                // The same field of another variant: the tag, with one more value.
                let more = type_name(inner);
                if !known.field_type.split(" | ").any(|one| one == more) {
                    known.field_type = format!("{} | {more}", known.field_type);
                }
            } else {
                self.visit(&path, inner, required.contains(&name.as_str()), depth + 1);
            }
        }
    }

    fn type_of(&self, schema: &'a Value) -> String {
        if let Some(items) = schema.get("items") {
            return format!("list of {}", self.type_of(self.resolve(items)));
        }
        let values: Vec<String> = options(schema)
            .iter()
            .filter_map(|option| constant(option))
            .collect();
        if !values.is_empty() {
            return values.join(" | ");
        }
        if options(schema)
            .iter()
            .any(|option| option.get("properties").is_some())
        {
            return "object".to_owned();
        }
        if let Some(inner) = schema
            .get("additionalProperties")
            .filter(|inner| inner.is_object())
        {
            return format!("map of {}", self.type_of(self.resolve(inner)));
        }
        type_name(schema)
    }
}

/// Lists the options of a schema that is one of several.
fn options(schema: &Value) -> &[Value] {
    ["oneOf", "anyOf"]
        .iter()
        .find_map(|name| schema.get(name).and_then(Value::as_array))
        .map_or(&[], Vec::as_slice)
}

/// Tells the one option beside `null`.
fn sole_option(schema: &Value) -> Option<&Value> {
    let real: Vec<&Value> = options(schema)
        .iter()
        .filter(|option| option.get("type").and_then(Value::as_str) != Some("null"))
        .collect();
    (real.len() == 1 && options(schema).len() == 2).then(|| real[0])
}

fn constant(schema: &Value) -> Option<String> {
    schema
        .get("const")
        .and_then(Value::as_str)
        .map(str::to_owned)
}

fn type_name(schema: &Value) -> String {
    if let Some(value) = constant(schema) {
        return value;
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return values
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(" | ");
    }
    let name = match schema.get("type") {
        Some(Value::String(name)) => name.clone(),
        Some(Value::Array(names)) => names
            .iter()
            .filter_map(Value::as_str)
            .filter(|name| *name != "null")
            .collect::<Vec<_>>()
            .join(" or "),
        _ => "any".to_owned(),
    };
    match schema.get("format").and_then(Value::as_str) {
        Some(format) if name == "string" => format.to_owned(),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use andon_api::kind::Kind;
    use andon_api::kinds::{delivery, learning, response, signals};

    fn schema_of<K: Kind>() -> Value {
        let mut generator = schemars::generate::SchemaSettings::draft2020_12().into_generator();
        let mut schema = K::schema(&mut generator);
        let definitions = generator.take_definitions(true);
        schema.insert("$defs".to_owned(), Value::Object(definitions));
        schema.to_value()
    }

    fn find(fields: &[Field], path: &str) -> Field {
        fields
            .iter()
            .find(|field| field.path == path)
            .unwrap_or_else(|| panic!("{path} in {fields:#?}"))
            .clone()
    }

    #[test]
    fn the_fields_of_an_alarm_have_types_and_meanings() {
        let fields = fields(&schema_of::<signals::Alarm>());
        let query = find(&fields, "spec.query");
        assert_eq!(
            (query.field_type.as_str(), query.required),
            ("string", true)
        );
        assert!(query.description.contains("log query"));
        assert_eq!(find(&fields, "spec.comparison").field_type, "above | below");
        assert!(!find(&fields, "spec.runbook").required);
        assert_eq!(
            find(&fields, "status.state").field_type,
            "unknown | ok | firing"
        );
    }

    #[test]
    fn lists_and_variants_are_walked_into() {
        let schedule = fields(&schema_of::<response::Schedule>());
        assert_eq!(
            find(&schedule, "spec.layers[].members").field_type,
            "list of string"
        );
        assert_eq!(
            find(&schedule, "spec.layers[].every").field_type,
            "hour | day | week | month"
        );
        let action = fields(&schema_of::<learning::Action>());
        let tag = find(&action, "spec.verifier.type");
        assert_eq!(
            tag.field_type,
            "policyEnforced | policyRefused | alarmFired | testPassed"
        );
        assert_eq!(find(&action, "spec.verifier").field_type, "object");
        find(&action, "spec.verifier.policy");
        let change = fields(&schema_of::<delivery::Change>());
        assert_eq!(
            find(&change, "spec.tests").field_type,
            "map of passed | failed | missing"
        );
    }
}

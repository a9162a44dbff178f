//! The API document (OpenAPI 3.1), made from the endpoint rows and the kinds.

use andon_api::Problem;
use andon_api::kind::KindInfo;
use andon_module::{Access, Endpoint};
use andon_objects::Registry;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

fn generator() -> SchemaGenerator {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.into_generator()
}

/// Makes the JSON schema of one kind.
pub fn schema_of(kind: &KindInfo) -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = (kind.schema)(&mut generator);
    let definitions = generator.take_definitions(true);
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".to_owned(), json!(kind.kind));
        object.insert("$defs".to_owned(), Value::Object(definitions));
    }
    schema.to_value()
}

/// Makes the API document.
pub fn describe(endpoints: &[Endpoint], registry: &Registry) -> Value {
    let mut generator = generator();
    let mut paths: Map<String, Value> = Map::new();
    for endpoint in endpoints.iter().filter(|endpoint| !endpoint.hidden) {
        let operation = operation(endpoint, &mut generator);
        let path = paths.entry(endpoint.path.to_owned()).or_insert_with(|| json!({}));
        path[endpoint.method.as_str().to_lowercase()] = operation;
    }
    for kind in registry.all() {
        let schema = (kind.schema)(&mut generator);
        let name = format!("{}Object", kind.kind);
        generator.definitions_mut().insert(name, schema.to_value());
    }
    let _problem = generator.subschema_for::<Problem>();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Andon",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The API of Andon. Errors are application/problem+json (RFC 9457) with a stable `code`.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    })
}

fn operation(endpoint: &Endpoint, generator: &mut SchemaGenerator) -> Value {
    let body = |schema: Value| json!({"application/json": {"schema": schema}});
    let response = endpoint.response.map_or_else(|| json!({}), |schema| schema(generator).to_value());
    let mut operation = json!({
        "operationId": endpoint.id,
        "summary": endpoint.summary,
        "parameters": parameters(endpoint),
        "responses": {
            "2XX": {"description": "Done.", "content": body(response)},
            "default": {
                "description": "A problem.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            },
        },
    });
    if let Some(schema) = endpoint.request {
        operation["requestBody"] = json!({"required": true, "content": body(schema(generator).to_value())});
    }
    match endpoint.access {
        Access::Open => operation["security"] = json!([]),
        Access::Permission(permission) => operation["x-permission"] = json!(permission),
    }
    if let Some(event) = endpoint.event {
        operation["x-event"] = json!(event);
    }
    operation
}

fn parameters(endpoint: &Endpoint) -> Vec<Value> {
    let inside = endpoint.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let path = inside.map(|name| json!({"name": name.trim_start_matches('*'), "in": "path", "required": true, "schema": {"type": "string"}}));
    let query = endpoint.parameters.iter().map(|(name, meaning)| {
        json!({"name": name, "in": "query", "description": meaning, "schema": {"type": "string"}})
    });
    path.chain(query).collect()
}

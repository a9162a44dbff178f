//! YAML and JSON documents with the place of every value, so that an error names line and column.

use std::fmt;

use andon_api::{AnyObject, ErrorCode, Problem};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;

/// The most documents of one apply.
pub(crate) const DOCUMENTS_MAX: usize = 10_000;

/// A value that knows where it stands.
struct Located(Node);

enum Node {
    Scalar(Value),
    List(Vec<Spanned<Located>>),
    Map(Vec<(Spanned<String>, Spanned<Located>)>),
}

struct LocatedVisitor;

macro_rules! scalars {
    ($($method:ident $from:ty;)*) => {$(
        fn $method<E: de::Error>(self, value: $from) -> Result<Located, E> {
            Ok(Located(Node::Scalar(Value::from(value))))
        }
    )*};
}

impl<'de> Visitor<'de> for LocatedVisitor {
    type Value = Located;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value")
    }

    scalars! {
        visit_bool bool;
        visit_i64 i64;
        visit_u64 u64;
        visit_str &str;
        visit_string String;
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Located, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("numbers must be finite"))?;
        Ok(Located(Node::Scalar(Value::Number(number))))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Located, E> {
        Ok(Located(Node::Scalar(Value::Null)))
    }

    fn visit_none<E: de::Error>(self) -> Result<Located, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Located, D::Error> {
        Located::deserialize(inner)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Located, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Located(Node::List(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Located, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Located(Node::Map(entries)))
    }
}

impl<'de> Deserialize<'de> for Located {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LocatedVisitor)
    }
}

impl Located {
    fn value(&self) -> Value {
        match &self.0 {
            Node::Scalar(value) => value.clone(),
            Node::List(items) => items.iter().map(|item| item.value.value()).collect(),
            Node::Map(entries) => {
                let pairs = entries.iter().map(|(key, value)| (key.value.clone(), value.value.value()));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
        }
    }

    /// Finds where a path such as `spec.layers[0].anchor` stands; the nearest ancestor that exists.
    fn place(&self, path: &str, mut nearest: (u64, u64)) -> (u64, u64) {
        let mut node = self;
        for part in path.split(['.', '[', ']']).filter(|part| !part.is_empty()) {
            let found = match &node.0 {
                Node::Map(entries) => entries.iter().find(|(key, _)| key.value == part).map(|(key, value)| {
                    nearest = (key.referenced.line(), key.referenced.column());
                    &value.value
                }),
                Node::List(items) => part.parse::<usize>().ok().and_then(|at| items.get(at)).map(|item| {
                    nearest = (item.referenced.line(), item.referenced.column());
                    &item.value
                }),
                Node::Scalar(_) => None,
            };
            match found {
                Some(inner) => node = inner,
                None => break,
            }
        }
        nearest
    }
}

/// One document: the object, and where its parts stand.
pub(crate) struct Document {
    pub(crate) object: AnyObject,
    located: Spanned<Located>,
    file: String,
}

impl Document {
    /// Turns the path that a problem names into file, line and column.
    pub(crate) fn locate(&self, problem: Problem) -> Problem {
        let path = problem.place.clone().unwrap_or_default();
        // The problem of an unknown field names the field in its text and its parent in its path.
        let unknown = problem.detail.split("unknown field `").nth(1).and_then(|rest| rest.split('`').next());
        let path = match unknown {
            Some(field) if !path.ends_with(field) => format!("{path}.{field}"),
            _ => path,
        };
        let start = (self.located.referenced.line(), self.located.referenced.column());
        let (line, column) = self.located.value.place(&path, start);
        problem.place(format!("{}:{line}:{column}", self.file))
    }
}

fn options() -> serde_saphyr::Options {
    let mut budget = serde_saphyr::Budget::default();
    budget.max_documents = DOCUMENTS_MAX + 1;
    budget.max_nodes = 2_000_000;
    budget.max_events = 4_000_000;
    let mut options = serde_saphyr::Options::default();
    options.budget = Some(budget);
    // YAML 1.1 reads `on: yes` as `true: true`; people mean the words.
    options.strict_booleans = true;
    options.with_snippet = false;
    options
}

/// Reads a stream of documents; JSON is YAML, and a list of objects is read as its items.
pub(crate) fn read(text: &str, file: &str) -> Result<Vec<Document>, Problem> {
    let stream: Vec<Spanned<Located>> = serde_saphyr::from_multiple_with_options(text, options())
        .map_err(|error| refuse(&error, file))?;
    let mut roots = Vec::new();
    for root in stream {
        match root.value.0 {
            Node::Scalar(Value::Null) => {}
            Node::List(items) => roots.extend(items),
            _ => roots.push(root),
        }
    }
    if roots.len() > DOCUMENTS_MAX {
        return Err(too_many());
    }
    roots.into_iter().map(|located| object(located, file)).collect()
}

fn too_many() -> Problem {
    Problem::new(ErrorCode::TooManyDocuments, format!("There are more than {DOCUMENTS_MAX} documents."))
        .hint("Send them in several applies.")
}

fn object(located: Spanned<Located>, file: &str) -> Result<Document, Problem> {
    let value = located.value.value();
    let read = serde_path_to_error::deserialize::<_, AnyObject>(&value);
    let (object, failure) = match read {
        Ok(object) => (object, None),
        Err(error) => (placeholder(), Some((error.path().to_string(), error.inner().to_string()))),
    };
    let document = Document { object, located, file: file.to_owned() };
    match failure {
        None => Ok(document),
        Some((path, text)) => Err(document.locate(
            Problem::new(ErrorCode::ObjectInvalid, format!("This is no object: {text}."))
                .place(path)
                .hint("An object has apiVersion, kind, metadata.name and spec."),
        )),
    }
}

/// Stands in while the place of a failure is looked up.
fn placeholder() -> AnyObject {
    AnyObject {
        api_version: String::new(),
        kind: String::new(),
        metadata: andon_api::Metadata::default(),
        spec: Value::Null,
        status: None,
    }
}

fn refuse(error: &serde_saphyr::Error, file: &str) -> Problem {
    let place = error.location().map_or_else(
        || file.to_owned(),
        |location| format!("{file}:{}:{}", location.line(), location.column()),
    );
    let text = error.without_snippet().to_string();
    // The library's advice is for programmers who call it.
    let text = text.split(", set DuplicateKeyPolicy").next().unwrap_or(&text).to_owned();
    if text.contains("budget") && text.contains("ocument") {
        return too_many();
    }
    Problem::new(ErrorCode::YamlInvalid, format!("The YAML cannot be read: {text}."))
        .place(place)
        .hint("Duplicate keys, tabs and unknown anchors are refused.")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "apiVersion: v1\nkind: Component\nmetadata:\n  name: a\nspec:\n  type: service\n  flag: on\n";

    #[test]
    fn documents_know_where_their_fields_stand() {
        let documents = read(&format!("{GOOD}---\n{GOOD}"), "a.yaml").unwrap();
        assert_eq!(documents.len(), 2);
        assert_eq!(documents[1].object.spec["flag"], "on");
        let problem = Problem::new(ErrorCode::ObjectInvalid, "x").place("spec.type");
        assert_eq!(documents[1].locate(problem).place.unwrap(), "a.yaml:14:3");
    }

    #[test]
    fn a_list_in_json_is_its_items() {
        let text = r#"[{"apiVersion":"v1","kind":"A","metadata":{"name":"a"},"spec":{}}]"#;
        assert_eq!(read(text, "a.json").unwrap().len(), 1);
    }

    #[test]
    fn bad_yaml_is_refused_with_its_place() {
        for (text, place) in [
            ("apiVersion: v1\nkind: A\nkind: B\n", "f:3:1"),
            ("apiVersion: v1\nkind: A\nmetadata:\n  name: a\n  colour: red\nspec: {}\n", "f:5:3"),
            ("a: [1, 2\n", "f:"),
            ("apiVersion: v1\nkind: A\nmetadata:\n  name: 2001\nspec: {}\n", "f:4:3"),
        ] {
            let problem = read(text, "f").err().unwrap();
            assert!(problem.place.clone().unwrap().starts_with(place), "{text}: {problem:?}");
        }
    }

    #[test]
    fn ten_thousand_documents_are_read_and_one_more_is_refused() {
        let many = "---\napiVersion: v1\nkind: A\nmetadata: {name: a}\nspec: {}\n".repeat(DOCUMENTS_MAX);
        assert_eq!(read(&many, "f").unwrap().len(), DOCUMENTS_MAX);
        let more = format!("{many}---\napiVersion: v1\nkind: A\nmetadata: {{name: a}}\nspec: {{}}\n");
        assert_eq!(read(&more, "f").err().unwrap().code, "OBJ-0010");
    }
}

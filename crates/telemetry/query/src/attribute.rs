//! Functions over the JSON text of attributes and resources.

use std::sync::Arc;

use andon_reader::Attributes;
use andon_reader::query::{Scalar, visit_path};
use arrow::array::{Array, ArrayRef, Float64Builder, StringViewBuilder};
use arrow::datatypes::DataType;
use datafusion::common::cast::as_string_view_array;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use serde_json::Value;

/// `attr(attributes, 'name')`: the value as text, null when there is none.
pub(crate) fn attr() -> ScalarUDF {
    ScalarUDF::new_from_impl(Attribute::new("attr", &["json_get"], false))
}

/// `attr_number(attributes, 'name')`: the value as a number, null when it is none.
pub(crate) fn attr_number() -> ScalarUDF {
    ScalarUDF::new_from_impl(Attribute::new("attr_number", &["json_get_number"], true))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Attribute {
    name: &'static str,
    aliases: Vec<String>,
    signature: Signature,
    is_number: bool,
}

impl Attribute {
    fn new(name: &'static str, aliases: &[&str], is_number: bool) -> Self {
        let signature = Signature::exact(
            vec![DataType::Utf8View, DataType::Utf8View],
            Volatility::Immutable,
        );
        Self {
            name,
            aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
            signature,
            is_number,
        }
    }
}

impl ScalarUDFImpl for Attribute {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(if self.is_number {
            DataType::Float64
        } else {
            DataType::Utf8View
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let arrays = args
            .args
            .iter()
            .map(|arg| arg.to_array(rows))
            .collect::<Result<Vec<_>>>()?;
        let [objects, names] = arrays.as_slice() else {
            return exec_err!("{} takes an object and a name", self.name);
        };
        let (objects, names) = (as_string_view_array(objects)?, as_string_view_array(names)?);
        let pairs = (0..rows).map(|row| {
            let is_null = objects.is_null(row) || names.is_null(row);
            (!is_null).then(|| (objects.value(row), names.value(row)))
        });
        let array: ArrayRef = if self.is_number {
            let mut out = Float64Builder::with_capacity(rows);
            pairs.for_each(|pair| {
                out.append_option(pair.and_then(|(object, name)| number_in(object, name)))
            });
            Arc::new(out.finish())
        } else {
            let mut out = StringViewBuilder::with_capacity(rows);
            pairs.for_each(|pair| {
                out.append_option(pair.and_then(|(object, name)| text_in(object, name)))
            });
            Arc::new(out.finish())
        };
        Ok(ColumnarValue::Array(array))
    }
}

fn parse(object: &str, name: &str) -> Option<Attributes> {
    let last = name.rsplit('.').next().unwrap_or(name);
    let is_plain = last.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\');
    if is_plain && !object.contains(last) {
        return None;
    }
    serde_json::from_str(object).ok()
}

fn text_in(object: &str, name: &str) -> Option<String> {
    let map = parse(object, name)?;
    if let Some(value) = map.get(name) {
        return text_of(value);
    }
    let mut found = None;
    visit_path(&map, name, &mut |scalar| {
        found = match scalar {
            Scalar::Text(text) => Some(text.to_owned()),
            Scalar::Integer(number) => Some(number.to_string()),
            Scalar::Float(number) => Some(Value::from(number).to_string()),
            Scalar::Boolean(flag) => Some(flag.to_string()),
            Scalar::Structure => None,
        };
        found.is_some()
    });
    found
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn number_in(object: &str, name: &str) -> Option<f64> {
    text_in(object, name)?
        .trim()
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
}

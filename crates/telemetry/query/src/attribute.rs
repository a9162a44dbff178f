//! Functions over the JSON text of attributes and resources.

use std::sync::Arc;

use andon_columns::numbered::{attribute_text, number_of};
use andon_reader::Attributes;
use arrow::array::{Array, ArrayRef, Float64Builder, StringViewBuilder};
use arrow::datatypes::DataType;
use datafusion::common::cast::as_string_view_array;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ExpressionPlacement, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

/// Name of the function that gives an attribute as text.
pub(crate) const TEXT: &str = "attr";
/// Name of the function that gives an attribute as a number.
pub(crate) const NUMBER: &str = "attr_number";

/// `attr(attributes, 'name')`: the value as text, null when there is none.
pub(crate) fn attr() -> ScalarUDF {
    ScalarUDF::new_from_impl(Attribute::new(TEXT, &["json_get"], false))
}

/// `attr_number(attributes, 'name')`: the value as a number, null when it is none.
pub(crate) fn attr_number() -> ScalarUDF {
    ScalarUDF::new_from_impl(Attribute::new(NUMBER, &["json_get_number"], true))
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

    /// Where the columns are read, the value is cheaper than the object that holds it.
    fn placement(&self, args: &[ExpressionPlacement]) -> ExpressionPlacement {
        match args {
            [ExpressionPlacement::Column, ExpressionPlacement::Literal] => {
                ExpressionPlacement::MoveTowardsLeafNodes
            }
            _ => ExpressionPlacement::KeepInPlace,
        }
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

fn text_in(object: &str, name: &str) -> Option<String> {
    let last = name.rsplit('.').next().unwrap_or(name);
    let is_plain = last.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\');
    if is_plain && !object.contains(last) {
        return None;
    }
    let attributes: Attributes = serde_json::from_str(object).ok()?;
    attribute_text(&attributes, name)
}

fn number_in(object: &str, name: &str) -> Option<f64> {
    number_of(&text_in(object, name)?)
}

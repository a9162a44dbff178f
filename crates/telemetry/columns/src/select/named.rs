//! Tests of attributes: columns of each kind under the name, objects around it, the rest, and the
//! resource.

use andon_reader::query::{Check, Place};

use crate::bits::Bits;
use crate::column::{Column, ColumnName};
use crate::error::ColumnError;
use crate::lines::Kind;

use super::Selector;
use super::numbers;
use super::texts::{Reading, TextTest, select_texts};

impl Selector<'_> {
    /// Each line passes with the first value that does, wherever it is kept.
    pub(super) fn named(
        &self,
        place: Place,
        name: &str,
        check: &Check,
        within: &Bits,
    ) -> Result<Bits, ColumnError> {
        let mut found = Bits::none(within.len());
        let mut left = within.clone();
        for (column, reading) in sources(self.group, place, name) {
            if !left.any() {
                break;
            }
            let more = self.source(&column, reading, check, &left)?;
            left.and_not(&more);
            found.or(&more);
        }
        Ok(found)
    }

    fn source(
        &self,
        name: &ColumnName,
        reading: Reading<'_>,
        check: &Check,
        within: &Bits,
    ) -> Result<Bits, ColumnError> {
        (self.checkpoint)()?;
        let Some(column) = self.group.column(name)? else {
            return Ok(Bits::none(within.len()));
        };
        match (&*column, reading) {
            (Column::Integers { base, offsets, presence }, _) => numbers::integers(
                (*base, offsets, presence.as_ref()),
                check,
                within,
                self.checkpoint,
            ),
            (Column::Floats { values, presence }, _) => {
                Ok(numbers::floats(values, presence.as_ref(), check, within))
            }
            (Column::Booleans { values, presence }, _) => {
                Ok(numbers::booleans(values, presence.as_ref(), check, within))
            }
            (column, reading) => {
                let test = TextTest { check, reading };
                select_texts(self.group, Some(column), &test, within, self.checkpoint)
            }
        }
    }
}

/// Where values under a name may be in a group, in the order in which a line is asked.
pub(crate) fn sources<'a>(
    group: &dyn crate::column::GroupView,
    place: Place,
    name: &'a str,
) -> Vec<(ColumnName, Reading<'a>)> {
    let mut list = Vec::new();
    if place != Place::Resource {
        for kind in group.kinds(name) {
            let column = ColumnName::Attribute(name.to_owned(), kind);
            list.push((column, Reading::Value(kind)));
        }
        for (dot, _) in name.match_indices('.') {
            let (Some(outer), Some(inner)) = (name.get(..dot), name.get(dot + 1..)) else {
                continue;
            };
            if group.kinds(outer).contains(&Kind::Json) {
                let column = ColumnName::Attribute(outer.to_owned(), Kind::Json);
                list.push((column, Reading::Inside(inner)));
            }
        }
        if group.rest_may_have(name) {
            list.push((ColumnName::Rest, Reading::Inside(name)));
        }
    }
    if place != Place::Attributes && group.resource_may_have(name) {
        list.push((ColumnName::Resource, Reading::Inside(name)));
    }
    list
}

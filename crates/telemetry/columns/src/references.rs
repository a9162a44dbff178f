//! The values of other columns of a group, for the templates that refer to them.

use std::cell::{OnceCell, RefCell};
use std::fmt::Write as _;
use std::sync::Arc;

use crate::bits::Bits;
use crate::column::{Column, GroupView, held};
use crate::error::ColumnError;
use crate::select::kernel::codes_in;
use crate::select::numbers::value_at;
use crate::select::texts::{identifier, write_hex};
use crate::template::{Literal, NoReferences, References, SubstringPattern, TextPattern};

/// More columns than a template can refer to.
const COLUMNS: usize = 32;

/// The columns of a group to which templates refer, each read when it is needed.
pub(crate) struct GroupReferences<'a> {
    group: &'a dyn GroupView,
    columns: [OnceCell<Option<Arc<Column>>>; COLUMNS],
    /// The rows in which a column has a literal: every template with such a variable asks.
    contained: RefCell<Vec<(usize, Literal, Option<Bits>)>>,
}

impl<'a> GroupReferences<'a> {
    pub(crate) fn new(group: &'a dyn GroupView) -> Self {
        Self {
            group,
            columns: [const { OnceCell::new() }; COLUMNS],
            contained: RefCell::default(),
        }
    }

    fn column(&self, reference: usize) -> Result<&Column, ColumnError> {
        let missing = || ColumnError::damaged("a template refers to a column that is not there");
        let cell = self.columns.get(reference).ok_or_else(missing)?;
        if cell.get().is_none() {
            let name = self.group.references().get(reference).ok_or_else(missing)?;
            // Somebody who came first has read the same.
            let _ = cell.set(self.group.column(name)?.map(held).transpose()?);
        }
        cell.get().and_then(Option::as_deref).ok_or_else(missing)
    }
}

impl References for GroupReferences<'_> {
    fn write(&self, row: usize, reference: usize, out: &mut String) -> Result<(), ColumnError> {
        match self.column(reference)? {
            Column::Dictionary { codes, dictionary } => {
                let code = usize::try_from(codes.get(row)).unwrap_or(usize::MAX);
                out.push_str(dictionary.get(code));
            }
            Column::Identifiers { width, bytes, .. } => {
                write_hex(identifier(*width, bytes, row), out);
            }
            Column::Integers { base, offsets, .. } => {
                let number = value_at(*base, offsets.get(row));
                write!(out, "{number}").map_err(|_| ColumnError::damaged("no room for a number"))?;
            }
            Column::Texts { texts, .. } => out.push_str(texts.get(row)),
            // Columns that are referred to refer to nothing themselves.
            Column::Templates { column, .. } => column.render(row, &NoReferences, out)?,
            Column::Floats { .. } | Column::Booleans { .. } => {
                return Err(ColumnError::damaged("a template refers to a column without texts"));
            }
        }
        Ok(())
    }

    fn containing(
        &self,
        reference: usize,
        literal: &Literal,
    ) -> Result<Option<Bits>, ColumnError> {
        let is_it = |known: &&(usize, Literal, Option<Bits>)| known.0 == reference && known.1 == *literal;
        if let Some((.., rows)) = self.contained.borrow().iter().find(is_it) {
            return Ok(rows.clone());
        }
        let rows = self.find(reference, literal)?;
        self.contained.borrow_mut().push((reference, literal.clone(), rows.clone()));
        Ok(rows)
    }
}

impl GroupReferences<'_> {
    fn find(&self, reference: usize, literal: &Literal) -> Result<Option<Bits>, ColumnError> {
        let all = Bits::all(self.group.rows());
        let pattern = SubstringPattern::new(literal.clone());
        Ok(match self.column(reference)? {
            Column::Dictionary { codes, dictionary } => {
                let table: Vec<bool> = dictionary.iter().map(|text| pattern.is_match(text)).collect();
                Some(codes_in(codes, &table, false, &all))
            }
            Column::Templates { column, .. } => {
                Some(column.select(&pattern, &NoReferences, &all, &|| Ok(()))?)
            }
            _ => None,
        })
    }
}

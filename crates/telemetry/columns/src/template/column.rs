//! A stored column, opened: the directory in memory, rows grouped by template, values in pages.

use std::sync::Arc;

use crate::error::ColumnError;

use super::build::TemplateBuilder;
use super::layout::{self, Directory, Encoding, Form, PAGE_BYTES, Slot, Template};
use super::slot::SlotReader;

/// Gives the pages of a column.
pub trait PageSource: Send + Sync {
    /// Gives a page as it was before compression (see [`decompress_page`]); callers keep pages for
    /// a while, and sources may.
    fn page(&self, number: u32) -> Result<Arc<Vec<u8>>, ColumnError>;
}

/// Gives the values of other columns to which texts refer.
pub trait References {
    /// Appends the text of a row's value of the column that was pushed at this place.
    fn write(&self, row: usize, reference: usize, out: &mut String) -> Result<(), ColumnError>;

    /// The rows in which that column's text holds the literal, if there is a quicker way to know
    /// than reading every row.
    fn containing(
        &self,
        _reference: usize,
        _literal: &super::Literal,
    ) -> Result<Option<crate::bits::Bits>, ColumnError> {
        Ok(None)
    }
}

/// No other columns.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoReferences;

impl References for NoReferences {
    fn write(&self, _row: usize, _reference: usize, _out: &mut String) -> Result<(), ColumnError> {
        Err(ColumnError::damaged(
            "a template refers to another column, and none was given",
        ))
    }
}

/// Decompresses a page of a column.
pub fn decompress_page(bytes: &[u8]) -> Result<Vec<u8>, ColumnError> {
    layout::decompress(bytes, PAGE_BYTES)
        .ok_or_else(|| ColumnError::damaged("a page of template variables does not decompress"))
}

/// Gives which template each row has: more than everything else of a column, and often not needed.
pub trait RowSource: Send + Sync {
    /// Gives the rows, which `make` makes of each row's template; sources may keep them.
    fn rows(&self, make: &dyn Fn(&[u32]) -> Result<TemplateRows, ColumnError>) -> Result<Arc<TemplateRows>, ColumnError>;
}

/// Rows' templates in as few bytes as they need.
#[derive(Debug)]
enum Ids {
    Small(Vec<u16>),
    Large(Vec<u32>),
}

impl Ids {
    #[inline]
    fn get(&self, row: usize) -> Option<usize> {
        match self {
            Self::Small(ids) => ids.get(row).map(|&id| usize::from(id)),
            Self::Large(ids) => ids.get(row).map(|&id| id as usize),
        }
    }
}

/// Which template each row has, and the rows of each template.
#[derive(Debug)]
pub struct TemplateRows {
    ids: Ids,
    /// For each template where its rows begin in `grouped`; one more at the end.
    starts: Vec<u32>,
    grouped: Vec<u32>,
}

impl TemplateRows {
    fn new(ids: &[u32], directory: &Directory) -> Result<Self, ColumnError> {
        let (starts, grouped) = group(ids, directory)?;
        let small = directory.templates.len() <= usize::from(u16::MAX);
        let ids = if small {
            #[allow(clippy::cast_possible_truncation)]
            Ids::Small(ids.iter().map(|&id| id as u16).collect())
        } else {
            Ids::Large(ids.to_vec())
        };
        Ok(Self { ids, starts, grouped })
    }

    /// The rows of a template, ascending.
    #[must_use]
    pub fn of(&self, template: usize) -> &[u32] {
        let start = self.starts.get(template).copied().unwrap_or(0) as usize;
        let end = self.starts.get(template + 1).copied().unwrap_or(0) as usize;
        self.grouped.get(start..end).unwrap_or_default()
    }

    /// The template of a row.
    #[must_use]
    pub fn template_of(&self, row: usize) -> Option<usize> {
        self.ids.get(row)
    }

    /// Memory in use.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let ids = match &self.ids {
            Ids::Small(ids) => ids.capacity() * 2,
            Ids::Large(ids) => ids.capacity() * 4,
        };
        ids + (self.starts.capacity() + self.grouped.capacity()) * 4
    }
}

/// Rows that are there, or where to get them.
enum Rows {
    Held(Arc<TemplateRows>),
    Elsewhere(Arc<dyn RowSource>),
}

/// A column of texts as templates and variables.
pub struct TemplateColumn {
    pub(super) directory: Arc<Directory>,
    rows: Rows,
    pub(super) pages: Arc<dyn PageSource>,
    pub(super) templates: Arc<[Searched]>,
    /// Some template may have the Kelvin sign.
    pub(super) has_kelvin: bool,
}

/// What a search needs of a template at first sight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Searched {
    /// Union of its variables' byte sets, as a number in `unions`.
    pub(super) union: u32,
    /// A variable may be empty, so that a literal may span it.
    pub(super) has_empty: bool,
    /// The Kelvin sign may occur, which words fold to `k`.
    pub(super) has_kelvin: bool,
}

impl std::fmt::Debug for TemplateColumn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TemplateColumn")
            .field("rows", &self.rows())
            .field("templates", &self.directory.templates.len())
            .finish_non_exhaustive()
    }
}

impl TemplateColumn {
    /// Opens a column; everything that later reads rely on is checked here.
    pub fn open(
        ids: &[u32],
        directory: &[u8],
        pages: Arc<dyn PageSource>,
    ) -> Result<Self, ColumnError> {
        let directory = Directory::read(directory)?;
        let rows = Rows::Held(Arc::new(TemplateRows::new(ids, &directory)?));
        Ok(Self::of(directory, rows, pages))
    }

    /// Opens a column whose rows are read, and checked, when they are needed.
    pub fn open_without_rows(
        rows: Arc<dyn RowSource>,
        directory: &[u8],
        pages: Arc<dyn PageSource>,
    ) -> Result<Self, ColumnError> {
        Ok(Self::of(Directory::read(directory)?, Rows::Elsewhere(rows), pages))
    }

    fn of(mut directory: Directory, rows: Rows, pages: Arc<dyn PageSource>) -> Self {
        let templates = searched(&mut directory);
        let has_kelvin = templates.iter().any(|template| template.has_kelvin);
        Self {
            has_kelvin,
            directory: Arc::new(directory),
            rows,
            pages,
            templates: templates.into(),
        }
    }

    /// Gives the same column with its rows in hand, for those who read line by line.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn held(&self) -> Result<Self, ColumnError> {
        Ok(Self {
            has_kelvin: self.has_kelvin,
            directory: Arc::clone(&self.directory),
            rows: Rows::Held(self.rows_by_template()?),
            pages: Arc::clone(&self.pages),
            templates: Arc::clone(&self.templates),
        })
    }

    /// Says whether its rows are read each time that they are needed.
    #[must_use]
    pub fn is_without_rows(&self) -> bool {
        matches!(self.rows, Rows::Elsewhere(_))
    }

    /// Gives which template each row has.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn rows_by_template(&self) -> Result<Arc<TemplateRows>, ColumnError> {
        match &self.rows {
            Rows::Held(rows) => Ok(Arc::clone(rows)),
            Rows::Elsewhere(source) => source.rows(&|ids| TemplateRows::new(ids, &self.directory)),
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.directory.rows as usize
    }

    /// Memory that the column holds, without the pages, and without rows that are elsewhere.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let rows = match &self.rows {
            Rows::Held(rows) => rows.memory_bytes(),
            Rows::Elsewhere(_) => 0,
        };
        self.directory.memory_bytes()
            + rows
            + self.templates.len() * size_of::<Searched>()
    }

    /// The templates, the most frequent first; their places are their numbers.
    pub fn templates(&self) -> impl Iterator<Item = TemplateView<'_>> {
        let templates = self.directory.templates.iter();
        templates.map(|template| TemplateView {
            directory: &self.directory,
            template,
        })
    }

    /// Appends the text of a row.
    pub fn render(
        &self,
        row: usize,
        references: &dyn References,
        out: &mut String,
    ) -> Result<(), ColumnError> {
        let rows = self.rows_by_template()?;
        let number = rows
            .template_of(row)
            .ok_or_else(|| ColumnError::damaged(format!("there is no row {row}")))?;
        let ordinal = rows
            .of(number)
            .binary_search(&u32::try_from(row).unwrap_or(u32::MAX))
            .map_err(|_| ColumnError::damaged("a row is missing in its template"))?;
        let mut renderer = Renderer::new(self, number)?;
        renderer.render(row, ordinal, references, out)
    }

    pub(super) fn template(&self, number: usize) -> Result<&Template, ColumnError> {
        self.directory
            .templates
            .get(number)
            .ok_or_else(|| ColumnError::damaged("a row has a template that is not there"))
    }

    pub(super) fn slots(&self, template: &Template) -> &[Slot] {
        template.slots.of(&self.directory.slots)
    }

    /// The constants of a template between its variables; one more than there are variables.
    pub(super) fn segments<'a>(&'a self, template: &Template, out: &mut Vec<&'a str>) {
        self.directory.segments(template, out);
    }

    /// The column as one constant and one whole number, when all texts that are not empty are so.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn single_integer(&self) -> Result<Option<SingleInteger<'_>>, ColumnError> {
        let Some((template, slot)) = self.only_integer() else { return Ok(None) };
        let mut segments = Vec::new();
        self.segments(self.template(template)?, &mut segments);
        let (Some(&prefix), Some(&suffix)) = (segments.first(), segments.get(1)) else { return Ok(None) };
        Ok(Some(SingleInteger { column: self, rows: self.rows_by_template()?, template, slot, prefix, suffix }))
    }

    fn only_integer(&self) -> Option<(usize, &Slot)> {
        let mut found = None;
        for (number, template) in self.directory.templates.iter().enumerate() {
            match self.slots(template) {
                [] if template.text.count == 0 => {}
                [slot] if found.is_none() => {
                    let Encoding::Numbers {
                        form: Form::Whole, ..
                    } = slot.encoding
                    else {
                        return None;
                    };
                    found = Some((number, slot));
                }
                _ => return None,
            }
        }
        found
    }
}

/// Rows by template: where each template's rows begin, and the rows.
fn group(ids: &[u32], directory: &Directory) -> Result<(Vec<u32>, Vec<u32>), ColumnError> {
    let damaged = || ColumnError::damaged("the rows and the templates do not belong together");
    if ids.len() != directory.rows as usize {
        return Err(damaged());
    }
    let mut starts = Vec::with_capacity(directory.templates.len() + 1);
    let mut place = 0u32;
    for template in &directory.templates {
        starts.push(place);
        place += template.rows;
    }
    starts.push(place);
    let mut next = starts.clone();
    let mut grouped = vec![0u32; ids.len()];
    for (row, &id) in (0u32..).zip(ids) {
        let id = id as usize;
        let end = starts.get(id + 1).copied().ok_or_else(damaged)?;
        let place = next.get_mut(id).filter(|p| **p < end).ok_or_else(damaged)?;
        if let Some(slot) = grouped.get_mut(*place as usize) {
            *slot = row;
        }
        *place += 1;
    }
    Ok((starts, grouped))
}

const KELVIN: [u8; 3] = [0xE2, 0x84, 0xAA];

/// Prepares the first look at each template; unions of byte sets are added to the sets.
fn searched(directory: &mut Directory) -> Vec<Searched> {
    let mut unions = rustc_hash::FxHashMap::default();
    let mut list = Vec::with_capacity(directory.templates.len());
    let text_has_kelvin = memchr::memmem::find(directory.text.as_bytes(), &KELVIN).is_some();
    for template in &directory.templates {
        let mut union = super::byte_set::ByteSet::default();
        let mut has_empty = false;
        for slot in template.slots.of(&directory.slots) {
            if let Some(set) = directory.byte_sets.get(slot.byte_set as usize) {
                union.merge(set);
            }
            has_empty |= slot.shortest == 0;
        }
        let has_kelvin = text_has_kelvin || KELVIN.iter().all(|&byte| union.contains(byte));
        let next = u32::try_from(directory.byte_sets.len()).unwrap_or(u32::MAX);
        let number = *unions.entry(union).or_insert(next);
        if number == next {
            directory.byte_sets.push(union);
        }
        list.push(Searched {
            union: number,
            has_empty,
            has_kelvin,
        });
    }
    list
}

/// Writes rows of one template, keeping the pages that it reads.
pub(super) struct Renderer<'a> {
    segments: Vec<&'a str>,
    slots: Vec<SlotReader<'a>>,
}

impl<'a> Renderer<'a> {
    pub(super) fn new(column: &'a TemplateColumn, number: usize) -> Result<Self, ColumnError> {
        let template = column.template(number)?;
        let mut segments = Vec::new();
        column.segments(template, &mut segments);
        let slots = column.slots(template).iter();
        let rows = template.rows;
        Ok(Self {
            segments,
            slots: slots.map(|s| SlotReader::new(column, s, rows)).collect(),
        })
    }

    pub(super) fn render(
        &mut self,
        row: usize,
        ordinal: usize,
        references: &dyn References,
        out: &mut String,
    ) -> Result<(), ColumnError> {
        let mut segments = self.segments.iter();
        out.push_str(segments.next().copied().unwrap_or_default());
        for slot in &mut self.slots {
            slot.write(row, ordinal, references, out)?;
            out.push_str(segments.next().copied().unwrap_or_default());
        }
        Ok(())
    }
}

/// A template as people see it.
#[derive(Clone, Copy)]
pub struct TemplateView<'a> {
    directory: &'a Directory,
    template: &'a Template,
}

/// A piece of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplatePart<'a> {
    /// The same in all rows of all groups.
    Constant(&'a str),
    /// A variable that has this value in all rows of this group.
    Fixed(&'a str),
    /// A variable.
    Variable(VariableKind),
}

/// What a variable holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VariableKind {
    /// Whole numbers.
    Integer,
    /// Numbers with a point.
    Decimal,
    /// Addresses of four numbers.
    Ipv4,
    /// Hexadecimal numbers of one length.
    Hexadecimal,
    /// UUIDs.
    Uuid,
    /// Other texts.
    Text,
    /// The value of another column.
    Reference(usize),
}

impl<'a> TemplateView<'a> {
    /// Number of rows of this template.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.template.rows as usize
    }

    /// Number of its variables, those with a single value included.
    #[must_use]
    pub fn variables(&self) -> usize {
        (self.template.slots.count + self.template.fixed.count) as usize
    }

    /// Its pieces in their order.
    #[must_use]
    pub fn parts(&self) -> Vec<TemplatePart<'a>> {
        let slots = self.template.slots.of(&self.directory.slots);
        let mut fixed = self.template.fixed.of(&self.directory.fixed).iter().peekable();
        let text = |start: u32, end: u32| {
            let text = self.directory.text.get(start as usize..end as usize);
            text.unwrap_or_default()
        };
        let mut parts = Vec::new();
        let mut place = self.template.text.start;
        let constant = |parts: &mut Vec<TemplatePart<'a>>, start: u32, end: u32| {
            if start < end {
                parts.push(TemplatePart::Constant(text(start, end)));
            }
        };
        for number in 0..=slots.len() {
            while let Some(value) = fixed.next_if(|f| f.before as usize == number) {
                constant(&mut parts, place, value.at);
                place = value.at + value.length;
                parts.push(TemplatePart::Fixed(text(value.at, place)));
            }
            if let Some(slot) = slots.get(number) {
                constant(&mut parts, place, slot.at);
                place = slot.at;
                parts.push(TemplatePart::Variable(kind_of(slot)));
            }
        }
        let end = self.template.text.start + self.template.text.count;
        constant(&mut parts, place, end);
        parts
    }
}

fn kind_of(slot: &Slot) -> VariableKind {
    match slot.encoding {
        Encoding::Reference(number) => VariableKind::Reference(usize::from(number)),
        Encoding::Numbers { form, .. } => match form {
            Form::Whole | Form::Padded(_) => VariableKind::Integer,
            Form::Ipv4 => VariableKind::Ipv4,
            Form::Decimal(_) | Form::Decimals => VariableKind::Decimal,
        },
        Encoding::Hex { is_uuid: true, .. } => VariableKind::Uuid,
        Encoding::Hex { .. } => VariableKind::Hexadecimal,
        Encoding::Texts { .. } | Encoding::Dictionary { .. } => VariableKind::Text,
    }
}

/// A column whose texts are all one constant, a whole number and another constant, or empty.
pub struct SingleInteger<'a> {
    column: &'a TemplateColumn,
    rows: Arc<TemplateRows>,
    template: usize,
    slot: &'a Slot,
    prefix: &'a str,
    suffix: &'a str,
}

impl<'a> SingleInteger<'a> {
    /// What stands before the number.
    #[must_use]
    pub fn prefix(&self) -> &'a str {
        self.prefix
    }

    /// What stands behind the number.
    #[must_use]
    pub fn suffix(&self) -> &'a str {
        self.suffix
    }

    /// The rows that have a number, ascending; all other rows are empty.
    #[must_use]
    pub fn rows(&self) -> &[u32] {
        self.rows.of(self.template)
    }

    /// Appends the numbers of these rows.
    pub fn values(&self, out: &mut Vec<i64>) -> Result<(), ColumnError> {
        let rows = self.rows().len();
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        SlotReader::new(self.column, self.slot, rows).numbers(out)
    }
}

/// Encodes texts that refer to nothing: a convenience for small columns and for tools.
#[must_use]
pub fn encode_texts<'a>(texts: impl Iterator<Item = &'a str>) -> super::TemplateEncoded {
    let mut builder = TemplateBuilder::new();
    for text in texts {
        builder.push(text, &[]);
    }
    builder.finish(None)
}

//! A segment looked at from end to end: every checksum, and what its columns take and hold.
//!
//! For people who ask where the disk went, and for the repair that must know what can still be read.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use andon_columns::ColumnError;
use andon_columns::bits::Bits;
use andon_columns::column::{Column, ColumnName, GroupView};
use andon_columns::rows::each_text;
use andon_columns::template::{TemplateColumn, TemplatePart, VariableKind};

use super::file::StoredGroup;
use super::layout::{Form, StoredChunk, TemplateSections, Writing};
use super::parquet_footer::read_footer;

/// How closely a segment is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Depth {
    /// Checksums and sizes.
    Checksums,
    /// Also how large the values are, unpacked.
    Sizes,
    /// Also how many different values there are.
    Values,
}

/// A column from end to end.
#[derive(Debug, Clone)]
pub(crate) struct ExaminedColumn {
    pub(crate) name: ColumnName,
    /// Its name in the Parquet file.
    pub(crate) title: String,
    /// In which form it is searched, and how it is written.
    pub(crate) form: &'static str,
    pub(crate) writing: &'static str,
    /// Bytes in both files.
    pub(crate) stored_bytes: u64,
    /// Bytes of its values as they are; nothing when they were not looked at.
    pub(crate) plain_bytes: Option<u64>,
    /// Lines with a value.
    pub(crate) values: Option<u64>,
    pub(crate) distinct: Option<u64>,
    /// Templates and their lines, the most frequent first.
    pub(crate) templates: Vec<(String, u64)>,
    pub(crate) damage: Option<String>,
    /// Only some of its values cannot be read.
    pub(crate) is_partly_whole: bool,
}

/// Longest text of a template that is shown, in characters.
const TEMPLATE_CHARACTERS: usize = 300;

impl StoredGroup {
    /// Looks at every column.
    pub(crate) fn examine(&self, depth: Depth) -> Vec<ExaminedColumn> {
        self.content.columns.iter().map(|chunk| self.examine_column(chunk, depth)).collect()
    }

    /// Bytes of the filter that rules segments out.
    pub(crate) fn filter_bytes(&self) -> u64 {
        self.places.as_ref().map_or(0, |places| {
            let both = [Some(places.filter), places.vocabulary, places.whereabouts].into_iter().flatten();
            both.map(|section| self.section_bytes(section)).sum()
        })
    }

    /// Names what is damaged beside the columns: the index as a whole, its filter, its lists of fields, and the
    /// footer that other readers of Parquet need. All of it can be made anew from whole columns.
    pub(crate) fn surroundings_damage(&self) -> Vec<String> {
        let mut damage: Vec<String> = self.damage().map(str::to_owned).into_iter().collect();
        if let Some(places) = &self.places {
            for section in [places.filter, places.rest_fields, places.resource_fields].into_iter().chain(places.vocabulary).chain(places.whereabouts) {
                damage.extend(self.files.section(section).err().map(|error| error.to_string()));
            }
            let mut magic = [0; 4];
            let is_begun = self.files.data.read_at(0, &mut magic).is_ok() && &magic == b"PAR1";
            match read_footer(self.files.data.as_ref()) {
                Ok(_) if is_begun => {}
                Ok(_) => damage.push("the Parquet file does not begin as one does".to_owned()),
                Err(why) => damage.push(why),
            }
        }
        damage
    }

    fn section_bytes(&self, number: u32) -> u64 {
        self.files.sections.get(number as usize).map_or(0, |section| u64::from(section.bytes))
    }

    fn templates_of(&self, name: &ColumnName) -> Option<&TemplateSections> {
        self.places.as_ref()?.templates.iter().find(|sections| sections.name == *name)
    }

    fn examine_column(&self, chunk: &StoredChunk, depth: Depth) -> ExaminedColumn {
        let sections = self.templates_of(&chunk.name);
        let mut examined = ExaminedColumn {
            name: chunk.name.clone(),
            title: chunk.column.clone(),
            form: form_name(chunk.form),
            writing: writing_name(chunk.writing),
            stored_bytes: chunk.bytes + sections.map_or(0, |sections| self.template_bytes(sections)),
            plain_bytes: None,
            values: None,
            distinct: None,
            templates: Vec::new(),
            damage: None,
            is_partly_whole: false,
        };
        let column = match self.load(chunk) {
            Ok(column) => column,
            Err(error) => {
                examined.damage = Some(error.to_string());
                return examined;
            }
        };
        if let Some(error) = sections.and_then(|sections| self.damaged_page(sections)) {
            examined.damage = Some(error.to_string());
            examined.is_partly_whole = true;
        }
        if let Column::Templates { column, .. } = &column {
            examined.templates = templates(column);
        }
        if depth >= Depth::Sizes && examined.damage.is_none() {
            self.measure(&column, depth, &mut examined);
        }
        examined
    }

    fn template_bytes(&self, sections: &TemplateSections) -> u64 {
        let pages = (0..sections.pages).map(|page| self.section_bytes(sections.first_page.saturating_add(page)));
        let presence = sections.presence.map_or(0, |section| self.section_bytes(section));
        self.section_bytes(sections.directory) + presence + pages.sum::<u64>()
    }

    fn damaged_page(&self, sections: &TemplateSections) -> Option<ColumnError> {
        (0..sections.pages).find_map(|page| self.files.page(sections.first_page.saturating_add(page)).err())
    }

    fn measure(&self, column: &Column, depth: Depth, examined: &mut ExaminedColumn) {
        let rows = self.rows();
        let mut different: HashSet<u64> = HashSet::new();
        let mut note = |value: &[u8]| {
            if depth >= Depth::Values {
                let mut hasher = DefaultHasher::new();
                value.hash(&mut hasher);
                different.insert(hasher.finish());
            }
        };
        let present = |presence: &Option<Bits>| presence.as_ref().map_or(rows, Bits::count) as u64;
        let is_there = |presence: &Option<Bits>, row: usize| presence.as_ref().is_none_or(|bits| bits.get(row));
        let (values, plain_bytes) = match column {
            Column::Integers { offsets, presence, .. } => {
                (0..rows).filter(|row| is_there(presence, *row)).for_each(|row| note(&offsets.get(row).to_le_bytes()));
                (present(presence), present(presence) * 8)
            }
            Column::Floats { values, presence } => {
                let shown = values.iter().enumerate().filter(|(row, _)| is_there(presence, *row));
                shown.for_each(|(_, value)| note(&value.to_le_bytes()));
                (present(presence), present(presence) * 8)
            }
            Column::Booleans { values, presence } => {
                (0..rows).filter(|row| is_there(presence, *row)).for_each(|row| note(&[u8::from(values.get(row))]));
                (present(presence), present(presence))
            }
            texts => {
                let (mut values, mut bytes) = (0, 0);
                let shown = each_text(self, texts, &Bits::all(rows), &|| Ok(()), &mut |_, text| {
                    values += u64::from(!text.is_empty());
                    bytes += text.len() as u64;
                    note(text.as_bytes());
                    Ok(())
                });
                if let Err(error) = shown {
                    examined.damage = Some(error.to_string());
                    examined.is_partly_whole = true;
                    return;
                }
                (values, bytes)
            }
        };
        (examined.values, examined.plain_bytes) = (Some(values), Some(plain_bytes));
        examined.distinct = (depth >= Depth::Values).then_some(different.len() as u64);
    }
}

fn templates(column: &TemplateColumn) -> Vec<(String, u64)> {
    let mut templates: Vec<(String, u64)> = column
        .templates()
        .map(|template| (template.parts().iter().map(part_text).collect::<String>(), template.rows() as u64))
        .collect();
    templates.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    for (text, _) in &mut templates {
        if let Some((end, _)) = text.char_indices().nth(TEMPLATE_CHARACTERS) {
            text.truncate(end);
            text.push('…');
        }
    }
    templates
}

fn part_text(part: &TemplatePart<'_>) -> String {
    match part {
        TemplatePart::Constant(text) | TemplatePart::Fixed(text) => (*text).to_owned(),
        TemplatePart::Variable(kind) => match kind {
            VariableKind::Integer => "<integer>",
            VariableKind::Decimal => "<decimal>",
            VariableKind::Ipv4 => "<ipv4>",
            VariableKind::Hexadecimal => "<hexadecimal>",
            VariableKind::Uuid => "<uuid>",
            VariableKind::Text => "<text>",
            VariableKind::Reference(_) => "<reference>",
        }
        .to_owned(),
    }
}

fn form_name(form: Form) -> &'static str {
    match form {
        Form::Integers => "integers",
        Form::Floats => "floats",
        Form::Booleans => "booleans",
        Form::Dictionary => "dictionary",
        Form::Identifiers(_) => "identifiers",
        Form::Templates => "templates",
        Form::Texts => "texts",
    }
}

fn writing_name(writing: Writing) -> &'static str {
    match writing {
        Writing::Plain => "plain",
        Writing::Dictionary => "dictionary",
        Writing::Delta => "delta",
        Writing::Split => "split",
    }
}

//! A closed group as the bytes of its two files.
//!
//! The Parquet file is put together page by page: columns are already dictionaries, differences or
//! identifiers, and the general writer would undo that line by line.

use std::collections::BTreeSet;

use andon_columns::bits::Bits;
use andon_columns::column::{Codes, Column, ColumnName};
use andon_columns::group::{Group, GroupFacts, StoredColumn};
use andon_columns::keys::KeyFilter;
use andon_columns::lines::{Kind, Texts};
use andon_columns::template::TemplateEncoded;
use andon_reader::{ReaderError, code};

use super::encoding::{bits_of, write_delta, write_levels, write_packed, write_split, write_texts};
use super::index::IndexWriter;
use super::layout::{Content, FORMAT, Form, Places, TemplateSections, Writing};
use super::parquet_file::{Chunk, DataFile};

/// The bytes of a segment; the caller makes them durable.
pub(crate) struct WrittenGroup {
    /// `seg-N.parquet`
    pub(crate) data: Vec<u8>,
    /// `seg-N.index`
    pub(crate) index: Vec<u8>,
    /// What is known about the group.
    pub(crate) facts: GroupFacts,
}

pub(super) fn failed(error: &dyn std::fmt::Display) -> ReaderError {
    ReaderError::new(
        code::INTERNAL,
        format!("a segment could not be encoded: {error}"),
    )
}

/// Encodes a group.
///
/// # Errors
/// When the Parquet library refuses what it is given, which is a mistake in this program.
pub(crate) fn write_group(group: Group) -> Result<WrittenGroup, ReaderError> {
    let titles = titles(&group.columns);
    let mut file = DataFile::new(&group.facts)?;
    let mut index = IndexWriter::default();
    let mut places = Places::default();
    for ((name, stored), title) in group.columns.into_iter().zip(titles) {
        match stored {
            StoredColumn::Whole(column) => file.add(chunk(name, title, column))?,
            StoredColumn::Templates { encoded, presence } => {
                places.templates.push(add_templates(
                    &mut index,
                    &name,
                    &encoded,
                    presence.as_ref(),
                ));
                file.add(template_chunk(name, title, &encoded))?;
            }
        }
    }
    places.filter = index.add(&encode_filter(&group.filter));
    places.vocabulary = Some(index.add(&encode_filter(&group.vocabulary)));
    places.whereabouts = Some(index.add(&encode_filter(&group.whereabouts)));
    places.rest_fields = index.add(&serde_json::to_vec(&group.rest_fields).unwrap_or_default());
    places.resource_fields =
        index.add(&serde_json::to_vec(&group.resource_fields).unwrap_or_default());
    let facts = group.facts;
    let (data, columns) = file.finish(&facts)?;
    let content = Content {
        format: FORMAT,
        facts: facts.clone(),
        columns,
    };
    let index = index.finish(data.len() as u64, content, places);
    Ok(WrittenGroup { data, index, facts })
}

fn encode_filter(filter: &KeyFilter) -> Vec<u8> {
    let mut out = Vec::new();
    filter.encode(&mut out);
    out
}

fn add_templates(
    index: &mut IndexWriter,
    name: &ColumnName,
    encoded: &TemplateEncoded,
    presence: Option<&Bits>,
) -> TemplateSections {
    let directory = index.add(&encoded.directory);
    let presence = presence.map(|bits| {
        let words: Vec<u8> = bits.words().iter().flat_map(|w| w.to_le_bytes()).collect();
        index.add(&zstd::bulk::compress(&words, 1).unwrap_or_default())
    });
    let first_page = index.next();
    for page in &encoded.pages {
        index.add(page);
    }
    TemplateSections {
        name: name.clone(),
        directory,
        presence,
        first_page,
        pages: index.next() - first_page,
    }
}

/// Names of the fixed columns in the Parquet file.
fn fixed_title(name: &ColumnName) -> &'static str {
    match name {
        ColumnName::Sequence => "sequence",
        ColumnName::Timestamp => "timestamp",
        ColumnName::ReceivedAt => "received_at",
        ColumnName::SeverityNumber => "severity_number",
        ColumnName::Text(0) => "severity_text",
        ColumnName::Text(1) => "service",
        ColumnName::Text(2) => "message",
        ColumnName::Text(3) => "trace_id",
        ColumnName::Text(4) => "span_id",
        ColumnName::Text(_) => "scope",
        ColumnName::Resource => "resource",
        ColumnName::Rest | ColumnName::Attribute(..) => "attributes",
    }
}

/// Names in the Parquet file: `a.NAME`, and `a.NAME:kind` for the second and later kinds of a name;
/// `.template` at the end where only the numbers of templates are there.
fn titles(columns: &[(ColumnName, StoredColumn)]) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let mut titles = Vec::new();
    for (name, stored) in columns {
        let end = match stored {
            StoredColumn::Templates { .. } => ".template",
            StoredColumn::Whole(_) => "",
        };
        let mut title = match name {
            ColumnName::Attribute(name, _) => format!("a.{name}{end}"),
            fixed => format!("{}{end}", fixed_title(fixed)),
        };
        if taken.contains(&title)
            && let ColumnName::Attribute(name, kind) = name
        {
            title = format!("a.{name}:{}{end}", kind_title(*kind));
        }
        while !taken.insert(title.clone()) {
            title.push('\'');
        }
        titles.push(title);
    }
    titles
}

fn kind_title(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Integer => "integer",
        Kind::Float => "float",
        Kind::Boolean => "boolean",
        Kind::Json => "json",
    }
}

/// Integers of a dictionary, at most; also the range in which they are counted.
const COUNTED_RANGE: u64 = 1 << 16;
const DICTIONARY_INTEGERS: usize = 256;

fn chunk(name: ColumnName, title: String, column: Column) -> Chunk {
    let form = match &column {
        Column::Integers { .. } => Form::Integers,
        Column::Floats { .. } => Form::Floats,
        Column::Booleans { .. } => Form::Booleans,
        Column::Dictionary { .. } => Form::Dictionary,
        Column::Identifiers { width, .. } => Form::Identifiers(u32::try_from(*width).unwrap_or(0)),
        Column::Texts { .. } | Column::Templates { .. } => Form::Texts,
    };
    let mut chunk = Chunk::new(name, title, form);
    match column {
        Column::Integers {
            base,
            offsets,
            presence,
        } => integers(&mut chunk, base, &offsets, presence.as_ref()),
        Column::Floats { values, presence } => {
            let present = present(values.len(), presence.as_ref());
            let bits: Vec<u64> = present
                .filter_map(|row| values.get(row))
                .map(|value| value.to_bits())
                .collect();
            chunk.levels(presence.as_ref());
            chunk.split(&bits, 8);
        }
        Column::Booleans { values, presence } => booleans(&mut chunk, &values, presence.as_ref()),
        Column::Dictionary { codes, dictionary } => texts_of(&mut chunk, &codes, &dictionary),
        Column::Identifiers {
            width,
            bytes,
            presence,
        } => identifiers(&mut chunk, width, &bytes, presence.as_ref()),
        Column::Texts { texts, presence } => {
            let rows = present(texts.len(), presence.as_ref());
            chunk.levels(presence.as_ref());
            write_texts(rows.map(|row| texts.get(row)), &mut chunk.body);
            chunk.values = count(texts.len(), presence.as_ref());
        }
        // Templates have gone another way.
        Column::Templates { .. } => {}
    }
    chunk
}

/// The lines with a value.
fn present(rows: usize, presence: Option<&Bits>) -> impl Iterator<Item = usize> {
    (0..rows).filter(move |&row| presence.is_none_or(|bits| bits.get(row)))
}

fn count(rows: usize, presence: Option<&Bits>) -> usize {
    presence.map_or(rows, Bits::count)
}

fn integers(chunk: &mut Chunk, base: i64, offsets: &Codes, presence: Option<&Bits>) {
    let numbers: Vec<u64> = present(offsets.len(), presence)
        .map(|row| offsets.get(row))
        .collect();
    let most = numbers.iter().copied().max().unwrap_or(0);
    chunk.bounds = Some((base, base.wrapping_add_unsigned(most)));
    chunk.levels(presence);
    let is_in_order = matches!(
        chunk.name,
        ColumnName::Sequence | ColumnName::Timestamp | ColumnName::ReceivedAt
    );
    if is_in_order {
        let numbers: Vec<i64> = numbers
            .iter()
            .map(|&n| base.wrapping_add_unsigned(n))
            .collect();
        write_delta(&numbers, &mut chunk.body);
        chunk.writing = Writing::Delta;
        chunk.values = numbers.len();
        return;
    }
    if most < COUNTED_RANGE
        && let Some((dictionary, codes)) = small_dictionary(&numbers, most)
    {
        for &offset in &dictionary {
            let value = base.wrapping_add_unsigned(offset);
            chunk.dictionary.extend_from_slice(&value.to_le_bytes());
        }
        chunk.dictionary_values = dictionary.len();
        chunk.codes(&codes, dictionary.len());
        return;
    }
    #[allow(clippy::cast_sign_loss)]
    let values: Vec<u64> = numbers
        .iter()
        .map(|&n| base.wrapping_add_unsigned(n) as u64)
        .collect();
    chunk.split(&values, 8);
}

/// The different numbers, the most frequent first, and each number's place, if they are few.
fn small_dictionary(numbers: &[u64], most: u64) -> Option<(Vec<u64>, Vec<u64>)> {
    let mut counts = vec![0u32; usize::try_from(most).ok()? + 1];
    for &number in numbers {
        if let Some(count) = counts.get_mut(usize::try_from(number).ok()?) {
            *count += 1;
        }
    }
    let mut order: Vec<usize> = (0..counts.len())
        .filter(|&number| counts.get(number).is_some_and(|&count| count > 0))
        .collect();
    if order.len() > DICTIONARY_INTEGERS {
        return None;
    }
    order.sort_by_key(|&number| std::cmp::Reverse(counts.get(number).copied()));
    let mut place_of = vec![0u64; counts.len()];
    for (place, &number) in (0u64..).zip(&order) {
        if let Some(slot) = place_of.get_mut(number) {
            *slot = place;
        }
    }
    let codes = numbers
        .iter()
        .filter_map(|&number| place_of.get(usize::try_from(number).ok()?).copied())
        .collect();
    Some((
        order.into_iter().map(|number| number as u64).collect(),
        codes,
    ))
}

fn booleans(chunk: &mut Chunk, values: &Bits, presence: Option<&Bits>) {
    chunk.levels(presence);
    let rows: Vec<usize> = present(values.len(), presence).collect();
    let mut bits = Bits::none(rows.len());
    for (place, &row) in rows.iter().enumerate() {
        if values.get(row) {
            bits.set(place);
        }
    }
    let bytes = bits.words().iter().flat_map(|word| word.to_le_bytes());
    chunk.body.extend(bytes.take(rows.len().div_ceil(8)));
    chunk.values = rows.len();
}

fn texts_of(chunk: &mut Chunk, codes: &Codes, dictionary: &Texts) {
    let texts = dictionary.len() as u64;
    let mut presence = Bits::none(codes.len());
    let mut present = Vec::with_capacity(codes.len());
    for row in 0..codes.len() {
        let code = codes.get(row);
        if code < texts {
            presence.set(row);
            present.push(code);
        }
    }
    chunk.levels((present.len() < codes.len()).then_some(&presence));
    write_texts(dictionary.iter(), &mut chunk.dictionary);
    chunk.dictionary_values = dictionary.len();
    chunk.codes(&present, dictionary.len());
}

/// Identifiers per different one, below which a dictionary does not pay.
const IDENTIFIER_REPETITION: usize = 2;

fn identifiers(chunk: &mut Chunk, width: usize, bytes: &[u8], presence: Option<&Bits>) {
    use std::collections::HashMap;
    chunk.levels(presence);
    let rows = bytes.len() / width.max(1);
    let present: Vec<usize> = present(rows, presence).collect();
    chunk.values = present.len();
    let id = |row: usize| {
        bytes
            .get(row * width..(row + 1) * width)
            .unwrap_or_default()
    };
    let mut numbers: HashMap<&[u8], u64, IdHash> = HashMap::default();
    let mut codes = Vec::with_capacity(present.len());
    let most = present.len() / IDENTIFIER_REPETITION;
    for &row in &present {
        let next = numbers.len() as u64;
        let number = *numbers.entry(id(row)).or_insert(next);
        if number == next {
            chunk.dictionary.extend_from_slice(id(row));
        }
        codes.push(number);
        if numbers.len() > most {
            break;
        }
    }
    if numbers.len() <= most {
        chunk.dictionary_values = numbers.len();
        let values = numbers.len();
        chunk.codes(&codes, values);
        return;
    }
    chunk.dictionary.clear();
    for &row in &present {
        chunk.body.extend_from_slice(id(row));
    }
}

/// Identifiers are random enough to be their own hash.
type IdHash = std::hash::BuildHasherDefault<rustc_hash::FxHasher>;

fn template_chunk(name: ColumnName, title: String, encoded: &TemplateEncoded) -> Chunk {
    let mut chunk = Chunk::new(name, title, Form::Templates);
    let ids: Vec<u64> = encoded.ids.iter().map(|&id| u64::from(id)).collect();
    chunk.split(&ids, 4);
    chunk
}

impl Chunk {
    fn levels(&mut self, presence: Option<&Bits>) {
        if let Some(presence) = presence {
            write_levels(presence, &mut self.body);
            self.is_optional = true;
        }
    }

    fn split(&mut self, numbers: &[u64], width: usize) {
        write_split(numbers, width, &mut self.body);
        self.writing = Writing::Split;
        self.values = numbers.len();
    }

    /// Writes places in a dictionary: in whole bytes, which compress, or in as few bits as needed.
    fn codes(&mut self, codes: &[u64], entries: usize) {
        self.writing = Writing::Dictionary;
        self.values = codes.len();
        let exact = bits_of(entries.saturating_sub(1) as u64).max(1);
        let whole = exact.div_ceil(8) * 8;
        let body = |width: u32| {
            let mut body = vec![u8::try_from(width).unwrap_or(32)];
            write_packed(codes, width, &mut body);
            body
        };
        let mut best = body(whole);
        if whole > 8 && exact < whole {
            let packed = body(exact);
            let compressed = zstd::bulk::compress(&best, 1).map_or(usize::MAX, |c| c.len());
            if packed.len() < compressed {
                best = packed;
            }
        }
        self.body.extend_from_slice(&best);
    }
}

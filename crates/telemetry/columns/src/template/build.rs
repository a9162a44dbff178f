//! Gathers the texts of one column of one group of rows.

use std::hash::Hasher;

use rustc_hash::{FxHashMap, FxHasher};

use super::byte_set::ByteSet;
use super::encode::{self, TemplateEncoded};
use super::scan::{Kind, Level, MARK, Piece, REFERENCES, Scanner};
use super::values::SlotValues;

/// Templates after which new ones are taken coarser.
const FINE_TEMPLATES: usize = 16_384;
/// Templates after which a new text is one variable.
const COARSE_TEMPLATES: usize = 20_480;
/// Templates that a group may have whatever they cost.
const KEPT_TEMPLATES: usize = 256;
/// Rows that pay for a template of their own.
const KEPT_ROWS: u32 = 3;

/// One template with the values gathered for it.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) skeleton: Vec<u8>,
    pub(super) rows: u32,
    pub(super) slots: Vec<SlotValues>,
}

impl Gathered {
    fn new(skeleton: &[u8], pieces: &[Piece]) -> Self {
        Self {
            skeleton: skeleton.to_vec(),
            rows: 0,
            slots: pieces.iter().map(|p| SlotValues::new(p.kind)).collect(),
        }
    }

    #[inline]
    fn push(&mut self, pieces: &[Piece], text: &[u8]) {
        self.rows += 1;
        for (slot, piece) in self.slots.iter_mut().zip(pieces) {
            slot.push(piece, text);
        }
    }

    fn memory_bytes(&self) -> usize {
        let slots: usize = self.slots.iter().map(SlotValues::memory_bytes).sum();
        self.skeleton.capacity() + self.slots.capacity() * 96 + slots + 64
    }
}

/// The templates by their skeletons.
#[derive(Debug, Default)]
struct Templates {
    list: Vec<Gathered>,
    by_hash: FxHashMap<u64, u32>,
}

impl Templates {
    /// The template's number, or the key under which it would be entered.
    #[inline]
    fn find(&self, skeleton: &[u8]) -> Result<usize, u64> {
        let mut key = hash(skeleton);
        while let Some(&number) = self.by_hash.get(&key) {
            let known = self.list.get(number as usize);
            if known.is_some_and(|template| template.skeleton == skeleton) {
                return Ok(number as usize);
            }
            key = key.wrapping_add(1);
        }
        Err(key)
    }

    fn enter(&mut self, key: u64, skeleton: &[u8], pieces: &[Piece]) -> usize {
        let number = self.list.len();
        self.list.push(Gathered::new(skeleton, pieces));
        self.by_hash
            .insert(key, u32::try_from(number).unwrap_or(u32::MAX));
        number
    }
}

fn hash(skeleton: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(skeleton);
    hasher.finish()
}

/// What the values of other columns look like where texts repeat them.
#[derive(Debug, Default)]
pub(super) struct ReferencesSeen {
    pub(super) used: u32,
    values: Vec<ReferenceSeen>,
}

/// The same as [`Seen`], quicker to gather for many values.
#[derive(Debug, Clone)]
struct ReferenceSeen {
    bytes: [bool; 256],
    shortest: usize,
    longest: usize,
}

/// The bytes and lengths of values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) bytes: ByteSet,
    pub(super) shortest: usize,
    pub(super) longest: usize,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            bytes: ByteSet::default(),
            shortest: usize::MAX,
            longest: 0,
        }
    }
}

impl Seen {
    pub(super) fn note(&mut self, value: &[u8]) {
        self.bytes.insert_all(value);
        self.shortest = self.shortest.min(value.len());
        self.longest = self.longest.max(value.len());
    }
}

impl ReferencesSeen {
    fn note(&mut self, number: u8, value: &[u8]) {
        self.used |= 1 << number;
        if self.values.is_empty() {
            let unseen = ReferenceSeen {
                bytes: [false; 256],
                shortest: usize::MAX,
                longest: 0,
            };
            self.values = vec![unseen; REFERENCES];
        }
        if let Some(seen) = self.values.get_mut(usize::from(number)) {
            for &byte in value {
                seen.bytes[usize::from(byte)] = true;
            }
            seen.shortest = seen.shortest.min(value.len());
            seen.longest = seen.longest.max(value.len());
        }
    }

    /// What was seen of a column.
    pub(super) fn seen(&self, number: u8) -> Seen {
        let Some(found) = self.values.get(usize::from(number)) else {
            return Seen::default();
        };
        let mut bytes = ByteSet::default();
        for (byte, _) in (0..=u8::MAX).zip(&found.bytes).filter(|(_, is_seen)| **is_seen) {
            bytes.insert(byte);
        }
        Seen {
            bytes,
            shortest: found.shortest,
            longest: found.longest,
        }
    }
}

/// Takes the texts of a column row by row and stores them as templates and variables.
#[derive(Debug, Default)]
pub struct TemplateBuilder {
    templates: Templates,
    ids: Vec<u32>,
    scanner: Scanner,
    references: ReferencesSeen,
}

impl TemplateBuilder {
    /// Begins a group.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of rows so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Says whether there is no row yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Memory that the gathered values hold; walks all templates.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let templates: usize = self.templates.list.iter().map(Gathered::memory_bytes).sum();
        templates + self.templates.by_hash.capacity() * 16 + self.ids.capacity() * 4
    }

    /// Takes the text of the next row. `references` are the values of other columns in this row,
    /// always in the same order, empty where absent; at most 32 of them count.
    pub fn push(&mut self, text: &str, references: &[&str]) {
        let number = self.template_of(text, references);
        for piece in &self.scanner.pieces {
            if let Kind::Reference(number) = piece.kind {
                let value = text.as_bytes().get(piece.start as usize..piece.end as usize);
                self.references.note(number, value.unwrap_or_default());
            }
        }
        if let Some(template) = self.templates.list.get_mut(number) {
            template.push(&self.scanner.pieces, text.as_bytes());
        }
        self.ids.push(u32::try_from(number).unwrap_or(u32::MAX));
    }

    /// The template of a text, entered if it is new; leaves its pieces in the scanner.
    fn template_of(&mut self, text: &str, references: &[&str]) -> usize {
        let levels = [
            (Level::Fine, FINE_TEMPLATES),
            (Level::Tokens, COARSE_TEMPLATES),
            (Level::Whole, usize::MAX),
        ];
        for (level, most) in levels {
            self.scanner.scan(text, references, level);
            match self.templates.find(&self.scanner.skeleton) {
                Ok(number) => return number,
                Err(key) if self.templates.list.len() < most => {
                    return self.templates.enter(
                        key,
                        &self.scanner.skeleton,
                        &self.scanner.pieces,
                    );
                }
                Err(_) => {}
            }
        }
        // Not reached: the last level takes every text.
        0
    }

    /// Ends the group. `word` gets, with the number of the template, each word, folded as searches compare words, that some row has
    /// and that does not lie wholly in the constant text of the row's template, at least once; words
    /// of other columns' values are left out (see [`TemplateEncoded::references_used`]).
    #[must_use]
    pub fn finish(mut self, word: Option<&mut dyn FnMut(usize, &str)>) -> TemplateEncoded {
        self.templates.by_hash = FxHashMap::default();
        self.demote_rare();
        let mut list = std::mem::take(&mut self.templates.list);
        self.sort(&mut list);
        for slot in list.iter_mut().flat_map(|template| &mut template.slots) {
            if let SlotValues::Texts(texts) = slot {
                texts.settle();
            }
        }
        encode::encode(list, self.ids, &self.references, word)
    }

    /// Numbers the templates by how often they occur, so that numbers are small where it counts.
    fn sort(&mut self, list: &mut Vec<Gathered>) {
        let mut order: Vec<usize> = (0..list.len()).collect();
        let rows = |number: usize| list.get(number).map_or(0, |template| template.rows);
        order.sort_by_key(|&number| (std::cmp::Reverse(rows(number)), number));
        let mut renumbered = vec![0u32; list.len()];
        for (new, &old) in order.iter().enumerate() {
            if let Some(slot) = renumbered.get_mut(old) {
                *slot = u32::try_from(new).unwrap_or(u32::MAX);
            }
        }
        for id in &mut self.ids {
            *id = renumbered.get(*id as usize).copied().unwrap_or(0);
        }
        let mut old: Vec<Option<Gathered>> = std::mem::take(list).into_iter().map(Some).collect();
        let sorted = order
            .iter()
            .filter_map(|&number| old.get_mut(number).and_then(Option::take))
            .filter(|template| template.rows > 0);
        list.extend(sorted);
    }

    /// Turns templates that hardly any row has into variables: text between references is one.
    fn demote_rare(&mut self) {
        if self.templates.list.len() <= KEPT_TEMPLATES {
            return;
        }
        let is_rare = |template: &Gathered| {
            template.rows < KEPT_ROWS && template.skeleton.len() > 2 && !is_bare(&template.skeleton)
        };
        let rare: Vec<bool> = self.templates.list.iter().map(is_rare).collect();
        let mut rows_read: FxHashMap<u32, usize> = FxHashMap::default();
        // Rows of a coarse template must stay in order, so all its rows are gathered anew.
        let mut coarse = Templates::default();
        let first = self.templates.list.len();
        for id in &mut self.ids {
            if !rare.get(*id as usize).copied().unwrap_or(false) {
                continue;
            }
            let Some(template) = self.templates.list.get(*id as usize) else {
                continue;
            };
            let row = rows_read.entry(*id).or_default();
            let number = demote_row(template, *row, &mut coarse);
            *row += 1;
            *id = u32::try_from(first + number).unwrap_or(u32::MAX);
        }
        for (template, is_rare) in self.templates.list.iter_mut().zip(&rare) {
            if *is_rare {
                template.rows = 0;
                template.slots = Vec::new();
            }
        }
        self.templates.list.append(&mut coarse.list);
    }
}

/// Says whether a skeleton is already as coarse as it gets.
fn is_bare(skeleton: &[u8]) -> bool {
    skeleton.chunks(2).all(|pair| pair.first() == Some(&MARK))
}

/// Puts one row of a rare template into a coarse one.
fn demote_row(template: &Gathered, row: usize, coarse: &mut Templates) -> usize {
    let mut text = String::new();
    let mut constant = Vec::new();
    let mut skeleton = Vec::new();
    let mut pieces: Vec<Piece> = Vec::new();
    let mut start = 0;
    let mut slots = template.slots.iter();
    let end_text = |text: &str, skeleton: &mut Vec<u8>, pieces: &mut Vec<Piece>, start: usize| {
        if start < text.len() {
            skeleton.extend([MARK, Kind::Text.code()]);
            pieces.push(piece(Kind::Text, start, text.len()));
        }
    };
    let mut bytes = template.skeleton.iter();
    while let Some(&byte) = bytes.next() {
        if byte != MARK {
            constant.push(byte);
            continue;
        }
        text.push_str(std::str::from_utf8(&constant).unwrap_or_default());
        constant.clear();
        let code = bytes.next().copied().unwrap_or_default();
        match (slots.next(), Kind::of_code(code)) {
            (Some(_), Some(kind @ Kind::Reference(_))) => {
                end_text(&text, &mut skeleton, &mut pieces, start);
                start = text.len();
                skeleton.extend([MARK, code]);
                pieces.push(piece(kind, start, start));
            }
            (Some(slot), _) => slot.write(row, &mut text),
            _ => {}
        }
    }
    text.push_str(std::str::from_utf8(&constant).unwrap_or_default());
    end_text(&text, &mut skeleton, &mut pieces, start);
    let number = match coarse.find(&skeleton) {
        Ok(number) => number,
        Err(key) => coarse.enter(key, &skeleton, &pieces),
    };
    if let Some(template) = coarse.list.get_mut(number) {
        template.push(&pieces, text.as_bytes());
    }
    number
}

fn piece(kind: Kind, start: usize, end: usize) -> Piece {
    let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Piece {
        kind,
        digits: 0,
        start: place(start),
        end: place(end),
        number: 0,
    }
}

//! Template columns: texts come back byte for byte and searches find what a plain search finds; and with bytes
//! changed in the directory or a page everything is an error or an answer, never a panic.
#![no_main]

use std::sync::Arc;

use andon_columns::ColumnError;
use andon_columns::bits::Bits;
use andon_columns::template::{
    Literal, NoReferences, PageSource, SubstringPattern, TemplateColumn, TemplateEncoded,
    WordsPattern, decompress_page, encode_texts,
};
use andon_reader::query::TokenSequence;
use libfuzzer_sys::fuzz_target;

const MOST_TEXTS: usize = 300;
const EDITS: u8 = 0xfe;

struct Pages(Vec<Vec<u8>>);

impl PageSource for Pages {
    fn page(&self, number: u32) -> Result<Arc<Vec<u8>>, ColumnError> {
        let page = self
            .0
            .get(number as usize)
            .ok_or_else(|| ColumnError::damaged("no such page"))?;
        decompress_page(page).map(Arc::new)
    }
}

fn open(encoded: &TemplateEncoded) -> Result<TemplateColumn, ColumnError> {
    TemplateColumn::open(
        &encoded.ids,
        &encoded.directory,
        Arc::new(Pages(encoded.pages.clone())),
    )
}

/// Changes bytes behind the compression, whose checksum would stop every other change.
fn edit(frame: &mut Vec<u8>, edits: &[u8]) {
    let Ok(mut raw) = decompress_page(frame) else {
        return;
    };
    for change in edits.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % raw.len().max(1);
        if let Some(byte) = raw.get_mut(at) {
            *byte = change[2];
        }
    }
    *frame = zstd::bulk::compress(&raw, 1).unwrap_or_default();
}

fn check_whole(column: &TemplateColumn, texts: &[&str]) {
    let mut text = String::new();
    for (row, wanted) in texts.iter().enumerate() {
        text.clear();
        column
            .render(row, &NoReferences, &mut text)
            .expect("a whole column renders");
        assert_eq!(text, *wanted, "row {row}");
    }
    let Some(wanted) = texts.last().filter(|text| !text.is_empty()) else {
        return;
    };
    let part: String = wanted
        .chars()
        .skip(wanted.chars().count() / 3)
        .take(6)
        .collect();
    let all = Bits::all(texts.len());
    let found = column
        .select(
            &SubstringPattern::new(Literal::exact(&part)),
            &NoReferences,
            &all,
            &|| Ok(()),
        )
        .expect("a search");
    for (row, text) in texts.iter().enumerate() {
        assert_eq!(
            found.get(row),
            text.contains(part.as_str()),
            "{part:?} in {text:?}"
        );
    }
    let words = TokenSequence::new(&part);
    let found = column
        .select(
            &WordsPattern::new(words.clone()),
            &NoReferences,
            &all,
            &|| Ok(()),
        )
        .expect("a search");
    for (row, text) in texts.iter().enumerate() {
        assert_eq!(
            found.get(row),
            words.is_in(text),
            "words {part:?} in {text:?}"
        );
    }
}

fuzz_target!(|bytes: &[u8]| {
    let cut = bytes
        .iter()
        .position(|&byte| byte == EDITS)
        .unwrap_or(bytes.len());
    let (texts, edits) = bytes.split_at(cut);
    let texts = String::from_utf8_lossy(texts);
    let texts: Vec<&str> = texts.split('\n').take(MOST_TEXTS).collect();
    let mut encoded = encode_texts(texts.iter().copied());
    let column = open(&encoded).expect("what was encoded opens");
    check_whole(&column, &texts);
    let Some(([_, place], edits)) = edits.split_first_chunk::<2>() else {
        return;
    };
    let frames = encoded.pages.len() + 1;
    match usize::from(*place) % frames {
        0 => edit(&mut encoded.directory, edits),
        page => edit(&mut encoded.pages[page - 1], edits),
    }
    let Ok(column) = open(&encoded) else { return };
    let mut text = String::new();
    for row in 0..texts.len() {
        text.clear();
        let _either = column.render(row, &NoReferences, &mut text);
    }
    let all = Bits::all(texts.len());
    let _either = column.select(
        &SubstringPattern::new(Literal::exact("a1")),
        &NoReferences,
        &all,
        &|| Ok(()),
    );
    let _either = column.count_matching(
        &WordsPattern::new(TokenSequence::new("error")),
        &NoReferences,
        &all,
        &|| Ok(()),
    );
});

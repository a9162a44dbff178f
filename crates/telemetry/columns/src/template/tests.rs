//! What goes in comes out, searches find what a test of every text finds, damage is an error.

use std::sync::Arc;

use andon_reader::query::{TokenSequence, fold_token, tokens};
use proptest::prelude::*;

use super::*;
use crate::bits::Bits;
use crate::error::ColumnError;

struct Pages(Vec<Result<Arc<Vec<u8>>, ColumnError>>);

impl PageSource for Pages {
    fn page(&self, number: u32) -> Result<Arc<Vec<u8>>, ColumnError> {
        let page = self.0.get(number as usize).cloned();
        page.unwrap_or_else(|| Err(ColumnError::damaged("no such page")))
    }
}

/// Rows with their text and the values of two other columns.
type Rows = Vec<(String, [String; 2])>;

struct Others<'a>(&'a Rows);

impl References for Others<'_> {
    fn write(&self, row: usize, reference: usize, out: &mut String) -> Result<(), ColumnError> {
        let values = self.0.get(row).map(|(_, values)| values);
        let value = values.and_then(|values| values.get(reference));
        out.push_str(value.ok_or_else(|| ColumnError::damaged("no such value"))?);
        Ok(())
    }
}

fn encode(rows: &Rows, words: Option<&mut dyn FnMut(usize, &str)>) -> TemplateEncoded {
    let mut builder = TemplateBuilder::new();
    for (text, [first, second]) in rows {
        builder.push(text, &[first, second]);
    }
    assert_eq!(builder.len(), rows.len());
    builder.finish(words)
}

fn open(encoded: &TemplateEncoded) -> Result<TemplateColumn, ColumnError> {
    let pages = encoded.pages.iter();
    let pages = pages.map(|page| decompress_page(page).map(Arc::new));
    let pages = Arc::new(Pages(pages.collect()));
    TemplateColumn::open(&encoded.ids, &encoded.directory, pages)
}

fn assert_exact(rows: &Rows) {
    let column = open(&encode(rows, None)).unwrap();
    assert_eq!(column.rows(), rows.len());
    let mut text = String::new();
    for (row, (expected, _)) in rows.iter().enumerate() {
        text.clear();
        column.render(row, &Others(rows), &mut text).unwrap();
        assert_eq!(&text, expected);
    }
    let counted: usize = column.templates().map(|template| template.rows()).sum();
    assert_eq!(counted, rows.len());
}

fn plain(texts: &[&str]) -> Rows {
    let none = || [String::new(), String::new()];
    texts.iter().map(|text| ((*text).to_owned(), none())).collect()
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        (0i64..300).prop_map(|n| n.to_string()),
        (0u32..10_000).prop_map(|n| format!("{n:05}")),
        (0u32..60).prop_map(|n| format!("{n:02}")),
        any::<u32>().prop_map(|n| format!("{n:08x}")),
        any::<u32>().prop_map(|n| format!("{n:X}")),
        any::<u32>().prop_map(|n| std::net::Ipv4Addr::from(n).to_string()),
        (0u32..9, 0u32..9999).prop_map(|(a, b)| format!("{a}.{b}")),
        any::<[u16; 8]>().prop_map(|w| format!(
            "{:04x}{:04x}-{:04x}-{:04x}-{:04x}-{:04x}{:04x}{:04x}",
            w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]
        )),
        "[a-c]{1,3}",
        "[a-f0-9]{1,9}",
        "u[0-9]{1,3}",
        "/[a-b]{1,2}/[0-9]{1,2}",
        "\\PC{0,5}",
        Just("-0".to_owned()),
        Just("KELVIN \u{212A}ey".to_owned()),
        Just(String::new()),
    ]
}

fn line() -> impl Strategy<Value = (String, [String; 2])> {
    let template = prop::sample::select(vec![
        "took # ms from #",
        "blk_# of blk_-# at #",
        "GET # # agent=\"#\" key #",
        "attempt_#_#_m_# done",
        "#",
        "",
        "user u# failed: #, NEEDLE-#",
        "[#] { \"k\": \"#\", \"n\": # }",
        "x##y #:#:#",
        "Größe # \u{fffd} #.",
    ]);
    (template, prop::collection::vec(value(), 6), value(), value()).prop_map(
        |(template, values, first, second)| {
            let mut values = values.into_iter();
            let mut text = String::new();
            for (number, part) in template.split('#').enumerate() {
                if number > 0 {
                    text.push_str(&match number {
                        2 if values.len() % 2 == 0 => first.clone(),
                        _ => values.next().unwrap_or_default(),
                    });
                }
                text.push_str(part);
            }
            (text, [first, second])
        },
    )
}

/// A value of a kind, so that many rows have the same form.
fn value_of(kind: usize, seed: u64) -> String {
    let small = seed % 97;
    match kind % 14 {
        0 => (seed as i64).to_string(),
        1 => small.to_string(),
        2 => format!("{:05}", seed % 30_000),
        3 => format!("{:02}", seed % 60),
        4 => format!("{:08x}", seed as u32),
        5 => format!("0x{:04X}", seed as u16),
        6 => std::net::Ipv4Addr::from(seed as u32 & 0x0303_03FF).to_string(),
        7 => format!("{}.{}", small, seed >> 32 & 0xFFF),
        8 => format!("{}.{:02}", small, seed % 100),
        9 => format!("{seed:016x}-{:04x}", small).replace('-', "a"),
        10 => format!(
            "{:08x}-{:04x}-4000-8000-{:012x}",
            seed as u32,
            seed >> 48,
            seed & 0xFFFF_FFFF_FFFF
        ),
        11 => (seed as i64 % 3_000).to_string(),
        12 => ["k8s", "a1b2", "Zx9\u{212A}", "n0-de", "1st"][(seed % 5) as usize].to_owned(),
        _ => format!("u{}", seed % 500),
    }
}

/// Many rows of a few templates, whose variables are stored in all their forms.
fn dense_rows() -> impl Strategy<Value = Rows> {
    let template = prop::sample::select(vec![
        "took # ms from #",
        "blk_# of blk_-# at #",
        "GET @ # agent=\"#\" key #",
        "attempt_#_#_m_# done",
        "user u# failed: #, NEEDLE-#",
        "#",
        "x# #:#",
    ]);
    let form = (template, prop::collection::vec(0usize..14, 6));
    let forms = prop::collection::vec(form, 1..4);
    let seeds = prop::collection::vec((any::<usize>(), any::<[u64; 4]>(), 0u64..40), 1..150);
    (forms, seeds, any::<bool>()).prop_map(|(forms, seeds, few)| {
        let rows = seeds.into_iter().map(|(form, seeds, narrow)| {
            let (template, kinds) = &forms[form % forms.len()];
            let mut text = String::new();
            for (number, part) in template.split('#').enumerate() {
                if number > 0 {
                    let mut seed = seeds[number % 4] >> (number * 3);
                    if few {
                        seed = seed % 5 + narrow % 3 * 1_000_000_007;
                    }
                    text.push_str(&value_of(kinds[number % 6], seed));
                }
                text.push_str(part);
            }
            let path = format!("/p/{narrow}");
            (text.replace('@', &path), [path, format!("t{}", narrow * 7)])
        });
        rows.collect()
    })
}

fn rows() -> impl Strategy<Value = Rows> {
    // Repeated rows give variables with few values, and templates with many rows.
    let mixed = (prop::collection::vec(line(), 1..60), 1usize..4).prop_map(|(rows, times)| {
        let count = rows.len() * times;
        rows.into_iter().cycle().take(count).collect()
    });
    prop_oneof![1 => mixed, 2 => dense_rows()]
}

/// Cuts a piece out of the text of some row, so that it is found sometimes.
fn piece(rows: &Rows, row: usize, from: usize, length: usize) -> String {
    let text = &rows[row % rows.len()].0;
    let characters: Vec<char> = text.chars().collect();
    let start = from % (characters.len() + 1);
    let end = (start + length).min(characters.len());
    characters[start..end].iter().collect()
}

struct Regular {
    literals: Vec<Literal>,
}

impl TextPattern for Regular {
    fn is_match(&self, text: &str) -> bool {
        let mut from = 0;
        for literal in &self.literals {
            let literal = std::str::from_utf8(&literal.bytes).unwrap();
            match text[from..].find(literal) {
                Some(at) => from += at + literal.len(),
                None => return false,
            }
        }
        true
    }

    fn literals(&self) -> &[Literal] {
        &self.literals
    }
}

fn assert_finds(rows: &Rows, column: &TemplateColumn, pattern: &dyn TextPattern, within: &Bits) {
    let others = Others(rows);
    let mut expected = Bits::none(rows.len());
    for row in within.ones() {
        if pattern.is_match(&rows[row].0) {
            expected.set(row);
        }
    }
    let found = column.select(pattern, &others, within, &|| Ok(())).unwrap();
    assert_eq!(
        found.ones().collect::<Vec<_>>(),
        expected.ones().collect::<Vec<_>>(),
        "literals {:?} in {rows:?}",
        pattern
            .literals()
            .iter()
            .map(|l| String::from_utf8_lossy(&l.bytes).into_owned())
            .collect::<Vec<_>>()
    );
    let count = column.count_matching(pattern, &others, within, &|| Ok(()));
    assert_eq!(count.unwrap(), expected.count() as u64);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_text_comes_back_exactly(rows in prop::collection::vec(
        (any::<String>(), "[a-z0-9/]{0,3}", any::<String>()).prop_map(|(t, a, b)| (t, [a, b])), 0..30)) {
        assert_exact(&rows);
    }

    #[test]
    fn lines_come_back_exactly(rows in rows()) {
        assert_exact(&rows);
    }

    #[test]
    fn searches_find_what_a_test_of_every_text_finds(
        rows in rows(), picks in prop::collection::vec((any::<usize>(), any::<usize>(), 0usize..12), 8),
        sparse in any::<bool>(), fold in any::<bool>()) {
        let column = open(&encode(&rows, None)).unwrap();
        let mut within = Bits::all(rows.len());
        if sparse {
            within = Bits::none(rows.len());
            within.set(picks[0].0 % rows.len());
            within.set(picks[1].0 % rows.len());
        }
        for &(row, from, length) in &picks {
            let text = piece(&rows, row, from, length);
            let words = if fold { text.to_uppercase() } else { text.clone() };
            assert_finds(&rows, &column, &WordsPattern::new(TokenSequence::new(&words)), &within);
            let literal = Literal { bytes: text.clone().into_bytes(), ignore_ascii_case: fold };
            assert_finds(&rows, &column, &SubstringPattern::new(literal), &within);
            let whole = &rows[row % rows.len()].0;
            assert_finds(&rows, &column, &EqualPattern::new(whole), &within);
            assert_finds(&rows, &column, &EqualPattern::new(&text), &within);
            let other = piece(&rows, from, row, length / 2);
            let both = Regular { literals: vec![Literal::exact(&text), Literal::exact(&other)] };
            assert_finds(&rows, &column, &both, &within);
        }
    }

    #[test]
    fn each_word_is_constant_or_given_to_the_filter(rows in rows()) {
        let mut given = std::collections::BTreeSet::new();
        let encoded = encode(&rows, Some(&mut |_, word: &str| { given.insert(word.to_owned()); }));
        let column = open(&encoded).unwrap();
        for (text, values) in &rows {
            let mut known: Vec<String> = Vec::new();
            for value in values {
                known.extend(tokens(value).map(fold_token));
            }
            for word in tokens(text).map(fold_token) {
                prop_assert!(
                    given.contains(&word) || known.contains(&word) || column.constants_have_word(&word),
                    "{word} of {text}"
                );
            }
        }
    }

    #[test]
    fn damage_is_an_error(rows in rows(), place in any::<usize>(), flip in 1u8..=255, cut in any::<bool>(),
                          raw in any::<bool>()) {
        let mut encoded = encode(&rows, None);
        let pages = encoded.pages.len();
        let target = place % (pages + 1);
        let bytes = if target < pages { &mut encoded.pages[target] } else { &mut encoded.directory };
        // Damage under the checksum shows what the reader itself checks.
        let mut changed = if raw { layout::decompress(bytes, 1 << 24).unwrap() } else { bytes.clone() };
        if !changed.is_empty() {
            let at = place / (pages + 1) % changed.len();
            if cut { changed.truncate(at) } else { changed[at] ^= flip }
        }
        *bytes = if raw { layout::Compressor::new(1).compress(&changed) } else { changed };
        let Ok(column) = open(&encoded) else { return Ok(()) };
        let mut text = String::new();
        for row in 0..rows.len() {
            text.clear();
            let _ = column.render(row, &Others(&rows), &mut text);
        }
        let within = Bits::all(rows.len());
        for (row, from, length) in [(0, 0, 3), (1, 5, 2), (2, 3, 6)] {
            let literal = Literal::exact(&piece(&rows, row, from, length));
            let _ = column.select(&SubstringPattern::new(literal), &Others(&rows), &within, &|| Ok(()));
        }
        let _ = column.select(&EqualPattern::new(&rows[0].0), &Others(&rows), &within, &|| Ok(()));
        if let Some(integers) = column.single_integer().unwrap() {
            let _ = integers.values(&mut Vec::new());
        }
    }
}

#[test]
fn traps_come_back_exactly() {
    let long = "x1 ".repeat(400_000);
    let wide = "é".repeat(5_000_000);
    assert_exact(&plain(&[
        "",
        "\u{0}\u{1}\u{7f} <*> {} %s \\n \u{fffd} \"",
        "007 7 -7 +7 -0 00 0 9223372036854775807 9223372036854775808 -9223372036854775808",
        "1.0 01.0 -0.0 1. .5 1.2.3.4 01.2.3.4 256.1.1.1 1.2.3.4.5 -1.5 0.000000000000000000001",
        "\"unclosed 5",
        "\"a\\\"b\" '5' \"\" \"\"\"",
        &long,
        &wide,
        "é5é 5é é5",
    ]));
}

#[test]
fn many_different_lines_do_not_make_many_templates() {
    let mut rows = plain(&[]);
    for number in 0..40_000usize {
        // Letters only, so that nothing of it looks like a variable.
        let mut word = String::new();
        let mut left = number * 7_919;
        for _ in 0..6 {
            word.push(char::from(b'a' + (left % 26) as u8));
            left /= 26;
        }
        rows.push((format!("{word} says {number}"), [String::new(), String::new()]));
        rows.push((format!("request {number} done"), [String::new(), String::new()]));
    }
    assert_exact(&rows);
    let column = open(&encode(&rows, None)).unwrap();
    assert!(column.templates().count() < 300);
    assert!(column.memory_bytes() < 4 << 20);
}

#[test]
fn values_that_fill_many_pages_are_found_and_come_back() {
    let mut rows = plain(&[]);
    let mut seed = 7u64;
    for number in 0..30_000u64 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let text = format!(
            "blk_{} took {}.{} of {:012x} by \"{}\" at {:05} in {}",
            seed as i64,
            seed >> 50,
            seed >> 40 & 0xFFF,
            seed >> 16,
            value_of(12, seed >> 33).repeat(1 + (seed >> 60) as usize),
            number,
            seed >> 34 & 0xFFF,
        );
        rows.push((text, [String::new(), String::new()]));
    }
    assert_exact(&rows);
    let encoded = encode(&rows, None);
    assert!(encoded.pages.len() > 10);
    let column = open(&encoded).unwrap();
    let within = Bits::all(rows.len());
    for needle in ["blk_-16", "77", "a1", "b2\" at 017", "k8sk8s", "5.12", "29999"] {
        assert_finds(&rows, &column, &SubstringPattern::new(Literal::exact(needle)), &within);
        assert_finds(&rows, &column, &WordsPattern::new(TokenSequence::new(needle)), &within);
    }
}

#[test]
fn a_column_of_one_integer_gives_its_numbers() {
    let texts: Vec<String> = (0..1_000)
        .map(|n| if n % 10 == 0 { String::new() } else { format!("u{}", n * 37 % 501) })
        .collect();
    let encoded = encode_texts(texts.iter().map(String::as_str));
    let column = open(&encoded).unwrap();
    let integers = column.single_integer().unwrap().unwrap();
    assert_eq!((integers.prefix(), integers.suffix()), ("u", ""));
    let mut values = Vec::new();
    integers.values(&mut values).unwrap();
    assert_eq!(values.len(), integers.rows().len());
    for (&row, number) in integers.rows().iter().zip(values) {
        assert_eq!(texts[row as usize], format!("u{number}"));
    }
    let padded = encode_texts(["u1", "u07"].into_iter());
    assert!(open(&padded).unwrap().single_integer().unwrap().is_none());
}

#[test]
fn a_stopped_search_says_so() {
    let texts: Vec<String> = (0..5_000).map(|n| format!("took {n} ms")).collect();
    let column = open(&encode_texts(texts.iter().map(String::as_str))).unwrap();
    let pattern = SubstringPattern::new(Literal::exact("took 4"));
    let stop = || Err(ColumnError::stopped("enough"));
    let found = column.select(&pattern, &NoReferences, &Bits::all(5_000), &stop);
    assert!(found.is_err_and(|error| error.is_stopped));
}

#[test]
fn views_show_constants_and_variables() {
    let encoded = encode_texts(["took 5 ms on v2", "took 7 ms on v2"].into_iter());
    let column = open(&encoded).unwrap();
    let parts: Vec<_> = column.templates().map(|template| template.parts()).collect();
    assert_eq!(
        parts,
        [vec![
            TemplatePart::Constant("took "),
            TemplatePart::Variable(VariableKind::Integer),
            TemplatePart::Constant(" ms on v"),
            TemplatePart::Fixed("2"),
        ]]
    );
}

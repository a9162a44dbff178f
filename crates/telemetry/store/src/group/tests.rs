//! Groups on disk: what goes in comes out, in any state of the files but silently wrong.

use std::path::Path;
use std::sync::Arc;

use andon_columns::bits::Bits;
use andon_columns::column::{ColumnName, GroupView};
use andon_columns::group::{GroupBuilder, GroupRows, MemoryGroup, RowBuffer};
use andon_columns::keys::word_key;
use andon_columns::lines::Lines;
use andon_columns::select::{Span, count, select};
use andon_reader::query::Filter;
use andon_reader::{Clock, NewLogRow};
use serde_json::json;

use super::{ColumnCache, StoredGroup, data_name, index_name, read_so_far, write_group};
use crate::disk::RealDisk;

/// Numbers that look random but are the same every time.
fn mixed(number: u64) -> u64 {
    let mixed = (number ^ (number >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

fn rows(count: u64) -> Vec<NewLogRow> {
    (0..count)
        .map(|n| {
            let mut attributes = vec![
                ("status".to_owned(), json!(200 + n % 7)),
                ("duration".to_owned(), json!(mixed(n) % 100_000)),
                ("user".to_owned(), json!(format!("u{}", mixed(n) % 300))),
                ("ratio".to_owned(), json!(mixed(n) as f64 / 3.0)),
                (
                    "path".to_owned(),
                    json!(format!("/ü/{}/{:0200}", mixed(n), n)),
                ),
                (format!("rare_{}", n % 400), json!({"in": n})),
            ];
            if n % 3 == 0 {
                attributes.push(("flag".to_owned(), json!(n % 2 == 0)));
                attributes.push(("mixed".to_owned(), json!("")));
            } else if n % 3 == 1 {
                attributes.push(("mixed".to_owned(), json!(-1.5)));
            }
            NewLogRow {
                timestamp_us: Some(1_700_000_000_000_000 + (mixed(n) % 1_000_000) as i64),
                severity_number: (n % 25) as u8,
                severity_text: if n % 25 == 9 {
                    "info".to_owned()
                } else {
                    String::new()
                },
                service: format!("service-{}", n % 5),
                message: format!("user u{} did request {n} of {:?}", mixed(n) % 300, n % 11),
                trace_id: format!("{:016x}{:016x}", mixed(n / 4), mixed(n / 4 + 1)),
                span_id: if n % 2 == 0 {
                    format!("{:016x}", mixed(n))
                } else {
                    String::new()
                },
                scope: String::new(),
                attributes: attributes.into_iter().collect(),
                resource: Arc::new(
                    [("host".to_owned(), json!(n / 1_000))]
                        .into_iter()
                        .collect(),
                ),
            }
        })
        .collect()
}

fn builder(count: u64) -> GroupBuilder {
    let mut builder = GroupBuilder::new();
    let mut first = 10;
    for part in rows(count).chunks(1_000) {
        let mut lines = Lines::of(part);
        lines.stamp(first, 1_700_000_001_000_000 + first as i64);
        builder.push(&lines);
        first += part.len() as u64 + 5;
    }
    builder
}

fn write(folder: &Path, number: u64, group: GroupBuilder) {
    let written = write_group(group.finish()).unwrap();
    std::fs::write(folder.join(data_name(number)), &written.data).unwrap();
    std::fs::write(folder.join(index_name(number)), &written.index).unwrap();
}

fn open(folder: &Path, number: u64) -> StoredGroup {
    StoredGroup::open(
        &RealDisk,
        folder,
        number,
        &Arc::new(ColumnCache::new(64 << 20)),
    )
    .unwrap()
}

fn lines_of(view: &dyn GroupView) -> Vec<String> {
    let rows = GroupRows::open(view).unwrap();
    let mut buffer = RowBuffer::default();
    (0..rows.len())
        .map(|row| {
            let mut read = rows.read(row, &mut buffer).unwrap();
            read.cells.sort_by_key(|cell| cell.0);
            format!("{read:?}")
        })
        .collect()
}

fn columns_of(view: &dyn GroupView) -> Vec<ColumnName> {
    let mut names = vec![
        ColumnName::Sequence,
        ColumnName::Timestamp,
        ColumnName::ReceivedAt,
        ColumnName::SeverityNumber,
        ColumnName::Resource,
        ColumnName::Rest,
    ];
    names.extend((0..6).map(ColumnName::Text));
    let attributes = view.attributes().into_iter();
    names.extend(attributes.map(|(name, kind)| ColumnName::Attribute(name, kind)));
    names
}

#[test]
fn what_is_written_is_read_again_in_the_same_form() {
    let folder = tempfile::tempdir().unwrap();
    for (number, count) in [(1, 0), (2, 1), (3, 70), (4, 20_000)] {
        let memory = MemoryGroup::new(builder(count).finish()).unwrap();
        write(folder.path(), number, builder(count));
        let stored = open(folder.path(), number);
        assert_eq!(stored.damage(), None);
        assert_eq!(lines_of(&stored), lines_of(&memory), "{count} lines");
        for name in columns_of(&memory) {
            assert_eq!(stored.form(&name), memory.form(&name), "{name:?}");
            assert_eq!(stored.has_keys(&name), memory.has_keys(&name), "{name:?}");
        }
        assert_eq!(stored.attributes().len(), memory.attributes().len());
        assert_eq!(stored.references(), memory.references());
        assert_eq!(stored.timestamp_bounds_us(), memory.timestamp_bounds_us());
        assert_eq!(stored.severities(), memory.severities());
        assert_eq!(
            stored.rest_may_have("rare_399.in"),
            memory.rest_may_have("rare_399.in")
        );
        assert_eq!(
            stored.resource_may_have("host"),
            memory.resource_may_have("host")
        );
        for n in 0..1_000 {
            let key = word_key(&ColumnName::Text(2), &n.to_string());
            assert_eq!(stored.may_have_key(key), memory.may_have_key(key));
        }
    }
}

#[test]
fn names_in_the_parquet_file_are_unique() {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<NewLogRow> = (0..4_000u64)
        .map(|n| NewLogRow {
            attributes: [
                (
                    "path".to_owned(),
                    json!(format!("/{}/{:0200}", mixed(n), n)),
                ),
                (
                    "path.template".to_owned(),
                    if n % 2 == 0 { json!("x") } else { json!(1) },
                ),
                ("path.template:integer".to_owned(), json!(true)),
            ]
            .into_iter()
            .collect(),
            ..NewLogRow::default()
        })
        .collect();
    let mut lines = Lines::of(&rows);
    lines.stamp(1, 1);
    let mut builder = GroupBuilder::new();
    builder.push(&lines);
    write(folder.path(), 1, builder);
    let file = std::fs::File::open(folder.path().join(data_name(1))).unwrap();
    let reader = parquet::file::reader::SerializedFileReader::new(file).unwrap();
    let metadata = parquet::file::reader::FileReader::metadata(&reader);
    let columns = metadata.file_metadata().schema_descr().columns().iter();
    let names: Vec<String> = columns.map(|column| column.path().string()).collect();
    let different: std::collections::BTreeSet<&String> = names.iter().collect();
    assert_eq!(names.len(), different.len(), "{names:?}");
    assert!(names.iter().any(|name| name == "a.path.template"));
}

#[test]
fn columns_are_read_once_and_forgotten_with_their_segment() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 1, builder(3_000));
    let cache = Arc::new(ColumnCache::new(64 << 20));
    let stored = StoredGroup::open(&RealDisk, folder.path(), 1, &cache).unwrap();
    let first = stored.column(&ColumnName::Text(1)).unwrap().unwrap();
    let again = stored.column(&ColumnName::Text(1)).unwrap().unwrap();
    assert!(Arc::ptr_eq(&first, &again) && cache.memory_bytes() > 3_000);
    cache.forget(1);
    assert_eq!(cache.memory_bytes(), 0);
    let small = Arc::new(ColumnCache::new(10_000));
    let stored = StoredGroup::open(&RealDisk, folder.path(), 1, &small).unwrap();
    lines_of(&stored);
    assert!(small.memory_bytes() <= 10_000);
}

#[test]
fn what_no_line_has_is_ruled_out_without_reading_a_column() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 1, builder(20_000));
    let stored = open(folder.path(), 1);
    let found = |query: &str| {
        let filter = Filter::parse(query).unwrap();
        let (_, before) = read_so_far();
        let rows = select(&filter, &stored, Bits::all(stored.rows()), &|| Ok(())).unwrap();
        (rows.count(), read_so_far().1 - before)
    };
    for query in ["absent", "message:absent", "\"request absent\"", "request AND absent", "absent OR missing"] {
        assert_eq!(found(query), (0, 0), "{query}");
    }
}

#[test]
fn a_stored_group_of_templates_finds_what_the_lines_say() {
    const LINES: u64 = 20_000;
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 1, builder(LINES));
    let stored = open(folder.path(), 1);
    assert!(name_is_template(&stored, &ColumnName::Text(2)));
    let plain = rows(LINES);
    let lines = Lines::of(&plain);
    let mut queries: Vec<String> = ["user", "did AND NOT u17", "\"did request\"", "request OR absent", "u1*", "/request 1.7 of/", "path:ü", "user:u299"]
        .map(str::to_owned)
        .to_vec();
    for seed in 0..10 {
        let row = &plain[mixed(seed) as usize % plain.len()];
        let words: Vec<&str> = row.message.split(' ').collect();
        let first = mixed(seed + 100) as usize % (words.len() - 1);
        queries.push(words[first].to_owned());
        queries.push(format!("\"{}\"", words[first..].join(" ")));
        queries.push(format!("message:{} AND trace_id:{}", words[1], row.trace_id));
    }
    for query in &queries {
        let filter = Filter::parse(query).unwrap();
        let found = select(&filter, &stored, Bits::all(stored.rows()), &|| Ok(())).unwrap();
        for row in 0..lines.len() {
            assert_eq!(found.get(row), filter.matches(&lines.row(row)), "{query}: {}", plain[row].message);
        }
        let all = Span { since_us: i64::MIN, until_us: i64::MAX, clock: Clock::Timestamp };
        assert_eq!(count(&filter, &stored, all, &|| Ok(())).unwrap(), found.count() as u64, "{query}");
    }
}

#[test]
fn constants_are_counted_without_reading_which_line_has_them() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 1, builder(20_000));
    let cache = Arc::new(ColumnCache::new(64 << 20));
    let stored = StoredGroup::open(&RealDisk, folder.path(), 1, &cache).unwrap();
    let filter = Filter::parse("message:request").unwrap();
    let counted = count(&filter, &stored, Span { since_us: i64::MIN, until_us: i64::MAX, clock: Clock::Timestamp }, &|| Ok(())).unwrap();
    let without = cache.memory_bytes();
    let selected = select(&filter, &stored, Bits::all(stored.rows()), &|| Ok(())).unwrap();
    assert!(counted > 0 && counted == selected.count() as u64);
    assert!(cache.memory_bytes() > without + 20_000, "the lines of each template are read only now");
}

#[test]
fn without_its_index_a_segment_still_has_its_plain_columns() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 1, builder(20_000));
    let whole = open(folder.path(), 1);
    std::fs::remove_file(folder.path().join(index_name(1))).unwrap();
    let stored = open(folder.path(), 1);
    assert!(stored.damage().is_some_and(|why| why.contains("index")));
    for name in columns_of(&whole) {
        match stored.column(&name) {
            Ok(column) => assert_eq!(
                format!("{column:?}"),
                format!("{:?}", whole.column(&name).unwrap())
            ),
            Err(error) => assert!(
                error.message.contains("index") && name_is_template(&whole, &name),
                "{error}"
            ),
        }
    }
    assert!(stored.column(&ColumnName::Text(2)).is_err());
    assert!(stored.may_have_key(1) && stored.rest_may_have("x") && stored.resource_may_have("x"));
}

fn name_is_template(view: &dyn GroupView, name: &ColumnName) -> bool {
    view.form(name) == Some(andon_columns::column::Form::Templates)
}

/// Damages a file in one of several ways.
fn damage(bytes: &mut Vec<u8>, seed: u64) {
    let place = mixed(seed) as usize % bytes.len().max(1);
    match mixed(seed + 1) % 4 {
        0 => bytes.truncate(place),
        1 => bytes.extend(mixed(seed).to_le_bytes()),
        2 => {
            let end = (place + 50).min(bytes.len());
            bytes[place..end].fill(0);
        }
        _ => bytes[place] ^= 1 << (seed % 8),
    }
}

/// How many kinds of damage are tried; `ANDON_DAMAGE_VARIANTS` says another number.
const VARIANTS: u64 = 200;

#[test]
fn many_kinds_of_damage_are_errors_or_nothing_but_never_wrong_lines() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 1, builder(400));
    let whole = open(folder.path(), 1);
    let names = columns_of(&whole);
    let truth: Vec<String> = names
        .iter()
        .map(|name| content(&whole, name).unwrap())
        .collect();
    let files = [data_name(1), index_name(1)].map(|name| {
        let bytes = std::fs::read(folder.path().join(&name)).unwrap();
        (name.replace('1', "2"), bytes)
    });
    let mut readable = 0u64;
    let asked = std::env::var("ANDON_DAMAGE_VARIANTS").ok().and_then(|text| text.parse().ok());
    let variants: u64 = asked.unwrap_or(VARIANTS);
    for seed in 0..variants {
        for (place, (name, bytes)) in files.iter().enumerate() {
            let mut bytes = bytes.clone();
            if seed % 3 == 2 || seed % 3 == place as u64 {
                damage(&mut bytes, seed * 7 + place as u64);
            }
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        let cache = Arc::new(ColumnCache::new(16 << 20));
        let Ok(stored) = StoredGroup::open(&RealDisk, folder.path(), 2, &cache) else {
            continue;
        };
        let _either = (stored.may_have_key(seed), stored.rest_may_have("x"));
        for (name, truth) in names.iter().zip(&truth) {
            match content(&stored, name) {
                Ok(content) => {
                    assert!(content == *truth, "{name:?} of variant {seed}");
                    readable += 1;
                }
                Err(error) => assert!(error.contains("seg-"), "{error}"),
            }
        }
    }
    // Damage is local: most columns of most variants are as they were.
    assert!(readable > names.len() as u64 * variants / 2, "{readable}");
}

/// All values of a column.
fn content(view: &dyn GroupView, name: &ColumnName) -> Result<String, String> {
    use andon_columns::column::Column;
    use andon_columns::template::NoReferences;
    let column = view.column(name).map_err(|error| error.message)?;
    match column.as_deref() {
        Some(Column::Templates { column, presence }) if *name != ColumnName::Text(2) => {
            let mut text = format!("{presence:?}");
            for row in 0..column.rows() {
                column
                    .render(row, &NoReferences, &mut text)
                    .map_err(|error| error.message)?;
            }
            Ok(text)
        }
        other => Ok(format!("{other:?}")),
    }
}

//! Answers and lent rows as bytes.

use andon_reader::{AggregateResult, LogRow, SearchResult, SqlResult, TailEvent};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::values::{Damaged, Reader, Writer};

fn write_row(writer: &mut Writer, row: &LogRow) {
    writer.text(&row.id);
    writer.signed(row.timestamp_us);
    writer.signed(row.received_at_us);
    writer.byte(row.severity_number);
    for text in [&row.severity_text, &row.service, &row.message, &row.trace_id, &row.span_id, &row.scope] {
        writer.text(text);
    }
    writer.attributes(&row.attributes);
    writer.attributes(&row.resource);
}

fn read_row(reader: &mut Reader<'_>) -> Result<LogRow, Damaged> {
    Ok(LogRow {
        id: reader.string()?,
        timestamp_us: reader.signed()?,
        received_at_us: reader.signed()?,
        severity_number: reader.byte()?,
        severity_text: reader.string()?,
        service: reader.string()?,
        message: reader.string()?,
        trace_id: reader.string()?,
        span_id: reader.string()?,
        scope: reader.string()?,
        attributes: reader.attributes()?,
        resource: reader.attributes()?,
    })
}

fn write_head<T: Serialize>(writer: &mut Writer, head: &T) -> Result<(), Damaged> {
    let text = serde_json::to_string(head).map_err(|_| Damaged("a head"))?;
    writer.text(&text);
    Ok(())
}

fn read_head<T: DeserializeOwned>(reader: &mut Reader<'_>) -> Result<T, Damaged> {
    serde_json::from_str(reader.text()?).map_err(|_| Damaged("a head"))
}

/// Writes the answer to a search.
pub(crate) fn write_search(mut found: SearchResult) -> Result<Vec<u8>, Damaged> {
    let rows = std::mem::take(&mut found.rows);
    let mut writer = Writer::with_capacity(rows.iter().map(|row| row.message.len() + 200).sum());
    write_head(&mut writer, &found)?;
    writer.count(rows.len());
    for row in &rows {
        write_row(&mut writer, row);
    }
    Ok(writer.bytes)
}

/// Reads the answer to a search.
pub(crate) fn read_search(bytes: &[u8]) -> Result<SearchResult, Damaged> {
    let mut reader = Reader::new(bytes);
    let mut found: SearchResult = read_head(&mut reader)?;
    let count = reader.count()?;
    found.rows = (0..count).map(|_| read_row(&mut reader)).collect::<Result<_, _>>()?;
    Ok(found)
}

/// Writes one line, or that there is none.
pub(crate) fn write_one(row: Option<&LogRow>) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.byte(u8::from(row.is_some()));
    if let Some(row) = row {
        write_row(&mut writer, row);
    }
    writer.bytes
}

/// Reads one line, or that there is none.
pub(crate) fn read_one(bytes: &[u8]) -> Result<Option<LogRow>, Damaged> {
    let mut reader = Reader::new(bytes);
    if reader.byte()? == 1 { read_row(&mut reader).map(Some) } else { Ok(None) }
}

/// Writes rows of values.
pub(crate) fn write_values(rows: &[Vec<Value>]) -> Vec<u8> {
    let mut writer = Writer::with_capacity(rows.len() * 64);
    write_values_into(&mut writer, rows);
    writer.bytes
}

fn write_values_into(writer: &mut Writer, rows: &[Vec<Value>]) {
    writer.count(rows.len());
    for row in rows {
        writer.count(row.len());
        for value in row {
            writer.value(value);
        }
    }
}

/// Reads rows of values.
pub(crate) fn read_values(bytes: &[u8]) -> Result<Vec<Vec<Value>>, Damaged> {
    read_values_from(&mut Reader::new(bytes))
}

fn read_values_from(reader: &mut Reader<'_>) -> Result<Vec<Vec<Value>>, Damaged> {
    let rows = reader.count()?;
    (0..rows)
        .map(|_| {
            let values = reader.count()?;
            (0..values).map(|_| reader.value()).collect()
        })
        .collect()
}

/// Writes the answer to a statement.
pub(crate) fn write_sql(mut answer: SqlResult) -> Result<Vec<u8>, Damaged> {
    let rows = std::mem::take(&mut answer.rows);
    let mut writer = Writer::with_capacity(rows.len() * 64);
    write_head(&mut writer, &answer)?;
    write_values_into(&mut writer, &rows);
    Ok(writer.bytes)
}

/// Reads the answer to a statement.
pub(crate) fn read_sql(bytes: &[u8]) -> Result<SqlResult, Damaged> {
    let mut reader = Reader::new(bytes);
    let mut answer: SqlResult = read_head(&mut reader)?;
    answer.rows = read_values_from(&mut reader)?;
    Ok(answer)
}

/// Writes the groups of lines.
pub(crate) fn write_groups(mut answer: AggregateResult) -> Result<Vec<u8>, Damaged> {
    let rows = std::mem::take(&mut answer.rows);
    let mut writer = Writer::with_capacity(rows.len() * 64);
    write_head(&mut writer, &answer)?;
    write_values_into(&mut writer, &rows);
    Ok(writer.bytes)
}

/// Reads the groups of lines.
pub(crate) fn read_groups(bytes: &[u8]) -> Result<AggregateResult, Damaged> {
    let mut reader = Reader::new(bytes);
    let mut answer: AggregateResult = read_head(&mut reader)?;
    answer.rows = read_values_from(&mut reader)?;
    Ok(answer)
}

/// Writes what a live tail delivers, with its length before it.
pub(crate) fn write_tail(event: &TailEvent) -> Vec<u8> {
    let mut writer = Writer::default();
    match event {
        TailEvent::Row { row } => {
            writer.byte(0);
            write_row(&mut writer, row);
        }
        TailEvent::Lagged { skipped } => {
            writer.byte(1);
            writer.size(*skipped);
        }
    }
    let mut framed = Writer::with_capacity(writer.bytes.len() + 5);
    framed.count(writer.bytes.len());
    framed.bytes.extend_from_slice(&writer.bytes);
    framed.bytes
}

/// Reads the first event of a live tail, once all of it is there, and how many bytes it took.
pub(crate) fn read_tail(bytes: &[u8]) -> Result<Option<(TailEvent, usize)>, Damaged> {
    let mut reader = Reader::new(bytes);
    let Ok(length) = reader.size() else {
        return if bytes.len() < 10 { Ok(None) } else { Err(Damaged("the length of an event")) };
    };
    let length = usize::try_from(length).map_err(|_| Damaged("the length of an event"))?;
    let Some(frame) = reader.rest().get(..length) else { return Ok(None) };
    let taken = bytes.len() - reader.rest().len() + length;
    let mut reader = Reader::new(frame);
    let event = match reader.byte()? {
        0 => TailEvent::Row { row: Box::new(read_row(&mut reader)?) },
        1 => TailEvent::Lagged { skipped: reader.size()? },
        _ => return Err(Damaged("the type of an event")),
    };
    Ok(Some((event, taken)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use andon_reader::Attributes;
    use serde_json::json;

    fn attributes(value: Value) -> Attributes {
        value.as_object().cloned().unwrap_or_default()
    }

    fn line(id: &str) -> LogRow {
        LogRow {
            id: id.to_owned(),
            timestamp_us: -5,
            received_at_us: i64::MAX,
            severity_number: 17,
            severity_text: "ERROR".to_owned(),
            service: "payments".to_owned(),
            message: "ü\u{0}x".to_owned(),
            trace_id: String::new(),
            span_id: "ab".to_owned(),
            scope: "s".to_owned(),
            attributes: attributes(json!({"z": 0.1, "a": [1, null, {"b": -0.0}], "n": u64::MAX})),
            resource: attributes(json!({"host": "h1"})),
        }
    }

    #[test]
    fn answers_arrive_as_they_were() {
        let found = SearchResult {
            rows: vec![line("1"), line("2")],
            next: Some("c".to_owned()),
            scanned_rows: 9,
            scanned_segments: 2,
            elapsed_us: 3,
            complete: false,
            missing: vec!["a segment".to_owned()],
            clipped: vec![andon_reader::Clipped { row: 1, field: "message".to_owned(), characters: 9 }],
            notes: vec!["a boost".to_owned()],
        };
        assert_eq!(read_search(&write_search(found.clone()).unwrap()).unwrap(), found);
        assert_eq!(read_one(&write_one(Some(&line("3")))).unwrap(), Some(line("3")));
        assert_eq!(read_one(&write_one(None)).unwrap(), None);
        let answer = SqlResult { columns: Vec::new(), rows: vec![vec![json!(0.30000000000000004), json!("x")], vec![]], truncated: true, elapsed_us: 1, notes: vec!["n".to_owned()] };
        assert_eq!(read_sql(&write_sql(answer.clone()).unwrap()).unwrap(), answer);
    }

    #[test]
    fn a_tail_is_read_event_by_event_as_it_arrives() {
        let events = [TailEvent::Row { row: Box::new(line("1")) }, TailEvent::Lagged { skipped: 300 }];
        let bytes: Vec<u8> = events.iter().flat_map(write_tail).collect();
        let (mut begun, mut read) = (Vec::new(), Vec::new());
        for byte in bytes {
            begun.push(byte);
            if let Some((event, taken)) = read_tail(&begun).unwrap() {
                read.push(event);
                begun.drain(..taken);
            }
        }
        assert_eq!((read.as_slice(), begun.len()), (events.as_slice(), 0));
    }
}

//! Records of the first version of the write-ahead log, row by row: only read, never written.

use andon_columns::lines::{Lines, parse_object};
use andon_columns::wire::{take_number, take_text};

/// Stands for "the sender gave no time".
const NO_TIME: i64 = i64::MIN;

/// Reads the lines of a record; nothing when the bytes make no sense.
pub(crate) fn decode(bytes: &[u8]) -> Option<Lines> {
    let mut input = bytes;
    let resource_count = usize::try_from(take_number(&mut input)?).ok()?;
    let mut lines = Lines::new();
    let mut resources: Vec<u32> = Vec::new();
    for _ in 0..resource_count {
        resources.push(match take_text(&mut input)? {
            "" => 0,
            text => lines.resource(text),
        });
    }
    let row_count = take_number(&mut input)?;
    for _ in 0..row_count {
        let (time, rest) = input.split_first_chunk::<8>()?;
        let (&severity_number, rest) = rest.split_first()?;
        input = rest;
        let mut texts = [""; 6];
        for text in &mut texts {
            *text = take_text(&mut input)?;
        }
        for (name, value) in parse_object(take_text(&mut input)?) {
            let field = lines.field(&name);
            lines.value(field, &value);
        }
        let resource = usize::try_from(take_number(&mut input)?).ok()?;
        let time = Some(i64::from_le_bytes(*time)).filter(|&time| time != NO_TIME);
        lines.end_row(time, severity_number, texts, *resources.get(resource)?);
    }
    input.is_empty().then_some(lines)
}

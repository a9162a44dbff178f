//! Batches as the write-ahead log holds them: any bytes are refused or are lines that can be read whole.
#![no_main]

use andon_columns::lines::{Lines, TEXT_FIELDS};
use andon_reader::query::{FixedField, Place, RowView};
use libfuzzer_sys::fuzz_target;

fn read_whole(lines: &Lines) {
    for row in 0..lines.len() {
        let view = lines.row(row);
        for field in TEXT_FIELDS {
            let _text = view.text(field);
        }
        assert_eq!(
            view.text(FixedField::Message),
            lines.to_log_row(row).message
        );
        for (field, cell) in lines.cells(row) {
            let _kind = (field, cell.kind());
        }
        let _none = view.any_value(Place::Attributes, "a.b.c", &mut |_| false);
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some(lines) = Lines::decode(bytes) else {
        return;
    };
    read_whole(&lines);
    let mut encoded = Vec::new();
    lines.encode(&mut encoded);
    let Some(again) = Lines::decode(&encoded) else {
        panic!("what was decoded cannot be decoded again")
    };
    assert_eq!(again.len(), lines.len());
    for row in 0..lines.len() {
        assert_eq!(again.to_log_row(row), lines.to_log_row(row));
    }
    let mut twice = Vec::new();
    again.encode(&mut twice);
    assert_eq!(twice, encoded);
});

//! The search language: parse, print, parse again, compile, and run over lines of all kinds.
#![no_main]

use std::sync::{Arc, LazyLock};

use andon_columns::lines::Lines;
use andon_reader::NewLogRow;
use andon_reader::query::{Filter, limits, parse};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

static LINES: LazyLock<Lines> = LazyLock::new(|| {
    let mut lines = Lines::new();
    let resource = lines.resource(r#"{"host.name":"web-1","deep":{"a":[1,2,{"b":"c"}]}}"#);
    let attributes = [
        json!({}),
        json!({"status": 500, "user": "u479", "took": 1.5, "ok": false, "tags": ["a", "b", 3], "http": {"route": "/orders/{id}", "code": 200}}),
        json!({"status": "500", "user": null, "took": -9_223_372_036_854_775_808i64, "ok": "true", "ä": "Größe \u{1f600}", "": ""}),
    ];
    let messages = [
        "",
        "Failed password for root from 10.0.0.1 port 22 ssh2",
        "ÄÖÜ ß İ ı ſ K\n\t\u{0} a_b-c.d/e",
        "Ünïcode and blk_-1608999687919862906",
    ];
    for (number, attributes) in attributes.iter().cycle().take(12).enumerate() {
        let row = NewLogRow {
            timestamp_us: Some(1_795_132_800_000_000 + number as i64),
            severity_number: (number * 2) as u8,
            severity_text: ["", "ERROR", "warn"][number % 3].to_owned(),
            service: ["checkout", "", "Zahlung-ß"][number % 3].to_owned(),
            message: messages[number % messages.len()].to_owned(),
            trace_id: ["", "0327618b5ba642cf35499b0ad98d3ac6"][number % 2].to_owned(),
            span_id: ["", "0327618b5ba642cf"][number % 2].to_owned(),
            scope: "shop".to_owned(),
            attributes: attributes.as_object().cloned().unwrap_or_default(),
            resource: Arc::default(),
        };
        lines.push(&row, if number % 2 == 0 { 0 } else { resource });
    }
    lines
});

fuzz_target!(|text: &str| {
    let Ok(query) = parse(text) else { return };
    let printed = query.to_string();
    // What is escaped becomes longer, and may become too long.
    if printed.len() > limits::TEXT_BYTES {
        return;
    }
    let again = parse(&printed).unwrap_or_else(|error| {
        panic!("{text:?} prints as {printed:?}, which does not parse: {error}")
    });
    assert_eq!(again, query, "{text:?} prints as {printed:?}");
    let Ok(filter) = Filter::compile(&query) else {
        return;
    };
    for row in 0..LINES.len() {
        let _either = filter.matches(&LINES.row(row));
    }
});

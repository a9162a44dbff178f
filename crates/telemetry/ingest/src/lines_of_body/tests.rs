//! The fast way and the slow way mean the same, line for line, right or wrong.

use andon_reader::LogRow;
use proptest::prelude::*;

use super::*;

const NAMES: [&str; 44] = [
    "timestamp", "@timestamp", "time", "ts", "date", "timestamp_us", "message", "msg", "log",
    "event", "body", "level", "severity", "severity_text", "log.level", "severity_number",
    "severityNumber", "service", "service.name", "app", "trace_id", "traceId", "trace.id",
    "span_id", "spanid", "scope", "logger", "resource", "attributes", "andon.time_unread",
    "andon.truncated_bytes", "k", "status", "duration_ms", "a.b", "user id", "ключ", "", "x\\\"y",
    "\\u0061", "a_name_that_is_longer_than_sixteen_bytes", "host", "path", "k2",
];

fn value() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        "\"[a-zäß€ ]{0,40}\"",
        Just(r#""2026-11-20T00:00:00.046307809Z""#.to_owned()),
        Just(r#""2026-11-20 00:00:00,5""#.to_owned()),
        Just(r#""1969-12-31T23:59:59.9Z""#.to_owned()),
        Just(r#"" 2026-01-01T00:00:00+01:00 ""#.to_owned()),
        Just(r#""1767225600250""#.to_owned()),
        Just(r#""warn""#.to_owned()),
        Just(r#""ERROR2""#.to_owned()),
        Just(r#""AB12""#.to_owned()),
        Just(r#""a \"quoted\" \\ word\n\u00e9\ud83d\ude00 \/""#.to_owned()),
        Just(r#""\ud83d alone""#.to_owned()),
        Just("\"a\ttab\"".to_owned()),
        Just("\"never ends".to_owned()),
    ];
    let number = prop_oneof![
        "-?[0-9]{1,20}",
        "-?[0-9]{1,8}\\.[0-9]{1,8}",
        Just("17".to_owned()),
        Just("30".to_owned()),
        Just("1767225600000".to_owned()),
        Just("-0".to_owned()),
        Just("007".to_owned()),
        Just("1e400".to_owned()),
        Just("5E2".to_owned()),
        Just("18446744073709551615".to_owned()),
    ];
    let other = prop_oneof![
        Just("true".to_owned()),
        Just("false".to_owned()),
        Just("null".to_owned()),
        Just("nul".to_owned()),
        Just("{}".to_owned()),
        Just("[]".to_owned()),
        Just(r#"{"name":"ecs","n":1.50}"#.to_owned()),
        Just(r#"{"service.name":"from resource","host.name":"h"}"#.to_owned()),
        Just(r#"{ "k" : [1, {"b":"]}"}, null] ,"status":"inner"}"#.to_owned()),
        Just(r#"{"a":1,"a":2}"#.to_owned()),
        Just("[1,2".to_owned()),
        Just("[1}".to_owned()),
    ];
    prop_oneof![6 => text, 3 => number, 2 => other]
}

fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => Just(""), 2 => Just(" "), 1 => Just("\t"), 1 => Just(" \r ")]
}

fn member() -> impl Strategy<Value = String> {
    (proptest::sample::select(&NAMES[..]), value(), space(), space()).prop_map(
        |(name, value, before, after)| format!("{before}\"{name}\"{after}:{before}{value}{after}"),
    )
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    let object = proptest::collection::vec(member(), 0..8)
        .prop_map(|members| format!("{{{}}}", members.join(",")));
    let usual = (0i64..5, "[a-z ]{0,20}").prop_map(|(number, text)| {
        format!(r#"{{"timestamp":"2026-11-20T00:00:0{number}Z","level":"info","message":"{text}","status":{number}}}"#)
    });
    let written = prop_oneof![
        6 => object,
        6 => usual,
        1 => Just(String::new()),
        1 => Just("\u{feff}{\"message\":\"marked\"}".to_owned()),
        1 => Just("[1]".to_owned()),
        1 => Just("\"t\"".to_owned()),
        1 => Just("{\"message\":\"a\"} x".to_owned()),
    ];
    let damage = proptest::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>()));
    (written, damage).prop_map(|(line, damage)| {
        let mut bytes = line.into_bytes();
        if let Some((place, byte)) = damage
            && !bytes.is_empty()
            && byte != b'\n'
        {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes
    })
}

fn options() -> impl Strategy<Value = NdjsonOptions> {
    let name = || proptest::option::weighted(0.2, proptest::sample::select(&NAMES[..38]));
    (name(), name()).prop_map(|(time, message)| NdjsonOptions {
        time_field: time.map(str::to_owned),
        message_field: message.map(str::to_owned),
        ..NdjsonOptions::default()
    })
}

/// Everything that is known of what was read.
fn outcome(mut body: BodyLines) -> (Vec<(LogRow, String, bool)>, Dealt) {
    body.cut();
    let mut rows = Vec::new();
    let mut all = Dealt::default();
    for Batch { lines, dealt } in body.ready() {
        for row in 0..lines.len() {
            // Ids are given by the store; here they begin anew with each batch.
            let plain = LogRow { id: String::new(), ..lines.to_log_row(row) };
            let attributes = serde_json::to_string(&plain.attributes).unwrap_or_default();
            let has_no_time = lines.timestamps_us().get(row) == Some(&i64::MIN);
            rows.push((plain, attributes, has_no_time));
        }
        all.refused += dealt.refused;
        all.reasons.extend(dealt.reasons);
        all.last_line = dealt.last_line;
    }
    (rows, all)
}

fn fast(options: &NdjsonOptions, body: &[u8], sizes: &[usize]) -> BodyLines {
    let mut lines = BodyLines::new(options).expect("no compression");
    let mut rest = body;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, tail) = rest.split_at((*size).min(rest.len()));
        let mut pieces = VecDeque::from([Bytes::copy_from_slice(piece)]);
        lines.take(&mut pieces).expect("no compression");
        rest = tail;
    }
    lines.end().expect("no compression");
    lines
}

fn slow(options: &NdjsonOptions, body: &[u8]) -> BodyLines {
    let mut lines = BodyLines::new(options).expect("no compression");
    let text = body.strip_suffix(b"\n").unwrap_or(body);
    if body.is_empty() {
        return lines;
    }
    for line in text.split(|byte| *byte == b'\n') {
        lines.line += 1;
        lines.slow_line(line);
    }
    lines.bytes = body.len();
    lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn both_ways_store_and_refuse_the_same(
        all in proptest::collection::vec(line(), 0..8),
        options in options(),
        sizes in proptest::collection::vec(prop_oneof![1usize..60, Just(100_000)], 1..4),
        ends in any::<bool>(),
    ) {
        let mut body = all.join(&b'\n');
        if ends {
            body.push(b'\n');
        }
        let found = outcome(fast(&options, &body, &sizes));
        let expected = outcome(slow(&options, &body));
        prop_assert_eq!(found, expected, "{}", String::from_utf8_lossy(&body));
    }
}

#[test]
fn usual_lines_go_the_fast_way() {
    let mut scanner = Scanner::new(Named::default());
    let mut lines = Lines::new();
    for line in [
        r#"{"timestamp":"2026-11-20T00:00:00.046307809Z","service":"mac","host":"mac-5","level":"info","message":"x","trace_id":"f448","user_id":"u5"}"#,
        r#"{"timestamp": "2026-11-20T00:00:00Z", "level": "info", "message": "a \"b\" c", "status": 200, "ratio": 0.5, "ok": true, "none": null}"#,
        r#"{"time":1767225600000,"level":30,"msg":"pino","pid":7,"hostname":"h","req":{"id":[1,2]}}"#,
        r#"{"log":"docker\n","stream":"stderr","time":"2026-11-20T00:00:00.046307809Z"}"#,
        r#"{"@timestamp":"2026-11-20T00:00:00.046Z","log.level":"WARN","message":"ecs","resource":{"service.name":"s"}}"#,
        r#"{"date":1767225600.25,"log":"fluent bit","kubernetes":{"pod":"a-1","labels":{"app":"x"}}}"#,
        "{\"message\":\"in a file of Windows\"}\r",
    ] {
        let line = format!("{line}\n");
        assert_eq!(scanner.line(&line, 0, &mut lines), Some(line.len()), "{line}");
    }
    assert_eq!(lines.len(), 7);
}

#[test]
fn more_names_than_are_remembered_change_nothing() {
    let body: String = (0..12_000)
        .map(|number| format!("{{\"message\":\"m\",\"k{}\":{number}}}\n", number % 9_000))
        .collect();
    let options = NdjsonOptions::default();
    let found = outcome(fast(&options, body.as_bytes(), &[1 << 20]));
    assert_eq!(found, outcome(slow(&options, body.as_bytes())));
    assert_eq!(found.0.len(), 12_000);
}

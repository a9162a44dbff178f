//! Each form of the search language on lines as they come.

use andon_reader::query::{Filter, limits, note_code, parse, read};
use andon_reader::{LogRow, ReaderError, code, parse_severity};
use serde_json::{Value, json};

fn map(value: Value) -> andon_reader::Attributes {
    value.as_object().cloned().unwrap_or_default()
}

fn line() -> LogRow {
    LogRow {
        id: "1".into(),
        timestamp_us: 1_767_225_600_000_000,
        received_at_us: 1_767_225_600_500_000,
        severity_number: 17,
        severity_text: "ERROR".into(),
        service: "payments".into(),
        message: "Connection refused by 10.0.3.4:5432 (attempt 3), order=ord-991, café".into(),
        trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".into(),
        span_id: "00f067aa0ba902b7".into(),
        scope: "db.pool".into(),
        attributes: map(json!({
            "http.response.status_code": 503, "retry": true, "duration_ms": 12.5,
            "path": "/api/orders/17", "error": {"type": "Io", "codes": [7, "x9"]},
            "status": "500", "version": "1.10.0", "level": "custom", "gone": null
        })),
        resource: map(json!({"host.name": "web-1", "k8s": {"pod": {"name": "p-7"}}})),
    }
}

fn hits(query: &str) -> bool {
    Filter::parse(query)
        .unwrap_or_else(|e| panic!("{query}: {e}"))
        .matches(&line())
}

#[test]
fn queries_that_find_the_line() {
    for query in [
        "",
        "*",
        "*:*",
        "connection",
        "CONNECTION refused",
        "\"refused BY 10\"",
        "ord-991",
        "10.0.3.4",
        "conn*",
        "*fused",
        "re?used",
        "10.0.*",
        "café",
        "CAFÉ",
        "attempt AND 3",
        "nothing OR refused",
        "service:payments",
        "service:PAYMENTS",
        "service:pay*",
        "service:/^pay/",
        "level:error",
        "level:>=warn",
        "severity:[warn TO fatal]",
        "level:(info OR error)",
        "level:ERROR",
        "severity_number:17",
        "severity_number:>=17",
        "trace_id:4BF92F3577B34DA6A3CE929D0E0E4736",
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "00f067aa0ba902b7",
        "span_id:00f0*",
        "scope:db.pool",
        "http.response.status_code:503",
        "http.response.status_code:>=500",
        "http.response.status_code:[500 TO 600}",
        "http.response.status_code:5*",
        "http.response.status_code:503.0",
        "retry:true",
        "retry:True",
        "duration_ms:>12",
        "duration_ms:{12 TO 12.5]",
        "duration_ms:12.50",
        "path:\"/api/orders\"",
        "path:orders",
        "path:/orders\\/\\d+/",
        "error.type:io",
        "error.codes:7",
        "error.codes:x9",
        "error:*",
        "_exists_:retry",
        "host.name:web-1",
        "k8s.pod.name:p-7",
        "resource.host.name:*",
        "attributes.level:custom",
        "status:>=500",
        "status:500",
        "version:[1.1.0 TO 1.2.0]",
        "-gone:*",
        "NOT info",
        "!info",
        "+refused -info",
        "/attempt \\d/",
        "/refused|x/ AND (a OR by)",
        "timestamp:>=2026-01-01",
        "message:*",
        "timestamp:[2026-01-01T00:00:00Z TO 2026-01-02]",
        "a OR b OR refused",
        "a b OR refused",
        "(a OR refused) by",
        "service:(NOT checkout)",
        "refused&&x || refused && by",
    ] {
        assert!(hits(query), "{query} should find the line");
    }
}

#[test]
fn queries_that_do_not_find_the_line() {
    for query in [
        "refuse",
        "\"refused connection\"",
        "service:pay",
        "service:payments2",
        "level:info",
        "level:<error",
        "level:>error",
        "http.response.status_code:>503",
        "http.response.status_code:abc",
        "retry:false",
        "gone:*",
        "resource.retry:*",
        "attributes.host.name:*",
        "error.codes:8",
        "10.0.4*",
        "path:>=5",
        "version:[1.1 TO 1.2]",
        "level:custom",
        "NOT refused",
        "refused AND NOT by",
        "/REFUSED/",
        "timestamp:<2026-01-01",
        "con*by",
        "ord-99",
        "duration_ms:{12.5 TO *]",
        "(a OR b) refused",
        "-refused",
    ] {
        assert!(!hits(query), "{query} should not find the line");
    }
}

fn refusal(query: &str) -> ReaderError {
    parse(query)
        .err()
        .unwrap_or_else(|| panic!("{query} should be refused"))
}

#[test]
fn mistakes_are_named_with_their_place() {
    for (query, place) in [
        ("(a OR b", "1:1"),
        ("a OR", "1:5"),
        ("a AND OR b", "1:7"),
        ("field:", "1:7"),
        ("x \"open", "1:3"),
        ("path:/api", "1:6"),
        ("path:/api/orders", "1:11"),
        ("n:[1 TO", "1:3"),
        ("n:[1 2]", "1:6"),
        ("a)", "1:2"),
        ("roam~2", "1:5"),
        ("a^3", "1:2"),
        ("\"a b\"~3", "1:6"),
        ("\"a b\"^3", "1:6"),
        ("(a b)^3", "1:6"),
        ("ok\nbad:(", "2:6"),
        ("/(/", "1:1"),
        ("level:>=loud", "1:7"),
        ("timestamp:>=soon", "1:11"),
        ("a*b:c", "1:1"),
    ] {
        let error = refusal(query);
        assert_eq!(
            error.position.map(|p| p.to_string()).as_deref(),
            Some(place),
            "{query}: {error}"
        );
        assert!(error.hint.is_some(), "{query} has no hint");
    }
}

#[test]
fn expensive_queries_are_refused() {
    let deep = "(".repeat(limits::DEPTH + 1) + "a";
    assert_eq!(refusal(&deep).code, code::QUERY_TOO_LARGE);
    assert_eq!(refusal(&"!".repeat(10_000)).code, code::QUERY_TOO_LARGE);
    assert_eq!(
        refusal(&"a ".repeat(limits::LEAVES + 1)).code,
        code::QUERY_TOO_LARGE
    );
    assert_eq!(
        refusal(&"a".repeat(limits::TEXT_BYTES + 1)).code,
        code::QUERY_TOO_LARGE
    );
    assert_eq!(refusal("/(\\w{900}){900}/").code, code::QUERY_REGEX);
    assert_eq!(
        refusal(&format!("/{}/", "a".repeat(limits::REGEX_BYTES + 1))).code,
        code::QUERY_REGEX
    );
}

#[test]
fn severities_are_known_in_the_usual_spellings() {
    for (text, number) in [
        ("warning", 13),
        ("WARN", 13),
        ("Error", 17),
        ("error2", 18),
        ("crit", 21),
        ("notice", 10),
        ("I", 9),
    ] {
        assert_eq!(parse_severity(text), Some(number), "{text}");
    }
    assert_eq!(parse_severity("loud"), None);
}

#[test]
fn habits_of_other_products_are_left_out_with_a_note_that_points_at_them() {
    for (typed, meant, notes) in [
        ("time^2 out", "time out", vec![(note_code::BOOST_IGNORED, "1:5")]),
        ("roam~", "roam", vec![(note_code::FUZZY_IGNORED, "1:5")]),
        ("roam~0.8^4", "roam", vec![(note_code::BOOST_IGNORED, "1:9"), (note_code::FUZZY_IGNORED, "1:5")]),
        ("tim*^2.5", "tim*", vec![(note_code::BOOST_IGNORED, "1:5")]),
        ("\"a b\"~5", "\"a b\"", vec![(note_code::PROXIMITY_IGNORED, "1:6")]),
        ("\"a b\"^5 c", "\"a b\" c", vec![(note_code::BOOST_IGNORED, "1:6")]),
        ("x\nservice:(pay OR web)^2", "x service:(pay OR web)", vec![(note_code::BOOST_IGNORED, "2:21")]),
        ("status:[1 TO 5]^2", "status:[1 TO 5]", vec![(note_code::BOOST_IGNORED, "1:16")]),
        ("/tim(e|ing)/^3", "/tim(e|ing)/", vec![(note_code::BOOST_IGNORED, "1:13")]),
        ("status:>=500^2", "status:>=500", vec![(note_code::BOOST_IGNORED, "1:13")]),
    ] {
        let reading = read(typed).unwrap_or_else(|error| panic!("{typed}: {error}"));
        assert_eq!(reading.query, parse(meant).expect("a query"), "{typed}");
        let found: Vec<_> = reading.notes.iter().map(|note| (note.code.as_str(), note.position.to_string())).collect();
        let wanted: Vec<_> = notes.into_iter().map(|(code, place)| (code, place.to_owned())).collect();
        assert_eq!(found, wanted, "{typed}");
        assert!(parse(typed).is_err(), "{typed} means nothing where it would act by itself");
    }
}

#[test]
fn what_is_meant_is_read_without_a_note() {
    for query in ["", "a\\^2", "a\\~", "\"a^2 b~\"", "^", "~", "/a^2~/", "service:pay*"] {
        let reading = read(query).unwrap_or_else(|error| panic!("{query}: {error}"));
        assert_eq!((reading.notes.len(), Some(reading.query)), (0, parse(query).ok()), "{query}");
    }
}

#[test]
fn a_text_full_of_marks_has_a_bounded_number_of_notes() {
    let reading = read(&"a^2 ".repeat(limits::LEAVES)).expect("a query");
    assert_eq!(reading.notes.len(), limits::NOTES);
}

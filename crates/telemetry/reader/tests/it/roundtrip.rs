//! Every query can be written and read back; no text breaks the parser.

use andon_reader::query::{Bound, Filter, Leaf, Matcher, Piece, Query, limits, parse};
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}",
        "[0-9]{1,5}",
        "[A-Za-z0-9 .:/*?\"\\\\()\\[\\]{}<>=!+~^&|-]{1,10}",
        "(AND|OR|NOT|TO|äöü|日本)",
    ]
}

fn field() -> impl Strategy<Value = Option<String>> {
    let name = text().prop_filter("names a plain attribute", |n| {
        !matches!(
            n.as_str(),
            "_exists_" | "level" | "severity" | "timestamp" | "received_at"
        )
    });
    proptest::option::of(name)
}

fn bound() -> impl Strategy<Value = Bound> {
    prop_oneof![
        Just(Bound::Open),
        text().prop_map(Bound::Inclusive),
        text().prop_map(Bound::Exclusive),
    ]
}

fn pieces() -> impl Strategy<Value = Matcher> {
    (text(), text(), 0..4).prop_map(|(a, b, shape)| {
        Matcher::Wildcard(match shape {
            0 => vec![Piece::Text(a), Piece::Many],
            1 => vec![Piece::Many, Piece::Text(a)],
            2 => vec![Piece::Text(a), Piece::One, Piece::Text(b)],
            _ => vec![Piece::Many, Piece::Text(a), Piece::Many, Piece::One],
        })
    })
}

fn leaf() -> impl Strategy<Value = Query> {
    let matcher = prop_oneof![
        text().prop_map(Matcher::Word),
        proptest::option::of(text()).prop_map(|t| Matcher::Phrase(t.unwrap_or_default())),
        pieces(),
        (bound(), bound())
            .prop_filter("one bound", |(l, u)| *l != Bound::Open || *u != Bound::Open)
            .prop_map(|(lower, upper)| Matcher::Range { lower, upper }),
        "[a-z./]{1,6}".prop_map(Matcher::Regex),
    ];
    let exists = field().prop_map(|f| match f {
        None => Query::All,
        some => Query::Leaf(Leaf {
            field: some,
            matcher: Matcher::Exists,
        }),
    });
    prop_oneof![
        5 => (field(), matcher).prop_map(|(field, matcher)| Query::Leaf(Leaf { field, matcher })),
        1 => exists,
    ]
}

fn query() -> impl Strategy<Value = Query> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|q| Query::Not(Box::new(q))),
            proptest::collection::vec(inner.clone(), 1..4).prop_map(Query::and),
            proptest::collection::vec(inner, 1..4).prop_map(Query::or),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back_the_same(query in query()) {
        let text = query.to_string();
        prop_assert_eq!(parse(&text).map_err(|e| format!("{text}: {e}")), Ok(query));
    }

    #[test]
    fn no_text_breaks_the_parser(text in "[a-zAND:\"/\\\\()\\[\\]{}*?!+~^&|<>= -]{0,40}") {
        match parse(&text) {
            Ok(query) => prop_assert!(Filter::compile(&query).is_ok()),
            Err(error) => {
                prop_assert!(error.position.is_some(), "{} has no place", text);
                prop_assert!(error.hint.is_some(), "{} has no hint", text);
            }
        }
    }
}

#[test]
fn what_is_read_at_the_deepest_is_printed_no_deeper() {
    let nested = |open: &str, close: &str, levels: usize| open.repeat(levels) + "a" + &close.repeat(levels);
    let deepest = [
        nested("-", "", limits::DEPTH),
        nested("(b OR c ", ")", limits::DEPTH),
        nested("(b c OR ", ")", limits::DEPTH),
        nested("-(b ", ")", limits::DEPTH / 2),
        nested("!(b OR -c ", ")", limits::DEPTH / 2 - 1),
    ];
    for text in deepest {
        let query = parse(&text).unwrap();
        let printed = query.to_string();
        assert_eq!(parse(&printed), Ok(query), "{printed}");
    }
}

#[test]
fn only_what_would_be_read_otherwise_is_printed_in_parentheses() {
    let cases = [
        ("-a b || c", "NOT a AND b OR c"),
        ("a (b OR c)", "a AND (b OR c)"),
        ("-(a b)", "NOT (a AND b)"),
        ("--a", "NOT NOT a"),
        ("(a b) OR (c d)", "a AND b OR c AND d"),
    ];
    for (text, printed) in cases {
        assert_eq!(parse(text).map(|query| query.to_string()), Ok(printed.to_owned()));
    }
}

//! Text to the parts of a syslog message; whatever is no header stays in the message.

use std::borrow::Cow;

use crate::syslog::times::{Reference, leading};

/// Longest tag and process id that are read as such, bytes.
const TAG_BYTES: usize = 128;
/// Most structured data elements and parameters that are read; a longer list stays in the message.
const PARAMETERS_MAX: usize = 1_024;

/// A message in its parts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Parts<'a> {
    /// Facility times eight plus severity.
    pub(crate) priority: Option<u8>,
    pub(crate) timestamp_us: Option<i64>,
    pub(crate) host: &'a str,
    pub(crate) app: &'a str,
    pub(crate) process: &'a str,
    pub(crate) message_id: &'a str,
    /// Element id, parameter name, value.
    pub(crate) structured: Vec<(&'a str, &'a str, Cow<'a, str>)>,
    pub(crate) message: &'a str,
}

/// Reads a message; this cannot fail.
pub(crate) fn parse<'a>(text: &'a str, reference: &Reference<'_>) -> Parts<'a> {
    let (priority, rest) = match priority(text) {
        Some((priority, rest)) => (Some(priority), rest),
        None => (None, text),
    };
    let parts = match priority {
        Some(_) => rfc5424(rest).unwrap_or_else(|| rfc3164(rest, reference)),
        None => rfc3164(rest, reference),
    };
    Parts { priority, ..parts }
}

/// `<0>` to `<191>`.
fn priority(text: &str) -> Option<(u8, &str)> {
    let (digits, rest) = text.strip_prefix('<')?.split_once('>')?;
    let is_number = (1..=3).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: u8 = is_number.then(|| digits.parse().ok())??;
    (number <= 191).then_some((number, rest))
}

/// `1 TIMESTAMP HOST APP PROCID MSGID STRUCTURED-DATA [MESSAGE]`; `-` stands for "none".
fn rfc5424(text: &str) -> Option<Parts<'_>> {
    let rest = text.strip_prefix("1 ")?;
    let (time, rest) = rest.split_once(' ')?;
    let timestamp_us = match time {
        "-" => None,
        time => Some(time.parse::<jiff::Timestamp>().ok()?.as_microsecond()),
    };
    let (host, rest) = rest.split_once(' ')?;
    let (app, rest) = rest.split_once(' ')?;
    let (process, rest) = rest.split_once(' ')?;
    // A message may be missing, and with some senders the structured data, too.
    let (message_id, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let (structured, rest) = structured_data(rest).unwrap_or((Vec::new(), rest));
    let message = rest.strip_prefix('\u{feff}').unwrap_or(rest);
    let value = |text| if text == "-" { "" } else { text };
    Some(Parts {
        timestamp_us,
        host: value(host),
        app: value(app),
        process: value(process),
        message_id: value(message_id),
        structured,
        message,
        ..Parts::default()
    })
}

type Structured<'a> = Vec<(&'a str, &'a str, Cow<'a, str>)>;

/// `-` or `[id name="value" …][…]`, and the message that follows after one blank.
fn structured_data(text: &str) -> Option<(Structured<'_>, &str)> {
    let mut found = Vec::new();
    let mut rest = match text.strip_prefix('-') {
        Some(rest) => rest,
        None => {
            let mut rest = text.starts_with('[').then_some(text)?;
            while rest.starts_with('[') {
                rest = element(rest, &mut found)?;
            }
            rest
        }
    };
    if !rest.is_empty() {
        rest = rest.strip_prefix(' ')?;
    }
    Some((found, rest))
}

/// One `[id name="value" …]`; gives what follows.
fn element<'a>(text: &'a str, found: &mut Structured<'a>) -> Option<&'a str> {
    let inner = text.strip_prefix('[')?;
    let end = inner.find([' ', ']', '=', '"'])?;
    let (id, mut rest) = inner.split_at(end);
    let is_without_parameters = rest.starts_with(']');
    if is_without_parameters && !id.is_empty() {
        found.push((id, "", Cow::Borrowed("")));
    }
    loop {
        if let Some(after) = rest.strip_prefix(']') {
            return (!id.is_empty()).then_some(after);
        }
        let parameter = rest.strip_prefix(' ')?.trim_start_matches(' ');
        if parameter.starts_with(']') {
            rest = parameter;
            continue;
        }
        let (name, value) = parameter.split_once("=\"")?;
        if name.is_empty() || name.contains([' ', ']', '"']) || found.len() >= PARAMETERS_MAX {
            return None;
        }
        let end = value_end(value)?;
        found.push((id, name, unescape(value.get(..end)?)));
        rest = value.get(end + 1..)?;
    }
}

/// Where the closing quotation mark is; a backslash escapes.
fn value_end(value: &str) -> Option<usize> {
    let mut is_escaped = false;
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return Some(at),
            _ => {}
        }
    }
    None
}

/// `\"`, `\\` and `\]`; any other backslash stands for itself (RFC 5424, 6.3.3).
fn unescape(value: &str) -> Cow<'_, str> {
    if !value.contains('\\') {
        return Cow::Borrowed(value);
    }
    let mut out = String::with_capacity(value.len());
    let mut letters = value.chars().peekable();
    while let Some(letter) = letters.next() {
        let escaped = letters.peek().copied().filter(|next| matches!(next, '"' | '\\' | ']'));
        match (letter, escaped) {
            ('\\', Some(next)) => {
                out.push(next);
                letters.next();
            }
            _ => out.push(letter),
        }
    }
    Cow::Owned(out)
}

/// `[TIME] [HOST] [TAG[PID]:] MESSAGE`, as far as it is there.
fn rfc3164<'a>(text: &'a str, reference: &Reference<'_>) -> Parts<'a> {
    let Some((timestamp_us, end)) = leading(text, reference) else {
        return without_time(text);
    };
    let rest = text.get(end..).unwrap_or_default();
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    let parts = match tag(rest) {
        Some(parts) => parts,
        None => with_host(rest),
    };
    Parts {
        timestamp_us: Some(timestamp_us),
        ..parts
    }
}

fn with_host(text: &str) -> Parts<'_> {
    let (host, rest) = text.split_once(' ').unwrap_or((text, ""));
    let is_host = !host.is_empty() && host.len() <= 255 && !host.contains(['[', ']', '"', '=', '{', '(']) && !host.ends_with(':');
    if !is_host {
        return plain(text);
    }
    // Cisco writes `host: %ASA-6-…` and `host : %ASA-6-…`.
    let inner = rest.strip_prefix(": ").unwrap_or(rest);
    let parts = tag(inner).unwrap_or_else(|| plain(rest));
    Parts { host, ..parts }
}

/// Without a time only `name[123]: ` is told from the words of a message.
fn without_time(text: &str) -> Parts<'_> {
    match tag(text) {
        Some(parts) if !parts.process.is_empty() => parts,
        _ => plain(text),
    }
}

fn plain(message: &str) -> Parts<'_> {
    Parts {
        message,
        ..Parts::default()
    }
}

/// `name: message` or `name[123]: message`; one blank after it belongs to the header.
fn tag(text: &str) -> Option<Parts<'_>> {
    let end = text.bytes().take(TAG_BYTES + 1).position(|byte| matches!(byte, b' ' | b':' | b'[' | b']'))?;
    let (app, rest) = text.split_at_checked(end)?;
    if app.is_empty() {
        return None;
    }
    let (process, rest) = match rest.strip_prefix('[') {
        Some(inner) => {
            let (process, after) = inner.split_once(']')?;
            let is_process = !process.is_empty() && process.len() <= TAG_BYTES && !process.contains([' ', '[']);
            if !is_process {
                return None;
            }
            (process, after)
        }
        None => ("", rest),
    };
    let after = match (rest.strip_prefix(':'), process) {
        (Some(after), _) => after,
        (None, "") => return None,
        (None, _) => rest,
    };
    let message = match after.strip_prefix(' ') {
        Some(message) => message,
        None if after.is_empty() => after,
        None => return None,
    };
    Some(Parts {
        app,
        process,
        message,
        ..Parts::default()
    })
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;

    const NOW_US: i64 = 1_780_000_000_000_000; // 2026-05-28

    fn read(text: &str) -> Parts<'_> {
        parse(text, &Reference { now_us: NOW_US, zone: &TimeZone::UTC })
    }

    fn header<'a>(parts: &'a Parts<'_>) -> (Option<u8>, &'a str, &'a str, &'a str, &'a str) {
        (parts.priority, parts.host, parts.app, parts.process, parts.message)
    }

    #[test]
    fn rfc_5424_with_structured_data() {
        let text = "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut=\"3\" \
            eventSource=\"App\\\"lic\\]ation\\n\" eventID=\"1011\"][priority@32473 class=\"high\"][bare] \u{feff}An application event";
        let parts = read(text);
        assert_eq!(header(&parts), (Some(165), "mymachine.example.com", "evntslog", "", "An application event"));
        assert_eq!(parts.timestamp_us, Some(1_065_910_455_003_000));
        assert_eq!(parts.message_id, "ID47");
        let structured: Vec<_> = parts.structured.iter().map(|(id, name, value)| (*id, *name, value.as_ref())).collect();
        assert_eq!(structured, [
            ("exampleSDID@32473", "iut", "3"),
            ("exampleSDID@32473", "eventSource", "App\"lic]ation\\n"),
            ("exampleSDID@32473", "eventID", "1011"),
            ("priority@32473", "class", "high"),
            ("bare", "", ""),
        ]);
    }

    #[test]
    fn rfc_5424_keeps_every_byte_of_the_message() {
        for message in ["", " two blanks ", "[not data", "- dash", "trailing \n", "[a b=\"c\"] d"] {
            let text = format!("<14>1 - - - - - - {message}");
            assert_eq!(read(&text).message, message, "{text}");
        }
        // Structured data that breaks off is not data.
        assert_eq!(read("<14>1 - h a - - [x y=\"z").message, "[x y=\"z");
        assert_eq!(read("<14>1 - h a - -").app, "a");
    }

    #[test]
    fn rfc_3164_as_programs_write_it() {
        for (text, expected) in [
            ("<34>Oct 11 22:14:15 mymachine su: 'su root' failed", (Some(34), "mymachine", "su", "", "'su root' failed")),
            ("<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!", (Some(13), "10.0.0.99", "", "", "Use the BFG!")),
            ("<38>Feb  5 17:32:18 gate sshd[4321]: Failed password: x", (Some(38), "gate", "sshd", "4321", "Failed password: x")),
            ("<13>Feb  5 17:32:18 root: from logger", (Some(13), "", "root", "", "from logger")),
            ("<22>Feb  5 17:32:18 mx postfix/smtpd[9]: [1.2.3.4] refused", (Some(22), "mx", "postfix/smtpd", "9", "[1.2.3.4] refused")),
            ("<6>Feb  5 17:32:18 box kernel: [ 12.5] eth0: up", (Some(6), "box", "kernel", "", "[ 12.5] eth0: up")),
            ("<166>Feb 05 2026 17:32:18 fw : %ASA-6-302013: Built", (Some(166), "fw", "%ASA-6-302013", "", "Built")),
            ("<13>2026-02-05T17:32:18.123456+00:00 web app[1]: hi", (Some(13), "web", "app", "1", "hi")),
            ("<30>docker/abc[12]: started", (Some(30), "", "docker/abc", "12", "started")),
            ("<13>error: disk full", (Some(13), "", "", "", "error: disk full")),
            ("<13>Feb  5 17:32:18 web http://x/y failed", (Some(13), "web", "", "", "http://x/y failed")),
            ("<999>x", (None, "", "", "", "<999>x")),
            ("no header at all", (None, "", "", "", "no header at all")),
            ("Feb  5 17:32:18 web app: without priority", (None, "web", "app", "", "without priority")),
            ("<13>Feb  5 17:32:18 web app:  two blanks  ", (Some(13), "web", "app", "", " two blanks  ")),
            ("<13>", (Some(13), "", "", "", "")),
        ] {
            assert_eq!(header(&read(text)), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in any::<String>()) {
            let _parts = read(&text);
            let _parts = read(&format!("<14>1 - h a p m [{text}"));
            let _parts = read(&format!("<14>Oct 11 22:14:15 {text}"));
        }

        #[test]
        fn a_message_without_header_is_kept_whole(text in "[a-z ]{0,40}") {
            prop_assert_eq!(read(&text).message, text.as_str());
        }

        #[test]
        fn an_independent_parser_reads_the_same_header(
            priority in 0u8..=191, host in "[a-z][a-z0-9.-]{0,20}", app in "[a-z][a-z0-9_/-]{0,20}",
            process in "[1-9][0-9]{0,4}", id in "[A-Z]{1,8}", value in "[a-zA-Z0-9 .:/-]{1,20}", message in "[a-z][a-z0-9 ]{0,30}[a-z]",
        ) {
            let text = format!("<{priority}>1 2026-01-31T08:00:00.123Z {host} {app} {process} {id} [sd@1 key=\"{value}\"] {message}");
            let parts = read(&text);
            let other = syslog_loose::parse_message(&text, syslog_loose::Variant::RFC5424);
            prop_assert_eq!(Some(parts.host), other.hostname);
            prop_assert_eq!(Some(parts.app), other.appname);
            prop_assert_eq!(Some(parts.process.to_owned()), other.procid.map(|process| process.to_string()));
            prop_assert_eq!(Some(parts.message_id), other.msgid);
            prop_assert_eq!(parts.message, other.msg);
            prop_assert_eq!(parts.timestamp_us, other.timestamp.map(|time| time.timestamp_micros()));
            prop_assert_eq!(parts.structured[0].2.as_ref(), other.structured_data[0].params[0].1);
        }
    }
}

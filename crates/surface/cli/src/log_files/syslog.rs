//! Lines of syslog's files: as rsyslog and syslog-ng write them, with or without the priority in front.

use serde_json::{Map, Value};

use super::gelf::level_name;
use super::level::level_of;
use super::object::number_or_text;
use super::stamp::{Clock, leading};

/// Longest name of a host or program; longer words are something else.
const NAME_BYTES: usize = 128;

/// What a line says.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Entry<'a> {
    pub(crate) time_us: Option<i64>,
    pub(crate) level: &'static str,
    pub(crate) host: &'a str,
    pub(crate) app: &'a str,
    pub(crate) message: &'a str,
    pub(crate) attributes: Map<String, Value>,
}

/// Reads a line; nothing for one without time and host, which goes on with the message before.
pub(crate) fn entry_of<'a>(line: &'a str, clock: &Clock) -> Option<Entry<'a>> {
    let mut entry = Entry::default();
    let rest = match priority(line) {
        Some((number, rest)) => {
            entry.level = level_name(number & 7).unwrap_or_default();
            if let Some(facility) = facility_name(number >> 3) {
                entry.attributes.insert("syslog.facility".to_owned(), facility.into());
            }
            rest
        }
        None => line,
    };
    match rest.strip_prefix("1 ") {
        Some(rest) if rest.len() < line.len() => read_new(rest, entry, clock),
        _ => read_old(rest, entry, clock),
    }
}

fn priority(line: &str) -> Option<(u64, &str)> {
    let (number, rest) = line.strip_prefix('<')?.split_once('>')?;
    let number: u64 = number.parse().ok().filter(|number| *number < 192)?;
    Some((number, rest))
}

/// RFC 3164 and what files hold of it: time, host, `program[pid]:`, message.
fn read_old<'a>(rest: &'a str, mut entry: Entry<'a>, clock: &Clock) -> Option<Entry<'a>> {
    let bytes = rest.as_bytes();
    // Programs write other times into files of their own.
    let is_syslog = bytes.first()?.is_ascii_alphabetic() || bytes.first() == Some(&b'*') || bytes.get(10) == Some(&b'T');
    let (time_us, end) = leading(rest, clock).filter(|_| is_syslog)?;
    entry.time_us = Some(time_us);
    let rest = rest.get(end..)?.strip_prefix(' ')?.trim_start();
    let (host, rest) = rest.split_once(' ')?;
    entry.host = name(host).filter(|host| level_of(host).is_none())?;
    let (tag, message) = match rest.split_once(": ") {
        Some((tag, message)) if is_tag(tag) => (tag, message),
        _ => match rest.strip_suffix(':') {
            Some(tag) if is_tag(tag) => (tag, ""),
            _ => ("", rest),
        },
    };
    let (app, process) = match tag.strip_suffix(']').and_then(|tag| tag.rsplit_once('[')) {
        Some((app, process)) => (app, process),
        None => (tag, ""),
    };
    entry.app = app;
    entry.message = message;
    if !process.is_empty() {
        entry.attributes.insert("syslog.procid".to_owned(), number_or_text(process));
    }
    Some(entry)
}

/// RFC 5424 behind its version: time, host, program, process, message's id, structured data, message.
fn read_new<'a>(rest: &'a str, mut entry: Entry<'a>, clock: &Clock) -> Option<Entry<'a>> {
    let mut parts = rest.splitn(6, ' ');
    let mut part = || parts.next().map(|part| if part == "-" { "" } else { part });
    let (time, host, app, process, id) = (part()?, part()?, part()?, part()?, part()?);
    entry.time_us = leading(time, clock).map(|(time_us, _)| time_us);
    (entry.host, entry.app) = (host, app);
    if !process.is_empty() {
        entry.attributes.insert("syslog.procid".to_owned(), number_or_text(process));
    }
    if !id.is_empty() {
        entry.attributes.insert("syslog.msgid".to_owned(), id.into());
    }
    let rest = parts.next().unwrap_or_default();
    let message = match rest.strip_prefix('-') {
        Some(message) => message,
        None => structured(rest, &mut entry.attributes).unwrap_or(rest),
    };
    entry.message = message.trim_start().trim_start_matches('\u{feff}');
    Some(entry)
}

/// Reads `[id name="value" …]…` and gives what follows; nothing where it is malformed.
fn structured<'a>(text: &'a str, attributes: &mut Map<String, Value>) -> Option<&'a str> {
    let mut rest = text;
    while let Some(element) = rest.strip_prefix('[') {
        let end = element.find([' ', ']'])?;
        let id = element.get(..end)?;
        let mut inner = element.get(end..)?;
        loop {
            inner = inner.trim_start_matches(' ');
            if let Some(behind) = inner.strip_prefix(']') {
                rest = behind;
                break;
            }
            let (name, behind) = inner.split_once("=\"")?;
            let (value, behind) = parameter(behind)?;
            attributes.insert(format!("{id}.{name}"), value.into());
            inner = behind;
        }
    }
    Some(rest)
}

fn parameter(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match characters.next()?.1 {
                escaped @ ('"' | '\\' | ']') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            _ => value.push(c),
        }
    }
    None
}

fn name(word: &str) -> Option<&str> {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '/' | '%' | '@');
    (!word.is_empty() && word.len() <= NAME_BYTES && !word.ends_with(':') && word.chars().all(is_name)).then_some(word)
}

/// `sshd[24200]`, `sshd(pam_unix)[19939]`, `com.apple.CDScheduler[43]`.
fn is_tag(tag: &str) -> bool {
    !tag.is_empty() && tag.len() <= NAME_BYTES && !tag.contains(' ') && !tag.starts_with('[')
}

fn facility_name(number: u64) -> Option<&'static str> {
    const NAMES: [&str; 24] = [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "audit", "alert",
        "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
    ];
    NAMES.get(usize::try_from(number).ok()?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(line: &str) -> Option<Entry<'_>> {
        entry_of(line, &Clock::at("2026-06-01T00:00:00Z".parse().unwrap()))
    }

    #[test]
    fn files_of_rsyslog_are_read_in_both_spellings() {
        let old = read("Jun 14 15:16:01 combo sshd(pam_unix)[19939]: authentication failure; logname= uid=0").unwrap();
        assert_eq!((old.host, old.app, old.message), ("combo", "sshd(pam_unix)", "authentication failure; logname= uid=0"));
        assert_eq!(Value::Object(old.attributes), json!({"syslog.procid": 19939}));
        let new = read("2026-05-31T09:00:00.123456+02:00 web01 kernel: [ 12.3] up").unwrap();
        assert_eq!((new.time_us, new.host, new.app, new.message), (Some(1_780_210_800_123_456), "web01", "kernel", "[ 12.3] up"));
        assert_eq!(read("Jun  1 10:00:00 web01 last message repeated 3 times").unwrap().message, "last message repeated 3 times");
    }

    #[test]
    fn priority_and_structured_data_are_read() {
        let entry = read("<165>1 2026-01-31T08:00:00Z web01 shop 42 ORDER [order@1 id=\"7\" note=\"a \\\"b\\\"\"][x@2] paid").unwrap();
        assert_eq!((entry.level, entry.host, entry.app, entry.message), ("notice", "web01", "shop", "paid"));
        assert_eq!(
            Value::Object(entry.attributes),
            json!({"syslog.facility": "local4", "syslog.procid": 42, "syslog.msgid": "ORDER", "order@1.id": "7", "order@1.note": "a \"b\""})
        );
        assert_eq!(read("<14>Feb  5 17:32:18 web app: caf\u{e9}").unwrap().level, "info");
    }

    #[test]
    fn what_has_no_time_or_host_is_no_entry() {
        for line in ["", "\tat java.lang", "Jun 14 15:16:01", "Jun 14 15:16:01 combo", "<999>Jun 14 15:16:01 a b: c", "no time here: x"] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}

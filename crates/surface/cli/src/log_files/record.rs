//! Lines to records: what belongs together is joined, and each record becomes a JSON line for the server.
//!
//! Invariant: records depend on the bytes of the file and its shape alone, so that an import that goes on at
//! the start of a record makes the same ones.

use serde_json::{Map, Value};

use super::access;
use super::format::{Format, Shape};
use super::gelf;
use super::level::level_of;
use super::lines::Line;
use super::logfmt;
use super::object::Object;
use super::stamp::{Clock, leading, time_of};
use super::syslog;

/// Most lines of one message: a file that never has a time would become a single one.
const JOINED_LINES: usize = 2_000;
/// Most bytes of one message that is joined: the store keeps no more.
const JOINED_BYTES: usize = 1 << 20;

/// What every record of a file says of itself: where it is from, so that it is known again.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The identity of the import.
    pub(crate) import: String,
    /// The path of the file, as people know it.
    pub(crate) path: String,
    /// The service of lines that say none.
    pub(crate) service: String,
}

/// A record, as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// The number of its first line: its sequence in the import.
    pub(crate) line: u64,
    /// The number of its last line.
    pub(crate) last_line: u64,
    /// Where the next record begins, in bytes of the unpacked file.
    pub(crate) end: u64,
    /// The JSON line, without its end.
    pub(crate) json: Vec<u8>,
}

/// Makes records of lines.
pub(crate) struct Records {
    shape: Shape,
    clock: Clock,
    origin: Origin,
    open: Option<Open>,
    /// Ends of blank lines behind the open message: they belong to it only when it goes on.
    blanks: Vec<(u64, u64)>,
}

/// A message that may go on.
struct Open {
    line: u64,
    last_line: u64,
    end: u64,
    text: String,
    lines: usize,
    cut_bytes: u64,
    is_lossy: bool,
}

impl Records {
    pub(crate) fn new(shape: Shape, clock: Clock, origin: Origin) -> Self {
        Self { shape, clock, origin, open: None, blanks: Vec::new() }
    }

    /// Takes a line; gives the record that is complete now.
    pub(crate) fn push(&mut self, line: Line) -> Option<Record> {
        if line.bytes.iter().all(u8::is_ascii_whitespace) {
            match &mut self.open {
                Some(_) if self.blanks.len() < JOINED_LINES => self.blanks.push((line.number, line.end)),
                _ => {}
            }
            return None;
        }
        if matches!(self.shape.format, Format::Ndjson) {
            return Some(self.raw(line));
        }
        let (text, is_lossy) = match String::from_utf8(line.bytes) {
            Ok(text) => (text, false),
            Err(error) => (String::from_utf8_lossy(error.as_bytes()).into_owned(), true),
        };
        if let Some(open) = &mut self.open
            && goes_on(&text, self.shape, &self.clock)
            && open.lines + self.blanks.len() < JOINED_LINES
            && open.text.len() + text.len() < JOINED_BYTES
        {
            open.join(&text, self.blanks.drain(..).count());
            (open.last_line, open.end) = (line.number, line.end);
            open.is_lossy |= is_lossy;
            open.cut_bytes += line.cut_bytes;
            return None;
        }
        let done = self.flush();
        self.open = Some(Open { line: line.number, last_line: line.number, end: line.end, text, lines: 1, cut_bytes: line.cut_bytes, is_lossy });
        done
    }

    /// Gives the record that is open at the end of the file.
    pub(crate) fn flush(&mut self) -> Option<Record> {
        let open = self.open.take()?;
        // Blank lines behind it are dealt with, too.
        let (last_line, end) = self.blanks.drain(..).last().unwrap_or((open.last_line, open.end));
        Some(Record { line: open.line, last_line, end, json: self.write(open) })
    }

    /// A JSON line goes as it is, with where it is from put in front; what is none is refused by the server.
    fn raw(&self, line: Line) -> Record {
        let trimmed = line.bytes.trim_ascii();
        let mut json = Vec::with_capacity(trimmed.len() + 200);
        match trimmed.strip_prefix(b"{") {
            Some(rest) => {
                let mut head = Object::new(160);
                self.identify(line.number, &mut head);
                head.text("service", &self.origin.service);
                json.append(&mut head.finish());
                json.pop();
                if !rest.trim_ascii_start().starts_with(b"}") {
                    json.push(b',');
                }
                json.extend_from_slice(rest);
            }
            None => json.extend_from_slice(trimmed),
        }
        Record { line: line.number, last_line: line.number, end: line.end, json }
    }

    fn identify(&self, line: u64, object: &mut Object) {
        object.text("import.id", &self.origin.import);
        object.number("import.line", line);
        object.text("log.file.path", &self.origin.path);
    }

    fn write(&self, open: Open) -> Vec<u8> {
        let mut object = Object::new(open.text.len() + open.text.len() / 8);
        self.identify(open.line, &mut object);
        if open.cut_bytes > 0 {
            object.number("andon.truncated_bytes", open.cut_bytes);
        }
        if open.is_lossy {
            object.value("andon.invalid_utf8", &Value::Bool(true));
        }
        match self.shape.format {
            Format::Gelf => match serde_json::from_str::<Map<String, Value>>(&open.text) {
                Ok(message) => gelf::write(message, &self.origin.service, &mut object),
                // What is no message is for the server to refuse, as any other line that is no JSON.
                Err(_) => return open.text.into_bytes(),
            },
            Format::Syslog => self.write_syslog(&open.text, &mut object),
            Format::Logfmt => self.write_logfmt(&open.text, &mut object),
            Format::Text | Format::Auto | Format::Ndjson => self.write_text(&open.text, &mut object),
        }
        object.finish()
    }

    fn write_text(&self, text: &str, object: &mut Object) {
        object.time(time_of(text, &self.clock));
        object.text("service", &self.origin.service);
        object.text("message", text);
        match access::fields_of(text) {
            Some(fields) => object.map("attributes", fields),
            None => object.text("level", level_of(text).unwrap_or_default()),
        }
    }

    fn write_syslog(&self, text: &str, object: &mut Object) {
        let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
        let Some(entry) = syslog::entry_of(first, &self.clock) else { return self.write_text(text, object) };
        object.time(entry.time_us);
        object.text("level", entry.level);
        object.text("service", if self.origin.service.is_empty() { entry.app } else { &self.origin.service });
        let message = match (entry.message, rest) {
            // A line without a message is one nevertheless.
            ("", "") => first.to_owned(),
            (message, "") => message.to_owned(),
            (message, rest) => format!("{message}\n{rest}"),
        };
        object.text("message", &message);
        if !entry.host.is_empty() {
            object.map("resource", Map::from_iter([("host.name".to_owned(), entry.host.into())]));
        }
        let mut attributes = entry.attributes;
        if !self.origin.service.is_empty() && !entry.app.is_empty() {
            attributes.insert("syslog.appname".to_owned(), entry.app.into());
        }
        object.map("attributes", attributes);
    }

    fn write_logfmt(&self, text: &str, object: &mut Object) {
        let Some(pairs) = logfmt::pairs(text) else { return self.write_text(text, object) };
        let pairs = logfmt::with_message(pairs, text);
        if !self.origin.service.is_empty() && !pairs.contains_key("service") {
            object.text("service", &self.origin.service);
        }
        for (name, value) in &pairs {
            object.value(name, value);
        }
    }
}

impl Open {
    fn join(&mut self, text: &str, blanks: usize) {
        for _ in 0..=blanks {
            self.text.push('\n');
        }
        self.text.push_str(text);
        self.lines += blanks + 1;
    }
}

/// Says whether a line goes on with the message before it.
fn goes_on(text: &str, shape: Shape, clock: &Clock) -> bool {
    match shape.format {
        Format::Gelf | Format::Ndjson => false,
        Format::Syslog => syslog::entry_of(text, clock).is_none(),
        Format::Logfmt => logfmt::pairs(text).is_none(),
        Format::Text | Format::Auto if shape.is_stamped => leading(text, clock).is_none(),
        Format::Text | Format::Auto => text.starts_with([' ', '\t']) || text.starts_with("Caused by:") || text.starts_with("Traceback "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_files::format::shape_of;
    use crate::log_files::lines::Lines;
    use serde_json::json;

    fn clock() -> Clock {
        Clock::at("2026-06-01T00:00:00Z".parse().unwrap())
    }

    fn records_after(text: &[u8], shape: Shape, offset: u64, lines: u64) -> Vec<Record> {
        let origin = Origin { import: "1f".to_owned(), path: "app.log".to_owned(), service: "shop".to_owned() };
        let mut records = Records::new(shape, clock(), origin);
        let mut lines = Lines::after(&text[usize::try_from(offset).unwrap()..], offset, lines);
        let mut made = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            made.extend(records.push(line));
        }
        made.extend(records.flush());
        made
    }

    fn records(text: &[u8], format: Format) -> Vec<(u64, Value)> {
        let made = records_after(text, shape_of(text, format, &clock()), 0, 0);
        made.into_iter().map(|record| (record.line, serde_json::from_slice(&record.json).unwrap())).collect()
    }

    const TRACE: &str = "2026-01-31 08:00:00,123 ERROR [main] charge failed\njava.lang.IllegalStateException: boom\n\tat a.b(C.java:7)\n\n\
        Caused by: x\n2026-01-31 08:00:01,000 INFO next\n\n\n";

    #[test]
    fn a_stack_trace_is_one_record_with_the_time_of_its_first_line() {
        let made = records(TRACE.as_bytes(), Format::Auto);
        assert_eq!(made.len(), 2);
        assert_eq!(
            made[0].1,
            json!({"import.id": "1f", "import.line": 1, "log.file.path": "app.log", "timestamp": "2026-01-31T08:00:00.123Z", "service": "shop",
                "message": "2026-01-31 08:00:00,123 ERROR [main] charge failed\njava.lang.IllegalStateException: boom\n\tat a.b(C.java:7)\n\nCaused by: x",
                "level": "error"})
        );
        assert_eq!((made[1].0, &made[1].1["message"]), (6, &json!("2026-01-31 08:00:01,000 INFO next")));
    }

    #[test]
    fn an_import_that_goes_on_makes_the_same_records() {
        let text = TRACE.repeat(3);
        let shape = shape_of(text.as_bytes(), Format::Auto, &clock());
        let whole = records_after(text.as_bytes(), shape, 0, 0);
        for place in 0..whole.len() {
            let done = &whole[place];
            assert_eq!(records_after(text.as_bytes(), shape, done.end, done.last_line), whole[place + 1..]);
        }
        assert_eq!(whole.last().unwrap().end, text.len() as u64);
    }

    #[test]
    fn text_without_times_joins_what_is_indented() {
        let made = records(b"first\n  more of it\nsecond\n", Format::Text);
        let messages: Vec<_> = made.iter().map(|(_, record)| record["message"].clone()).collect();
        assert_eq!(messages, ["first\n  more of it", "second"]);
        assert!(made[0].1.get("timestamp").is_none());
    }

    #[test]
    fn json_lines_go_as_they_are_with_where_they_are_from() {
        let made = records_after(b"{\"message\":\"a\"}\n {}\nbroken\n\n", Shape { format: Format::Ndjson, is_stamped: false }, 0, 0);
        let texts: Vec<_> = made.iter().map(|record| String::from_utf8_lossy(&record.json).into_owned()).collect();
        assert_eq!(
            texts,
            [
                r#"{"import.id":"1f","import.line":1,"log.file.path":"app.log","service":"shop","message":"a"}"#,
                r#"{"import.id":"1f","import.line":2,"log.file.path":"app.log","service":"shop"}"#,
                "broken",
            ]
        );
    }

    #[test]
    fn syslog_logfmt_and_bytes_that_are_no_text_are_read() {
        let syslog = records(b"Jan 31 08:00:00 web01 su[7]: opened\nJan 31 08:00:01 web01 su[7]: closed\n more\n", Format::Auto);
        assert_eq!(syslog[1].1["message"], "closed\n more");
        assert_eq!((&syslog[0].1["resource"], &syslog[0].1["timestamp"]), (&json!({"host.name": "web01"}), &json!("2026-01-31T08:00:00Z")));
        let logfmt = records(b"time=2026-01-31T08:00:00Z level=info msg=started n=5\n", Format::Auto);
        assert_eq!((&logfmt[0].1["n"], &logfmt[0].1["service"]), (&json!(5), &json!("shop")));
        let broken = records(b"caf\xe9\n", Format::Text);
        assert_eq!((&broken[0].1["message"], &broken[0].1["andon.invalid_utf8"]), (&json!("caf\u{fffd}"), &json!(true)));
    }
}

//! JSON objects, one per line, straight into columns.
//!
//! The scanner takes the lines it understands at once and leaves every other one, right or wrong, to
//! the slow path (`serde_json` and [`crate::fields::row_of`]), which also words the refusals. A line
//! means the same on both ways; a test compares them.

mod keys;
mod number;
mod role;
mod text;

use andon_columns::lines::{Cell, Lines};
use andon_reader::parse_severity;
use serde_json::Value;

use self::keys::{Keys, NONE};
use self::number::{Number, number_at};
pub(crate) use self::role::Named;
use self::role::{Role, place};
use self::text::{string_end, unescape};
use crate::fields::numbered_level;
use crate::times;

/// Deepest nesting of a value that is read here; the slow path judges deeper ones.
const DEPTH: usize = 100;
/// Spellings of severities that are remembered.
const SEVERITIES: usize = 16;
/// Room for unescaped text that is kept from line to line, bytes.
const SCRATCH_BYTES: usize = 1 << 20;

/// Reads the lines of one stream.
pub(crate) struct Scanner {
    keys: Keys,
    line: u64,
    batch: u64,
    scratch: String,
    severities: Vec<(Box<str>, Option<u8>)>,
    /// The resource of the last line that had one: its JSON, its service, its number in the batch.
    resource: Option<Resource>,
}

struct Resource {
    written: Box<str>,
    text: Box<str>,
    service: Box<str>,
    number: u32,
    batch: u64,
}

/// What is known of the line being read. Ranks are those of [`Role`].
#[derive(Default)]
struct Open {
    time: Option<(u8, i64)>,
    message: Option<u8>,
    severity_number: Option<(u8, u8)>,
    severity: Option<(u8, Option<u8>)>,
    service: Option<u8>,
    has_service: bool,
    texts: [Option<u8>; 6],
    resource: Option<u32>,
}

/// What becomes of a value whose name means something.
#[derive(PartialEq, Eq)]
enum Turn {
    /// It is taken.
    Taken,
    /// It is an attribute like others.
    Attribute,
}

/// Decides between two names for the same: nothing when the better one comes second, because the
/// first has been taken already.
#[inline]
fn turn(taken: Option<u8>, rank: u8) -> Option<Turn> {
    match taken {
        None => Some(Turn::Taken),
        Some(before) if before < rank => Some(Turn::Attribute),
        Some(_) => None,
    }
}

#[inline]
fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\r') = bytes.get(at) {
        at += 1;
    }
    at
}

impl Scanner {
    pub(crate) fn new(named: Named) -> Self {
        Self {
            keys: Keys::new(named),
            line: 0,
            batch: 1,
            scratch: String::new(),
            severities: Vec::new(),
            resource: None,
        }
    }

    /// Begins a new batch: numbers of fields and resources start anew.
    pub(crate) fn begin_batch(&mut self) {
        self.batch += 1;
    }

    /// Reads the line that begins at a place and says where the next one begins. Nothing when the
    /// line is not for this path: the batch is then as before.
    #[inline]
    pub(crate) fn line(&mut self, block: &str, start: usize, lines: &mut Lines) -> Option<usize> {
        let end = self.object(block, start, lines);
        if end.is_none() {
            lines.abandon_row();
        }
        if self.scratch.capacity() > SCRATCH_BYTES {
            self.scratch = String::new();
        }
        end
    }

    fn object(&mut self, block: &str, start: usize, lines: &mut Lines) -> Option<usize> {
        let bytes = block.as_bytes();
        self.line += 1;
        let mut open = Open::default();
        let mut key = NONE;
        let mut at = skip_space(bytes, start);
        if *bytes.get(at)? != b'{' {
            return None;
        }
        loop {
            // Behind the brace, and behind each comma.
            at = skip_space(bytes, at + 1);
            (key, at) = match self.keys.expected(key, bytes, at) {
                Some(found) => found,
                None => self.key(block, key, at)?,
            };
            let role = self.keys.begin(key, self.line)?;
            at = self.value(block, skip_space(bytes, at), key, role, &mut open, lines)?;
            at = skip_space(bytes, at);
            match *bytes.get(at)? {
                b',' => {}
                b'}' => break,
                _ => return None,
            }
        }
        at = skip_space(bytes, at + 1);
        match bytes.get(at) {
            None => {}
            Some(b'\n') => at += 1,
            Some(_) => return None,
        }
        self.finish(&open, lines)?;
        Some(at)
    }

    /// Reads a key that was not expected, and says where its value begins.
    fn key(&mut self, block: &str, before: usize, at: usize) -> Option<(usize, usize)> {
        let bytes = block.as_bytes();
        if *bytes.get(at)? != b'"' {
            return None;
        }
        let (end, is_escaped) = string_end(bytes, at + 1)?;
        if is_escaped {
            return None;
        }
        let key = self.keys.find(block.get(at + 1..end)?, before)?;
        let colon = skip_space(bytes, end + 1);
        (*bytes.get(colon)? == b':').then_some((key, colon + 1))
    }

    /// Reads a value and says where it ends.
    #[inline]
    fn value(
        &mut self,
        block: &str,
        at: usize,
        key: usize,
        role: Role,
        open: &mut Open,
        lines: &mut Lines,
    ) -> Option<usize> {
        if role == Role::Unusual {
            return None;
        }
        let bytes = block.as_bytes();
        match *bytes.get(at)? {
            b'"' => {
                let (end, is_escaped) = string_end(bytes, at + 1)?;
                let raw = block.get(at + 1..end)?;
                if is_escaped {
                    let mut scratch = std::mem::take(&mut self.scratch);
                    let said = unescape(raw, &mut scratch)
                        .and_then(|()| self.said(&scratch, key, role, open, lines));
                    self.scratch = scratch;
                    said?;
                } else {
                    self.said(raw, key, role, open, lines)?;
                }
                Some(end + 1)
            }
            b'0'..=b'9' | b'-' => {
                let (number, end) = number_at(bytes, at)?;
                self.counted(number, key, role, open, lines)?;
                Some(end)
            }
            b'{' | b'[' => self.nested(block, at, key, role, open, lines),
            _ => {
                let (cell, length) = literal(bytes.get(at..)?)?;
                if role == Role::NamedMessage {
                    return None;
                }
                self.attribute(key, cell, lines);
                Some(at + length)
            }
        }
    }

    #[inline]
    fn attribute(&mut self, key: usize, cell: Cell<'_>, lines: &mut Lines) {
        let field = self.keys.field(key, self.batch, lines);
        lines.cell(field, cell);
    }

    /// Takes a text.
    #[inline]
    fn said(
        &mut self,
        text: &str,
        key: usize,
        role: Role,
        open: &mut Open,
        lines: &mut Lines,
    ) -> Option<()> {
        let turn = match role {
            Role::Attribute | Role::SeverityNumber(_) | Role::Resource | Role::Attributes => {
                Turn::Attribute
            }
            Role::Time(rank) => match times::time_of_text(text) {
                None => Turn::Attribute,
                Some(time) => {
                    let turn = turn(open.time.map(|(before, _)| before), rank)?;
                    if turn == Turn::Taken {
                        open.time = Some((rank, time));
                    }
                    turn
                }
            },
            Role::Message(rank) => text_turn(&mut open.message, rank, place::MESSAGE, text, lines)?,
            Role::NamedMessage => text_turn(&mut open.message, 0, place::MESSAGE, text, lines)?,
            Role::Severity(rank) => {
                let turn = turn(open.severity.map(|(before, _)| before), rank)?;
                if turn == Turn::Taken {
                    open.severity = Some((rank, self.severity_number(text)));
                    lines.text(place::SEVERITY, text);
                }
                turn
            }
            Role::Service(rank) => {
                let turn = text_turn(&mut open.service, rank, place::SERVICE, text, lines)?;
                open.has_service |= turn == Turn::Taken && !text.is_empty();
                turn
            }
            Role::Text(place, rank) => {
                text_turn(open.texts.get_mut(place)?, rank, place, text, lines)?
            }
            Role::Unusual => return None,
        };
        if turn == Turn::Attribute {
            self.attribute(key, Cell::Text(text), lines);
        }
        Some(())
    }

    fn severity_number(&mut self, text: &str) -> Option<u8> {
        let known = self.severities.iter().find(|(known, _)| **known == *text);
        if let Some((_, number)) = known {
            return *number;
        }
        let number = parse_severity(text);
        if self.severities.len() < SEVERITIES && text.len() <= 20 {
            self.severities.push((text.into(), number));
        }
        number
    }

    /// Takes a number.
    fn counted(
        &mut self,
        number: Number,
        key: usize,
        role: Role,
        open: &mut Open,
        lines: &mut Lines,
    ) -> Option<()> {
        let turn = match (role, &number) {
            (Role::Time(rank), number) => {
                let time = match number {
                    Number::Integer(count) => Some(times::from_count(*count)),
                    Number::Other(number) => times::time_of(&Value::Number(number.clone())),
                };
                match time {
                    None => Turn::Attribute,
                    Some(time) => {
                        let turn = turn(open.time.map(|(before, _)| before), rank)?;
                        if turn == Turn::Taken {
                            open.time = Some((rank, time));
                        }
                        turn
                    }
                }
            }
            (Role::SeverityNumber(rank), Number::Integer(number @ 0..=24)) => {
                let turn = turn(open.severity_number.map(|(before, _)| before), rank)?;
                if turn == Turn::Taken {
                    open.severity_number = Some((rank, u8::try_from(*number).ok()?));
                }
                turn
            }
            (Role::Severity(rank), Number::Integer(number)) => {
                match u64::try_from(*number).ok().and_then(numbered_level) {
                    None => Turn::Attribute,
                    Some((name, number)) => {
                        let turn = turn(open.severity.map(|(before, _)| before), rank)?;
                        if turn == Turn::Taken {
                            open.severity = Some((rank, Some(number)));
                            lines.text(place::SEVERITY, name);
                        }
                        turn
                    }
                }
            }
            (Role::NamedMessage | Role::Unusual, _) => return None,
            _ => Turn::Attribute,
        };
        if turn == Turn::Attribute {
            match number {
                Number::Integer(number) => self.attribute(key, Cell::Integer(number), lines),
                Number::Other(number) => {
                    let field = self.keys.field(key, self.batch, lines);
                    lines.value(field, &Value::Number(number));
                }
            }
        }
        Some(())
    }

    /// Takes a list or an object.
    fn nested(
        &mut self,
        block: &str,
        at: usize,
        key: usize,
        role: Role,
        open: &mut Open,
        lines: &mut Lines,
    ) -> Option<usize> {
        let is_object = block.as_bytes().get(at) == Some(&b'{');
        match role {
            // `{"service": {"name": "x"}}`, and members that stand for themselves.
            Role::Service(_) | Role::Attributes if is_object => return None,
            Role::NamedMessage => return None,
            Role::Resource if is_object => {
                let end = self.resource(block, at, lines)?;
                open.resource = Some(self.resource.as_ref()?.number);
                return Some(end);
            }
            _ => {}
        }
        let end = nested_end(block.as_bytes(), at)?;
        let value: Value = serde_json::from_str(block.get(at..end)?).ok()?;
        let field = self.keys.field(key, self.batch, lines);
        lines.value(field, &value);
        Some(end)
    }

    fn resource(&mut self, block: &str, at: usize, lines: &mut Lines) -> Option<usize> {
        let rest = block.get(at..)?;
        if let Some(known) = &mut self.resource
            && rest.starts_with(&*known.written)
        {
            if known.batch != self.batch {
                known.number = number_of(lines, &known.text);
                known.batch = self.batch;
            }
            return Some(at + known.written.len());
        }
        let end = nested_end(block.as_bytes(), at)?;
        let written = block.get(at..end)?;
        let Ok(Value::Object(object)) = serde_json::from_str(written) else {
            return None;
        };
        let service = object.get("service.name").and_then(Value::as_str);
        let service = service.unwrap_or_default().into();
        let text = if object.is_empty() {
            String::new()
        } else {
            Value::Object(object).to_string()
        };
        self.resource = Some(Resource {
            written: written.into(),
            number: number_of(lines, &text),
            text: text.into(),
            service,
            batch: self.batch,
        });
        Some(end)
    }

    fn finish(&mut self, open: &Open, lines: &mut Lines) -> Option<()> {
        // Without a message the whole object is the message; a time that was asked for is missed.
        open.message?;
        if open.time.is_none() && self.keys.has_named_time() {
            return None;
        }
        if open.resource.is_some()
            && !open.has_service
            && let Some(resource) = &self.resource
        {
            lines.text(place::SERVICE, &resource.service);
        }
        let by_name = open.severity.and_then(|(_, number)| number);
        let number = open.severity_number.map(|(_, number)| number);
        lines.finish_row(
            open.time.map(|(_, time)| time),
            number.or(by_name).unwrap_or(0),
            open.resource.unwrap_or(0),
        );
        Some(())
    }
}

fn number_of(lines: &mut Lines, resource: &str) -> u32 {
    if resource.is_empty() {
        0
    } else {
        lines.resource(resource)
    }
}

#[inline]
fn text_turn(
    taken: &mut Option<u8>,
    rank: u8,
    place: usize,
    text: &str,
    lines: &mut Lines,
) -> Option<Turn> {
    let turn = turn(*taken, rank)?;
    if turn == Turn::Taken {
        *taken = Some(rank);
        lines.text(place, text);
    }
    Some(turn)
}

fn literal(rest: &[u8]) -> Option<(Cell<'static>, usize)> {
    if rest.starts_with(b"true") {
        Some((Cell::Boolean(true), 4))
    } else if rest.starts_with(b"false") {
        Some((Cell::Boolean(false), 5))
    } else if rest.starts_with(b"null") {
        Some((Cell::Json("null"), 4))
    } else {
        None
    }
}

/// Finds the end of a list or an object by its brackets; whether it is right is for others to say.
fn nested_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut depth = 0usize;
    let mut at = start;
    loop {
        match *bytes.get(at)? {
            b'"' => at = string_end(bytes, at + 1)?.0,
            b'{' | b'[' if depth < DEPTH => depth += 1,
            b'{' | b'[' | b'\n' => return None,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

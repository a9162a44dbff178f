//! A reader of comma-separated values as RFC 4180 describes them, with the line of every record. Pure.
//!
//! Quoted fields may hold commas, line breaks and doubled quotes; lines end with LF or CRLF; a byte
//! order mark and empty lines are skipped. What is not well formed is refused with its line.

/// One record and the line that it begins on, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) line: usize,
    pub(crate) fields: Vec<String>,
}

/// A fault and the line it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// Reads every record.
pub(crate) fn read(text: &str) -> Result<Vec<Record>, Fault> {
    let mut reader = Reader {
        rest: text.strip_prefix('\u{feff}').unwrap_or(text),
        line: 1,
    };
    let mut records = Vec::new();
    while !reader.rest.is_empty() {
        let line = reader.line;
        let fields = reader.record()?;
        if fields.iter().any(|field| !field.is_empty()) || fields.len() > 1 {
            records.push(Record { line, fields });
        }
    }
    Ok(records)
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl Reader<'_> {
    fn record(&mut self) -> Result<Vec<String>, Fault> {
        let mut fields = Vec::new();
        loop {
            fields.push(if self.rest.starts_with('"') {
                self.quoted()?
            } else {
                self.plain()?
            });
            if self.take(",") {
                continue;
            }
            if self.take("\r\n") || self.take("\n") || self.take("\r") {
                self.line += 1;
            }
            return Ok(fields);
        }
    }

    fn take(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn plain(&mut self) -> Result<String, Fault> {
        let end = self.rest.find([',', '\n', '\r']).unwrap_or(self.rest.len());
        let (field, rest) = self.rest.split_at(end);
        if field.contains('"') {
            return Err(self.fault("a quote stands inside a field that does not begin with one"));
        }
        self.rest = rest;
        Ok(field.to_owned())
    }

    fn quoted(&mut self) -> Result<String, Fault> {
        let opened = self.line;
        let mut field = String::new();
        self.rest = &self.rest[1..];
        loop {
            let Some(end) = self.rest.find('"') else {
                return Err(Fault {
                    line: opened,
                    text: "a quoted field is never closed".to_owned(),
                });
            };
            let part = &self.rest[..end];
            self.line += part.matches('\n').count();
            field.push_str(part);
            self.rest = &self.rest[end + 1..];
            if !self.take("\"") {
                break;
            }
            field.push('"');
        }
        if self.rest.is_empty() || self.rest.starts_with([',', '\n', '\r']) {
            return Ok(field);
        }
        Err(self.fault("text follows the closing quote of a field"))
    }

    fn fault(&self, text: &str) -> Fault {
        Fault {
            line: self.line,
            text: text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Vec<Vec<String>> {
        read(text)
            .unwrap()
            .into_iter()
            .map(|record| record.fields)
            .collect()
    }

    #[test]
    fn the_examples_of_the_standard_are_read() {
        assert_eq!(
            fields("aaa,bbb,ccc\r\nzzz,yyy,xxx\r\n"),
            [["aaa", "bbb", "ccc"], ["zzz", "yyy", "xxx"]]
        );
        assert_eq!(
            fields("aaa,bbb,ccc\nzzz,yyy,xxx"),
            [["aaa", "bbb", "ccc"], ["zzz", "yyy", "xxx"]]
        );
        assert_eq!(
            fields("\"aaa\",\"b\r\nbb\",\"ccc\"\r\nzzz,yyy,xxx"),
            [["aaa", "b\r\nbb", "ccc"], ["zzz", "yyy", "xxx"]]
        );
        assert_eq!(
            fields("\"aaa\",\"b\"\"bb\",\"ccc\""),
            [["aaa", "b\"bb", "ccc"]]
        );
    }

    #[test]
    fn empty_fields_stay_and_empty_lines_go() {
        assert_eq!(
            fields("a,,c\n\n\r\n,,\n\"\",b"),
            [vec!["a", "", "c"], vec!["", "", ""], vec!["", "b"]]
        );
        assert_eq!(fields("\u{feff}service\n"), [["service"]]);
        assert!(fields("").is_empty() && fields("\n\n").is_empty());
    }

    #[test]
    fn records_know_their_lines_also_after_a_break_inside_a_field() {
        let lines: Vec<usize> = read("a\n\"x\ny\r\nz\"\n\nb")
            .unwrap()
            .iter()
            .map(|record| record.line)
            .collect();
        assert_eq!(lines, [1, 2, 6]);
    }

    #[test]
    fn what_is_not_well_formed_is_refused_with_its_line() {
        let line = |text| read(text).unwrap_err().line;
        assert_eq!(line("a\nb\"c"), 2);
        assert_eq!(line("a\n\"open\nstill"), 2);
        assert_eq!(line("\"a\"b"), 1);
        assert_eq!(line("\"a\nb\" c"), 2);
    }
}

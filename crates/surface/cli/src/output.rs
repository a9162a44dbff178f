//! Where a command writes: tables for people, one JSON document for programs.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex};

use clap::ValueEnum;
use jiff::Timestamp;
use serde::Serialize;

use crate::failure::Failure;

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table for people.
    Table,
    /// One JSON document, on one line unless it goes to a terminal.
    Json,
    /// YAML; objects in it can be applied again.
    Yaml,
}

/// Where the output and the remarks of a command go.
#[derive(Clone)]
pub struct Streams {
    /// Takes the output.
    pub out: Arc<Mutex<dyn Write + Send>>,
    /// Takes errors, remarks and progress.
    pub err: Arc<Mutex<dyn Write + Send>>,
    /// Whether the output goes to a terminal.
    pub out_is_terminal: bool,
    /// Whether the remarks go to a terminal.
    pub err_is_terminal: bool,
    /// Whether colours are wanted.
    pub colour: bool,
}

impl Streams {
    /// Takes the process's own streams; colours only on a terminal and without NO_COLOR.
    pub fn process() -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        let out_is_terminal = io::stdout().is_terminal();
        Self {
            out: Arc::new(Mutex::new(io::BufWriter::new(io::stdout()))),
            err: Arc::new(Mutex::new(io::stderr())),
            out_is_terminal,
            err_is_terminal: io::stderr().is_terminal(),
            colour: out_is_terminal && !plain && !dumb,
        }
    }
}

/// Writes in the wanted form.
#[derive(Clone)]
pub(crate) struct Output {
    streams: Streams,
    format: Option<Format>,
    pub(crate) now: Timestamp,
}

impl Output {
    pub(crate) fn new(streams: Streams, format: Option<Format>, now: Timestamp) -> Self {
        Self {
            streams,
            format,
            now,
        }
    }

    /// Tells the wanted form; a table where nothing is said.
    pub(crate) fn format(&self) -> Format {
        self.format.unwrap_or(Format::Table)
    }

    /// Tells whether a form was asked for by name.
    pub(crate) fn is_asked(&self) -> bool {
        self.format.is_some()
    }

    pub(crate) fn has_colour(&self) -> bool {
        self.streams.colour
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.streams.out_is_terminal
    }

    pub(crate) fn shows_progress(&self) -> bool {
        self.streams.err_is_terminal
    }

    /// Writes a value for programs, or what `people` makes of it for people.
    pub(crate) fn show<T: Serialize>(
        &self,
        value: &T,
        people: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        match self.format() {
            Format::Table => self.print(&people()),
            Format::Json | Format::Yaml => self.document(value),
        }
    }

    /// Writes one document: pretty on a terminal, one line elsewhere.
    pub(crate) fn document<T: Serialize>(&self, value: &T) -> Result<(), Failure> {
        let text = if self.format() == Format::Yaml {
            yaml(value)?
        } else if self.is_terminal() {
            serde_json::to_string_pretty(value).map_err(io::Error::from)? + "\n"
        } else {
            serde_json::to_string(value).map_err(io::Error::from)? + "\n"
        };
        self.print(&text)
    }

    /// Writes one line of JSON, for streams that have no end.
    pub(crate) fn json_line<T: Serialize>(&self, value: &T) -> Result<(), Failure> {
        let text = serde_json::to_string(value).map_err(io::Error::from)?;
        self.print(&format!("{text}\n"))
    }

    /// Writes text as it is.
    pub(crate) fn print(&self, text: &str) -> Result<(), Failure> {
        self.bytes(text.as_bytes())
    }

    /// Writes a piece of a file as it is.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut out = self
            .streams
            .out
            .lock()
            .map_err(|_| io::Error::other("the output is in use"))?;
        out.write_all(bytes)?;
        out.flush()?;
        Ok(())
    }

    /// Writes a remark that is no part of the output.
    pub(crate) fn remark(&self, text: &str) {
        self.raw_remark(&format!("{text}\n"));
    }

    /// Writes over the line of progress before; nothing where nobody watches.
    pub(crate) fn progress(&self, text: &str) {
        if self.shows_progress() {
            self.raw_remark(&format!("\r\x1b[2K{text}"));
        }
    }

    /// Takes the line of progress away.
    pub(crate) fn end_progress(&self) {
        self.progress("");
    }

    pub(crate) fn raw_remark(&self, text: &str) {
        // Nobody reads the remarks: the output is what counts.
        if let Ok(mut err) = self.streams.err.lock() {
            let _unread = err.write_all(text.as_bytes()).and_then(|()| err.flush());
        }
    }
}

/// Writes a value as YAML.
pub(crate) fn yaml<T: Serialize>(value: &T) -> Result<String, Failure> {
    let mut text =
        serde_saphyr::to_string(value).map_err(|error| io::Error::other(error.to_string()))?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn yaml_that_is_printed_reads_as_the_same() {
        let value = json!({"apiVersion": "andon.dev/v1", "spec": {"on": "yes", "code": "007", "empty": "", "list": [], "map": {},
            "number": 10.0, "null": null, "text": "a: b # c", "tilde": "~", "time": "2026-01-31T09:00:00Z", "wide": " x ",
            "rego": "package a\n\ndeny contains \"no\" if {\n\tinput.x\n}\n", "long": "word ".repeat(60), "cr": "a\r\nb", "esc": "\u{1b}[0m"}});
        let text = yaml(&value).unwrap();
        let mut options = serde_saphyr::Options::default();
        options.strict_booleans = true;
        let read: Value = serde_saphyr::from_str_with_options(&text, options).unwrap();
        assert_eq!(read, value, "{text}");
        assert!(text.contains("rego: |"), "{text}");
    }
}

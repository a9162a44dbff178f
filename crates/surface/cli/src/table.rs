//! Tables for people: aligned, without borders, and colours only where they are wanted.

use comfy_table::{Attribute, CellAlignment, Color, ColumnConstraint, ContentArrangement, presets};
use jiff::Timestamp;

use crate::output::Output;
use crate::words::{age, count, one_line};

/// The narrowest terminal that tables are fitted to.
const WIDTH_MIN: u16 = 40;

/// What a cell means, in the one visual language of states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    #[default]
    Plain,
    Good,
    Warning,
    Stopped,
    Unknown,
    Faint,
}

/// One cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
    is_number: bool,
}

impl Cell {
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        Self {
            text: one_line(text.as_ref()),
            ..Self::default()
        }
    }

    pub(crate) fn number(number: i64) -> Self {
        Self {
            text: count(number),
            is_number: true,
            ..Self::default()
        }
    }

    /// Right-aligned text, for lengths of time and shares.
    pub(crate) fn right(text: impl AsRef<str>) -> Self {
        Self {
            is_number: true,
            ..Self::new(text)
        }
    }

    /// A state in its colour.
    pub(crate) fn state(text: impl AsRef<str>) -> Self {
        let tone = tone_of(text.as_ref());
        Self {
            tone,
            ..Self::new(text)
        }
    }

    /// The age of a time; a dash without one.
    pub(crate) fn age(time: Option<Timestamp>, output: &Output) -> Self {
        Self::new(time.map_or_else(|| "-".to_owned(), |time| age(time, output.now)))
    }

    pub(crate) fn faint(text: impl AsRef<str>) -> Self {
        Self {
            tone: Tone::Faint,
            ..Self::new(text)
        }
    }

    pub(crate) fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }
}

/// Tells the colour of a state by its word.
pub(crate) fn tone_of(state: &str) -> Tone {
    match state {
        "ok" | "succeeded" | "released" | "resolved" | "verified" | "enforced" | "created"
        | "done" | "accepted" | "allowed" | "listening" | "open" | "published" => Tone::Good,
        "acknowledged" | "mitigated" | "identified" | "rolledBack" | "rollback" | "updated"
        | "running" | "warning" | "warn" | "sev2" | "sev3" | "trial" | "pending" => Tone::Warning,
        "firing" | "pulled" | "failed" | "triggered" | "stopped" | "refused" | "investigating"
        | "error" | "fatal" | "sev1" | "deleted" | "taken" => Tone::Stopped,
        "unknown" | "missing" => Tone::Unknown,
        "unchanged" | "waiting" | "debug" | "trace" | "cancelled" | "draft" => Tone::Faint,
        _ => Tone::Plain,
    }
}

/// Paints a text where colours are wanted.
pub(crate) fn paint(text: &str, tone: Tone, output: &Output) -> String {
    let code = match tone {
        Tone::Plain => return text.to_owned(),
        Tone::Good => "32",
        Tone::Warning => "33",
        Tone::Stopped => "1;31",
        Tone::Unknown => "35",
        Tone::Faint => "2",
    };
    if output.has_colour() {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

/// Rows under headings.
#[derive(Debug, Default)]
pub(crate) struct Table {
    headings: Vec<String>,
    rows: Vec<Vec<Cell>>,
    keeps_all: bool,
}

impl Table {
    /// A table whose headings and columns stay as they are, also without any text in them.
    pub(crate) fn exact<S: AsRef<str>>(headings: &[S]) -> Self {
        Self {
            headings: headings.iter().map(one_line_of).collect(),
            rows: Vec::new(),
            keeps_all: true,
        }
    }

    pub(crate) fn new<S: AsRef<str>>(headings: &[S]) -> Self {
        Self {
            headings: headings
                .iter()
                .map(|heading| one_line_of(heading).to_uppercase())
                .collect(),
            ..Self::default()
        }
    }

    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Draws the table; columns without any text are left out.
    pub(crate) fn render(&self, output: &Output) -> String {
        let keeps: Vec<bool> = (0..self.headings.len())
            .map(|at| {
                self.keeps_all
                    || self.rows.is_empty()
                    || self
                        .rows
                        .iter()
                        .any(|row| row.get(at).is_some_and(|cell| !cell.text.is_empty()))
            })
            .collect();
        let kept = |at: &usize| keeps.get(*at).copied().unwrap_or(false);
        let mut table = comfy_table::Table::new();
        table.load_preset(presets::NOTHING);
        // A terminal that does not know its width, or is too narrow for columns, wraps lines itself.
        if output.is_terminal() && table.width().is_some_and(|width| width >= WIDTH_MIN) {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        } else {
            table
                .force_no_tty()
                .set_content_arrangement(ContentArrangement::Disabled);
        }
        if output.has_colour() {
            table.enforce_styling();
        }
        let headings = (0..self.headings.len()).filter(kept).map(|at| {
            let cell = comfy_table::Cell::new(&self.headings[at]);
            let cell = if self.is_number(at) {
                cell.set_alignment(CellAlignment::Right)
            } else {
                cell
            };
            if output.has_colour() {
                cell.add_attribute(Attribute::Dim)
            } else {
                cell
            }
        });
        table.set_header(headings.collect::<Vec<_>>());
        for row in &self.rows {
            let cells = (0..self.headings.len())
                .filter(kept)
                .map(|at| draw(row.get(at), output));
            table.add_row(cells.collect::<Vec<_>>());
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        if let Some(width) = table.width() {
            keep_words_whole(&mut table, usize::from(width));
        }
        let mut text: String = table
            .lines()
            .map(|line| line.trim_end().to_owned() + "\n")
            .collect();
        if text.trim().is_empty() {
            text.clear();
        }
        text
    }

    fn is_number(&self, at: usize) -> bool {
        let mut cells = self
            .rows
            .iter()
            .filter_map(|row| row.get(at))
            .filter(|cell| !cell.text.is_empty())
            .peekable();
        cells.peek().is_some() && cells.all(|cell| cell.is_number || cell.text == "-")
    }
}

/// Lets columns of texts give way first, so that names and numbers are not broken where there is room.
fn keep_words_whole(table: &mut comfy_table::Table, width: usize) {
    const TEXT_WIDTH_MIN: usize = 14;
    const WORD_WIDTH_MAX: u16 = 48;
    let widths = table.column_max_content_widths();
    let is_text = |at: usize| {
        usize::from(widths[at]) > TEXT_WIDTH_MIN
            && table
                .column_cells_iter(at)
                .flatten()
                .any(|cell| cell.content().trim_start().contains(' '))
    };
    let whole: Vec<bool> = widths
        .iter()
        .enumerate()
        .map(|(at, width)| *width <= WORD_WIDTH_MAX && !is_text(at))
        .collect();
    let needed: usize = widths
        .iter()
        .zip(&whole)
        .map(|(width, whole)| {
            if *whole {
                usize::from(*width) + 2
            } else {
                TEXT_WIDTH_MIN
            }
        })
        .sum();
    // Where there is no room for all of them, the names in the first column stay whole.
    let fits = needed <= width;
    for (at, (column, whole)) in table.column_iter_mut().zip(whole).enumerate() {
        if whole && (fits || at == 0) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
}

fn one_line_of<S: AsRef<str>>(heading: S) -> String {
    one_line(heading.as_ref())
}

fn draw(cell: Option<&Cell>, output: &Output) -> comfy_table::Cell {
    let Some(cell) = cell else {
        return comfy_table::Cell::new("");
    };
    let mut drawn = comfy_table::Cell::new(&cell.text);
    if cell.is_number {
        drawn = drawn.set_alignment(CellAlignment::Right);
    }
    if !output.has_colour() {
        return drawn;
    }
    match cell.tone {
        Tone::Plain => drawn,
        Tone::Good => drawn.fg(Color::DarkGreen),
        Tone::Warning => drawn.fg(Color::DarkYellow),
        Tone::Stopped => drawn.fg(Color::DarkRed).add_attribute(Attribute::Bold),
        Tone::Unknown => drawn.fg(Color::DarkMagenta),
        Tone::Faint => drawn.add_attribute(Attribute::Dim),
    }
}

/// Lines of `name  value`, for one thing; what has no value is left out.
pub(crate) fn facts(rows: &[(&str, Cell)], output: &Output) -> String {
    let width = rows
        .iter()
        .filter(|(_, cell)| !cell.text.is_empty())
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    rows.iter()
        .filter(|(_, cell)| !cell.text.is_empty())
        .map(|(name, cell)| {
            let padded = format!("{name:<width$}");
            format!(
                "{}  {}\n",
                paint(&padded, Tone::Faint, output),
                paint(&cell.text, cell.tone, output)
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Streams;
    use std::sync::{Arc, Mutex};

    fn output(colour: bool) -> Output {
        let sink = || Arc::new(Mutex::new(Vec::<u8>::new()));
        let streams = Streams {
            out: sink(),
            err: sink(),
            out_is_terminal: false,
            err_is_terminal: false,
            colour,
        };
        Output::new(streams, None, Timestamp::UNIX_EPOCH)
    }

    fn example() -> Table {
        let mut table = Table::new(&["Name", "Count", "Empty", "State"]);
        table.row(vec![
            Cell::new("payments"),
            Cell::number(1_234),
            Cell::new(""),
            Cell::state("firing"),
        ]);
        table.row(vec![
            Cell::new("a\nb"),
            Cell::number(7),
            Cell::new(""),
            Cell::state("ok"),
        ]);
        table
    }

    #[test]
    fn a_table_is_aligned_and_has_no_colours_for_programs() {
        let text = example().render(&output(false));
        assert_eq!(
            text,
            "NAME      COUNT  STATE\npayments  1,234  firing\na b           7  ok\n"
        );
    }

    #[test]
    fn colours_come_when_they_are_wanted() {
        let text = example().render(&output(true));
        assert!(text.contains("\u{1b}["), "{text:?}");
        assert_eq!(
            paint("x", Tone::Good, &output(true)),
            "\u{1b}[32mx\u{1b}[0m"
        );
        assert_eq!(paint("x", Tone::Good, &output(false)), "x");
    }

    #[test]
    fn a_table_without_rows_still_names_its_columns() {
        assert_eq!(
            Table::new(&["Name", "State"]).render(&output(false)),
            "NAME  STATE\n"
        );
    }

    #[test]
    fn facts_stand_under_each_other() {
        let rows = [
            ("version", Cell::new("0.1.0")),
            ("none", Cell::new("")),
            ("up", Cell::new("3m")),
        ];
        assert_eq!(
            facts(&rows, &output(false)),
            "version  0.1.0\nup       3m\n"
        );
    }
}

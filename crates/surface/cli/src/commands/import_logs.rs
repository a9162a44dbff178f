//! `andon import logs`: files of log lines, however large, that go on where they stopped.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use andon_client::Client;
use clap::Args;
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use tokio::sync::mpsc;

use super::import_sending::{Done, NAMED_REFUSALS, Pauses, RefusedLine, Sending, Told};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::log_files::batch::Batch;
use crate::log_files::format::{Format, shape_of};
use crate::log_files::lines::Lines;
use crate::log_files::record::{Origin, Records};
use crate::log_files::source::{self, Identity, Packing, Source};
use crate::log_files::stamp::Clock;
use crate::log_files::state::{State, States};
use crate::output::{Format as OutputFormat, Output};
use crate::table::{Cell, Table, Tone};
use crate::words::{bytes, clean, count, length};

/// Batches on their way at once: the server stores one while the next arrives.
const IN_FLIGHT: usize = 3;
/// Batches that are read ahead.
const READ_AHEAD: usize = 2;
/// How often the line of progress changes on a terminal.
const PROGRESS_TIME: Duration = Duration::from_millis(200);
/// How often progress is told elsewhere.
const PLAIN_PROGRESS_TIME: Duration = Duration::from_secs(10);

/// The files, and what is known of them.
#[derive(Args, Debug)]
#[command(
    after_help = "Files may be packed with gzip or zstd; `-` is the standard input. What a file holds is told by its first
lines. Text: the time at the beginning of a line is recognised (ISO 8601, syslog, Apache, nginx, log4j,
seconds since 1970 and others); lines without one go on with the message before, as in a stack trace.

An import that was interrupted, by Ctrl-C, a crash, or a server that could take no more, goes on where it
stopped when it is called again: each line carries `import.id` and `import.line`, so that none is stored
twice. A file that has grown is imported from its former end on.

Examples:
  andon import app.log --service shop
  andon import logs /var/log/syslog* --timezone Europe/Berlin
  andon import logs exported.ndjson.zst --time-field ts --message-field body
  zcat old/*.gz | andon import logs - --service shop"
)]
pub struct ImportLogsArgs {
    /// The files, or `-` for the standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// What the lines are.
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "auto")]
    format: Format,
    /// The service of lines that say none.
    #[arg(long, value_name = "NAME", default_value = "")]
    service: String,
    /// The field of JSON lines that holds the time.
    #[arg(long, value_name = "NAME")]
    time_field: Option<String>,
    /// The field of JSON lines that holds the message.
    #[arg(long, value_name = "NAME")]
    message_field: Option<String>,
    /// The zone of times that say none, such as Europe/Berlin.
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    timezone: String,
    /// Import from the beginning, even what was imported before.
    #[arg(long)]
    again: bool,
    /// Where it is kept how far imports have come; ~/.local/state/andon/imports without it.
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
    /// How long a server that cannot take lines is waited for.
    #[arg(long, value_name = "SPAN", default_value = "15m")]
    patience: String,
}

/// What became of a file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    file: String,
    format: &'static str,
    import: String,
    /// Where this call began, in bytes of the unpacked file.
    from: u64,
    /// Where it ended.
    to: u64,
    lines: u64,
    accepted: u64,
    refused: u64,
    truncated: u64,
    /// Records that were stored before without an answer.
    known: u64,
    is_finished: bool,
    reasons: Vec<RefusedLine>,
}

/// What every file of the call shares.
struct Import<'a> {
    client: Client,
    server: String,
    output: &'a Output,
    args: &'a ImportLogsArgs,
    zone: TimeZone,
    patience: Duration,
    states: States,
}

pub(crate) async fn run(context: &Context, args: ImportLogsArgs) -> Result<Exit, Failure> {
    let zone = TimeZone::get(&args.timezone).map_err(|_| {
        Failure::usage(format!("`{}` is no time zone.", clean(&args.timezone))).at("--timezone").hint("Zones are named as Europe/Berlin and UTC are.")
    })?;
    let patience = andon_api::units::Span::parse(&args.patience).map_err(|problem| Failure::argument(problem).at("--patience"))?;
    let client = context.client()?;
    let import = Import {
        server: client.link(""),
        client,
        output: &context.output,
        args: &args,
        zone,
        patience: Duration::from_millis(u64::try_from(patience.milliseconds()).unwrap_or(0)),
        states: States::new(args.state.as_deref()),
    };
    let (mut summaries, mut failed) = (Vec::new(), None);
    for file in &args.files {
        let mut summary = None;
        let outcome = import.file(file, &mut summary).await;
        let is_whole = summary.as_ref().is_some_and(|summary| summary.is_finished);
        summaries.extend(summary);
        if let Err(failure) = outcome {
            failed = Some(failure);
            break;
        }
        if !is_whole {
            break;
        }
    }
    report(&context.output, &summaries)?;
    match failed {
        Some(failure) => Err(failure),
        None if summaries.iter().all(|summary| summary.is_finished && summary.refused == 0) => Ok(Exit::Ok),
        None => Ok(Exit::Failed),
    }
}

impl Import<'_> {
    /// Imports a file; what was done stands in the summary, also when it fails.
    async fn file(&self, name: &str, summary: &mut Option<Summary>) -> Result<(), Failure> {
        let (state, place, opened) = if name == "-" { self.stdin()? } else { self.begin(name)? };
        let Some((source, total)) = opened else {
            self.output.remark(&format!("{name} is imported already; --again imports it once more."));
            *summary = Some(Summary::of(name, &state, true));
            return Ok(());
        };
        let summary = summary.insert(Summary::of(name, &state, false));
        let mut going = Going {
            import: self,
            name,
            place,
            progress: Progress::new(name, source.read.clone(), total, self.output),
            finished_bytes: total.unwrap_or(0),
            state,
            summary,
        };
        let outcome = going.pump(source).await;
        if outcome.is_err() {
            going.give_up();
        }
        outcome
    }

    fn clock(&self, near: Timestamp) -> Clock {
        Clock { zone: self.zone.clone(), near }
    }

    /// Opens a file where its import stopped; nothing to read where nothing new is there.
    fn begin(&self, name: &str) -> Result<Begun, Failure> {
        let fault = |error: std::io::Error| Failure::usage(format!("{name} cannot be read: {error}.")).at(name);
        let (mut file, metadata) = source::open(Path::new(name)).map_err(fault)?;
        let head = source::head_of(&mut file).map_err(fault)?;
        let packing = source::packing_of(&head, name)?;
        let identity = Identity::of(&metadata, &head);
        let place = self.states.place(identity.device, identity.inode, &self.server);
        let known = State::read(&place).filter(|state| !self.args.again && state.identity.is_of(&metadata, &head));
        let known = known.filter(|state| packing != Packing::Plain || state.offset <= metadata.len());
        let state = match known {
            Some(state) => {
                let is_asked = self.args.format != Format::Auto && self.args.format != state.shape.format;
                if is_asked {
                    let text = format!("The import of {name} was begun with --format {}.", state.shape.format.name());
                    return Err(Failure::usage(text).at("--format").hint("Leave --format out, or begin anew with --again."));
                }
                if state.finished_bytes == Some(metadata.len()) {
                    return Ok((state, Some(place), None));
                }
                state
            }
            None => {
                let modified = metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
                let near = modified.unwrap_or(self.output.now);
                self.fresh(name, identity, &source::unpacked_head(&head, packing), near)
            }
        };
        let source = source::open_at(file, packing, state.offset).map_err(fault)?;
        Ok((state, Some(place), Some((source, Some(metadata.len())))))
    }

    /// Reads the standard input, which cannot be read again: there is nothing to go on with.
    fn stdin(&self) -> Result<Begun, Failure> {
        let fault = |error: std::io::Error| Failure::usage(format!("The standard input cannot be read: {error}."));
        let mut head = source::head_of(&mut std::io::stdin()).map_err(fault)?;
        let packing = source::packing_of(&head, "-")?;
        let identity = Identity { device: 0, inode: u64::from(std::process::id()), head_bytes: head.len() as u64, head_sha256: source::sum(&head) };
        let state = self.fresh("stdin", identity, &source::unpacked_head(&head, packing), self.output.now);
        let source = source::open_stream(std::mem::take(&mut head), std::io::stdin(), packing).map_err(fault)?;
        Ok((state, None, Some((source, None))))
    }

    fn fresh(&self, name: &str, identity: Identity, head: &[u8], near: Timestamp) -> State {
        State {
            path: name.to_owned(),
            import: identity.import_id(self.output.now),
            identity,
            shape: shape_of(head, self.args.format, &self.clock(near)),
            near,
            offset: 0,
            lines: 0,
            accepted: 0,
            refused: 0,
            truncated: 0,
            finished_bytes: None,
        }
    }

    fn sending(&self, state: &State) -> Sending {
        let is_named = matches!(state.shape.format, Format::Ndjson | Format::Logfmt);
        Sending {
            client: self.client.clone(),
            output: self.output.clone(),
            import: state.import.clone(),
            time_field: self.args.time_field.clone().filter(|_| is_named),
            message_field: self.args.message_field.clone().filter(|_| is_named),
            patience: self.patience,
            // What was imported before was answered.
            told: std::sync::Mutex::new(Told::new(state.lines > 0)),
        }
    }
}

/// A file with its state, the state's place, and what is to be read with its size; nothing where all is done.
type Begun = (State, Option<PathBuf>, Option<(Source, Option<u64>)>);

/// The import of one file while it goes on.
struct Going<'a> {
    import: &'a Import<'a>,
    name: &'a str,
    place: Option<PathBuf>,
    progress: Progress<'a>,
    finished_bytes: u64,
    state: State,
    summary: &'a mut Summary,
}

impl Going<'_> {
    /// Reads, sends and notes until the end of the file or an interrupt.
    async fn pump(&mut self, source: Source) -> Result<(), Failure> {
        let sending = self.import.sending(&self.state);
        // Of an earlier call, batches may have been stored without an answer.
        let stored = match self.state.lines {
            0 if self.state.offset == 0 && !self.has_state() => Default::default(),
            lines => sending.stored(lines + 1..=u64::MAX, &mut Pauses::default()).await?,
        };
        self.note(false);
        let mut batches = self.read(source);
        let mut flying = FuturesOrdered::new();
        let (mut is_reading, mut fault) = (true, None);
        let interrupt = tokio::signal::ctrl_c();
        tokio::pin!(interrupt);
        let mut is_interrupted = false;
        while is_reading || !flying.is_empty() {
            tokio::select! {
                biased;
                _ = &mut interrupt, if !is_interrupted => {
                    (is_interrupted, is_reading) = (true, false);
                    batches.close();
                }
                Some(done) = flying.next(), if !flying.is_empty() => {
                    let done: Done = done?;
                    self.take(done);
                }
                batch = batches.recv(), if is_reading && flying.len() < IN_FLIGHT => match batch {
                    Some(Ok(batch)) => {
                        let rest = if stored.is_empty() { batch.clone() } else { batch.without(&stored) };
                        let known = (batch.lines.len() - rest.lines.len()) as u64;
                        let sending = &sending;
                        flying.push_back(async move { sending.send(rest).await.map(|done| Done { known: done.known + known, ..done }) });
                    }
                    Some(Err(error)) => fault = Some(error),
                    None => is_reading = false,
                },
            }
        }
        self.finish(is_interrupted, fault)
    }

    fn give_up(&self) {
        let output = self.import.output;
        output.end_progress();
        if self.place.is_some() && self.state.lines > 0 {
            output.remark(&format!("{}: stopped behind line {}. The same command goes on there.", self.name, count(signed(self.state.lines))));
        }
    }

    fn has_state(&self) -> bool {
        self.place.as_deref().and_then(State::read).is_some_and(|state| state.import == self.state.import)
    }

    fn finish(&mut self, is_interrupted: bool, fault: Option<std::io::Error>) -> Result<(), Failure> {
        self.import.output.end_progress();
        if is_interrupted {
            self.note(true);
            let next = if self.place.is_some() { "The same command goes on here." } else { "The standard input cannot be read again." };
            self.import.output.remark(&format!("{}: interrupted after line {}. {next}", self.name, count(signed(self.state.lines))));
            return Ok(());
        }
        if let Some(error) = fault {
            self.note(true);
            let text = format!("{} cannot be read behind line {}: {error}.", self.name, count(signed(self.state.lines)));
            return Err(Failure::usage(text).at(self.name).hint("The lines before are stored."));
        }
        self.state.finished_bytes = Some(self.finished_bytes);
        self.summary.is_finished = true;
        self.note(true);
        Ok(())
    }

    /// Starts reading on a thread of its own, a few batches ahead.
    fn read(&self, source: Source) -> mpsc::Receiver<std::io::Result<Batch>> {
        let (send, batches) = mpsc::channel(READ_AHEAD);
        let origin = Origin {
            import: self.state.import.clone(),
            path: self.state.path.clone(),
            service: self.import.args.service.clone(),
        };
        let (shape, clock) = (self.state.shape, self.import.clock(self.state.near));
        let lines = Lines::after(source.reader, self.state.offset, self.state.lines);
        // Not a task: one that waits for the standard input would keep the process from ending.
        std::thread::spawn(move || {
            if let Err(error) = read_all(lines, Records::new(shape, clock, origin), &send) {
                // Nobody waits for it when the import was interrupted.
                let _gone = send.blocking_send(Err(error));
            }
        });
        batches
    }

    fn take(&mut self, done: Done) {
        let stored = done.accepted + done.known;
        self.state.accepted += stored;
        self.state.refused += done.refused;
        self.state.truncated += done.truncated;
        (self.state.offset, self.state.lines) = (done.end, done.last_line);
        self.summary.take(&self.state, done, stored);
        self.note(false);
        self.progress.tell(self.summary);
    }

    /// Writes down how far the import has come.
    fn note(&mut self, is_last: bool) {
        let Some(place) = &self.place else { return };
        if let Err(error) = self.state.write(place, is_last) {
            self.import.output.remark(&format!("{} cannot be written ({error}), so this import cannot go on after an interruption.", place.display()));
            self.place = None;
        }
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Reads a file to its end and hands over batch after batch.
fn read_all<R: std::io::BufRead>(mut lines: Lines<R>, mut records: Records, send: &mpsc::Sender<std::io::Result<Batch>>) -> std::io::Result<()> {
    let mut batch = Batch::default();
    let mut fault = None;
    loop {
        let (record, is_end) = match lines.next() {
            Ok(Some(line)) => (records.push(line), false),
            Ok(None) => (records.flush(), true),
            Err(error) => {
                // The message before may be cut in its middle: it is read again once the file is whole.
                fault = Some(error);
                (None, true)
            }
        };
        if let Some(record) = record {
            if batch.is_full_for(&record) && send.blocking_send(Ok(std::mem::take(&mut batch))).is_err() {
                return Ok(());
            }
            batch.push(&record);
        }
        if is_end {
            if !batch.lines.is_empty() && send.blocking_send(Ok(batch)).is_err() {
                return Ok(());
            }
            return fault.map_or(Ok(()), Err);
        }
    }
}

impl Summary {
    fn of(name: &str, state: &State, is_finished: bool) -> Self {
        Self {
            file: name.to_owned(),
            format: state.shape.format.name(),
            import: state.import.clone(),
            from: state.offset,
            to: state.offset,
            lines: 0,
            accepted: 0,
            refused: 0,
            truncated: 0,
            known: 0,
            is_finished,
            reasons: Vec::new(),
        }
    }

    fn take(&mut self, state: &State, done: Done, stored: u64) {
        self.to = state.offset;
        self.lines = state.lines;
        self.accepted += stored;
        self.refused += done.refused;
        self.truncated += done.truncated;
        self.known += done.known;
        let room = NAMED_REFUSALS.saturating_sub(self.reasons.len());
        self.reasons.extend(done.reasons.into_iter().take(room));
    }
}

/// Tells how far a file has come.
struct Progress<'a> {
    name: &'a str,
    read: Arc<AtomicU64>,
    total: Option<u64>,
    output: &'a Output,
    begun: Instant,
    begun_at: u64,
    told: Instant,
}

impl<'a> Progress<'a> {
    fn new(name: &'a str, read: Arc<AtomicU64>, total: Option<u64>, output: &'a Output) -> Self {
        let begun_at = read.load(Ordering::Relaxed);
        Self { name, read, total, output, begun: Instant::now(), begun_at, told: Instant::now() }
    }

    fn tell(&mut self, summary: &Summary) {
        let every = if self.output.shows_progress() { PROGRESS_TIME } else { PLAIN_PROGRESS_TIME };
        if self.told.elapsed() < every {
            return;
        }
        self.told = Instant::now();
        let text = progress_text(self.name, self.read.load(Ordering::Relaxed), self.begun_at, self.total, self.begun.elapsed(), summary);
        if self.output.shows_progress() {
            self.output.progress(&text);
        } else {
            self.output.remark(&text);
        }
    }
}

fn progress_text(name: &str, read: u64, begun_at: u64, total: Option<u64>, took: Duration, summary: &Summary) -> String {
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    let per_second = (summary.accepted + summary.refused).saturating_mul(1_000) / took_ms;
    let mut text = match total.filter(|total| *total > 0) {
        Some(total) => {
            let done = read.min(total);
            let left_ms = (total - done).saturating_mul(took_ms) / done.saturating_sub(begun_at).max(1);
            let bar = bar(done, total);
            format!("{name} {bar} {}% of {}, {} left", done * 100 / total, bytes(total), length(signed(left_ms)))
        }
        None => format!("{name} {}", bytes(read)),
    };
    text.push_str(&format!(", {} lines, {} a second", count(signed(summary.accepted)), count(signed(per_second))));
    if summary.refused > 0 {
        text.push_str(&format!(", {} refused", count(signed(summary.refused))));
    }
    text
}

/// A bar of twenty places.
fn bar(done: u64, total: u64) -> String {
    const PLACES: u64 = 20;
    let full = done.saturating_mul(PLACES) / total.max(1);
    (0..PLACES).map(|place| if place < full { '█' } else { '░' }).collect()
}

fn report(output: &Output, summaries: &[Summary]) -> Result<(), Failure> {
    for summary in summaries {
        for refused in &summary.reasons {
            output.remark(&format!("{}:{}: {} ({})", clean(&summary.file), refused.line, clean(&refused.message), clean(&refused.code)));
        }
    }
    if output.format() == OutputFormat::Table && summaries.is_empty() {
        return Ok(());
    }
    output.show(&summaries, || table(output, summaries))
}

fn table(output: &Output, summaries: &[Summary]) -> String {
    let mut table = Table::new(&["File", "Format", "Lines", "Stored", "Refused", "Cut", "State", "Import"]);
    for summary in summaries {
        let tone = if summary.refused > 0 { Tone::Warning } else { Tone::Plain };
        table.row(vec![
            Cell::new(clean(&summary.file)),
            Cell::new(summary.format),
            Cell::number(signed(summary.lines)),
            Cell::number(signed(summary.accepted)),
            Cell::number(signed(summary.refused)).tone(tone),
            Cell::number(signed(summary.truncated)),
            Cell::new(if summary.is_finished { "done" } else { "interrupted" }),
            Cell::faint(&summary.import),
        ]);
    }
    table.render(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_tells_how_far_how_fast_and_how_long_still() {
        let summary = Summary {
            file: "a".to_owned(), format: "text", import: String::new(), from: 0, to: 0, lines: 0, accepted: 120_000, refused: 3,
            truncated: 0, known: 0, is_finished: false, reasons: Vec::new(),
        };
        assert_eq!(
            progress_text("a.log", 60 << 20, 20 << 20, Some(100 << 20), Duration::from_secs(4), &summary),
            "a.log ████████████░░░░░░░░ 60% of 100 MiB, 4s left, 120,000 lines, 30,000 a second, 3 refused"
        );
        assert_eq!(progress_text("-", 5, 0, None, Duration::from_secs(4), &summary), "- 5 B, 120,000 lines, 30,000 a second, 3 refused");
    }
}

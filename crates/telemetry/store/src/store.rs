//! The store as others see it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use andon_columns::LinesSink;
use andon_columns::lines::Lines;
use andon_reader::query::Filter;
use andon_reader::{
    AggregateRequest, AggregateResult, Clock, CountRequest, CountResult, FieldsRequest, FieldsResult, Histogram, HistogramRequest,
    LogReader, LogRow, LogSink, NewLogRow, ReaderError, Receipt, SearchRequest, SearchResult,
    StoreStatus, TailEvent, code,
};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::admission::admit;
use crate::aggregate;
use crate::archive::{self, Archive};
use crate::batches::SqlSnapshot;
use crate::commit::{APPEND_BYTES, Append, Command, Committer, Piece};
use crate::config::StoreConfig;
use crate::extent::Interval;
use crate::failure::closed;
use crate::fields;
use crate::histogram::Bars;
use crate::home::{Home, Uploads};
use crate::keeper::Keeper;
use crate::open::open_folder;
use crate::recover::recover_logs;
use crate::scan::{Budget, Patience, Snapshot};
use crate::search::{self, Search};
use crate::shared::Shared;
use crate::tail::follow;
use crate::wal::Record;

/// Appends that may wait for the committer.
const WAITING_APPENDS: usize = 1_024;

/// Most lines of a piece; larger appends are cut, so that each piece fits a group of columns.
const PIECE_ROWS: usize = 65_536;

/// Larger batches are encoded on a thread of their own, not on one that serves connections.
const ENCODE_ASIDE_BYTES: usize = 256 << 10;

/// How often the keeper looks.
const KEEPER_PERIOD: Duration = Duration::from_secs(1);

/// A durable, searchable store of log lines. Dropping it waits for running appends.
pub struct LogStore {
    pub(crate) shared: Arc<Shared>,
    commands: Option<mpsc::Sender<Command>>,
    pub(crate) keeper: Arc<Mutex<Keeper>>,
    scans: [Arc<Semaphore>; 2],
    pub(crate) archive: Option<Arc<Archive>>,
    uploads: Option<Arc<Uploads>>,
    threads: Vec<JoinHandle<()>>,
}

impl LogStore {
    /// Opens a folder, recovers what a crash left, and starts the threads of the store.
    ///
    /// # Errors
    /// When the folder cannot be made or read, or was written by a newer version. Torn and damaged
    /// files are no error: see `recovery_notes` of the status.
    pub fn open(config: StoreConfig) -> Result<Self, ReaderError> {
        let home = Home::of(&config);
        refuse_one_place(&config)?;
        let found = open_folder(&config, home.as_ref())?;
        let shared = Arc::new(Shared::new(config, home.clone(), found.visible, found.notes));
        shared.use_streams(found.streams);
        shared.counters.take_over(&found.manifest.listing);
        let mut keeper = Keeper {
            shared: Arc::clone(&shared),
            manifest: found.manifest,
            next_segment: found.next_segment,
            unmergeable: BTreeSet::new(),
            unarchivable: BTreeSet::new(),
            undeletable: BTreeMap::new(),
            has_more: false,
        };
        keeper.publish_deletions();
        keeper.publish_streams();
        let recovered = recover_logs(&shared, &mut keeper, &found.logs)?;
        shared.receipts().start_after(recovered.last_received_us);
        shared.recovery_notes().extend(recovered.notes);
        let keeper = Arc::new(Mutex::new(keeper));
        let (sender, receiver) = mpsc::channel(WAITING_APPENDS);
        let (sealed, wake) = std::sync::mpsc::channel();
        let committer = Committer::new(
            Arc::clone(&shared),
            receiver,
            recovered.next_sequence,
            found.next_log,
            sealed,
        );
        let mut threads = vec![spawn("andon-commit", move || committer.run())?];
        if shared.config.background {
            let looper = KeeperLoop {
                shared: Arc::clone(&shared),
                keeper: Arc::clone(&keeper),
                commands: sender.downgrade(),
                wake,
            };
            threads.push(spawn("andon-keeper", move || looper.run())?);
        }
        let mut archive = None;
        if let Some(config) = shared.config.archive.clone() {
            let (opened, run) = Archive::new(&shared, &keeper, config);
            archive = Some(Arc::new(opened));
            if shared.config.background {
                threads.push(spawn("andon-archive", run)?);
            }
        }
        let mut uploads = None;
        if let Some(home) = home {
            let (opened, run) = Uploads::new(&shared, &keeper, home);
            uploads = Some(Arc::new(opened));
            if shared.config.background {
                threads.push(spawn("andon-home", run)?);
            }
        }
        let turns = || Arc::new(Semaphore::new(shared.config.scans.max(1)));
        let scans = [turns(), turns()];
        Ok(Self {
            shared,
            commands: Some(sender),
            keeper,
            scans,
            archive,
            uploads,
            threads,
        })
    }

    /// Makes segments of everything in memory, now.
    ///
    /// # Errors
    /// When the disk refuses; the lines then stay in memory and in the log.
    pub async fn flush(&self) -> Result<(), ReaderError> {
        let (done, sealed) = oneshot::channel();
        self.sender()?
            .send(Command::Seal(done))
            .await
            .map_err(|_| closed())?;
        sealed.await.map_err(|_| closed())?;
        self.maintain().await
    }

    /// Writes segments that are due, applies retention and the disk cap, merges small segments.
    /// The background thread does the same every second.
    ///
    /// # Errors
    /// When the disk refuses; nothing is lost.
    pub async fn maintain(&self) -> Result<(), ReaderError> {
        let keeper = Arc::clone(&self.keeper);
        blocking(move || {
            keeper
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .maintain()
        })
        .await?
    }

    /// Takes segments to their home and keeps the cache of the disk within its bound. The background thread does the
    /// same every second.
    ///
    /// # Errors
    /// When the work stopped; a home that fails is no error, the status tells of it.
    pub async fn tend_home(&self) -> Result<(), ReaderError> {
        match self.uploads.clone() {
            Some(uploads) => blocking(move || uploads.tend()).await,
            None => Ok(()),
        }
    }

    /// Takes a snapshot for SQL.
    #[must_use]
    pub fn sql_snapshot(&self, filter: Filter, interval: Interval) -> SqlSnapshot {
        SqlSnapshot::new(&self.shared, filter, interval)
    }

    pub(crate) fn sender(&self) -> Result<&mpsc::Sender<Command>, ReaderError> {
        self.commands
            .as_ref()
            .filter(|_| !self.shared.is_closed())
            .ok_or_else(closed)
    }

    /// Runs a scan on a blocking thread within the budget; it stops when the caller goes away.
    async fn scan<T: Send + 'static>(
        &self,
        clock: Clock,
        work: impl FnOnce(&Snapshot, &Shared, Budget) -> T + Send + 'static,
    ) -> Result<T, ReaderError> {
        let deadline = Instant::now() + self.shared.config.query_timeout;
        let [peoples, alarms] = &self.scans;
        let turns = match clock {
            Clock::Timestamp => peoples,
            Clock::ReceivedAt => alarms,
        };
        let wait = tokio::time::timeout(
            self.shared.config.query_timeout,
            Arc::clone(turns).acquire_owned(),
        );
        let permit = wait.await.map_err(|_| {
            ReaderError::new(
                code::TIMEOUT,
                "the query waited for its turn until its time limit",
            )
            .with_hint("too many queries run at once; try again")
        })?;
        let permit = permit.map_err(|_| closed())?;
        let shared = Arc::clone(&self.shared);
        let patience = Patience::until(deadline);
        let guard = CancelOnDrop(Arc::clone(&patience.is_cancelled));
        let budget = Budget {
            patience,
            bytes: shared.config.query_bytes,
            workers: Arc::clone(&shared.workers),
        };
        let result = blocking(move || {
            let _permit = permit;
            let snapshot = Snapshot {
                visible: shared.visible().clone(),
            };
            work(&snapshot, &shared, budget)
        })
        .await;
        drop(guard);
        result
    }
}

/// Refuses an archive and a home in one place: what one removes would be what the other keeps.
fn refuse_one_place(config: &StoreConfig) -> Result<(), ReaderError> {
    let names = config.home.as_ref().map(|home| home.place.name()).zip(config.archive.as_ref().map(|archive| archive.place.name()));
    match names.filter(|(home, archive)| home == archive) {
        Some((place, _)) => Err(ReaderError::new(code::REQUEST, format!("{place} cannot be both the home of the segments and their archive"))
            .with_hint("give --segments and --archive a folder or a prefix of their own")),
        None => Ok(()),
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, ReaderError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|error| {
            ReaderError::new(
                code::INTERNAL,
                format!("the thread {name} could not be started: {error}"),
            )
            .with_hint("check the limits on processes and memory")
        })
}

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ReaderError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        ReaderError::new(
            code::INTERNAL,
            format!("the work on telemetry stopped: {error}"),
        )
        .with_hint("the server's log says more; please report it")
    })
}

struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Drop for LogStore {
    fn drop(&mut self) {
        self.shared.is_closed.store(true, Ordering::Release);
        self.commands = None;
        if let Some(archive) = &self.archive {
            archive.close();
        }
        if let Some(uploads) = &self.uploads {
            uploads.close();
        }
        for thread in self.threads.drain(..) {
            let _panic_was_reported = thread.join();
        }
    }
}

/// The background work of the keeper.
struct KeeperLoop {
    shared: Arc<Shared>,
    keeper: Arc<Mutex<Keeper>>,
    commands: mpsc::WeakSender<Command>,
    wake: std::sync::mpsc::Receiver<()>,
}

impl KeeperLoop {
    fn run(self) {
        use std::sync::mpsc::RecvTimeoutError;
        let mut pause = KEEPER_PERIOD;
        loop {
            match self.wake.recv_timeout(pause) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.shared.is_closed() {
                return;
            }
            self.seal_when_old();
            let begun = Instant::now();
            let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
            // Noted in the status by the keeper; tried again at the next turn.
            let _noted = keeper.maintain();
            // Deletions rest as long as they work, so that they never take more than half of a processor.
            pause = if keeper.has_more { begun.elapsed().min(KEEPER_PERIOD) } else { KEEPER_PERIOD };
        }
    }

    fn seal_when_old(&self) {
        let flush_age_us =
            i64::try_from(self.shared.config.flush_age.as_micros()).unwrap_or(i64::MAX);
        let now_us = self.shared.now_us();
        let is_old = self.shared.visible().active.as_ref().is_some_and(|chunk| {
            chunk.extent.rows > 0 && now_us.saturating_sub(chunk.opened_at_us) >= flush_age_us
        });
        if !is_old {
            return;
        }
        if let Some(commands) = self.commands.upgrade() {
            let (done, sealed) = oneshot::channel();
            if commands.blocking_send(Command::Seal(done)).is_ok() {
                let _committer_gone = sealed.blocking_recv();
            }
        }
    }
}

fn elapsed_us(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)
}

impl LogReader for LogStore {
    fn search(&self, request: SearchRequest) -> BoxFuture<'_, Result<SearchResult, ReaderError>> {
        Box::pin(async move {
            let start = Instant::now();
            let search = Search::new(&request)?;
            let mut result = self
                .scan(request.clock, move |snapshot, shared, budget| {
                    search.run(snapshot, &shared.opened, shared.config.answer_bytes, &budget)
                })
                .await?;
            result.elapsed_us = elapsed_us(start);
            Ok(result)
        })
    }

    fn count(&self, request: CountRequest) -> BoxFuture<'_, Result<CountResult, ReaderError>> {
        Box::pin(async move {
            let start = Instant::now();
            search::check_interval(request.since_us, request.until_us)?;
            let filter = search::compile(&request.query)?;
            let interval = Interval {
                since_us: request.since_us,
                until_us: request.until_us,
                clock: request.clock,
            };
            let counted = self.scan(request.clock, move |snapshot, shared, budget| {
                search::count(&filter, interval, snapshot, &shared.opened, &budget)
            });
            let mut result = counted.await?;
            result.elapsed_us = elapsed_us(start);
            Ok(result)
        })
    }

    fn histogram(
        &self,
        request: HistogramRequest,
    ) -> BoxFuture<'_, Result<Histogram, ReaderError>> {
        Box::pin(async move {
            let start = Instant::now();
            let bars = Bars::new(&request)?;
            let mut result = self
                .scan(request.clock, move |snapshot, shared, budget| {
                    bars.run(snapshot, &shared.opened, &budget)
                })
                .await??;
            result.elapsed_us = elapsed_us(start);
            Ok(result)
        })
    }

    fn aggregate(
        &self,
        request: AggregateRequest,
    ) -> BoxFuture<'_, Result<AggregateResult, ReaderError>> {
        Box::pin(async move {
            let start = Instant::now();
            let clock = request.clock;
            let aggregation = aggregate::prepare(request)?;
            let mut result = self
                .scan(clock, move |snapshot, shared, budget| {
                    aggregate::run(&aggregation, snapshot, &shared.opened, &budget)
                })
                .await?;
            result.elapsed_us = elapsed_us(start);
            Ok(result)
        })
    }

    fn fields(&self, request: FieldsRequest) -> BoxFuture<'_, Result<FieldsResult, ReaderError>> {
        Box::pin(async move {
            let mut search = SearchRequest::new(request.query, request.since_us, request.until_us);
            search.limit = fields::SAMPLED_ROWS;
            let result = self.search(search).await?;
            let complete = result.complete && result.next.is_none();
            blocking(move || fields::summarise(&result.rows, complete, result.notes)).await
        })
    }

    fn row(&self, id: &str) -> BoxFuture<'_, Result<Option<LogRow>, ReaderError>> {
        let sequence = id.parse::<u64>().ok();
        Box::pin(async move {
            let Some(sequence) = sequence else {
                return Ok(None);
            };
            self.scan(Clock::Timestamp, move |snapshot, shared, budget| {
                search::by_sequence(sequence, snapshot, &shared.opened, &budget)
            })
            .await?
        })
    }

    fn tail(&self, query: &str) -> Result<BoxStream<'static, TailEvent>, ReaderError> {
        self.sender()?;
        let filter = search::compile(query)?;
        let groups = self.shared.tail.subscribe();
        let rows_so_far = self.shared.counters.appended_rows.load(Ordering::Relaxed);
        Ok(follow(&self.shared, filter, groups, rows_so_far))
    }

    fn watermark_us(&self) -> i64 {
        self.shared.receipts().watermark(self.shared.now_us())
    }

    fn status(&self) -> StoreStatus {
        let shared = &self.shared;
        let counters = &shared.counters;
        let archive = archive::describe(shared, self.archive.as_deref());
        let home = self.uploads.as_ref().map(|uploads| uploads.describe(shared));
        let visible = shared.visible();
        let stored: u64 = visible
            .segments
            .iter()
            .map(|segment| segment.extent().rows)
            .sum();
        let oldest = visible
            .segments
            .iter()
            .map(|segment| segment.extent().min_received_us);
        let oldest = oldest.chain(
            visible
                .sealed
                .iter()
                .map(|chunk| chunk.extent.min_received_us),
        );
        let oldest = oldest
            .chain(
                visible
                    .active
                    .as_ref()
                    .map(|chunk| chunk.extent.min_received_us),
            )
            .min();
        StoreStatus {
            rows: stored + visible.memory_rows(),
            memory_rows: visible.memory_rows(),
            memory_bytes: visible.memory_bytes(),
            segments: visible.segments.len() as u64,
            segment_bytes: visible.segment_bytes(),
            log_bytes: visible.log_bytes(),
            disk_cap_bytes: shared.config.disk_cap_bytes.unwrap_or(0),
            retention_s: shared.config.retention.map_or(0, |age| age.as_secs()),
            oldest_received_at_us: oldest.filter(|&time| time != i64::MAX),
            dropped_by_age_rows: counters.dropped_by_age_rows.load(Ordering::Relaxed),
            dropped_by_cap_rows: counters.dropped_by_cap_rows.load(Ordering::Relaxed),
            appended_rows: counters.appended_rows.load(Ordering::Relaxed),
            truncated_rows: counters.truncated_rows.load(Ordering::Relaxed),
            refused_rows: counters.refused_rows.load(Ordering::Relaxed),
            failing: shared.failing(),
            archive,
            home,
            recovery_notes: shared.recovery_notes().clone(),
        }
    }
}

impl LogStore {
    /// Stores pieces together, each no larger than a group of columns.
    async fn store(&self, pieces: Vec<Lines>, truncated_rows: u64) -> Result<Receipt, ReaderError> {
        let commands = self.sender()?;
        let rows: usize = pieces.iter().map(Lines::len).sum();
        if rows == 0 {
            return Ok(Receipt {
                first_id: None,
                last_id: None,
                rows: 0,
                received_at_us: self.shared.now_us(),
                truncated_rows: 0,
            });
        }
        let logged: usize = pieces.iter().map(Lines::encoded_bytes).sum();
        if logged > APPEND_BYTES {
            return Err(too_large(logged));
        }
        let held: usize = pieces.iter().map(Lines::memory_bytes).sum();
        let admitted = admit(&self.shared, commands, (held + logged) as u64).await;
        let admitted = admitted.inspect_err(|_| {
            let refused = &self.shared.counters.refused_rows;
            refused.fetch_add(rows as u64, Ordering::Relaxed);
        })?;
        let pieces = if logged > ENCODE_ASIDE_BYTES {
            blocking(move || encoded(pieces)).await?
        } else {
            encoded(pieces)
        };
        let (reply, answer) = oneshot::channel();
        let append = Append {
            pieces,
            truncated_rows,
            admitted,
            reply,
        };
        let sent = commands.send(Command::Append(append)).await;
        sent.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

fn encoded(pieces: Vec<Lines>) -> Vec<Piece> {
    let encode = |mut lines: Lines| {
        // A quarter more than is needed is not worth moving everything.
        if lines.memory_bytes() > lines.encoded_bytes() / 4 * 5 {
            lines.shrink();
        }
        Piece {
            record: Record::of(&lines),
            lines,
        }
    };
    pieces.into_iter().map(encode).collect()
}

fn too_large(bytes: usize) -> ReaderError {
    ReaderError::new(
        code::REQUEST,
        format!("one append has {bytes} bytes, at most {APPEND_BYTES} fit"),
    )
    .with_hint("send smaller batches")
}

impl LogSink for LogStore {
    fn append(&self, rows: Vec<NewLogRow>) -> BoxFuture<'_, Result<Receipt, ReaderError>> {
        Box::pin(async move {
            let pieces: Vec<Lines> = rows.chunks(PIECE_ROWS).map(Lines::of).collect();
            drop(rows);
            let truncated_rows = pieces.iter().map(Lines::truncated_rows).sum();
            self.store(pieces, truncated_rows).await
        })
    }
}

impl LinesSink for LogStore {
    fn append_lines(&self, lines: Lines) -> BoxFuture<'_, Result<Receipt, ReaderError>> {
        Box::pin(async move {
            let truncated_rows = lines.truncated_rows();
            if lines.len() <= PIECE_ROWS {
                return self.store(vec![lines], truncated_rows).await;
            }
            let starts = (0..lines.len()).step_by(PIECE_ROWS);
            let pieces = starts.map(|start| lines.part(start..(start + PIECE_ROWS).min(lines.len())));
            let pieces = pieces.collect();
            drop(lines);
            self.store(pieces, truncated_rows).await
        })
    }
}

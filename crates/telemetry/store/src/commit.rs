//! The committer: one thread that puts many appends on disk with one sync.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use andon_reader::{ReaderError, Receipt, code};
use tokio::sync::{mpsc, oneshot};

use crate::chunk::{Batch, Chunk};
use crate::failure::{no_room_beside, write_failed};
use crate::record::{Prepared, stamp};
use crate::shared::{Published, Shared, Writing};
use crate::wal::{WalWriter, put_record};

/// Most encoded bytes per sync; one larger append goes alone.
const GROUP_BYTES: usize = 8 << 20;

/// The part of a file system that is left to the records at most.
const RESERVE_PART: u64 = 20;

/// Largest encoded append.
pub(crate) const APPEND_BYTES: usize = 256 << 20;

pub(crate) enum Command {
    Append(Append),
    /// Seals the active chunk, so that it can become a segment.
    Seal(oneshot::Sender<()>),
}

pub(crate) struct Append {
    pub(crate) prepared: Prepared,
    pub(crate) reply: oneshot::Sender<Result<Receipt, ReaderError>>,
}

pub(crate) struct Committer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) next_sequence: u64,
    pub(crate) next_log: u64,
    pub(crate) wal: Option<WalWriter>,
    /// Wakes the keeper when a chunk is ready.
    pub(crate) sealed: std::sync::mpsc::Sender<()>,
    buffer: Vec<u8>,
}

impl Committer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        commands: mpsc::Receiver<Command>,
        next_sequence: u64,
        next_log: u64,
        sealed: std::sync::mpsc::Sender<()>,
    ) -> Self {
        Self {
            shared,
            commands,
            next_sequence,
            next_log,
            wal: None,
            sealed,
            buffer: Vec::new(),
        }
    }

    /// Works until every sender is gone.
    pub(crate) fn run(mut self) {
        while let Some(first) = self.commands.blocking_recv() {
            let mut group = Vec::new();
            let mut bytes = 0;
            let mut next = Some(first);
            while let Some(command) = next.take() {
                match command {
                    Command::Seal(done) => {
                        self.commit(std::mem::take(&mut group));
                        bytes = 0;
                        self.seal();
                        let _receiver_gone = done.send(());
                    }
                    Command::Append(append) => {
                        bytes += append.prepared.encoded.len();
                        group.push(append);
                    }
                }
                if bytes < GROUP_BYTES {
                    next = self.commands.try_recv().ok();
                }
            }
            self.commit(group);
            self.seal_when_due();
        }
    }

    fn commit(&mut self, group: Vec<Append>) {
        if group.is_empty() {
            return;
        }
        if let Err(error) = self.check_memory() {
            return self.refuse(group, &error);
        }
        if let Err(error) = self.check_room(&group) {
            self.shared
                .set_failing(Writing::Log, Some(error.message.clone()));
            return self.refuse(group, &error);
        }
        let received_at_us = self.shared.receipts().begin(self.shared.now_us());
        match self.write(&group, received_at_us) {
            Ok(first_sequences) => self.publish(group, &first_sequences, received_at_us),
            Err(error) => {
                self.shared
                    .set_failing(Writing::Log, Some(error.message.clone()));
                self.refuse(group, &error);
            }
        }
        self.shared.receipts().end();
    }

    fn check_memory(&self) -> Result<(), ReaderError> {
        let used = self.shared.visible().memory_bytes();
        if used < self.shared.config.memory_cap_bytes {
            return Ok(());
        }
        let reason = self
            .shared
            .failing()
            .unwrap_or_else(|| "segments are written too slowly".to_owned());
        let why = if reason.contains("no room") {
            code::DISK_FULL
        } else {
            code::OVERLOADED
        };
        Err(ReaderError::new(
            why,
            format!("{used} bytes of telemetry wait in memory for their segment: {reason}"),
        )
        .with_hint("nothing of this request was stored; send it again later"))
    }

    /// Leaves the last of the disk to the records.
    fn check_room(&self, group: &[Append]) -> Result<(), ReaderError> {
        let config = &self.shared.config;
        // Where the system does not tell, the write itself does.
        let Ok(room) = config.disk.room(&config.folder) else {
            return Ok(());
        };
        let reserve = config.reserve_bytes.min(room.total_bytes / RESERVE_PART);
        let needed: u64 = group
            .iter()
            .map(|append| append.prepared.encoded.len() as u64)
            .sum();
        if reserve == 0 || room.free_bytes >= reserve.saturating_add(needed) {
            return Ok(());
        }
        Err(no_room_beside(reserve))
    }

    /// Puts the group on disk and says which sequence each append begins with.
    fn write(&mut self, group: &[Append], received_at_us: i64) -> Result<Vec<u64>, ReaderError> {
        self.buffer.clear();
        let mut first_sequences = Vec::with_capacity(group.len());
        for append in group {
            // Numbers of a failed group are never used again: its bytes may survive on disk.
            first_sequences.push(self.next_sequence);
            put_record(
                &mut self.buffer,
                self.next_sequence,
                received_at_us,
                &append.prepared.encoded,
            );
            self.next_sequence += append.prepared.rows.len() as u64;
        }
        let mut wal = match self.wal.take() {
            Some(wal) => wal,
            None => self.open_log(received_at_us)?,
        };
        match wal.append(&self.buffer) {
            Ok(()) => {
                self.wal = Some(wal);
                Ok(first_sequences)
            }
            Err(failure) => {
                let error = write_failed("the write-ahead log", &wal.path, &failure.error);
                if failure.is_clean {
                    self.wal = Some(wal);
                } else {
                    self.abandon(wal);
                }
                Err(error)
            }
        }
    }

    fn open_log(&mut self, now_us: i64) -> Result<WalWriter, ReaderError> {
        let config = &self.shared.config;
        let number = self.next_log;
        self.next_log += 1;
        let wal = WalWriter::create(&config.disk, &config.folder, number)
            .map_err(|error| write_failed("the write-ahead log", &config.folder, &error))?;
        self.shared.visible_mut().active = Some(Chunk::new(number, now_us));
        Ok(wal)
    }

    /// Leaves a log file whose state is unknown; what was acknowledged in it is in memory.
    fn abandon(&mut self, wal: WalWriter) {
        if wal.is_empty() {
            self.shared.visible_mut().active = None;
            let _best_effort = self.shared.config.disk.remove(&wal.path);
        } else {
            self.wal = Some(wal);
            self.seal();
        }
    }

    fn publish(&mut self, group: Vec<Append>, first_sequences: &[u64], received_at_us: i64) {
        let mut rows =
            Vec::with_capacity(group.iter().map(|append| append.prepared.rows.len()).sum());
        let mut replies = Vec::with_capacity(group.len());
        for (append, &first) in group.into_iter().zip(first_sequences) {
            let Prepared {
                rows: mut stamped,
                truncated_rows,
                ..
            } = append.prepared;
            stamp(&mut stamped, first, received_at_us);
            let count = stamped.len() as u64;
            self.shared
                .counters
                .truncated_rows
                .fetch_add(truncated_rows, Ordering::Relaxed);
            rows.append(&mut stamped);
            let receipt = Receipt {
                first_id: (count > 0).then(|| first.to_string()),
                last_id: (count > 0).then(|| (first + count - 1).to_string()),
                rows: count,
                received_at_us,
                truncated_rows,
            };
            replies.push((append.reply, receipt));
        }
        let count = rows.len() as u64;
        let batch = Arc::new(Batch::new(rows));
        self.show(Arc::clone(&batch));
        // Before the replies: who has a receipt finds the watermark at or above it.
        self.shared.receipts().end();
        let rows_before = self
            .shared
            .counters
            .appended_rows
            .fetch_add(count, Ordering::Relaxed);
        let _nobody_listens = self.shared.tail.send(Published { batch, rows_before });
        self.shared.set_failing(Writing::Log, None);
        for (reply, receipt) in replies {
            let _caller_gone = reply.send(Ok(receipt));
        }
    }

    fn show(&self, batch: Arc<Batch>) {
        let length = self.wal.as_ref().map_or(0, |wal| wal.length);
        let mut visible = self.shared.visible_mut();
        if let Some(chunk) = &mut visible.active {
            chunk.push(batch);
            chunk.log_bytes = length;
        }
    }

    fn refuse(&self, group: Vec<Append>, error: &ReaderError) {
        for append in group {
            let rows = append.prepared.rows.len() as u64;
            self.shared
                .counters
                .refused_rows
                .fetch_add(rows, Ordering::Relaxed);
            let _caller_gone = append.reply.send(Err(error.clone()));
        }
    }

    fn seal_when_due(&mut self) {
        let is_due = self.shared.visible().active.as_ref().is_some_and(|chunk| {
            let config = &self.shared.config;
            chunk.extent.rows >= config.flush_rows || chunk.memory_bytes >= config.flush_bytes
        });
        if is_due {
            self.seal();
        }
    }

    /// Closes the log file; the next append opens another.
    fn seal(&mut self) {
        let Some(wal) = self.wal.take() else { return };
        if wal.is_empty() {
            self.wal = Some(wal);
            return;
        }
        let mut visible = self.shared.visible_mut();
        if let Some(chunk) = visible.active.take() {
            visible.sealed.push(Arc::new(chunk));
        }
        drop(visible);
        let _keeper_gone = self.sealed.send(());
    }
}

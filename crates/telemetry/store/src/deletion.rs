//! Deletions: a tombstone hides matching lines at once, then the keeper rewrites what holds them, one segment at a
//! time, until no file does; what each file was and became stays as a proof.
//!
//! Invariants: the order is durable before it is acknowledged; a rewritten segment and its record are one line of the
//! manifest; a deletion is finished only when the names of the old files are gone for good. Killed anywhere, the
//! next start goes on with the segment at which it was.

use std::collections::BTreeSet;
use std::sync::Arc;

use andon_columns::ColumnError;
use andon_columns::bits::Bits;
use andon_columns::group::{GroupBuilder, GroupRows, RowBuffer};
use andon_reader::query::{Filter, parse};
use andon_reader::{Deletion, DeletionRecord, DeletionRequest, DeletionState, ReaderError, code, custody_limits};

use crate::archive::restore_command;
use crate::disk::write_atomically;
use crate::extent::Extent;
use crate::failure::{read_failed, write_failed};
use crate::group::write_group;
use crate::home::until_closed;
use crate::keeper::Keeper;
use crate::live::LiveGroup;
use crate::manifest::Change;
use crate::proof::{digest_of_written, proof_path, read_proof, write_proof};
use crate::scan::Patience;
use crate::search::check_interval;
use crate::segment::{Segment, number_of};
use crate::tombstone::{DeletionStep, Tombstone, TombstoneEntry, Tombstones, concerning};
use crate::wal::file_number;

/// Segments noted as cleared in one line of the manifest, at most.
const CLEARED_AT_ONCE: usize = 256;

/// Checks a request; gives its query as it is kept.
///
/// # Errors
/// When the query or the interval is wrong. What a search passes over with a note is an error here: it would
/// delete more than was meant.
pub(crate) fn check(request: &DeletionRequest) -> Result<String, ReaderError> {
    check_interval(request.since_us, request.until_us)?;
    let query = parse(&request.query)?;
    Filter::compile(&query)?;
    let reason = request.reason.trim();
    let most = custody_limits::REASON_CHARACTERS;
    if reason.is_empty() || reason.chars().count() > most {
        return Err(ReaderError::new(code::REQUEST, format!("a deletion needs a reason of 1 to {most} characters"))
            .with_hint("say who asked for it and why: it stays in the ledger and in the proof"));
    }
    Ok(query.to_string())
}

/// Reads the tombstones of a manifest, and says what is wrong with them.
pub(crate) fn compile<'e>(entries: impl Iterator<Item = &'e TombstoneEntry>) -> (Tombstones, Vec<String>) {
    let (mut tombstones, mut notes) = (Vec::new(), Vec::new());
    for entry in entries {
        match Tombstone::new(entry) {
            Ok(tombstone) => tombstones.push(Arc::new(tombstone)),
            Err(error) => notes.push(format!(
                "DAMAGED: the deletion {} cannot be read and hides nothing: {error}",
                entry.id
            )),
        }
    }
    (Arc::new(tombstones), notes)
}

/// What was found of deletions in a segment.
enum Looked<'t> {
    Nothing,
    /// The segment is on its way, or the store is being closed.
    Stopped,
    Rows(&'t Tombstone, Arc<Bits>),
}

impl Keeper {
    /// Makes the order durable, then hides what matches.
    pub(crate) fn begin_deletion(&mut self, request: &DeletionRequest) -> Result<Deletion, ReaderError> {
        let query = check(request)?;
        let listing = &self.manifest.listing;
        if listing.deletions.open.len() >= custody_limits::DELETIONS {
            let most = custody_limits::DELETIONS;
            return Err(ReaderError::new(code::OVERLOADED, format!("{most} deletions are under way already"))
                .with_hint("wait until one is finished; nothing of this one was begun"));
        }
        let (mut through_sequence, mut through_log) = (listing.last_sequence, 0);
        {
            let visible = self.shared.visible();
            let chunks = visible.sealed.iter().map(AsRef::as_ref).chain(visible.active.as_ref());
            for chunk in chunks.filter(|chunk| chunk.extent.rows > 0) {
                through_sequence = through_sequence.max(chunk.extent.max_sequence);
                through_log = through_log.max(chunk.log_number);
            }
        }
        let entry = TombstoneEntry {
            id: listing.deletions.last + 1,
            query,
            since_us: request.since_us,
            until_us: request.until_us,
            through_sequence,
            through_log,
            reason: request.reason.trim().to_owned(),
            requested_by: request.requested_by.clone(),
            requested_at_us: self.shared.now_us(),
            request_event: request.request_event.clone(),
            records: Vec::new(),
        };
        let tombstone = Arc::new(Tombstone::new(&entry)?);
        let begun = DeletionStep { begun: Some(entry.clone()), ..DeletionStep::default() };
        self.apply(&Change { deletions: begun, ..Change::default() })?;
        {
            let mut visible = self.shared.visible_mut();
            let mut all = (*visible.tombstones).clone();
            all.push(tombstone);
            visible.tombstones = Arc::new(all);
        }
        self.publish_deletions();
        tracing::info!(deletion = entry.id, by = entry.requested_by, "lines are hidden and will be deleted");
        Ok(entry.describe())
    }

    /// Says whether a deletion that is under way may find lines in a segment.
    pub(crate) fn may_hold_deleted(&self, segment: &Segment) -> bool {
        let tombstones = Arc::clone(&self.shared.visible().tombstones);
        !concerning(&tombstones, segment.extent(), segment.cleared_through()).is_empty()
    }

    /// Does a bounded part of what deletions need: rewrites at most one segment.
    pub(crate) fn delete_some(&mut self) -> Result<(), ReaderError> {
        let tombstones = Arc::clone(&self.shared.visible().tombstones);
        self.has_more = false;
        if tombstones.is_empty() {
            return Ok(());
        }
        let done = self.look_through(&tombstones);
        self.publish_deletions();
        done
    }

    fn look_through(&mut self, tombstones: &Tombstones) -> Result<(), ReaderError> {
        let segments = self.shared.visible().segments.clone();
        let mut cleared = Vec::new();
        let mut found = None;
        let mut is_waiting = false;
        for segment in &segments {
            // What is elsewhere is looked at one at a time: a later turn finds it here.
            if is_waiting && !segment.is_here() {
                continue;
            }
            let (through, matching) = self.next_match(segment, tombstones);
            if through > segment.cleared_through() {
                cleared.push((Arc::clone(segment), through));
            }
            match matching {
                Looked::Nothing => {}
                Looked::Stopped => is_waiting = true,
                Looked::Rows(tombstone, rows) => {
                    found = Some((segment, tombstone, rows));
                    break;
                }
            }
            if cleared.len() >= CLEARED_AT_ONCE {
                self.has_more = true;
                break;
            }
        }
        self.note_cleared(&cleared)?;
        if let Some((segment, tombstone, rows)) = found {
            self.has_more = self.rewrite(segment, tombstone, &rows)?;
        }
        if self.has_more || self.shared.is_closed() {
            return Ok(());
        }
        for tombstone in tombstones.iter() {
            self.finish_when_gone(tombstone)?;
        }
        Ok(())
    }

    /// Tells of which tombstones a segment holds no line, in their order, and the first one of which it does.
    fn next_match<'t>(
        &mut self,
        segment: &Segment,
        tombstones: &'t [Arc<Tombstone>],
    ) -> (u64, Looked<'t>) {
        let mut through = segment.cleared_through();
        if self.undeletable.contains_key(&segment.entry.number) {
            return (through, Looked::Nothing);
        }
        for tombstone in tombstones.iter().filter(|tombstone| tombstone.id > segment.cleared_through()) {
            if tombstone.concerns(segment.extent()) {
                match self.matching(segment, tombstone) {
                    Ok(None) => {}
                    Ok(Some(rows)) => return (through, Looked::Rows(tombstone, rows)),
                    Err(error) if error.is_stopped => return (through, Looked::Stopped),
                    Err(error) => {
                        self.cannot(segment, &error);
                        return (through, Looked::Nothing);
                    }
                }
            }
            through = tombstone.id;
        }
        (through, Looked::Nothing)
    }

    fn matching(&self, segment: &Segment, tombstone: &Tombstone) -> Result<Option<Arc<Bits>>, ColumnError> {
        let look = || {
            let group = LiveGroup::open(&self.shared.opened, segment, &[], &Patience::none())?;
            group.hidden_by(tombstone.id, || tombstone.rows_of(&group, &|| until_closed(&self.shared)))
        };
        // What was not on the disk is no damage: it is on its way.
        look().or_else(|error| segment.call().and(Err(error)))
    }

    fn cannot(&mut self, segment: &Segment, error: &ColumnError) {
        let number = segment.entry.number;
        tracing::warn!(number, %error, "a segment cannot be read, so that lines in it cannot be deleted");
        self.undeletable.insert(number, error.message.clone());
    }

    fn note_cleared(&mut self, cleared: &[(Arc<Segment>, u64)]) -> Result<(), ReaderError> {
        if cleared.is_empty() {
            return Ok(());
        }
        let numbers = cleared.iter().map(|(segment, through)| (segment.entry.number, *through));
        let step = DeletionStep { cleared: numbers.collect(), ..DeletionStep::default() };
        self.apply(&Change { deletions: step, ..Change::default() })?;
        cleared.iter().for_each(|(segment, through)| segment.clear_through(*through));
        Ok(())
    }

    /// Writes a segment anew without some of its lines; the record of it is the same line of the manifest. Says
    /// whether that was possible now.
    fn rewrite(&mut self, segment: &Arc<Segment>, tombstone: &Tombstone, rows: &Bits) -> Result<bool, ReaderError> {
        let builder = match self.without(segment, rows) {
            Ok(builder) => builder,
            // It is on its way.
            Err(error) if error.is_stopped => return Ok(false),
            Err(error) => {
                self.cannot(segment, &error);
                return Ok(true);
            }
        };
        let number = segment.entry.number;
        let old = segment.digest().map_err(|error| read_failed(segment.data_path(), &error))?;
        let mut record = DeletionRecord { old: Some(old), log: None, new: Vec::new(), removed_rows: rows.count() as u64 };
        let mut change = Change { remove: vec![number], ..Change::default() };
        if builder.rows() > 0 {
            let mut group = builder.finish();
            group.facts.stream.clone_from(&segment.entry.stream);
            let written = write_group(group)?;
            let entry = self.put(&written, tombstone.id)?;
            record.new.push(digest_of_written(entry.number, &written));
            change.add.push(entry);
        }
        change.deletions.done.push((tombstone.id, record));
        self.apply(&change)?;
        let added = change.add.pop().map(|entry| self.segment(entry));
        // A restored copy that is rewritten is one no more.
        self.show_archived(&[number], added);
        Ok(true)
    }

    fn without(&self, segment: &Segment, deleted: &Bits) -> Result<GroupBuilder, ColumnError> {
        segment.call()?;
        let group = LiveGroup::open(&self.shared.opened, segment, &[], &Patience::none())?;
        let rows = GroupRows::open(&group)?;
        let mut builder = GroupBuilder::new();
        let mut buffer = RowBuffer::default();
        for row in (0..rows.len()).filter(|&row| !deleted.get(row)) {
            builder.push_row(&rows.read(row, &mut buffer)?.parts());
        }
        Ok(builder)
    }

    /// Says what still stands between a deletion and its end.
    fn remaining(&self, tombstone: &Tombstone) -> Vec<String> {
        let visible = self.shared.visible();
        let mut remaining = Vec::new();
        let chunks = visible.sealed.iter().map(AsRef::as_ref).chain(visible.active.as_ref());
        let in_memory: u64 = chunks
            .filter(|chunk| chunk.log_number <= tombstone.through_log)
            .map(|chunk| chunk.extent.rows)
            .sum();
        if in_memory > 0 {
            remaining.push(format!("memory: {in_memory} lines wait for their segment"));
        }
        let open = visible.segments.iter().filter(|segment| {
            segment.cleared_through() < tombstone.id && tombstone.concerns(segment.extent())
        });
        let mut waiting = 0;
        for segment in open {
            match self.undeletable.get(&segment.entry.number) {
                Some(why) => remaining.push(format!(
                    "damage: segment {} cannot be read ({why}); `andon telemetry repair` sets aside what is lost",
                    segment.entry.number
                )),
                None => waiting += 1,
            }
        }
        if waiting > 0 {
            remaining.push(format!("segments: {waiting} are to be looked through"));
        }
        remaining.extend(self.remaining_in_archive(tombstone));
        remaining.extend(self.remaining_at_home(tombstone));
        remaining
    }

    /// The segments that a deletion has rewritten.
    fn rewritten(&self, tombstone: &Tombstone) -> BTreeSet<u64> {
        let records = self.manifest.listing.deletions.open.get(&tombstone.id);
        let records = records.into_iter().flat_map(|entry| &entry.records);
        records.filter_map(|record| Some(record.old.as_ref()?.segment)).collect()
    }

    /// What was rewritten must be gone from the home, too.
    fn remaining_at_home(&self, tombstone: &Tombstone) -> Option<String> {
        let discarded = &self.manifest.listing.discarded;
        let left = self.rewritten(tombstone).into_iter().filter_map(|number| discarded.get(&number));
        let places: BTreeSet<&str> = left.map(|stored| stored.place.as_str()).collect();
        (!places.is_empty()).then(|| format!("objects: old files are to be removed from {}", places.into_iter().collect::<Vec<_>>().join(", ")))
    }

    /// The archive is not searched: what it holds must come back to be rewritten.
    fn remaining_in_archive(&self, tombstone: &Tombstone) -> Option<String> {
        let entries = self.manifest.listing.archived.values().map(|entry| &entry.segment);
        let open = entries.filter(|entry| {
            entry.cleared_through < tombstone.id && tombstone.concerns(&entry.extent)
        });
        let extent = open.fold(Extent::EMPTY, |all, entry| all.join(entry.extent));
        (extent.rows > 0).then(|| {
            format!(
                "archive: {} lines may hold some; `{}` brings them back, then they are deleted there, too",
                extent.rows,
                restore_command(extent.min_timestamp_us, extent.max_timestamp_us.saturating_add(1)),
            )
        })
    }

    /// Files that held lines and are not gone yet: a reader may hold them, or their removal failed.
    fn remaining_files(&self, tombstone: &Tombstone) -> Result<Vec<String>, ReaderError> {
        let config = &self.shared.config;
        let failed = |error: std::io::Error| read_failed(&config.folder, &error);
        // A name whose removal is not durable comes back with the power.
        config.disk.sync_directory(&config.folder).map_err(failed)?;
        let old = self.rewritten(tombstone);
        let mut left = Vec::new();
        for name in config.disk.list(&config.folder).map_err(failed)? {
            let is_old = number_of(&name).is_some_and(|number| old.contains(&number));
            let is_log = file_number(&name).is_some_and(|number| number <= tombstone.through_log);
            if is_log && file_number(&name) <= Some(self.manifest.listing.flushed_log) {
                // All of its lines are in segments: its removal failed when they were written.
                let _tried_again_later = config.disk.remove(&config.folder.join(&name));
            }
            if is_old || is_log {
                left.push(format!("file: {name} is still there"));
            }
        }
        Ok(left)
    }

    fn finish_when_gone(&mut self, tombstone: &Arc<Tombstone>) -> Result<(), ReaderError> {
        if !self.remaining(tombstone).is_empty() || !self.remaining_files(tombstone)?.is_empty() {
            return Ok(());
        }
        let Some(entry) = self.manifest.listing.deletions.open.get(&tombstone.id) else {
            return Ok(());
        };
        let finished_at_us = Some(self.shared.now_us());
        let proof = Deletion { state: DeletionState::Finished, finished_at_us, ..entry.describe() };
        let (bytes, digest) = write_proof(&proof);
        let config = &self.shared.config;
        let path = proof_path(&config.folder, tombstone.id);
        write_atomically(config.disk.as_ref(), &path, &bytes)
            .map_err(|error| write_failed("the proof of a deletion", &path, &error))?;
        let step = DeletionStep { finished: Some((tombstone.id, digest)), ..DeletionStep::default() };
        self.apply(&Change { deletions: step, ..Change::default() })?;
        {
            let mut visible = self.shared.visible_mut();
            let left = visible.tombstones.iter().filter(|other| other.id != tombstone.id);
            visible.tombstones = Arc::new(left.cloned().collect());
        }
        tracing::info!(deletion = tombstone.id, rows = proof.removed_rows, "a deletion is finished");
        Ok(())
    }

    /// Shows how far deletions are to those who ask.
    pub(crate) fn publish_deletions(&self) {
        let deletions = &self.manifest.listing.deletions;
        let tombstones = Arc::clone(&self.shared.visible().tombstones);
        let known = self.shared.deletions();
        let mut all = Vec::with_capacity(deletions.open.len() + deletions.finished.len());
        for entry in deletions.open.values() {
            let pending = match tombstones.iter().find(|tombstone| tombstone.id == entry.id) {
                Some(tombstone) => {
                    let remaining = self.remaining(tombstone);
                    let last = || vec!["files: the last names are to be removed".to_owned()];
                    if remaining.is_empty() { last() } else { remaining }
                }
                None => vec!["damage: the order cannot be read".to_owned()],
            };
            all.push(Deletion { pending, ..entry.describe() });
        }
        for (&id, digest) in &deletions.finished {
            let was = known.iter().find(|was| was.id == id && was.state == DeletionState::Finished);
            all.push(match was {
                Some(was) => was.clone(),
                None => self.finished(id, digest),
            });
        }
        all.sort_by_key(|deletion| std::cmp::Reverse(deletion.id));
        self.shared.show_deletions(all);
    }

    /// A finished deletion as its proof tells it, without the records.
    fn finished(&self, id: u64, digest: &str) -> Deletion {
        let config = &self.shared.config;
        let read = read_proof(config.disk.as_ref(), &config.folder, id);
        let proof = read.ok().and_then(|(proof, _)| proof);
        let unknown = || TombstoneEntry {
            id,
            query: String::new(),
            since_us: i64::MIN,
            until_us: i64::MAX,
            through_sequence: 0,
            through_log: 0,
            reason: "the file of its proof cannot be read".to_owned(),
            requested_by: String::new(),
            requested_at_us: 0,
            request_event: None,
            records: Vec::new(),
        };
        Deletion {
            state: DeletionState::Finished,
            records: Vec::new(),
            digest: Some(digest.to_owned()),
            ..proof.unwrap_or_else(|| unknown().describe())
        }
    }
}

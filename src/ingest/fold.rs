//! Folding: what the reading side tells becomes what is kept, until it is time to publish.
//!
//! How rows are folded is the index's affair; what is made of them is decided by the run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Instant;

use tracing::info_span;

use super::error::{Error, Result};
use super::reader::{Fetched, MappedRows, Message, ObjectEnd, Reader};
use super::{Progress, Run};
use crate::index::Kept;
use crate::observation::{Layout, Object};

/// Batches between the mapping thread and the writer: enough to bridge a pause of either.
const BATCHES_AHEAD: usize = 6;

/// What was folded, to make a generation of.
pub(super) struct Folded {
    pub(super) kept: Kept,
    pub(super) is_changed: bool,
}

impl Run<'_> {
    /// Folds objects until it is time to publish; tells whether there may be more. They are decoded and mapped on threads
    /// of their own.
    pub(super) fn fold(
        &mut self,
        mut kept: Kept,
        fetched: &mut (impl Iterator<Item = Fetched> + Send),
    ) -> Result<(Folded, bool)> {
        let _span = info_span!("fold").entered();
        let options = self.options;
        let is_enough = AtomicBool::new(false);
        let known = (kept.known(), kept.contents(), kept.shapes_of());
        let mut is_changed = false;
        let is_more = std::thread::scope(|scope| {
            let (sender, receiver) = sync_channel(BATCHES_AHEAD);
            let is_enough = &is_enough;
            let reading = std::thread::Builder::new()
                .name("map".into())
                .spawn_scoped(scope, move || {
                    Reader::new(options, known, is_enough, sender).run(fetched)
                })
                .map_err(|_| Error::Broken)?;
            let folded = self.fold_all(&mut kept, &receiver, is_enough);
            // Unblocks the reading thread when folding ended early.
            drop(receiver);
            let is_more = reading.join().map_err(|_| Error::Broken)?;
            is_changed = folded?;
            Ok::<_, Error>(is_more)
        })?;
        Ok((Folded { kept, is_changed }, is_more))
    }

    /// Folds what is read; true when an object was taken in.
    fn fold_all(
        &mut self,
        kept: &mut Kept,
        messages: &Receiver<Message>,
        is_enough: &AtomicBool,
    ) -> Result<bool> {
        let start = Instant::now();
        let mut is_changed = false;
        for message in messages {
            self.heed_stop()?;
            match message {
                Message::Failed { object, error } => self.fail(&object, error),
                Message::Refused { object, error } => self.fail_by_content(&object, error),
                Message::Empty { object } => self.leave_out_empty(&object),
                Message::Archived { object } => {
                    self.archived.push(object.name());
                    self.progress_of(&object);
                }
                Message::Unfinished { object } => {
                    self.report.warnings.push(format!(
                        "{} ends within a line and was written less than a minute ago, or ahead of this clock: it may be written \
                         still, and waits for the next run",
                        object.name()
                    ));
                    self.progress_of(&object);
                }
                Message::Duplicate {
                    object,
                    blake3,
                    layout,
                } => {
                    self.report.objects.duplicate += 1;
                    self.progress_of(&object);
                    kept.take_duplicate(object, blake3, &layout)?;
                    is_changed = true;
                }
                Message::Begin {
                    object,
                    blake3,
                    layout,
                } => {
                    kept.begin(object.clone(), blake3, &layout)?;
                    self.fold_rows(kept, &object, &layout, messages)?;
                    self.progress_of(&object);
                    is_changed = true;
                    let is_late = start.elapsed() > self.options.publish_every;
                    is_enough.store(is_late && !self.options.is_dry_run, Ordering::Relaxed);
                }
                Message::Warning(warning) => self.report.warnings.push(warning),
                Message::Broken(error) => return Err(error),
                // Rows come behind a beginning only.
                Message::Rows(_) | Message::End(_) => return Err(Error::Broken),
            }
        }
        self.heed_stop()?;
        Ok(is_changed)
    }

    /// Folds the rows of the object that has begun, up to its end.
    fn fold_rows(
        &mut self,
        kept: &mut Kept,
        object: &Object,
        layout: &Layout,
        messages: &Receiver<Message>,
    ) -> Result<()> {
        for message in messages {
            self.heed_stop()?;
            match message {
                Message::Rows(MappedRows { batch, rejects }) => {
                    (self.progress)(Progress::Rows((batch.len() + rejects.len()) as u64));
                    kept.take(&batch, layout, rejects)?;
                }
                Message::End(ObjectEnd {
                    refused,
                    odd,
                    odd_types,
                    idle_drops,
                    seen,
                }) => {
                    self.report.note_odd(layout.dataset, odd);
                    self.odd_types.join(odd_types);
                    self.idle_drops.note(layout.dataset, idle_drops);
                    self.sanity.note(&object.name(), layout.dataset, seen);
                    return Ok(kept.end(refused)?);
                }
                Message::Broken(error) => return Err(error),
                // Nothing else comes between the rows of an object.
                _ => return Err(Error::Broken),
            }
        }
        self.heed_stop()?;
        // The object's end never came: what was folded of it must not be published.
        Err(Error::Broken)
    }

    fn heed_stop(&self) -> Result<()> {
        match self.options.stop.load(Ordering::Relaxed) {
            true => Err(Error::Stopped),
            false => Ok(()),
        }
    }

    /// Says what was left out for being archived.
    pub(super) fn say_archived(&mut self) {
        let (Some(first), count) = (self.archived.first(), self.archived.len()) else {
            return;
        };
        self.report.warnings.push(format!(
            "{count} archived objects are left out (first {first}); restore them, or keep them out with `exclude`"
        ));
    }
}

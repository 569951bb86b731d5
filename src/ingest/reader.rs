//! The reading side of a run: fetched objects are checked, decoded and mapped here, on threads of their own, while the
//! run folds what they say.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::drift::{Change, Drift};
use super::error::{Error, caught, chain};
use super::examine::{Unfit, form_and_layout};
use super::options::Options;
use super::recognising::{known_rows, left_out, meaning};
use super::sanity::{Filled, Seen};
use super::tally::Tally;
use crate::decode::{self, Reading};
use crate::identifier::Column;
use crate::index::{Content, Contents, Known, ShapesOf};
use crate::mapping::{Mapper, OddTypes, held_by, shown_name};
use crate::observation::{Batch, Layout, Object, OddCells, Recogniser, Refused, Reject};
use crate::source::{self, SourceConfig, Spooled};

/// How long a text that ends within a line may still be written, in microseconds: whoever writes a file pauses for less.
const UNFINISHED_FOR: i64 = 60_000_000;
/// The clock of the machine that writes may be ahead of this one's; a time beyond an hour tells of no writing.
const AHEAD: i64 = 60 * UNFINISHED_FOR;

/// What the reading side tells the run.
pub(super) enum Message {
    /// It cannot be had.
    Failed {
        object: Object,
        error: String,
    },
    /// It has no rows, and no header that says of what it has none.
    Empty {
        object: Object,
    },
    /// It may be written still.
    Unfinished {
        object: Object,
    },
    /// It cannot be read before it is restored.
    Archived {
        object: Object,
    },
    /// It holds what cannot be taken in.
    Refused {
        object: Object,
        error: String,
    },
    Duplicate {
        object: Object,
        blake3: [u8; 32],
        layout: Layout,
    },
    Begin {
        object: Object,
        blake3: [u8; 32],
        layout: Layout,
    },
    Rows(MappedRows),
    End(ObjectEnd),
    Warning(String),
    Broken(Error),
}

/// Some rows of an object, ready to be folded.
pub(super) struct MappedRows {
    pub(super) batch: Batch,
    pub(super) rejects: Vec<Reject>,
}

/// What is to be said of an object beside its rows.
pub(super) struct ObjectEnd {
    pub(super) refused: Refused,
    /// Columns with cells that say nothing though something stands there.
    pub(super) odd: Vec<(String, OddCells)>,
    /// Words of `user.type` that say neither local nor domain, and how often.
    pub(super) odd_types: OddTypes,
    /// Columns that are to be dropped and that it does not have.
    pub(super) idle_drops: BTreeSet<String>,
    pub(super) seen: Seen,
}

/// What mapping an object comes to.
enum Mapped {
    Whole(Box<ObjectEnd>),
    /// It cannot be taken in, for a reason.
    Refused(String),
    /// It began badly and is not so bad: nothing of it was given to the run.
    LooksBad,
}

/// Whether an object is looked at before anything of it is folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    First,
    Had,
}

/// The writer went away: it failed or was stopped, and says so itself.
struct Gone;

/// What is fetched, object by object.
pub(super) type Fetched = (Object, std::result::Result<Spooled, source::Error>);

/// The reading side's state.
pub(super) struct Reader<'a> {
    options: &'a Options,
    sources: HashMap<&'a str, &'a SourceConfig>,
    /// What columns are called, in small letters.
    column_names: HashSet<String>,
    known: Arc<Known>,
    contents: Contents,
    sender: SyncSender<Message>,
    /// Set when it is time to publish: no more objects are begun.
    is_enough: &'a AtomicBool,
    /// Lists of unknown columns that were reported.
    reported: HashSet<String>,
    drift: Drift,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        options: &'a Options,
        (known, contents, shapes): (Arc<Known>, Contents, ShapesOf),
        is_enough: &'a AtomicBool,
        sender: SyncSender<Message>,
    ) -> Reader<'a> {
        let sources = options.sources.iter();
        let sources = sources.map(|source| (source.name.as_str(), source));
        Reader {
            options,
            sources: sources.collect(),
            column_names: options.mapping.column_names(),
            known,
            contents,
            sender,
            is_enough,
            reported: HashSet::new(),
            drift: Drift::new(shapes),
        }
    }

    /// Takes object after object; tells whether there may be more.
    pub(super) fn run(mut self, fetched: &mut impl Iterator<Item = Fetched>) -> bool {
        while !self.is_enough.load(Ordering::Relaxed) {
            let Some((object, result)) = fetched.next() else {
                return false;
            };
            let taken = match result {
                _ if self.options.stop.load(Ordering::Relaxed) => Err(Gone),
                Ok(spooled) => self.take_caught(spooled),
                Err(source::Error::Archived { .. }) => self.send(Message::Archived { object }),
                Err(error) => self.send(Message::Failed {
                    object,
                    error: chain(&error),
                }),
            };
            if let Err(Gone) = taken {
                // The run has ended already, and says why.
                return false;
            }
        }
        true
    }

    fn send(&self, message: Message) -> std::result::Result<(), Gone> {
        self.sender.send(message).map_err(|_| Gone)
    }

    /// Says that an object cannot be taken in.
    fn fail(&self, spooled: Spooled, error: String) -> std::result::Result<(), Gone> {
        let object = spooled.object;
        if spooled.file.is_unchanged() {
            let source = self.sources.get(object.source.as_str());
            // Whoever declares another encoding than it is breaks every file.
            let error = match source.and_then(|source| source.encoding) {
                Some(encoding) => format!(
                    "{error} (read as {}, as the encoding of its [[source]] says)",
                    encoding.name()
                ),
                None => error,
            };
            return self.send(Message::Refused { object, error });
        }
        let changed = Error::Changed {
            object: Box::new(object.clone()),
        };
        self.send(Message::Failed {
            object,
            error: changed.to_string(),
        })
    }

    /// Takes an object in; a fault of this program is that object's.
    fn take_caught(&mut self, spooled: Spooled) -> std::result::Result<(), Gone> {
        const FAULT: &str =
            "a fault of this program while it was read; report it with the place that was named";
        let object = Box::new(spooled.object.clone());
        caught(|| self.take(spooled)).unwrap_or_else(|_| {
            let reason = FAULT.to_owned();
            Err(self.broken(Error::Refused { object, reason }))
        })
    }

    /// Checks an object whole, then takes it in.
    fn take(&mut self, spooled: Spooled) -> std::result::Result<(), Gone> {
        let source = self.sources.get(spooled.object.source.as_str());
        let encoding = source.and_then(|source| source.encoding);
        let (path, mapping) = (spooled.file.as_ref(), &self.options.mapping);
        let checked = form_and_layout(path, encoding, mapping, &self.column_names);
        let (form, layout) = match checked {
            Ok(checked) => checked,
            Err(Unfit::Content(error)) => return self.fail(spooled, error),
            Err(Unfit::Empty) => {
                let object = spooled.object;
                return self.send(Message::Empty { object });
            }
            Err(Unfit::Machine(error)) => {
                let object = spooled.object;
                return self.send(Message::Failed { object, error });
            }
        };
        let age = Timestamp::now().as_microsecond() - spooled.object.modified_at;
        let is_fresh = (-AHEAD..UNFINISHED_FOR).contains(&age);
        // Services show an object once it is whole.
        if form.may_be_cut && spooled.file.is_local() && is_fresh {
            return self.send(Message::Unfinished {
                object: spooled.object,
            });
        }
        let change = self.drift.of(&spooled.object, &layout);
        let is_frozen = self.options.frozen.contains(&layout.dataset) && !self.options.is_accepting;
        if is_frozen && !change.is_none() {
            let refusal = change.refusal(&layout);
            return self.fail(spooled, refusal);
        }
        self.report_unknown_columns(&spooled.object, &layout)?;
        if form.may_be_cut && self.options.complete.contains(&layout.dataset) {
            self.send(Message::Warning(format!(
                "{} is declared complete and ends within a line: it may be cut, and whom it lacks is taken for gone; export it again, \
                 with a line end behind its last row",
                spooled.object.name()
            )))?;
        }
        if form.says_more && self.options.complete.contains(&layout.dataset) {
            let error = "its dataset is declared complete, and it says that more rows follow in another object: whom it lacks would be \
                         gone; write all rows into one object";
            return self.fail(spooled, error.to_owned());
        }
        self.decode(spooled, &form, layout, &change)
    }

    /// Says once a run which columns no field takes.
    fn report_unknown_columns(
        &mut self,
        object: &Object,
        layout: &Layout,
    ) -> std::result::Result<(), Gone> {
        let mut names: Vec<&str> = layout
            .extra
            .iter()
            .map(|(name, _)| match shown_name(name) {
                "" => "one without a name",
                name => name,
            })
            .collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() || !self.reported.insert(names.join(", ")) {
            return Ok(());
        }
        const SHOWN: usize = 12;
        let more = names.len().saturating_sub(SHOWN);
        let shown = names[..names.len() - more].join(", ");
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        self.send(Message::Warning(format!(
            "columns that no field takes are kept in `extra`: {shown}{more} (first in {}); map them with [dataset.{}.columns]",
            object.name(),
            layout.dataset.as_str()
        )))
    }

    /// Tells whether an object repeats another one at the same time.
    fn is_copy(&self, object: &Object, blake3: [u8; 32]) -> std::result::Result<bool, Gone> {
        match self.contents.judge(object, blake3) {
            Content::Copy => Ok(true),
            Content::New => Ok(false),
            Content::Repeated => {
                let name = object.name();
                self.send(Message::Warning(format!(
                    "repeated_content: {name} has the content of an object that was taken in before; its rows count \
                     as observed when it was modified"
                )))?;
                Ok(false)
            }
        }
    }

    fn decode(
        &mut self,
        spooled: Spooled,
        form: &decode::Form,
        layout: Layout,
        change: &Change,
    ) -> std::result::Result<(), Gone> {
        let object = spooled.object.clone();
        // Only what can be read counts as taken in: a later copy is not to be passed over for it.
        if self.is_copy(&object, spooled.blake3)? {
            self.contents.note(&object, spooled.blake3);
            return self.send(Message::Duplicate {
                object,
                blake3: spooled.blake3,
                layout,
            });
        }
        let mut begin = Some(Message::Begin {
            object,
            blake3: spooled.blake3,
            layout: layout.clone(),
        });
        let columns = (&layout, change);
        let mut mapped = self.map(&spooled, form, columns, &mut begin, Look::First);
        if let Ok(Mapped::LooksBad) = mapped {
            mapped = self.map(&spooled, form, columns, &mut begin, Look::Had);
        }
        let has_begun = begin.is_none();
        match mapped {
            Ok(Mapped::Refused(reason)) if !has_begun => self.fail(spooled, reason),
            // Rows of it are folded already, and cannot be taken back one by one.
            _ if !spooled.file.is_unchanged() => {
                let object = Box::new(spooled.object);
                Err(self.broken(Error::Changed { object }))
            }
            Ok(Mapped::Refused(reason)) => {
                let object = Box::new(spooled.object);
                Err(self.broken(Error::Refused { object, reason }))
            }
            Ok(Mapped::LooksBad) | Err(None) => Err(Gone),
            Err(Some(error)) => Err(self.broken(error)),
            Ok(Mapped::Whole(end)) => {
                self.drift.note(&spooled.object, &layout);
                self.contents.note(&spooled.object, spooled.blake3);
                if let Some(begin) = begin {
                    self.send(begin)?;
                }
                self.send(Message::End(*end))
            }
        }
    }

    /// Returns the zone of times that carry none.
    fn time_zone_of(&self, object: &Object) -> TimeZone {
        let known = self.sources.get(object.source.as_str());
        known.map_or(TimeZone::UTC, |source| source.time_zone.clone())
    }

    /// Maps an object's batches, and gives the run what they come to, `begin` first. Without an error, the run is gone.
    fn map(
        &self,
        spooled: &Spooled,
        form: &decode::Form,
        (layout, change): (&Layout, &Change),
        begin: &mut Option<Message>,
        look: Look,
    ) -> std::result::Result<Mapped, Option<Error>> {
        let name = spooled.object.name();
        let time_zone = &self.time_zone_of(&spooled.object);
        let columns = held_by(layout, form.header.len());
        let reading = Reading {
            columns: &columns,
            not_said: &self.options.not_said,
            names: &self.column_names,
        };
        let seed = meaning(
            &spooled.object.source,
            &self.options.not_said,
            time_zone,
            form,
            layout,
        );
        let not_said = &self.options.not_said;
        let known = known_rows(&self.known, layout.dataset, not_said, time_zone);
        let recogniser = Recogniser {
            seed,
            left_out: left_out(layout),
            known: &known,
        };
        let batches = decode::batches(spooled.file.as_ref(), form, reading, Some(recogniser))
            .map_err(|source| Some(unreadable(&name, source)))?;
        let mut mapper = Mapper::new(
            layout,
            (time_zone, spooled.object.observed_at),
            &self.options.patterns,
        );
        let mut tally = Tally::default();
        let mut filled = Filled::new(columns.len());
        let mut hints = None;
        let mut anew = 0;
        let mut is_counting = false;
        let refused = std::thread::scope(|scope| {
            // They are made on threads of their own while this one reads what they mean.
            let batches = batches.decode(scope);
            for batch in batches.map_err(|source| Some(unreadable(&name, source)))? {
                let batch = match batch {
                    Ok(batch) => batch,
                    Err(error) if error.is_content() => return Ok(Some(error.to_string())),
                    // Only the machine can fail here: the object was read to its end before. The run then ends unpublished.
                    Err(source) => return Err(Some(unreadable(&name, source))),
                };
                tally.note_encoding(&batch);
                filled.note(&batch);
                hints.get_or_insert_with(|| change.hints(layout, &batch.records));
                let (batch, rejects) = mapper.map(batch);
                let rejects = with_shown_names(rejects);
                tally.note(batch.len(), &rejects);
                anew += batch.len() as u64 - batch.recognised.len() as u64;
                // What begins badly is counted before anything of it is folded: to take rows back costs the whole run.
                is_counting |= look == Look::First && begin.is_some() && tally.looks_bad();
                if is_counting {
                    continue;
                }
                if let Some(begin) = begin.take() {
                    self.send(begin).map_err(|Gone| None)?;
                }
                let sent = self.send(Message::Rows(MappedRows { batch, rejects }));
                sent.map_err(|Gone| None)?;
            }
            Ok(tally.failure())
        })?;
        if let Some(reason) = refused {
            return Ok(Mapped::Refused(reason));
        }
        if is_counting {
            return Ok(Mapped::LooksBad);
        }
        let names = form.header.iter().map(|name| shown_name(name).to_owned());
        let odd = names.zip(mapper.odd);
        Ok(Mapped::Whole(Box::new(ObjectEnd {
            refused: mapper.refused,
            odd: odd.filter(|(_, odd)| *odd != OddCells::default()).collect(),
            odd_types: mapper.odd_types,
            idle_drops: self
                .options
                .mapping
                .idle_drops(layout.dataset, &form.header),
            seen: Seen {
                rows: tally.rows(),
                says_more: form.says_more,
                cut_in: last_identifier(form, &columns),
                anew,
                hashed_upns: mapper.refused.hashed_upns,
                hashed_names: mapper.hashed_names,
                is_encoded_twice: filled.is_encoded_twice(),
                empty: filled.empty(&columns, &form.header),
                same: filled.same(&columns, &form.header),
                hints: hints.unwrap_or_default(),
            },
        })))
    }

    /// Ends the run with an error.
    fn broken(&self, error: Error) -> Gone {
        // A writer that went away has said why itself.
        let _ = self.sender.send(Message::Broken(error));
        Gone
    }
}

/// Returns the name of the column of identifiers in which a text ends without a line end.
fn last_identifier(form: &decode::Form, columns: &[Column]) -> Option<String> {
    let is_identifier = columns.last().is_some_and(|last| last.is_identifier());
    let may_be_cut = form.may_end_in_cell && is_identifier;
    let name = form.header.last().filter(|_| may_be_cut)?;
    Some(shown_name(name).to_owned())
}

/// Has rejects name no column that looks like a value: in JSON, a name can be one.
fn with_shown_names(mut rejects: Vec<Reject>) -> Vec<Reject> {
    for reject in &mut rejects {
        if shown_name(&reject.field) != reject.field {
            reject.field = shown_name(&reject.field).to_owned();
        }
    }
    rejects
}

fn unreadable(object: &str, source: decode::Error) -> Error {
    Error::Unreadable {
        object: object.to_owned(),
        source,
    }
}

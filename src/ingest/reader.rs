//! The reading side of a run: fetched objects are checked, decoded and mapped here, on threads of their own, while the
//! writer writes.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};

use jiff::tz::TimeZone;
use rusqlite::Connection;

use super::{Error, Options, chain, name_of};
use crate::decode;
use crate::index::{self, ToldLogins, ToldParts};
use crate::mapping::{self, Mapper};
use crate::observation::{Batch, Layout, Object, ObservedFrom, Refused, Reject};
use crate::schema::Dataset;
use crate::source::{self, Spooled};

/// Rows that the writer is given at once where they have hardly any text: 7 MB. It is busy for a second before it takes
/// in the first logins.
const LIGHT_ROWS: usize = 128 << 10;
/// Batches between cutting text into cells and mapping them.
const DECODED_AHEAD: usize = 2;

/// What the reading side knows of the current generation.
#[derive(Default)]
pub(super) struct Current {
    /// Contents that the ledger has, to recognise copies without decoding them.
    observed: HashSet<([u8; 32], i64)>,
    hashes: HashSet<[u8; 32]>,
    parts: ToldParts,
    logins: ToldLogins,
    /// Open since the run began: what is published meanwhile may prune it.
    connection: Option<Connection>,
}

impl Current {
    /// Loads it from a generation.
    pub(super) fn load(connection: Connection) -> index::Result<Current> {
        let observed: HashSet<_> = index::contents(&connection)?.into_iter().collect();
        Ok(Current {
            hashes: observed.iter().map(|(sha256, _)| *sha256).collect(),
            observed,
            parts: ToldParts::load(&connection)?,
            logins: ToldLogins::default(),
            connection: Some(connection),
        })
    }
}

/// What the reading side tells the writer.
pub(super) enum Message {
    Failed {
        object: Object,
        error: String,
    },
    Duplicate {
        object: Object,
        sha256: [u8; 32],
        layout: Layout,
    },
    Begin {
        object: Object,
        sha256: [u8; 32],
        layout: Layout,
    },
    Rows(Vec<Mapped>),
    End {
        refused: Refused,
    },
    Warning(String),
    Broken(Error),
}

/// Some rows of an object, ready to be written.
pub(super) struct Mapped {
    pub(super) batch: Batch,
    pub(super) rejects: Vec<Reject>,
}

/// The writer went away: it failed or was stopped, and says so itself.
struct Gone;

/// An object that was checked and can only lose rows from here on.
struct Checked {
    spooled: Spooled,
    form: decode::Form,
    layout: Layout,
}

/// The reading side's state.
pub(super) struct Reader<'a> {
    options: &'a Options,
    time_zones: HashMap<&'a str, &'a TimeZone>,
    known: Current,
    sender: SyncSender<Message>,
    /// Logins objects wait until the users and devices are in: both sides of a login are then known at once.
    waiting: Vec<Checked>,
    waiting_bytes: u64,
    /// Lists of unknown columns that were reported.
    reported: HashSet<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        options: &'a Options,
        known: Current,
        sender: SyncSender<Message>,
    ) -> Reader<'a> {
        let time_zones = options
            .sources
            .iter()
            .map(|source| (source.name.as_str(), &source.time_zone))
            .collect();
        Reader {
            options,
            time_zones,
            known,
            sender,
            waiting: Vec::new(),
            waiting_bytes: 0,
            reported: HashSet::new(),
        }
    }

    pub(super) fn run(
        mut self,
        fetched: impl Iterator<Item = (Object, std::result::Result<Spooled, source::Error>)>,
    ) {
        // `Gone` has been said by the writer already.
        let _ = self.take_all(fetched);
    }

    fn take_all(
        &mut self,
        fetched: impl Iterator<Item = (Object, std::result::Result<Spooled, source::Error>)>,
    ) -> std::result::Result<(), Gone> {
        for (object, result) in fetched {
            if self.options.stop.load(Ordering::Relaxed) {
                return Err(Gone);
            }
            match result {
                Ok(spooled) => self.check(spooled)?,
                Err(error) => self.send(Message::Failed {
                    object,
                    error: chain(&error),
                })?,
            }
        }
        self.take_waiting()
    }

    fn send(&self, message: Message) -> std::result::Result<(), Gone> {
        self.sender.send(message).map_err(|_| Gone)
    }

    /// Checks an object whole, then takes it in or has it wait.
    fn check(&mut self, spooled: Spooled) -> std::result::Result<(), Gone> {
        let (form, layout) = match self.form_and_layout(&spooled) {
            Ok(checked) => checked,
            Err(error) => {
                return self.send(Message::Failed {
                    object: spooled.object,
                    error,
                });
            }
        };
        self.report_unknown_columns(&spooled.object, &layout)?;
        let checked = Checked {
            spooled,
            form,
            layout,
        };
        if checked.layout.dataset != Dataset::Logins {
            return self.decode(checked);
        }
        self.waiting_bytes += checked.spooled.object.size_bytes;
        self.waiting.push(checked);
        // What waits takes room in the spool: beyond half of it, nothing more might come.
        if self.waiting_bytes > self.options.spool_bytes / 2 {
            self.take_waiting()
        } else {
            Ok(())
        }
    }

    /// Says once a run which columns no field takes.
    fn report_unknown_columns(
        &mut self,
        object: &Object,
        layout: &Layout,
    ) -> std::result::Result<(), Gone> {
        let names: Vec<&str> = layout.extra.iter().map(|(name, _)| name.as_str()).collect();
        if names.is_empty() || !self.reported.insert(names.join(", ")) {
            return Ok(());
        }
        self.send(Message::Warning(format!(
            "columns that no field takes are kept in `extra`: {} (first in {}); map them with [dataset.{}.columns]",
            names.join(", "),
            name_of(object),
            layout.dataset.as_str()
        )))
    }

    fn form_and_layout(
        &self,
        spooled: &Spooled,
    ) -> std::result::Result<(decode::Form, Layout), String> {
        let form = decode::check(&spooled.file).map_err(|error| chain(&error))?;
        let layout = self
            .options
            .mapping
            .layout(&form.header)
            .map_err(|error: mapping::Error| chain(&error))?;
        Ok((form, layout))
    }

    fn take_waiting(&mut self) -> std::result::Result<(), Gone> {
        self.waiting_bytes = 0;
        // They need the memory. Users and devices that come later are worked out whole.
        self.known.parts = ToldParts::default();
        self.load_told_logins()?;
        for checked in std::mem::take(&mut self.waiting) {
            self.decode(checked)?;
        }
        Ok(())
    }

    /// Loads which logins the index knows, once and only when there are any to take in.
    fn load_told_logins(&mut self) -> std::result::Result<(), Gone> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let Some(connection) = self.known.connection.take() else {
            return Ok(());
        };
        match ToldLogins::load(&connection) {
            Ok(logins) => {
                self.known.logins = logins;
                Ok(())
            }
            Err(error) => Err(self.broken(index::Error::from(error).into())),
        }
    }

    /// Tells whether an object repeats another one at the same time; asked in its turn, so that a copy never counts
    /// before its original.
    fn is_copy(&mut self, object: &Object, sha256: [u8; 32]) -> std::result::Result<bool, Gone> {
        if !self.known.observed.insert((sha256, object.observed_at)) {
            return Ok(true);
        }
        if !self.known.hashes.insert(sha256) && object.observed_from == ObservedFrom::Modified {
            let name = name_of(object);
            self.send(Message::Warning(format!(
                "repeated_content: {name} has the content of an object that was taken in before; its rows count as \
                 observed when it was modified"
            )))?;
        }
        Ok(false)
    }

    fn decode(&mut self, checked: Checked) -> std::result::Result<(), Gone> {
        let Checked {
            spooled,
            form,
            layout,
        } = checked;
        let object = spooled.object.clone();
        let object_name = name_of(&object);
        let sha256 = spooled.sha256;
        if self.is_copy(&object, sha256)? {
            return self.send(Message::Duplicate {
                object,
                sha256,
                layout,
            });
        }
        let utc = TimeZone::UTC;
        let time_zone = self
            .time_zones
            .get(object.source.as_str())
            .copied()
            .unwrap_or(&utc);
        let batches = match decode::batches(&spooled.file, &form, identifier_columns(&layout)) {
            Ok(batches) => batches,
            Err(error) => {
                return self.send(Message::Failed {
                    object,
                    error: chain(&error),
                });
            }
        };
        self.send(Message::Begin {
            object,
            sha256,
            layout: layout.clone(),
        })?;
        let refused = self.map(&object_name, batches, &layout, time_zone)?;
        self.send(Message::End { refused })
    }

    /// Maps an object's batches, and gives the writer what they come to.
    fn map(
        &self,
        object: &str,
        batches: decode::Batches,
        layout: &Layout,
        time_zone: &TimeZone,
    ) -> std::result::Result<Refused, Gone> {
        let Current { parts, logins, .. } = &self.known;
        let known = mapping::Known {
            part: &|subject, fingerprint| parts.find(subject, fingerprint),
            usage: &|group| logins.find(group),
        };
        let mut mapper = Mapper::new(layout, time_zone, &self.options.patterns, known);
        std::thread::scope(|scope| {
            // Cutting text into cells and reading their meaning are about the same work.
            let (decoding, decoded) = sync_channel(DECODED_AHEAD);
            scope.spawn(move || batches.map_while(|batch| decoding.send(batch).ok()).count());
            let mut held: Vec<Mapped> = Vec::new();
            let mut rows = 0;
            for batch in decoded {
                // Only the machine can fail here: the object was read to its end before. The run then ends unpublished.
                let batch = batch.map_err(|source| self.broken(unreadable(object, source)))?;
                let (mut batch, rejects) = mapper.map(batch);
                let is_light = batch.shed_text(layout);
                rows += batch.len() + rejects.len();
                held.push(Mapped { batch, rejects });
                if !is_light || rows >= LIGHT_ROWS {
                    self.send(Message::Rows(std::mem::take(&mut held)))?;
                    rows = 0;
                }
            }
            self.send(Message::Rows(held))
        })?;
        Ok(mapper.refused)
    }

    /// Ends the run with an error.
    fn broken(&self, error: Error) -> Gone {
        // A writer that went away has said why itself.
        let _ = self.sender.send(Message::Broken(error));
        Gone
    }
}

fn unreadable(object: &str, source: decode::Error) -> Error {
    Error::Unreadable {
        object: object.to_owned(),
        source,
    }
}

/// Columns whose cells never hold a new line: keys.
fn identifier_columns(layout: &Layout) -> Vec<usize> {
    let keys = if layout.dataset == Dataset::Logins {
        6
    } else {
        3
    };
    layout.columns[..keys].iter().flatten().copied().collect()
}

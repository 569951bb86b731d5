//! The identity index as a run writes it: a private building file that observations are applied to.
//!
//! A [`Building`] is made from the current generation, written through one [`Writer`] and published, or thrown away on
//! any error. Readers never see it. The walk of a row: `describe` (users, devices) or `logins` takes it in,
//! `settle` works out whose it is, `ledger` counts it, `publish` makes the file a generation. The first rows of a new
//! index go past SQL: `laying`, `btree`, `tail`.

mod btree;
mod busy;
mod describe;
mod digest;
mod folder;
mod held;
mod identifiers;
mod identity;
mod keyring;
mod lanes;
mod last_login;
mod laying;
mod ledger;
mod logins;
mod mention;
mod migrate;
mod part;
mod publish;
mod quick;
mod record;
mod roster;
mod settle;
mod slots;
mod tail;
mod told;
mod usage;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, Params, Row};

pub use self::folder::{Folder, Generation, Lock};
use self::identifiers::Identifiers;
use self::keyring::Keyring;
use self::last_login::LastLogins;
use self::laying::Laying;
pub(crate) use self::ledger::{IS_KNOWN, contents, is_known};
use self::ledger::{Ledger, Taking};
pub use self::ledger::{REJECTS_KEPT, RowCounts};
use self::logins::Pending;
use self::mention::Mentions;
use self::part::{NOBODY, Table};
pub(crate) use self::publish::published;
pub use self::publish::{Building, Published};
use self::roster::Roster;
use self::settle::{Dirty, Standing};
pub(crate) use self::told::{ToldLogins, ToldParts};
use self::usage::Usages;
use crate::class::Patterns;
use crate::observation::{Batch, Layout, Object, Refused, Reject};
use crate::schema::{Dataset, Subject};

/// Why the index could not be written. The published generation is untouched by any of these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The path holds something that is not ours.
    #[error("{path} is {found}, and is left alone; choose another path with --index")]
    Foreign {
        /// The path.
        path: String,
        /// What is there.
        found: &'static str,
    },
    /// The index was written by a newer program.
    #[error("{path} has format {found}, this program knows up to {known}; upgrade identidex")]
    Newer {
        /// The path.
        path: String,
        /// The format found.
        found: i32,
        /// The newest format known.
        known: i32,
    },
    /// The index was written before the first release.
    #[error(
        "{path} has format {found}, which no release wrote, and this program writes {known}; sync into a new index"
    )]
    Older {
        /// The path.
        path: String,
        /// The format found.
        found: i32,
        /// The format known.
        known: i32,
    },
    /// Another run holds the lock.
    #[error("another run holds the lock {path}; wait for it to end")]
    Locked {
        /// The lock's path.
        path: String,
    },
    /// The current generation is not what was published.
    #[error(
        "{path} differs from what was published (its hash is not the one in its name); restore it, or remove the index (the link and the folder beside it) and sync again"
    )]
    Rotten {
        /// The generation's path.
        path: String,
    },
    /// The current generation is not there.
    #[error(
        "{path} is named as the current generation and is not there; restore it, or remove the index (the link and the folder beside it) and sync again"
    )]
    Missing {
        /// The generation's path.
        path: String,
    },
    /// A file or folder could not be used.
    #[error("cannot {operation} {path}")]
    File {
        /// What was tried.
        operation: &'static str,
        /// The path.
        path: String,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// The index has as many parts as references can name, or as many objects as its texts have digits for.
    #[error(
        "the index has {limit} rows or objects of one kind, which is its limit; split the tenant"
    )]
    Full {
        /// The limit.
        limit: u32,
    },
    /// The current generation, or the copy of it that is worked on, cannot be read.
    #[error(
        "the index is damaged; restore it, or remove it (the link and the folder beside it) and sync again"
    )]
    Damaged(#[source] rusqlite::Error),
    /// The building file contradicts itself.
    #[error(
        "the index contradicts itself ({0}); run `identidex status`, and sync into a new index"
    )]
    Inconsistent(&'static str),
    /// SQLite failed.
    #[error("the index could not be written")]
    Sqlite(#[source] rusqlite::Error),
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Error {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Error::Damaged(error),
            _ => Error::Sqlite(error),
        }
    }
}

/// What the index's own functions return.
pub type Result<T> = std::result::Result<T, Error>;

/// Applies observations to a building file. Consumed by [`Writer::finish`].
pub struct Writer<'c> {
    connection: &'c Connection,
    /// The building file.
    path: PathBuf,
    ledger: Ledger<'c>,
    /// Until a row of a new index is asked for.
    laying: Option<Laying>,
    tables: [Table<'c>; 2],
    rosters: [Roster; 2],
    standing: [Standing; 2],
    identifiers: Identifiers<'c>,
    usages: Usages<'c>,
    patterns: Patterns,
    dirty: [Dirty; 2],
    pending: Pending,
    /// While a logins object is taken in that asks for many keys.
    keyring: Option<Keyring>,
    mentions: Mentions,
    last_logins: LastLogins,
    /// What `held` adds to the digest, unless that was written to.
    held_digest: Option<u128>,
    /// Second keys that came with several strong ones, of the components settled so far.
    contradictions: [BTreeSet<String>; 2],
}

/// An object whose rows are being taken in.
pub struct Intake {
    taking: Taking,
    object: Object,
    layout: Layout,
}

impl Intake {
    /// Returns the interned id of the object's columns.
    pub fn shape(&self) -> u32 {
        self.taking.shape
    }

    /// Returns the object.
    pub fn object(&self) -> &Object {
        &self.object
    }

    /// Returns how the object's columns fill fields.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }
}

impl<'c> Writer<'c> {
    fn open(
        connection: &'c Connection,
        path: &Path,
        generation: u64,
        patterns: Patterns,
    ) -> Result<Writer<'c>> {
        let folder = path.parent().unwrap_or(Path::new("."));
        // A building file without a transaction is a new index: see `Building::open`.
        let is_new = connection.is_autocommit();
        let meta = |key: &str| migrate::meta(connection, key);
        let number = |text: Option<String>| text.and_then(|text| text.parse().ok()).unwrap_or(0);
        let bits: u64 = number(meta("identifier_bits")?);
        let filed: u64 = number(meta("identifier_entries")?);
        let digest = |key: &str| migrate::digest(connection, key);
        let mut writer = Writer {
            connection,
            path: path.to_owned(),
            ledger: Ledger::open(connection, generation)?,
            laying: is_new.then(|| Laying::open(connection, path)).transpose()?,
            tables: [
                Table::open(connection, Subject::Account)?,
                Table::open(connection, Subject::Device)?,
            ],
            rosters: [
                Roster::load(connection, Subject::Account)?,
                Roster::load(connection, Subject::Device)?,
            ],
            standing: [
                Standing::load(connection, Subject::Account)?,
                Standing::load(connection, Subject::Device)?,
            ],
            identifiers: Identifiers::open(connection, bits as u32, filed, folder.to_owned()),
            usages: Usages::open(connection, digest("usage_digest")?.unwrap_or(0))?,
            patterns,
            dirty: [Dirty::default(), Dirty::default()],
            pending: Pending::default(),
            keyring: None,
            mentions: Mentions::default(),
            last_logins: LastLogins::default(),
            held_digest: digest("held_digest")?,
            contradictions: [BTreeSet::new(), BTreeSet::new()],
        };
        if meta("class_patterns")?.unwrap_or_default() != writer.patterns.to_string() {
            writer.reclassify_all();
        }
        Ok(writer)
    }

    /// Has the class of every account worked out again: the patterns are not those it was worked out with.
    fn reclassify_all(&mut self) {
        let accounts = Subject::Account as usize;
        let parts = self.rosters[accounts].iter().map(|(id, ..)| id);
        self.dirty[accounts].classes.extend(parts);
    }

    /// Writes the ledger's line for an object that repeats another one.
    ///
    /// # Errors
    /// SQLite's.
    pub fn take_duplicate(
        &mut self,
        object: &Object,
        sha256: [u8; 32],
        layout: &Layout,
    ) -> Result<()> {
        let shape = self.ledger.intern(layout.dataset, &layout.shape)?;
        let taking = self.ledger.begin(object, sha256, layout.dataset, shape)?;
        Ok(self.ledger.end(object, "duplicate", &taking)?)
    }

    /// Begins an object.
    ///
    /// # Errors
    /// SQLite's.
    pub fn begin(&mut self, object: Object, sha256: [u8; 32], layout: Layout) -> Result<Intake> {
        if layout.dataset == Dataset::Logins {
            // Both sides of a login must be known where they are known at all.
            self.settle()?;
            if self.last_logins.are_many() {
                self.load_keyring(&layout)?;
            }
            self.settle_last_logins()?;
            self.settle_plain_mentions()?;
        }
        let shape = self.ledger.intern(layout.dataset, &layout.shape)?;
        let taking = self.ledger.begin(&object, sha256, layout.dataset, shape)?;
        Ok(Intake {
            taking,
            object,
            layout,
        })
    }

    /// Takes in a batch of the object, and the rows of it that were rejected.
    ///
    /// # Errors
    /// SQLite's.
    pub fn take(&mut self, intake: &mut Intake, batch: Batch, rejects: Vec<Reject>) -> Result<()> {
        intake.taking.counts.read += batch.len() as u64 + rejects.len() as u64;
        intake.taking.reject(rejects);
        let Intake { taking, layout, .. } = intake;
        match layout.dataset {
            Dataset::Users => self.take_described(taking, Subject::Account, layout, &batch),
            Dataset::Devices => self.take_described(taking, Subject::Device, layout, &batch),
            Dataset::Logins => self.take_mentions(taking, layout, batch),
        }
    }

    /// Ends an object and returns what became of its rows.
    ///
    /// # Errors
    /// SQLite's.
    pub fn end(&mut self, mut intake: Intake, refused: Refused) -> Result<RowCounts> {
        if intake.layout.dataset == Dataset::Logins {
            self.resolve_pending(&intake.layout)?;
            self.keyring = None;
            self.lay_pending(&mut intake.taking, &intake.layout)?;
            self.write_pending(&mut intake.taking, &intake.layout)?;
            self.write_last_logins()?;
        }
        let counts = &intake.taking.counts;
        if counts.read != counts.stored + counts.unchanged + counts.superseded + counts.rejected {
            return Err(Error::Inconsistent(
                "rows were read that are not accounted for",
            ));
        }
        intake.taking.refused = refused;
        self.ledger.end(&intake.object, "loaded", &intake.taking)?;
        Ok(intake.taking.counts)
    }

    /// Settles identity, last logins and mentions.
    fn settle_all(&mut self) -> Result<()> {
        self.settle()?;
        self.settle_last_logins()?;
        self.write_last_logins()?;
        self.settle_mentions()
    }

    /// Settles what is left, writes the working set and what a report says, and returns what is odd.
    ///
    /// # Errors
    /// SQLite's.
    pub fn finish(mut self) -> Result<Vec<String>> {
        self.settle_all()?;
        self.index_usages()?;
        self.mark_new_busy()?;
        for roster in &mut self.rosters {
            roster.save(self.connection)?;
        }
        let (bits, filed) = self.identifiers.size();
        let digest = self.digest()?;
        let usages: i64 = self
            .connection
            .query_row("SELECT count(*) FROM usage", [], |row| row.get(0))?;
        for (key, value) in [
            ("identifier_bits", bits.to_string()),
            ("identifier_entries", filed.to_string()),
            ("usage_digest", format!("{:032x}", self.usages.digest)),
            ("held_digest", format!("{:032x}", self.digest_of_held()?)),
            ("digest", format!("{digest:032x}")),
            ("accounts", self.count(Subject::Account).to_string()),
            ("devices", self.count(Subject::Device).to_string()),
            ("usages", usages.to_string()),
            ("class_patterns", self.patterns.to_string()),
        ] {
            migrate::set_meta(self.connection, key, &value)?;
        }
        Ok(self.oddities())
    }

    /// What an operator should know of identity, though it is answered honestly.
    fn oddities(&self) -> Vec<String> {
        let mut oddities = Vec::new();
        for subject in Subject::ALL {
            let [strong, second, ..] = subject.fields() else {
                continue;
            };
            let (table, strong, second) = (subject.table(), strong.name, second.name);
            if self.ledger.lacks_both_keys(subject) {
                oddities.push(format!(
                    "some {table} files have {strong} and others {second}, none has both: their rows cannot be joined; \
                     list both columns in one query"
                ));
            }
            let contradictions = self.contradictions[subject as usize].len();
            if contradictions > 0 {
                oddities.push(format!(
                    "{contradictions} values of {table} {second} came with several {strong}s; each {strong} is a \
                     {table} of its own"
                ));
            }
        }
        oddities
    }

    /// Counts subjects: parts by themselves, and those merged of several.
    fn count(&self, subject: Subject) -> usize {
        let standing = &self.standing[subject as usize];
        let merged: BTreeSet<u32> = standing
            .joined()
            .map(|(_, owner)| owner)
            .filter(|owner| *owner != NOBODY)
            .collect();
        self.rosters[subject as usize].iter().count() - standing.joined().count() + merged.len()
    }

    fn set_flag(&mut self, subject: Subject, part: u32, flag: u8) -> Result<()> {
        if self.standing[subject as usize].add_flag(part, flag) {
            let sql = format!(
                "UPDATE {} SET flags = flags | ?2 WHERE id = ?1",
                subject.table()
            );
            self.execute(&sql, rusqlite::params![part, flag])?;
        }
        Ok(())
    }

    /// Executes a statement that is planned once a run.
    fn execute(&self, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
        self.connection.prepare_cached(sql)?.execute(params)
    }

    /// Reads one row with a statement that is planned once a run.
    fn query_row<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.connection.prepare_cached(sql)?.query_row(params, read)
    }
}

//! The index as a run makes it: whole generations, made and never mended.
//!
//! [`Kept`] is what is kept of all rows ever taken in. A run folds new rows into it, in any order, and [`Kept::make`] makes
//! the next generation of it: a file that never changes, published by [`Folder::publish`]. First load, second day,
//! backfill and a change of format are the same walk, which is also the order to read in:
//!
//! **fold** (`claim`, `roster`, `mention`, `last_login`, `held`; text goes to `spill`) → **resolve** (`identifiers` finds
//! shared keys, `identity` says who is who, `subject` numbers them) → **derive** (`usage`) → **write** (`write`, `rows`).
//! Beside it: `ledger` (objects), `known` (rows recognised by their bytes), `digest`, `folder` (generations and their
//! names).

mod claim;
mod days;
mod digest;
mod folder;
mod held;
mod identifiers;
mod identity;
mod in_order;
mod known;
mod lanes;
mod last_login;
mod ledger;
mod mention;
mod rollback;
mod roster;
mod rows;
mod slots;
mod source;
mod spill;
mod subject;
mod text;
mod undone;
mod usage;
mod write;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::claim::{ClaimId, NEVER, Print};
pub use self::folder::{Folder, Generation, Lock, Published, Readers};
use self::held::Held;
use self::identity::Identity;
pub use self::known::Known;
use self::lanes::{Entry, Lanes};
use self::last_login::{Formers, Name, Naming, VALUE, want_last_user};
pub use self::ledger::{Content, Contents, Loaded, REJECTS_KEPT, RowCounts};
use self::ledger::{Ledger, Said};
use self::mention::{FORMER_USER, KEYS, LAST_USER, MentionSource, Mentions, wanted_at};
pub use self::rollback::{
    GenerationState, Listed, RolledBack, generations, roll_back, settle_undone,
};
use self::roster::{NewRow, Roster};
use self::source::{Source, spilled};
use self::spill::Spill;
use self::subject::{Bits, Sharing, Standing};
use self::text::{Texts, put_row};
pub use self::undone::Undone;
use self::write::{Statements, Tables, Writing, rows_of};
use crate::bucket::reference;
use crate::class::Patterns;
use crate::identifier::{Kind, normal_form};
use crate::observation::{
    Batch, Described, Layout, NOT_CARRIED, Object, Refused, Reject, Rows, SAYS_NOTHING,
};
use crate::schema::{APPLICATION_ID, Dataset, Subject, USER_VERSION, device_field};
use crate::sqlite::{self, Builder, Reader, Record};

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
        "{path} differs from what was published (its hash is not the one in its name); restore it, or go back with `identidex rollback`"
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
    /// Nothing was ever published.
    #[error("there is no index yet; `identidex sync` makes one")]
    Empty,
    /// The generation to go back to is not there.
    #[error(
        "there is no {wanted} to go back to; {there}, and index.keep_generations says how many are kept"
    )]
    NoGeneration {
        /// Which was wanted.
        wanted: String,
        /// Which there are.
        there: String,
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
    /// The index has as many claims, objects or texts as its numbers can name.
    #[error(
        "the index has {limit} rows or objects of one kind, which is its limit; split the tenant"
    )]
    Full {
        /// The limit.
        limit: u32,
    },
    /// The current generation cannot be read.
    #[error("the index is damaged ({0}); restore it, or go back with `identidex rollback`")]
    Damaged(&'static str),
    /// What is to be written contradicts itself.
    #[error("the index contradicts itself ({0}); run again with -v and report it")]
    Inconsistent(&'static str),
}

impl From<sqlite::Error> for Error {
    fn from(error: sqlite::Error) -> Error {
        match error {
            sqlite::Error::Damaged(what) => Error::Damaged(what),
            sqlite::Error::Unordered(table) => Error::Inconsistent(table),
            sqlite::Error::Io(source) => Error::File {
                operation: "read or write",
                path: "the index".into(),
                source,
            },
        }
    }
}

fn damaged(what: &'static str) -> Error {
    Error::Damaged(what)
}

/// What the index's own functions return.
pub type Result<T> = std::result::Result<T, Error>;

/// What of the configuration a generation depends on.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// What names say of an account's class.
    pub patterns: Patterns,
    /// How long before it was observed a logins row may have been true, in microseconds; none: as long as any query's window.
    pub login_window: Option<i64>,
}

/// The last generation, as it is read.
struct Last {
    reader: Reader,
    meta: BTreeMap<String, String>,
}

impl Last {
    fn open(path: &Path) -> Result<Last> {
        let reader = Reader::open(path)?;
        let shown = || path.display().to_string();
        if reader.application_id != APPLICATION_ID {
            return Err(Error::Foreign {
                path: shown(),
                found: "no identidex index",
            });
        }
        let (found, known) = (reader.user_version, USER_VERSION);
        match found.cmp(&known) {
            std::cmp::Ordering::Greater => {
                return Err(Error::Newer {
                    path: shown(),
                    found,
                    known,
                });
            }
            std::cmp::Ordering::Less => {
                return Err(Error::Older {
                    path: shown(),
                    found,
                    known,
                });
            }
            std::cmp::Ordering::Equal => {}
        }
        let mut meta = BTreeMap::new();
        let mut rows = reader.rows("meta")?;
        while let Some((_, mut columns)) = rows.next()? {
            columns.skip(1)?;
            let key = columns.take()?.text().unwrap_or_default().to_owned();
            meta.insert(key, columns.take()?.text().unwrap_or_default().to_owned());
        }
        Ok(Last { reader, meta })
    }

    fn number(&self, key: &str) -> u64 {
        self.meta
            .get(key)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0)
    }
}

/// What a generation knows of objects, without the rest.
pub struct Past {
    ledger: Ledger,
    published: Published,
}

impl Past {
    /// Reads it.
    ///
    /// # Errors
    /// As [`Kept::load`].
    pub fn load(generation: &Generation) -> Result<Past> {
        let last = Last::open(&generation.path)?;
        let digest = last.meta.get("digest").map_or("", String::as_str);
        Ok(Past {
            published: Published {
                generation: generation.number,
                accounts: last.number("accounts"),
                devices: last.number("devices"),
                usages: last.number("usages"),
                digest: u128::from_str_radix(digest, 16).map_err(|_| damaged("no digest"))?,
            },
            ledger: Ledger::load(&last.reader)?,
        })
    }

    /// Tells whether a listed object was taken in before.
    pub fn knows(&self, object: &Object) -> bool {
        self.ledger.knows(object)
    }

    /// Returns what was published.
    pub fn published(&self) -> Published {
        self.published
    }
}

/// Reads a subject's claims, and what their rows are known by; `want` is given whom devices name as their last user.
fn load_claims(
    last: &Reader,
    ledger: &Ledger,
    subject: Subject,
    mut want: impl FnMut(Entry) -> Result<()>,
) -> Result<(Roster, known::Raws)> {
    let mut raws = known::Raws::default();
    let mut at = 0;
    let found = |raw: u64, unknown_user: Option<u64>| {
        raws.push(raw);
        at += 1;
        match unknown_user {
            Some(name) => want(Entry::new(name, mention::wanted(LAST_USER, at - 1))),
            None => Ok(()),
        }
    };
    let roster = Roster::load(subject, ledger, last.rows(subject.table())?, found)?;
    raws.index();
    Ok((roster, raws))
}

/// An object whose rows are being taken in.
#[derive(Debug, Clone, Copy)]
struct Intake {
    object: u32,
    shape: u16,
    rows: u64,
}

/// What is kept of all rows ever taken in, while the next generation is made.
pub struct Kept {
    /// Where text that is held back may go.
    folder: PathBuf,
    /// The number of the generation in the making.
    generation: u64,
    last: Option<Last>,
    ledger: Ledger,
    texts: Texts,
    spill: Spill,
    rosters: [Roster; 2],
    mentions: Mentions,
    formers: Formers,
    held: Held,
    /// New identifiers, and keys that mentions want the claims of.
    identifiers: Lanes,
    wants: Lanes,
    known: Arc<Known>,
    intake: Option<Intake>,
}

/// The next generation, not published.
#[derive(Debug)]
pub struct Made {
    /// Its file, durable and complete.
    pub path: PathBuf,
    /// What it holds.
    pub published: Published,
    /// The objects whose rows were taken in.
    pub loaded: Vec<Loaded>,
    /// What an operator should know of identity, though it is answered honestly.
    pub oddities: Vec<String>,
    file: std::fs::File,
}

impl Kept {
    /// Reads the last generation, to make the one of a number; `folder` is where text may be held back.
    ///
    /// # Errors
    /// When it cannot be read, or is of another format.
    pub fn load(last: Option<&Generation>, folder: &Path, generation: u64) -> Result<Kept> {
        let last = last.map(|last| Last::open(&last.path)).transpose()?;
        let lanes = || Lanes::new(folder.to_owned());
        let mut kept = Kept {
            folder: folder.to_owned(),
            generation,
            last: None,
            ledger: Ledger::default(),
            texts: Texts::default(),
            spill: Spill::new(folder.to_owned()),
            rosters: Subject::ALL.map(Roster::new),
            mentions: Mentions::default(),
            formers: Formers::default(),
            held: Held::default(),
            identifiers: lanes(),
            wants: lanes(),
            known: Arc::default(),
            intake: None,
        };
        if let Some(last) = last {
            kept.read(&last.reader)?;
            kept.last = Some(last);
        }
        Ok(kept)
    }

    fn read(&mut self, last: &Reader) -> Result<()> {
        let mut known = Known::default();
        self.ledger = Ledger::load(last)?;
        self.texts = Texts::load(last.rows("text")?)?;
        let (ledger, wants) = (&self.ledger, &mut self.wants);
        let (accounts, others) = std::thread::scope(|scope| {
            // An account names no last user.
            let accounts = scope.spawn(|| load_claims(last, ledger, Subject::Account, |_| Ok(())));
            let devices = load_claims(last, ledger, Subject::Device, |want| wants.push(want));
            let rows = last.rows("mention").map_err(Error::from);
            let mentions =
                rows.and_then(|rows| Mentions::load(rows, wants, |raw| known.mentions.push(raw)));
            (
                accounts.join(),
                devices.and_then(|devices| Ok((devices, mentions?))),
            )
        });
        let died = |_| Error::Inconsistent("a thread that reads claims died");
        let (accounts, account_raws) = accounts.map_err(died).flatten()?;
        let ((devices, device_raws), mentions) = others?;
        self.rosters = [accounts, devices];
        self.mentions = mentions;
        known.claims = [account_raws, device_raws];
        known.mentions.index();
        self.formers = Formers::load(last.rows("last_login")?)?;
        self.held = Held::load(last.rows("held")?)?;
        self.check_claims()?;
        self.known = Arc::new(known);
        Ok(())
    }

    /// Checks that claims which others name are there.
    fn check_claims(&self) -> Result<()> {
        let counts = [0, 1].map(|at| self.rosters[at].claims.len() as u32);
        let mentioned = self.mentions.all.iter().map(|mention| mention.claims);
        let named = self.formers.iter().map(|(_, former)| {
            let account = former.last_use.account;
            [account, former.device.0]
        });
        let are_there = |claims: [u32; 2]| claims[0] <= counts[0] && claims[1] <= counts[1];
        let have_devices = self.formers.iter().all(|(_, former)| former.device.0 > 0);
        match have_devices && mentioned.chain(named).all(are_there) {
            true => Ok(()),
            false => Err(damaged("a claim is not there")),
        }
    }

    /// Returns what rows are known by.
    pub fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known)
    }

    /// Returns the contents that were taken in.
    pub fn contents(&self) -> Contents {
        Contents::of(self.ledger.contents())
    }

    /// Writes the ledger's line for an object that repeats another one.
    ///
    /// # Errors
    /// When the ledger is full.
    pub fn take_duplicate(
        &mut self,
        object: Object,
        blake3: [u8; 32],
        layout: &Layout,
    ) -> Result<()> {
        self.ledger
            .begin(object, blake3, layout.dataset, &layout.shape, true)
            .map(|_| ())
    }

    /// Begins an object.
    ///
    /// # Errors
    /// When the ledger is full.
    pub fn begin(&mut self, object: Object, blake3: [u8; 32], layout: &Layout) -> Result<()> {
        let id = self
            .ledger
            .begin(object, blake3, layout.dataset, &layout.shape, false)?;
        self.intake = Some(Intake {
            object: id,
            shape: self.ledger.shape_of(id),
            rows: 0,
        });
        Ok(())
    }

    /// Takes in a batch of the object that was begun last, and the rows of it that were rejected.
    ///
    /// # Errors
    /// What holds text back failed, or a limit was passed.
    pub fn take(&mut self, batch: &Batch, layout: &Layout, rejects: Vec<Reject>) -> Result<()> {
        let Some(intake) = &mut self.intake else {
            return Err(Error::Inconsistent("rows of no object"));
        };
        intake.rows += (batch.len() + rejects.len()) as u64;
        let intake = *intake;
        self.ledger.note_rows(batch.len(), rejects);
        match (layout.dataset, &batch.rows) {
            (Dataset::Users, Rows::Described(rows)) => {
                self.take_described(intake, Subject::Account, (batch, layout), rows)
            }
            (Dataset::Devices, Rows::Described(rows)) => {
                self.take_described(intake, Subject::Device, (batch, layout), rows)
            }
            (Dataset::Logins, Rows::Logins(rows)) => {
                for row in &batch.recognised {
                    self.mentions
                        .fold_recognised(&self.ledger, intake.object, row);
                }
                for row in rows {
                    let into = (&mut self.spill, &mut self.wants);
                    self.mentions
                        .fold(&self.ledger, intake.object, row, (batch, layout), into)?;
                }
                Ok(())
            }
            _ => Err(Error::Inconsistent("rows of another dataset")),
        }
    }

    /// Ends the object that was begun last.
    ///
    /// # Errors
    /// When rows were read that are not accounted for.
    pub fn end(&mut self, refused: Refused) -> Result<()> {
        let rows = self.intake.take().map_or(0, |intake| intake.rows);
        self.ledger.end(rows, refused)
    }

    fn take_described(
        &mut self,
        intake: Intake,
        subject: Subject,
        (batch, layout): (&Batch, &Layout),
        rows: &[Described],
    ) -> Result<()> {
        for row in &batch.recognised {
            let said = Said {
                object: intake.object,
                last_seen: row.last_seen.unwrap_or(NEVER),
                row: row.row,
            };
            self.take_recognised(subject, ClaimId(row.id), said)?;
        }
        let mut record = Record::default();
        for row in rows {
            self.take_row(intake, subject, (batch, layout), row, &mut record)?;
        }
        Ok(())
    }

    fn take_recognised(&mut self, subject: Subject, id: ClaimId, said: Said) -> Result<()> {
        let roster = &mut self.rosters[subject as usize];
        if let (true, Some(before)) = (roster.claim(id).is_held, roster.part_before(id)) {
            let at = self.ledger.observed_at(said.object);
            let shape = self.ledger.shape(before.shape)?;
            self.held.note_kept(subject, id, shape, at);
        }
        if subject == Subject::Device {
            self.formers
                .fold_recognised(&self.ledger, roster, id, said)?;
        }
        roster.fold_recognised(&self.ledger, id, said);
        Ok(())
    }

    fn take_row(
        &mut self,
        intake: Intake,
        subject: Subject,
        (batch, layout): (&Batch, &Layout),
        row: &Described,
        record: &mut Record,
    ) -> Result<()> {
        let new = NewRow {
            claim: row.claim,
            shape: intake.shape,
            said: Said {
                object: intake.object,
                last_seen: row.last_seen.unwrap_or(NEVER),
                row: row.row,
            },
            values: row.values,
        };
        let known = self.rosters[subject as usize].find(row.claim);
        let is_filed = match known {
            Some(id) => self.note_values(subject, id, new, (batch, layout), row)?,
            None => true,
        };
        let (texts, spill) = (&mut self.texts, &mut self.spill);
        let text = || {
            put_row(texts, subject, (batch, layout), row, record);
            let print = Print {
                raw: row.raw,
                fingerprint: row.fingerprint,
                traits: row.traits,
            };
            let columns = record.columns();
            spill.push(&[&spilled(print, columns), columns.types, columns.values])
        };
        let id = self.rosters[subject as usize].fold(&self.ledger, new, text)?;
        if is_filed {
            for entry in batch.entries_at(row.entries) {
                self.identifiers
                    .push(Entry::new(entry.hash.high, reference(entry.kind, id.0)))?;
            }
        }
        if subject == Subject::Device && known.is_none() {
            self.formers
                .begin(&self.ledger, &mut self.rosters[1], id, new.said);
            want_last_user(&mut self.wants, id, row.last_login)?;
        }
        Ok(())
    }

    /// Notes what a row of a known claim says that may change; tells whether it has values that do not lead to it yet.
    fn note_values(
        &mut self,
        subject: Subject,
        id: ClaimId,
        new: NewRow,
        (batch, layout): (&Batch, &Layout),
        row: &Described,
    ) -> Result<bool> {
        let roster = &mut self.rosters[subject as usize];
        let at = self.ledger.observed_at(new.said.object);
        if !roster.claim(id).is_held && held::differ(subject, roster.values(id), &row.values) {
            self.held.begin(subject, roster, &self.ledger, id)?;
            roster.claims[id.at()].is_held = true;
        }
        let is_held = roster.claim(id).is_held;
        if is_held {
            for entry in batch.entries_at(row.entries) {
                if held::may_change(entry.kind) {
                    self.held.note(entry.kind, id, entry.hash.high, (at, at));
                }
            }
        }
        let values = roster.values(id).iter().zip(&row.values);
        let is_other = values
            .into_iter()
            .any(|(known, new)| *new > SAYS_NOTHING && known != new);
        if subject == Subject::Device && row.values[VALUE] != NOT_CARRIED {
            let text = batch.text(layout, device_field::LAST_LOGIN, row.record);
            let name = text.and_then(|text| normal_form(Kind::AccountName, text).ok());
            let naming = Naming {
                device: id,
                row: new.said,
                value: row.values[VALUE],
                name: Name::Read(name.map(|name| name.into_owned()).unwrap_or_default()),
            };
            self.formers.fold(&self.ledger, roster, naming)?;
            want_last_user(&mut self.wants, id, row.last_login)?;
        }
        Ok(is_held || is_other)
    }

    /// Makes the next generation, as a file at `path`.
    ///
    /// # Errors
    /// When the last one is damaged, or the file cannot be written; nothing is published by this.
    pub fn make(mut self, rules: &Rules, path: &Path) -> Result<Made> {
        self.seal()?;
        let statements = Statements::read();
        let mut builder = Builder::new(create(path)?)?;
        let (merged, sharing) = self.merge_identifiers(&mut builder, &statements)?;
        let (identities, standings, exact) = self.resolve(&sharing)?;
        let placed = self.place(rules, &identities, &standings, exact)?;
        let are_patterns_new = self.are_patterns_new(rules);
        let writing = Writing {
            kept: &mut self,
            rules,
            sharing: &sharing,
            standings: &standings,
            placed: &placed,
            merged: &merged,
            statements: &statements,
            are_patterns_new,
        };
        let tables = write::write(builder, writing)?;
        Ok(self.made(path, tables, &standings, &identities))
    }

    fn are_patterns_new(&self, rules: &Rules) -> bool {
        let before = self
            .last
            .as_ref()
            .and_then(|last| last.meta.get("class_patterns"));
        before.is_some_and(|before| *before != rules.patterns.to_string())
    }

    /// No more rows come: reads the texts that were left unread.
    fn seal(&mut self) -> Result<()> {
        self.known = Arc::default();
        self.mentions.seal();
        let last = self.last.as_ref().map(|last| &last.reader);
        for subject in Subject::ALL {
            let roster = &mut self.rosters[subject as usize];
            roster.seal();
            let mut source = Source::new(rows_of(last, subject.table())?, self.spill.reader());
            self.held
                .settle(subject, roster, &self.ledger, &self.texts, &mut source)?;
        }
        let mut source = Source::new(rows_of(last, Subject::Device.table())?, self.spill.reader());
        self.formers.settle(&mut self.wants, &mut source)
    }

    /// Writes the identifier table, and finds who shares keys and whom mentions name.
    fn merge_identifiers(
        &mut self,
        builder: &mut Builder,
        statements: &Statements,
    ) -> Result<(identifiers::Merged, Sharing)> {
        let mut sharing = Sharing::default();
        let Kept {
            mentions,
            rosters,
            formers,
            identifiers,
            wants,
            last,
            ..
        } = &mut *self;
        let visit = |hash: u64, references: &[u32], wanted: &[Entry]| {
            sharing.note(hash, references, !wanted.is_empty());
            for entry in wanted {
                let (what, at) = wanted_at(entry.reference);
                match what {
                    LAST_USER => formers.found_last(&mut rosters[1], at, hash, references),
                    FORMER_USER => formers.found_former(at, hash, references),
                    position => mentions.found(position as usize % KEYS, at, references),
                }
            }
        };
        let last = last.as_ref();
        let last = last.map(|last| (&last.reader, last.number("identifier_entries")));
        let lanes = (identifiers, wants);
        let merged = identifiers::merge(builder, statements.of("identifier")?, last, lanes, visit)?;
        Ok((merged, sharing))
    }

    /// Works out who is who, devices first.
    fn resolve(&mut self, sharing: &Sharing) -> Result<([Identity; 2], [Standing; 2], [Bits; 2])> {
        let last = self.last.as_ref().map(|last| &last.reader);
        let resolve = |subject: Subject| {
            let mut exact = sharing.claims[subject as usize].clone();
            let shared = exact.clone();
            for claim in self.mentions.claims_of_weaker_keys(subject, &shared) {
                exact.set(claim.0);
            }
            let roster = &self.rosters[subject as usize];
            let mut source = Source::new(rows_of(last, subject.table())?, self.spill.reader());
            let texts = (&self.texts, &mut source);
            let identity = sharing.resolve(subject, &exact, roster, &self.ledger, texts)?;
            let standing = Standing::of(&identity, roster.claims.len());
            Ok::<_, Error>((identity, standing, exact))
        };
        let (device, device_standing, device_exact) = resolve(Subject::Device)?;
        let (account, account_standing, account_exact) = resolve(Subject::Account)?;
        Ok((
            [account, device],
            [account_standing, device_standing],
            [account_exact, device_exact],
        ))
    }

    /// Works out who uses what.
    fn place(
        &self,
        rules: &Rules,
        identities: &[Identity; 2],
        standings: &[Standing; 2],
        exact: [Bits; 2],
    ) -> Result<usage::Placed> {
        let last = self.last.as_ref().map(|last| &last.reader);
        let known = usage::Known {
            rosters: &self.rosters,
            identities,
            standings,
            exact,
        };
        let written = MentionSource::new(rows_of(last, "mention")?, self.spill.reader());
        let source = |subject: Subject| {
            let rows = rows_of(last, subject.table())?;
            Ok::<_, Error>(Source::new(rows, self.spill.reader()))
        };
        let sources = [source(Subject::Account)?, source(Subject::Device)?];
        usage::place(
            known,
            &self.ledger,
            rules,
            (&self.mentions, written),
            (&self.formers, &self.texts, sources),
        )
    }

    fn made(
        &self,
        path: &Path,
        tables: Tables,
        standings: &[Standing; 2],
        identities: &[Identity; 2],
    ) -> Made {
        Made {
            path: path.to_owned(),
            published: Published {
                generation: self.generation,
                accounts: standings[0].subjects as u64,
                devices: standings[1].subjects as u64,
                usages: tables.usages,
                digest: tables.digest,
            },
            loaded: self.ledger.loaded().collect(),
            oddities: self.oddities(identities),
            file: tables.file,
        }
    }

    fn oddities(&self, identities: &[Identity; 2]) -> Vec<String> {
        let mut oddities = Vec::new();
        for (subject, identity) in Subject::ALL.into_iter().zip(identities) {
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
            let contradictions = identity.contradictions();
            if contradictions > 0 {
                oddities.push(format!(
                    "{contradictions} values of {table} {second} came with several {strong}s; each {strong} is a \
                     {table} of its own"
                ));
            }
        }
        oddities
    }
}

/// Makes an empty file that only the user of the run may read, until it is published.
fn create(path: &Path) -> Result<std::fs::File> {
    let made = OpenOptions::new()
        .create(true)
        .truncate(true)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(path);
    made.map_err(folder::file_error("create", path))
}

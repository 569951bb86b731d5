//! What is kept of all rows ever taken in, while the next generation is made: read from the last one, and folded with new
//! rows in any order.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::claim::{ClaimId, Print};
use super::contents::Contents;
use super::day_counts::DayCounts;
use super::erased::Erased;
use super::error::{Error, Result, damaged};
use super::former::{Formers, Name, Naming, want_last_user};
use super::held::{self, HeldValues};
use super::known::{self, Known};
use super::lanes::{Entry, Lanes};
use super::last::Last;
use super::last_use::VALUE;
use super::ledger::{Ledger, ShapesOf};
use super::mentions::Mentions;
use super::near;
use super::roster::{NewRow, Roster};
use super::said::{NEVER, ObjectId, Said, ShapeId};
use super::spill::Spill;
use super::text::{Texts, put_row};
use super::text_reader::spilled;
use super::wants;
use super::wants::LAST_USER;
use crate::bucket::reference;
use crate::identifier::{Kind, normal_form};
use crate::observation::{
    Batch, Described, Layout, Login, NOT_CARRIED, Object, Refused, Reject, Rows, SAYS_NOTHING,
};
use crate::schema::{BySubject, Dataset, Subject, device_field};
use crate::sqlite::{Reader, Record};

/// An object whose rows are being taken in.
#[derive(Debug, Clone, Copy)]
struct Intake {
    object: ObjectId,
    shape: ShapeId,
    rows: u64,
}

/// What is kept of all rows ever taken in, while the next generation is made.
pub struct Kept {
    /// Where text that is held back may go.
    pub(super) folder: PathBuf,
    /// The number of the generation in the making.
    pub(super) generation: u64,
    pub(super) last: Option<Last>,
    pub(super) ledger: Ledger,
    pub(super) texts: Texts,
    pub(super) spill: Spill,
    pub(super) rosters: BySubject<Roster>,
    pub(super) mentions: Mentions,
    pub(super) formers: Formers,
    pub(super) held: HeldValues,
    pub(super) day_counts: DayCounts,
    /// New identifiers, and keys that mentions want the claims of.
    pub(super) identifiers: Lanes,
    pub(super) wants: Lanes,
    pub(super) known: Arc<Known>,
    /// Of whom rows are not taken in.
    pub(super) erased: Arc<Erased>,
    /// Rows with the keys of another row of their object, and other values; and the last such object.
    pub(super) at_odds: BySubject<Option<(u64, ObjectId)>>,
    intake: Option<Intake>,
}

impl Kept {
    /// Reads the last generation, to make the one of a number; `folder` is where text may be held back.
    ///
    /// # Errors
    /// When it cannot be read, or is of another format.
    pub fn load(last: Option<&Path>, folder: &Path, generation: u64) -> Result<Kept> {
        let last = last.map(Last::open_whole).transpose()?;
        let lanes = || Lanes::new(folder.to_owned());
        let mut kept = Kept {
            folder: folder.to_owned(),
            generation,
            last: None,
            ledger: Ledger::default(),
            texts: Texts::default(),
            spill: Spill::new(folder.to_owned()),
            rosters: BySubject::of(Roster::new),
            mentions: Mentions::default(),
            formers: Formers::default(),
            held: HeldValues::default(),
            day_counts: DayCounts::default(),
            identifiers: lanes(),
            wants: lanes(),
            known: Arc::default(),
            erased: Arc::default(),
            at_odds: BySubject::default(),
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
        self.day_counts = DayCounts::load(last.rows("day")?)?;
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
        self.rosters = BySubject {
            account: accounts,
            device: devices,
        };
        self.mentions = mentions;
        known.claims = BySubject {
            account: account_raws,
            device: device_raws,
        };
        known.mentions.index();
        self.formers = Formers::load(last.rows("last_login")?)?;
        self.held = HeldValues::load(last.rows("held")?)?;
        self.check_claims()?;
        self.known = Arc::new(known);
        Ok(())
    }

    /// Checks that claims which others name are there.
    fn check_claims(&self) -> Result<()> {
        let counts = self.rosters.as_ref().map(|roster| roster.claims.len());
        let mentioned = self.mentions.all.iter().map(|mention| mention.claims);
        let named = self.formers.iter().map(|(_, former)| BySubject {
            account: former.last_use.account,
            device: Some(former.device),
        });
        let is_there = |claims: BySubject<Option<ClaimId>>| {
            let is_there = |of: Subject| claims[of].is_none_or(|claim| claim.at() < counts[of]);
            Subject::ALL.into_iter().all(is_there)
        };
        match mentioned.chain(named).all(is_there) {
            true => Ok(()),
            false => Err(damaged("a claim is not there")),
        }
    }

    /// Has rows of people who were erased be dropped: they count as superseded.
    pub fn without(self, erased: Arc<Erased>) -> Kept {
        Kept { erased, ..self }
    }

    /// Tells whether what was read is of an older format.
    pub fn is_outdated(&self) -> bool {
        self.last.as_ref().is_some_and(Last::is_outdated)
    }

    /// Returns what rows are known by.
    pub fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known)
    }

    /// Returns the contents that were taken in.
    pub fn contents(&self) -> Contents {
        Contents::of(self.ledger.contents())
    }

    /// Returns from when on objects carried which columns.
    pub fn shapes_of(&self) -> ShapesOf {
        self.ledger.shapes_of()
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
                for rows in rows.chunks(near::AT_ONCE) {
                    self.mentions.touch(rows);
                    self.take_logins(intake, (batch, layout), rows)?;
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
            let id = ClaimId::of_row(row.id).ok_or(Error::Inconsistent("a row of no claim"))?;
            self.take_recognised(subject, id, said)?;
        }
        let mut record = Record::default();
        for rows in rows.chunks(near::AT_ONCE) {
            self.rosters[subject].touch(rows.iter().map(|row| row.claim));
            for row in rows {
                if subject == Subject::Account && self.erased.has_row(batch.entries_at(row.entries))
                {
                    continue;
                }
                let row = without_user(*row, &self.erased);
                self.take_row(intake, subject, (batch, layout), &row, &mut record)?;
            }
        }
        Ok(())
    }

    fn take_logins(
        &mut self,
        intake: Intake,
        (batch, layout): (&Batch, &Layout),
        rows: &[Login],
    ) -> Result<()> {
        for row in rows {
            if self.erased.has_row(batch.entries_at(row.entries)) {
                continue;
            }
            let from = (batch, layout, &*self.erased);
            let into = (&mut self.spill, &mut self.wants);
            self.mentions
                .fold(&self.ledger, intake.object, row, from, into)?;
        }
        Ok(())
    }

    fn take_recognised(&mut self, subject: Subject, id: ClaimId, said: Said) -> Result<()> {
        let roster = &mut self.rosters[subject];
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
        let known = self.rosters[subject].find(row.claim);
        if known.is_some_and(|id| is_at_odds(&self.rosters[subject], id, new)) {
            let rows = self.at_odds[subject].map_or(0, |(rows, _)| rows);
            self.at_odds[subject] = Some((rows + 1, intake.object));
        }
        let is_filed = match known {
            Some(id) => self.note_values(subject, id, new, (batch, layout), row)?,
            None => true,
        };
        let (texts, spill) = ((&mut self.texts, &*self.erased), &mut self.spill);
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
        let id = self.rosters[subject].fold(&self.ledger, new, text)?;
        if is_filed {
            for entry in batch.entries_at(row.entries) {
                self.identifiers
                    .push(Entry::new(entry.hash.high, reference(entry.kind, id.row())))?;
            }
        }
        if subject == Subject::Device && known.is_none() {
            self.formers
                .begin(&self.ledger, &mut self.rosters.device, id, new.said);
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
        let roster = &mut self.rosters[subject];
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
}

/// Tells whether a row has the keys of another one of its object, and another UPN, email or serial number.
fn is_at_odds(roster: &Roster, id: ClaimId, row: NewRow) -> bool {
    let values = roster.values(id).iter().zip(&row.values).take(VALUE);
    let mut said = values.filter(|(known, new)| **known > SAYS_NOTHING && **new > SAYS_NOTHING);
    roster.claim(id).newest.object == row.said.object && said.any(|(known, new)| known != new)
}

/// Returns a devices row without the user that it names as the last, if that one was erased.
fn without_user(row: Described, erased: &Erased) -> Described {
    match row.last_login {
        Some(name) if erased.has_key(Kind::AccountName, name.high) => {
            let mut values = row.values;
            values[VALUE] = SAYS_NOTHING;
            Described {
                values,
                last_login: None,
                ..row
            }
        }
        _ => row,
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
            Some(name) => want(Entry::new(name, wants::wanted(LAST_USER, at - 1))),
            None => Ok(()),
        }
    };
    let roster = Roster::load(subject, ledger, last.rows(subject.table())?, found)?;
    raws.index();
    Ok((roster, raws))
}

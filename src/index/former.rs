//! Last logins: the users that devices rows name as the last to log in. Each makes a usage, also when the row names
//! another one later on.
//!
//! The one that a device's row names now stands beside the device; those that it once named stand here.

use std::collections::HashMap;

use super::claim::{ClaimId, Part, said};
use super::days::Days;
use super::error::{Error, Result, damaged};
use super::lanes::{Entry, Lanes};
use super::last_use::{LastUse, VALUE, row_of};
use super::ledger::Ledger;
use super::roster::Roster;
use super::said::{ObjectId, Said};
use super::spill::Text;
use super::text_reader::TextReader;
use super::wants::{FORMER_USER, LAST_USER, wanted};
use crate::bucket::{Hash, kind_and_id};
use crate::identifier::{Kind, normal_form};
use crate::observation::{NOT_CARRIED, SAYS_NOTHING, value_hash};
use crate::schema::device_field::LAST_LOGIN;
use crate::sqlite::{Record, Rows, Table};

/// The user's name as a device's row says it.
#[derive(Debug, Clone)]
pub(super) enum Name {
    /// In normal form.
    Read(String),
    /// In the device's text.
    Unread(Text),
}

/// A user that a device's rows once named, and whom its newest row does not name.
#[derive(Debug, Clone)]
pub(super) struct Former {
    pub(super) device: ClaimId,
    /// What tells the name from the others of the device.
    value: u64,
    pub(super) name: Name,
    pub(super) last_use: LastUse,
}

/// All of these.
#[derive(Default)]
pub(super) struct Formers {
    pub(super) all: Vec<Former>,
    by_value: HashMap<(ClaimId, u64), usize>,
    /// What devices' rows named before this run, of those that name another one now.
    before: HashMap<ClaimId, u64>,
}

/// What a devices row names.
pub(super) struct Naming {
    pub(super) device: ClaimId,
    pub(super) row: Said,
    /// As in `Described::values`.
    pub(super) value: u64,
    pub(super) name: Name,
}

impl Formers {
    /// Reads those of the last generation.
    pub(super) fn load(mut rows: Rows) -> Result<Formers> {
        let mut formers = Formers::default();
        while let Some((_, mut columns)) = rows.next()? {
            columns.skip(1)?;
            let mut number = || Ok::<_, Error>(columns.take()?.integer().unwrap_or_default());
            let (device, account) = (number()?, number()?);
            let name = columns
                .take()?
                .text()
                .ok_or(damaged("a last login without a name"))?;
            let name = name.to_owned();
            let mut number = || Ok::<_, Error>(columns.take()?.integer().unwrap_or_default());
            let value = number()? as u64;
            let objects = [columns.take()?, columns.take()?];
            let mut number = || Ok::<_, Error>(columns.take()?.integer().unwrap_or_default());
            let [used, day, mask] = [number()?, number()?, number()?];
            let days = Days {
                newest: day as i32,
                mask: mask as u64,
            };
            formers.add(Former {
                device: ClaimId::of_row(device as u32)
                    .ok_or(damaged("a last login of no device"))?,
                value,
                name: Name::Read(name),
                last_use: LastUse {
                    account: ClaimId::of_row(account as u32),
                    first: ObjectId::read(objects[0])?,
                    last: ObjectId::read(objects[1])?,
                    used,
                    days,
                },
            });
        }
        Ok(formers)
    }

    fn add(&mut self, former: Former) {
        self.by_value
            .insert((former.device, former.value), self.all.len());
        self.all.push(former);
    }

    /// Notes a use of a former user.
    fn note(&mut self, ledger: &Ledger, naming: Naming, last_use: LastUse) {
        match self.by_value.get(&(naming.device, naming.value)) {
            Some(known) => {
                let known = &mut self.all[*known].last_use;
                *known = known.and(last_use, ledger);
            }
            None => self.add(Former {
                device: naming.device,
                value: naming.value,
                name: naming.name,
                last_use,
            }),
        }
    }

    /// Takes a user back who is named again.
    fn take(&mut self, device: ClaimId, value: u64) -> Option<LastUse> {
        let at = self.by_value.remove(&(device, value))?;
        // Wanted names are told by position: the place stays, and says nothing any more.
        let former = &mut self.all[at];
        former.value = SAYS_NOTHING;
        Some(former.last_use)
    }

    /// Returns those that still are, with their positions.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Former)> {
        let all = self.all.iter().enumerate();
        all.filter(|(_, former)| former.value != SAYS_NOTHING)
    }

    /// Takes in whom a row names that says what the newest row of its device said before this run.
    pub(super) fn fold_recognised(
        &mut self,
        ledger: &Ledger,
        roster: &mut Roster,
        device: ClaimId,
        row: Said,
    ) -> Result<()> {
        let before = roster.part_before(device);
        let is_carried = before.map(|part| Ok(ledger.shape(part.shape)?.carries(LAST_LOGIN)));
        if !is_carried.unwrap_or(Ok::<_, Error>(false))? {
            return Ok(());
        }
        let value = match self.before.get(&device) {
            Some(before) => *before,
            // Nearly always: it names whom it named before.
            None => {
                if let Some(last_use) = &mut roster.last_uses[device.at()] {
                    *last_use = last_use.and(LastUse::new(ledger, row), ledger);
                }
                return Ok(());
            }
        };
        let name = Name::Unread(Text::KEPT);
        self.fold(
            ledger,
            roster,
            Naming {
                device,
                row,
                value,
                name,
            },
        )
    }

    /// Takes in whom the first row of a device names.
    pub(super) fn begin(
        &mut self,
        ledger: &Ledger,
        roster: &mut Roster,
        device: ClaimId,
        row: Said,
    ) {
        let is_named = roster.values(device)[VALUE] > SAYS_NOTHING;
        roster.last_uses[device.at()] = is_named.then(|| LastUse::new(ledger, row));
    }

    /// Notes a claim that has the name of a device's user.
    pub(super) fn found_last(&self, roster: &mut Roster, at: usize, hash: u64, references: &[u32]) {
        let is_now = roster.values(ClaimId::of_position(at))[VALUE] == value_hash(hash);
        if let (true, Some(last_use)) = (is_now, &mut roster.last_uses[at]) {
            last_use.account = account_in(references);
        }
    }

    /// Notes a claim that has the name of a former user.
    pub(super) fn found_former(&mut self, at: usize, hash: u64, references: &[u32]) {
        let former = &mut self.all[at];
        if former.is_named(hash) {
            former.last_use.account = account_in(references);
        }
    }

    /// Takes in whom a row names; before the row itself is taken in.
    pub(super) fn fold(
        &mut self,
        ledger: &Ledger,
        roster: &mut Roster,
        naming: Naming,
    ) -> Result<()> {
        let Naming {
            device, row, value, ..
        } = naming;
        if value == NOT_CARRIED {
            return Ok(());
        }
        let now = roster.values(device)[VALUE];
        let new = LastUse::new(ledger, row);
        if value == now {
            if let Some(last_use) = &mut roster.last_uses[device.at()] {
                *last_use = last_use.and(new, ledger);
            }
            return Ok(());
        }
        let newest = roster.newest_carrying(ledger, device, LAST_LOGIN)?;
        let is_newer = newest.is_none_or(|newest| ledger.compare(row, said(&newest)).is_gt());
        if !is_newer {
            if value > SAYS_NOTHING {
                self.note(ledger, naming, new);
            }
            return Ok(());
        }
        if let Some(newest) = newest {
            self.let_go(ledger, roster, device, now, &newest);
        }
        let before = self.take(device, value);
        let last_use =
            (value > SAYS_NOTHING).then(|| before.map_or(new, |before| before.and(new, ledger)));
        roster.last_uses[device.at()] = last_use;
        roster.set_value(device, VALUE, value);
        Ok(())
    }

    /// Has a device's user be a former one.
    fn let_go(
        &mut self,
        ledger: &Ledger,
        roster: &mut Roster,
        device: ClaimId,
        value: u64,
        newest: &Part,
    ) {
        if newest.text.is_kept() {
            self.before.entry(device).or_insert(value);
        }
        if let Some(last_use) = roster.last_uses[device.at()].take() {
            let naming = Naming {
                device,
                row: said(newest),
                value,
                name: Name::Unread(newest.text),
            };
            self.note(ledger, naming, last_use);
        }
    }

    /// Reads the names that were left in devices' texts, and wants the accounts of all that lead to none.
    pub(super) fn settle(&mut self, wants: &mut Lanes, source: &mut TextReader) -> Result<()> {
        let mut unread: Vec<usize> = Vec::new();
        for (at, former) in self.iter() {
            if matches!(former.name, Name::Unread(_)) {
                unread.push(at);
            }
        }
        unread.sort_by_key(|at| self.all[*at].device);
        for at in unread {
            let former = &mut self.all[at];
            if let Name::Unread(text) = former.name {
                former.name = Name::Read(name_in(source, former.device, text)?);
            }
        }
        for (at, former) in self.iter() {
            if let (None, Name::Read(name)) = (former.last_use.account, &former.name) {
                wants.push(Entry::new(Hash::of(name).high, wanted(FORMER_USER, at)))?;
            }
        }
        Ok(())
    }

    /// Writes them.
    pub(super) fn write(&self, table: &mut Table) -> Result<()> {
        let mut former: Vec<&Former> = self.iter().map(|(_, former)| former).collect();
        former.sort_by_key(|former| (former.device, former.value));
        let mut record = Record::default();
        for (id, former) in (1..).zip(former) {
            let Name::Read(name) = &former.name else {
                continue;
            };
            let LastUse {
                account,
                first,
                last,
                used,
                days,
            } = former.last_use;
            record.clear();
            record.put_null();
            record.put_integer(i64::from(former.device.row()));
            record.put_integer(i64::from(row_of(account)));
            record.put_text(name);
            record.put_integer(former.value as i64);
            record.put_integer(i64::from(first.number()));
            record.put_integer(i64::from(last.number()));
            record.put_integer(used);
            record.put_integer(i64::from(days.newest));
            record.put_integer(days.mask as i64);
            table.push(id, &record)?;
        }
        Ok(())
    }
}

impl Former {
    /// Returns what tells the name from the others of the device.
    pub(super) fn value(&self) -> u64 {
        self.value
    }

    /// Tells whether its name has a hash.
    pub(super) fn is_named(&self, hash: u64) -> bool {
        self.value == value_hash(hash)
    }
}

/// Returns the first claim that has a name.
fn account_in(references: &[u32]) -> Option<ClaimId> {
    let holders = references.iter().copied().filter_map(kind_and_id);
    let mut holders = holders.filter(|(kind, _)| *kind == Kind::AccountName);
    holders.next().and_then(|(_, row)| ClaimId::of_row(row))
}

/// Wants the account of a name that a device's row says.
pub(super) fn want_last_user(wants: &mut Lanes, device: ClaimId, name: Option<Hash>) -> Result<()> {
    match name {
        Some(name) => wants.push(Entry::new(name.high, wanted(LAST_USER, device.at()))),
        None => Ok(()),
    }
}

/// Reads the last login of a device's text, in normal form.
pub(super) fn name_in(source: &mut TextReader, device: ClaimId, text: Text) -> Result<String> {
    let mut columns = source.text(device, text)?;
    columns.skip(LAST_LOGIN)?;
    let name = columns.take()?.text().unwrap_or_default();
    let normal = normal_form(Kind::AccountName, name);
    Ok(normal.map(|normal| normal.into_owned()).unwrap_or_default())
}

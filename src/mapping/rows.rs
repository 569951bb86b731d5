//! The rows of one object as observations: keys in normal form, hashes, times, and what is refused.

use std::borrow::Cow;
use std::convert::Infallible;
use std::hash::Hasher;

use jiff::tz::TimeZone;
use siphasher::sip::SipHasher13;

use super::{LOGINS_COUNT, parse_time};
use crate::bucket::Hash;
use crate::class::{Evidence, Patterns, class_of};
use crate::identifier::{self, Kind, Refusal};
use crate::observation::{
    Batch, Columns, Decoded, Described, Entry, KnownMention, LOGINS_DEVICE, Layout, Mention,
    Refused, Reject, Rows, Says,
};
use crate::schema::{Class, Dataset, FieldType, NAME, Subject, account_field, device_field};

/// What is known already, so that rows which say nothing new need not be worked out.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// Returns the part whose newest row has a fingerprint.
    pub part: &'a dyn Fn(Subject, u64) -> Option<u32>,
    /// Returns the usage in which the logins of a group stand.
    pub usage: &'a dyn Fn(u64) -> Option<u64>,
}

/// Turns the rows of one object into observations.
pub struct Mapper<'a> {
    layout: &'a Layout,
    shape: u64,
    time_zone: &'a TimeZone,
    patterns: &'a Patterns,
    known: Known<'a>,
    /// Counted over all batches.
    pub refused: Refused,
}

/// What the keys of a users or devices row come to.
#[derive(Default)]
struct Keys {
    part: u64,
    said: u8,
    class: Class,
}

/// What is worked out of every users or devices row, known or not.
struct Glance {
    fingerprint: u64,
    known: Option<u32>,
    first_seen: Result<Option<i64>, Refusing>,
}

/// A row that cannot be taken: the column and what was expected.
struct Refusing {
    column: Option<usize>,
    reason: Cow<'static, str>,
}

impl<'a> Mapper<'a> {
    /// `time_zone` applies to times that name none.
    pub fn new(
        layout: &'a Layout,
        time_zone: &'a TimeZone,
        patterns: &'a Patterns,
        known: Known<'a>,
    ) -> Mapper<'a> {
        let shape = Hash::of(&format!("{} {:?}", layout.dataset.as_str(), layout.shape)).high;
        Mapper {
            layout,
            shape,
            time_zone,
            patterns,
            known,
            refused: Refused::default(),
        }
    }

    /// Maps a batch; what cannot be taken joins its rejects.
    pub fn map(&mut self, decoded: Decoded) -> (Batch, Vec<Reject>) {
        let Decoded {
            records,
            rows,
            lines,
            mut rejects,
        } = decoded;
        let columns = Columns::new(&records);
        let row = Row {
            columns: &columns,
            layout: self.layout,
            at: 0,
        };
        let mut entries = Vec::new();
        let mut refuse = |at: usize, refusing: Refusing| {
            let field = refusing.column.map_or(String::new(), |column| {
                records.schema().field(column).name().clone()
            });
            rejects.push(Reject {
                line: lines[at],
                field,
                reason: refusing.reason,
            });
        };
        let mapped = match self.layout.dataset {
            Dataset::Logins => self.mentions(row, &rows, &mut entries, &mut refuse),
            _ => self.all_described(row, &rows, &mut entries, &mut refuse),
        };
        (Batch::new(columns, mapped, entries), rejects)
    }

    fn all_described(
        &mut self,
        row: Row,
        numbers: &[u32],
        entries: &mut Vec<Entry>,
        refuse: &mut dyn FnMut(usize, Refusing),
    ) -> Rows {
        let mut described = Vec::with_capacity(numbers.len());
        let glances = self.glances(row, numbers.len());
        for (at, (number, glance)) in numbers.iter().zip(glances).enumerate() {
            let before = entries.len();
            match self.described(row.at(at), *number, glance, entries) {
                Ok(observed) => described.push(observed),
                Err(refusing) => {
                    entries.truncate(before);
                    refuse(at, refusing);
                }
            }
        }
        Rows::Described(described)
    }

    fn mentions(
        &self,
        row: Row,
        numbers: &[u32],
        entries: &mut Vec<Entry>,
        refuse: &mut dyn FnMut(usize, Refusing),
    ) -> Rows {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        let logins: Vec<_> = (0..numbers.len())
            .map(|at| Login::read(row.at(at), self))
            .collect();
        // Looked up together, as parts are.
        let usages: Vec<Option<u64>> = logins
            .iter()
            .map(|login| (self.known.usage)(login.as_ref().ok()?.group))
            .collect();
        for (at, (login, usage)) in logins.into_iter().zip(usages).enumerate() {
            match (login, usage) {
                (Err(refusing), _) => refuse(at, refusing),
                (Ok(login), Some(usage)) => known.push(login.known(at, numbers[at], usage)),
                (Ok(login), None) => unknown.push(login.mention(at, numbers[at], entries)),
            }
        }
        Rows::Mentions { known, unknown }
    }

    fn subject(&self) -> Subject {
        if self.layout.dataset == Dataset::Users {
            Subject::Account
        } else {
            Subject::Device
        }
    }

    /// Glances at each row of a batch. Fingerprints are looked up together: the processor then waits for many places in
    /// memory at once.
    fn glances(&self, row: Row, rows: usize) -> Vec<Glance> {
        let mut glances: Vec<Glance> = (0..rows).map(|at| self.glance(row.at(at))).collect();
        let subject = self.subject();
        for glance in &mut glances {
            glance.known = (self.known.part)(subject, glance.fingerprint);
        }
        glances
    }

    fn described(
        &mut self,
        row: Row,
        number: u32,
        glance: Glance,
        entries: &mut Vec<Entry>,
    ) -> Result<Described, Refusing> {
        let Glance {
            fingerprint,
            known,
            first_seen,
        } = glance;
        let subject = self.subject();
        let begin = entries.len() as u32;
        let keys = match known {
            Some(_) => Keys::default(),
            None => self.keys(subject, row, entries)?,
        };
        self.push_identifiers(subject, row, known.is_none().then_some(&mut *entries));
        let last_login = match subject {
            Subject::Account => None,
            Subject::Device => self.last_login(row),
        };
        Ok(Described {
            record: row.at,
            row: number,
            part: keys.part,
            fingerprint,
            known,
            last_seen: self.time(row, self.layout.columns.len() - 1)?,
            first_seen: first_seen?,
            entries: (begin, entries.len() as u32),
            last_login,
            said: keys.said,
            class: keys.class,
        })
    }

    /// Reads the keys of a row, and the class as far as it tells.
    fn keys(&self, subject: Subject, row: Row, entries: &mut Vec<Entry>) -> Result<Keys, Refusing> {
        let says = match subject {
            Subject::Account => Says::of(row.text(account_field::TYPE)),
            Subject::Device => Says::Nothing,
        };
        let mut keys = Keys::default();
        let mut part = SipHasher13::new();
        part.write_u64(self.shape);
        part.write_u8(says as u8);
        let mut has_key = false;
        for (at, kind) in subject.key_kinds().into_iter().enumerate() {
            let normal = row.key(at, kind)?;
            if let Some(normal) = &normal {
                has_key |= is_key(kind, normal, says);
                push_entries(entries, kind, normal, says);
                part.write(normal.as_bytes());
                keys.said |= 1 << at;
            }
            if kind == Kind::AccountName {
                keys.class = self.class(row, normal.as_deref(), says);
            }
            part.write_u8(0xff);
        }
        if !has_key {
            return Err(Refusing {
                column: None,
                reason: "no key: every key column is empty, a placeholder or no key".into(),
            });
        }
        keys.part = part.finish();
        Ok(keys)
    }

    /// The user name of the last login. It describes nothing: one that is no name is kept for display and counted.
    fn last_login(&mut self, row: Row) -> Option<Hash> {
        match row.key(device_field::LAST_LOGIN, Kind::AccountName) {
            Ok(normal) => normal.map(|normal| Hash::of(&normal)),
            Err(_) => {
                self.refused.other += 1;
                None
            }
        }
    }

    /// The class as far as the row alone tells.
    fn class(&self, row: Row, name: Option<&str>, says: Says) -> Class {
        let has = |field| row.text(field).is_some();
        let has_person =
            has(account_field::UPN) || has(account_field::EMAIL) || has(account_field::FULL_NAME);
        let Ok(class) = class_of(
            Evidence {
                name,
                says,
                has_person,
            },
            self.patterns,
            |_| Ok::<_, Infallible>(false),
        );
        class
    }

    /// UPN, email, serial numbers: a value that its kind refuses is kept for display and counted, in a known row too.
    fn push_identifiers(
        &mut self,
        subject: Subject,
        row: Row,
        mut entries: Option<&mut Vec<Entry>>,
    ) {
        for (at, field) in subject.fields().iter().enumerate() {
            let FieldType::Identifier(kind) = field.kind else {
                continue;
            };
            let Some(text) = row.text(at) else { continue };
            match identifier::normal_form(kind, text) {
                Ok(normal) => {
                    if let Some(entries) = &mut entries {
                        let hash = Hash::of(&normal);
                        entries.push(Entry { hash, kind });
                    }
                }
                Err(Refusal::Empty | Refusal::Placeholder) => {}
                Err(Refusal::Hashed) => self.refused.hashed_upns += 1,
                Err(_) => self.refused.other += 1,
            }
        }
    }

    /// Hashes the object's columns and all that the row says but `last_seen`. Of 64 bits: among a million rows, one that
    /// says something new is taken for a known one once in 10^13.
    fn glance(&self, row: Row) -> Glance {
        let mut hasher = SipHasher13::new();
        hasher.write_u64(self.shape);
        let times = self.layout.columns.len() - 2;
        // The same text in another source's zone is another time. One that is no time costs the row later on.
        let first_seen = self.time(row, times);
        hasher.write_i64(first_seen.as_ref().map_or(-1, |time| time.unwrap_or(-1)));
        let fields = self.layout.columns[..times].iter().flatten();
        for column in fields.chain(self.layout.extra.iter().map(|(_, column)| column)) {
            hasher.write(row.columns.cell(*column, row.at).unwrap_or("").as_bytes());
            hasher.write_u8(0xff);
        }
        Glance {
            fingerprint: hasher.finish(),
            known: None,
            first_seen,
        }
    }

    fn time(&self, row: Row, field: usize) -> Result<Option<i64>, Refusing> {
        let Some(text) = row.text(field) else {
            return Ok(None);
        };
        match parse_time(text, self.time_zone) {
            Some(time) => Ok(Some(time)),
            None => Err(Refusing {
                column: self.layout.columns[field],
                reason: "not a time: expected 2026-08-14 12:16:03 or RFC 3339, not before 1970"
                    .into(),
            }),
        }
    }
}

/// Tells whether a key could make the row's subject known by itself.
fn is_key(kind: Kind, normal: &str, says: Says) -> bool {
    kind != Kind::Sid || (identifier::is_key_sid(normal) && says != Says::Local)
}

/// What a key is found under: itself, and the parts of it that people type.
fn push_entries(entries: &mut Vec<Entry>, kind: Kind, normal: &str, says: Says) {
    let mut push = |kind, text: &str| {
        entries.push(Entry {
            hash: Hash::of(text),
            kind,
        })
    };
    match kind {
        Kind::Sid if !identifier::is_indexed_sid(normal) => {}
        // Cloned machines repeat the SIDs of their local accounts: filed apart, they need not be looked at to join others.
        Kind::Sid if !is_key(kind, normal, says) => push(Kind::WeakSid, normal),
        Kind::AccountName => {
            push(kind, normal);
            push(Kind::BareName, identifier::sam(normal));
            // Without a type, a domain part that is a device's name says "local": found when such a device turns up.
            if let Some(domain) = identifier::domain(normal).filter(|_| says == Says::Nothing) {
                push(Kind::Domain, domain);
            }
        }
        Kind::DeviceName => {
            push(kind, normal);
            if let Some(short) = identifier::short_name(normal) {
                push(Kind::ShortName, short);
            }
        }
        _ => push(kind, normal),
    }
}

/// The keys that one side of a logins row says, in normal form.
struct Side<'a> {
    kinds: [Kind; 3],
    keys: [Option<Cow<'a, str>>; 3],
}

impl<'a> Side<'a> {
    fn read(row: Row<'a>, subject: Subject, first: usize) -> Result<Side<'a>, Refusing> {
        let kinds = subject.key_kinds();
        let mut keys = [None, None, None];
        for (at, kind) in kinds.into_iter().enumerate() {
            keys[at] = row.key(first + at, kind)?;
        }
        if keys.iter().any(Option::is_some) {
            return Ok(Side { kinds, keys });
        }
        let missing = match subject {
            Subject::Account => "no key: the row names no user",
            Subject::Device => "no key: the row names no device",
        };
        Err(Refusing {
            column: None,
            reason: missing.into(),
        })
    }

    fn is_name_only(&self) -> bool {
        self.keys[NAME].is_some() && self.keys[..NAME].iter().all(Option::is_none)
    }

    /// What the keys are found by. A SID that is no key finds nobody, but tells the row's group from others.
    fn entries(&self) -> impl Iterator<Item = Entry> {
        let said = self.kinds.iter().zip(&self.keys);
        let said = said.filter_map(|(kind, key)| Some((*kind, key.as_deref()?)));
        let keys = said.filter(|(kind, key)| is_key(*kind, key, Says::Nothing));
        keys.map(|(kind, key)| Entry {
            hash: Hash::of(key),
            kind,
        })
    }
}

/// What a logins row says.
struct Login<'a> {
    user: Side<'a>,
    device: Side<'a>,
    group: u64,
    logins: Option<u64>,
    last_seen: Option<i64>,
}

impl<'a> Login<'a> {
    fn read(row: Row<'a>, mapper: &Mapper) -> Result<Login<'a>, Refusing> {
        let user = Side::read(row, Subject::Account, 0)?;
        let device = Side::read(row, Subject::Device, LOGINS_DEVICE)?;
        Ok(Login {
            group: group_of(&user, &device),
            user,
            device,
            logins: row.count(LOGINS_COUNT)?,
            last_seen: mapper.time(row, mapper.layout.columns.len() - 1)?,
        })
    }

    fn known(self, record: usize, row: u32, usage: u64) -> KnownMention {
        KnownMention {
            usage,
            group: self.group,
            logins: self.logins,
            last_seen: self.last_seen,
            record: record as u32,
            row,
        }
    }

    fn mention(self, record: usize, row: u32, entries: &mut Vec<Entry>) -> Mention {
        let begin = entries.len() as u32;
        entries.extend(self.user.entries().chain(self.device.entries()));
        Mention {
            record: record as u32,
            row,
            group: self.group,
            names_only: self.user.is_name_only() && self.device.is_name_only(),
            entries: (begin, entries.len() as u32),
            logins: self.logins,
            last_seen: self.last_seen,
        }
    }
}

/// The hash that names the mentions with the same keys; 0 and 1 are no group's.
fn group_of(user: &Side, device: &Side) -> u64 {
    let mut group = SipHasher13::new();
    for key in user.keys.iter().chain(&device.keys) {
        if let Some(key) = key {
            group.write(key.as_bytes());
        }
        group.write_u8(0xff);
    }
    group.finish().max(2)
}

/// One record and how its columns fill fields.
#[derive(Clone, Copy)]
struct Row<'a> {
    columns: &'a Columns,
    layout: &'a Layout,
    at: u32,
}

impl<'a> Row<'a> {
    /// Returns another record of the same batch.
    fn at(self, record: usize) -> Row<'a> {
        Row {
            at: record as u32,
            ..self
        }
    }

    fn text(self, field: usize) -> Option<&'a str> {
        self.columns.cell(self.layout.columns[field]?, self.at)
    }

    /// A key's normal form; `None` when it is not said.
    fn key(self, field: usize, kind: Kind) -> Result<Option<Cow<'a, str>>, Refusing> {
        let Some(text) = self.text(field) else {
            return Ok(None);
        };
        match identifier::normal_form(kind, text) {
            Ok(normal) => Ok(Some(normal)),
            Err(Refusal::Empty | Refusal::Placeholder) => Ok(None),
            Err(refusal) => Err(Refusing {
                column: self.layout.columns[field],
                reason: refusal.to_string().into(),
            }),
        }
    }

    fn count(self, field: usize) -> Result<Option<u64>, Refusing> {
        /// Logins a row may count: ten digits, the width the index has for a sum.
        const MAX: u64 = 9_999_999_999;
        let Some(text) = self.text(field) else {
            return Ok(None);
        };
        match text.parse::<u64>() {
            Ok(count) if count <= MAX => Ok(Some(count)),
            _ => Err(Refusing {
                column: self.layout.columns[field],
                reason: "not a count: expected a whole number such as 26".into(),
            }),
        }
    }
}

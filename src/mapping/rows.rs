//! The rows of one object as observations: keys in normal form, hashes, times, and what is refused.

use std::borrow::Cow;
use std::hash::Hasher;

use jiff::tz::TimeZone;
use siphasher::sip::SipHasher13;

use super::odd_types::OddTypes;
use super::parse_time;
use super::row::{Refusing, Row};
use crate::bucket::Hash;
use crate::class::{Evidence, Patterns, traits_of};
use crate::identifier::{self, Kind, Refusal};
use crate::observation::{
    Batch, Columns, Decoded, Described, Entry, LOGINS_COUNT, LOGINS_DEVICE, Layout, Login,
    NOT_CARRIED, OddCells, Refused, Reject, Rows, SAYS_NOTHING, Says, Traits, VALUES, value_hash,
};
use crate::schema::{Dataset, FieldType, Subject, account_field, device_field};

/// Turns the rows of one object into observations.
pub struct Mapper<'a> {
    layout: &'a Layout,
    shape: u64,
    time_zone: &'a TimeZone,
    /// The latest time that can be, in microseconds since 1970: a day after the object was observed, for the clocks differ.
    latest: i64,
    patterns: &'a Patterns,
    /// Counted over all batches.
    pub refused: Refused,
    /// By column, counted over all batches.
    pub odd: Vec<OddCells>,
    /// Words of `user.type` that say neither local nor domain.
    pub odd_types: OddTypes,
    /// Account names that are hashed, counted over all batches of users.
    pub hashed_names: u64,
}

/// What the keys of a users or devices row come to.
#[derive(Default)]
struct Keys {
    claim: u64,
    said: u8,
    traits: Traits,
}

impl<'a> Mapper<'a> {
    /// `time_zone` applies to times that name none; `observed_at`, in microseconds since 1970, is when the object was observed.
    pub fn new(
        layout: &'a Layout,
        (time_zone, observed_at): (&'a TimeZone, i64),
        patterns: &'a Patterns,
    ) -> Mapper<'a> {
        const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;
        let shape = Hash::of(&format!("{} {:?}", layout.dataset.as_str(), layout.shape)).high;
        Mapper {
            layout,
            shape,
            time_zone,
            latest: observed_at.saturating_add(DAY_MICROS),
            patterns,
            refused: Refused::default(),
            odd: Vec::new(),
            odd_types: OddTypes::default(),
            hashed_names: 0,
        }
    }

    /// Maps a batch; what cannot be taken joins its rejects.
    pub fn map(&mut self, decoded: Decoded) -> (Batch, Vec<Reject>) {
        let Decoded {
            records,
            rows,
            lines,
            raws,
            recognised,
            mut rejects,
            odd,
            blank,
        } = decoded;
        self.note_odd(&odd);
        let columns = Columns::new(&records);
        let row = Row {
            columns: &columns,
            layout: self.layout,
            at: 0,
        };
        let mut entries = Vec::new();
        let mut refuse = |at: usize, refusing: Refusing| {
            if blank.binary_search(&at).is_ok() {
                return;
            }
            let field = refusing.column.map_or(String::new(), |column| {
                records.schema().field(column).name().clone()
            });
            rejects.push(Reject {
                line: lines[at],
                field,
                reason: refusing.reason,
            });
        };
        let places = rows.iter().copied().zip(raws);
        let mapped = match self.layout.dataset {
            Dataset::Logins => self.logins(row, places, &mut entries, &mut refuse),
            _ => self.all_described(row, places, &mut entries, &mut refuse),
        };
        (Batch::new(columns, mapped, recognised, entries), rejects)
    }

    fn note_odd(&mut self, odd: &[OddCells]) {
        self.odd
            .resize(odd.len().max(self.odd.len()), OddCells::default());
        for (all, some) in self.odd.iter_mut().zip(odd) {
            *all += *some;
        }
    }

    /// Reads a type; a word that says nothing of it is noted.
    fn says(&mut self, user_type: Option<&str>) -> Says {
        let says = Says::of(user_type);
        if let Some(word) = user_type.filter(|_| says == Says::Nothing) {
            self.odd_types.note(word);
        }
        says
    }

    /// Notes a value that its kind refuses.
    fn note_refused(&mut self, column: Option<usize>) {
        self.refused.other += 1;
        if let Some(odd) = self.odd_of(column) {
            odd.refused += 1;
        }
    }

    fn odd_of(&mut self, column: Option<usize>) -> Option<&mut OddCells> {
        self.odd.get_mut(column?)
    }

    fn all_described(
        &mut self,
        row: Row,
        places: impl ExactSizeIterator<Item = (u32, u64)>,
        entries: &mut Vec<Entry>,
        refuse: &mut dyn FnMut(usize, Refusing),
    ) -> Rows {
        let mut described = Vec::with_capacity(places.len());
        for (at, place) in places.enumerate() {
            let before = entries.len();
            match self.described(row.at(at), place, entries) {
                Ok(observed) => described.push(observed),
                Err(refusing) => {
                    entries.truncate(before);
                    refuse(at, refusing);
                }
            }
        }
        Rows::Described(described)
    }

    fn logins(
        &mut self,
        row: Row,
        places: impl ExactSizeIterator<Item = (u32, u64)>,
        entries: &mut Vec<Entry>,
        refuse: &mut dyn FnMut(usize, Refusing),
    ) -> Rows {
        let mut logins = Vec::with_capacity(places.len());
        for (at, place) in places.enumerate() {
            match self.login(row.at(at), place, entries) {
                Ok(login) => logins.push(login),
                Err(refusing) => refuse(at, refusing),
            }
        }
        Rows::Logins(logins)
    }

    fn subject(&self) -> Subject {
        if self.layout.dataset == Dataset::Users {
            Subject::Account
        } else {
            Subject::Device
        }
    }

    fn described(
        &mut self,
        row: Row,
        (number, raw): (u32, u64),
        entries: &mut Vec<Entry>,
    ) -> Result<Described, Refusing> {
        let subject = self.subject();
        let begin = entries.len() as u32;
        let fields = self.layout.columns.len();
        let first_seen = self.time(row, fields - 2)?;
        let keys = self.keys(subject, row, entries)?;
        let refused = self.refused;
        let mut values = self.values(subject, row, entries);
        let last_login = match subject {
            Subject::Account => None,
            Subject::Device => self.last_login(row),
        };
        if subject == Subject::Device {
            values[VALUES - 1] = match self.layout.columns[device_field::LAST_LOGIN] {
                None => NOT_CARRIED,
                Some(_) => last_login.map_or(SAYS_NOTHING, |name| value_hash(name.high)),
            };
        }
        Ok(Described {
            record: row.at,
            row: number,
            claim: keys.claim,
            fingerprint: self.fingerprint(row, first_seen),
            // What it refuses is to be counted in every object: such a row is read whole each time.
            raw: if self.refused == refused { raw } else { 0 },
            last_seen: self.time(row, fields - 1)?,
            first_seen,
            entries: (begin, entries.len() as u32),
            values,
            last_login,
            said: keys.said,
            traits: keys.traits,
        })
    }

    /// Reads the keys of a row, and the class as far as it tells.
    fn keys(
        &mut self,
        subject: Subject,
        row: Row,
        entries: &mut Vec<Entry>,
    ) -> Result<Keys, Refusing> {
        let says = match subject {
            Subject::Account => self.says(row.text(account_field::TYPE)),
            Subject::Device => Says::Nothing,
        };
        let mut keys = Keys::default();
        let mut claim = SipHasher13::new();
        claim.write_u8(subject as u8);
        claim.write_u8(says as u8);
        let (mut has_key, mut sid) = (false, None);
        let mut refused = Vec::new();
        for (at, kind) in subject.key_kinds().into_iter().enumerate() {
            // It costs the row only where no other key stands.
            let normal = row.key(at, kind).unwrap_or_else(|refusing| {
                refused.push(refusing);
                None
            });
            if let Some(normal) = &normal {
                let is_key = is_key(kind, normal, says);
                has_key |= is_key;
                push_entries(entries, (kind, is_key), normal, says);
                claim.write(normal.as_bytes());
                keys.said |= 1 << at;
            }
            if kind == Kind::AccountName {
                let name = normal.as_deref().map(identifier::sam);
                self.hashed_names += u64::from(name.is_some_and(identifier::is_hash));
                keys.traits = self.traits(row, [sid.as_deref(), normal.as_deref()], says);
            }
            if kind == Kind::Sid {
                sid = normal;
            }
            claim.write_u8(0xff);
        }
        if !has_key {
            return Err(refused.into_iter().next().unwrap_or(Refusing {
                column: None,
                reason: "no key: every key column is empty, a placeholder, in quotes or no key"
                    .into(),
            }));
        }
        for refusing in refused {
            self.note_refused(refusing.column);
        }
        keys.claim = claim.finish();
        Ok(keys)
    }

    /// The user name of the last login. It describes nothing: one that is no name is kept for display and counted.
    fn last_login(&mut self, row: Row) -> Option<Hash> {
        match row.key(device_field::LAST_LOGIN, Kind::AccountName) {
            Ok(normal) => normal.map(|normal| Hash::of(&normal)),
            Err(refusing) => {
                self.note_refused(refusing.column);
                None
            }
        }
    }

    /// What the class follows from, as far as the row alone tells.
    fn traits(&self, row: Row, [sid, name]: [Option<&str>; 2], says: Says) -> Traits {
        let has = |field| row.text(field).is_some();
        let has_person =
            has(account_field::UPN) || has(account_field::EMAIL) || has(account_field::FULL_NAME);
        let evidence = Evidence {
            sid,
            name,
            says,
            has_person,
        };
        traits_of(evidence, self.patterns)
    }

    /// UPN, email, serial numbers: a value that its kind refuses is kept for display and counted.
    fn values(&mut self, subject: Subject, row: Row, entries: &mut Vec<Entry>) -> [u64; VALUES] {
        let mut values = [NOT_CARRIED; VALUES];
        let fields = subject.fields().iter().enumerate();
        let fields = fields.filter_map(|(at, field)| match field.kind {
            FieldType::Identifier(kind) => Some((at, kind)),
            _ => None,
        });
        for ((at, kind), value) in fields.zip(&mut values) {
            if self.layout.columns[at].is_none() {
                continue;
            }
            *value = SAYS_NOTHING;
            let Some(text) = row.text(at) else { continue };
            match identifier::normal_form(kind, text) {
                Ok(normal) => {
                    let hash = Hash::of(&normal);
                    *value = value_hash(hash.high);
                    entries.push(Entry { hash, kind });
                }
                Err(Refusal::Empty | Refusal::Placeholder) => {}
                Err(Refusal::Hashed) => self.refused.hashed_upns += 1,
                Err(_) => self.note_refused(self.layout.columns[at]),
            }
        }
        values
    }

    /// Hashes the object's columns and all that the row says but `last_seen`. Of 64 bits: among a million rows, one that
    /// says something new is taken for a known one once in 10^13.
    fn fingerprint(&self, row: Row, first_seen: Option<i64>) -> u64 {
        let mut hasher = SipHasher13::new();
        hasher.write_u64(self.shape);
        let times = self.layout.columns.len() - 2;
        // The same text in another source's zone is another time.
        hasher.write_i64(first_seen.unwrap_or(-1));
        let fields = self.layout.columns[..times].iter().flatten();
        for column in fields.chain(self.layout.extra.iter().map(|(_, column)| column)) {
            hasher.write(row.columns.cell(*column, row.at).unwrap_or("").as_bytes());
            hasher.write_u8(0xff);
        }
        hasher.finish()
    }

    fn login(
        &mut self,
        row: Row,
        (number, raw): (u32, u64),
        entries: &mut Vec<Entry>,
    ) -> Result<Login, Refusing> {
        let user = self.side(row, Subject::Account, 0)?;
        let device = self.side(row, Subject::Device, LOGINS_DEVICE)?;
        let logins = row.count(LOGINS_COUNT)?;
        let last_seen = self.time(row, self.layout.columns.len() - 1)?;
        let begin = entries.len() as u32;
        entries.extend(user.entries().chain(device.entries()));
        Ok(Login {
            record: row.at,
            row: number,
            group: group_of(&user, &device),
            raw,
            entries: (begin, entries.len() as u32),
            said: user.said() | device.said() << LOGINS_DEVICE,
            logins,
            last_seen,
        })
    }

    /// Reads the keys of one side of a logins row: one that is refused costs the row only where no other key stands.
    fn side<'r>(
        &mut self,
        row: Row<'r>,
        subject: Subject,
        first: usize,
    ) -> Result<Side<'r>, Refusing> {
        let kinds = subject.key_kinds();
        let mut keys = [None, None, None];
        let mut refused = Vec::new();
        for (at, kind) in kinds.into_iter().enumerate() {
            match row.key(first + at, kind) {
                Ok(key) => keys[at] = key,
                Err(refusing) => refused.push(refusing),
            }
        }
        if keys.iter().all(Option::is_none) {
            let missing = match subject {
                Subject::Account => "no key: the row names no user",
                Subject::Device => "no key: the row names no device",
            };
            return Err(refused.into_iter().next().unwrap_or(Refusing {
                column: None,
                reason: missing.into(),
            }));
        }
        for refusing in refused {
            self.note_refused(refusing.column);
        }
        Ok(Side { kinds, keys })
    }

    fn time(&mut self, row: Row, field: usize) -> Result<Option<i64>, Refusing> {
        let Some(text) = row.text(field) else {
            return Ok(None);
        };
        match parse_time(text, self.time_zone) {
            Some(time) => {
                let is_ahead = time > self.latest;
                if let Some(odd) = self.odd_of(self.layout.columns[field]).filter(|_| is_ahead) {
                    odd.ahead += 1;
                }
                Ok(Some(time))
            }
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
fn push_entries(entries: &mut Vec<Entry>, (kind, is_key): (Kind, bool), normal: &str, says: Says) {
    let mut push = |kind, text: &str| {
        entries.push(Entry {
            hash: Hash::of(text),
            kind,
        })
    };
    match kind {
        Kind::Sid if !identifier::is_indexed_sid(normal) => {}
        // Cloned machines repeat the SIDs of their local accounts: filed apart, they need not be looked at to join others.
        Kind::Sid if !is_key => push(Kind::WeakSid, normal),
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

impl Side<'_> {
    fn said(&self) -> u8 {
        let said = (0..).zip(&self.keys);
        said.map(|(at, key)| u8::from(key.is_some()) << at).sum()
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

/// The hash that names the rows with the same keys.
fn group_of(user: &Side, device: &Side) -> u64 {
    let mut group = SipHasher13::new();
    for key in user.keys.iter().chain(&device.keys) {
        if let Some(key) = key {
            group.write(key.as_bytes());
        }
        group.write_u8(0xff);
    }
    group.finish()
}

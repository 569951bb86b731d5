//! Column names to fields, and record batches to observations.
//!
//! The dataset is recognised from the header, never from the object's name. What the columns are called is data:
//! `schemas/export/*.toml`, which the configuration extends. Everything that can be done per row without the database
//! is done here, on the decoding thread: normal forms, hashes, times.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::hash::Hasher;

use jiff::civil;
use jiff::tz::TimeZone;
use siphasher::sip::SipHasher13;

use crate::bucket::Hash;
use crate::class::{Evidence, Patterns, class_of};
use crate::identifier::{self, Kind, Refusal};
use crate::observation::{
    Batch, Columns, Decoded, Described, Entry, KnownMention, LOGINS_DEVICE, LOGINS_FIELDS, Layout,
    Mention, Refused, Reject, Rows, Says,
};
use crate::schema::{
    Class, Dataset, FieldType, NAME, STRONG, Subject, account_field, device_field,
};

const LOGINS_COUNT: usize = 6;
const LAST_SEEN: &str = "last_seen";

/// Why a header fits no dataset. Column names are the export's own and may be shown; cells never are.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Neither a users, nor a devices, nor a logins file.
    #[error(
        "the header fits no dataset: found {found}; expected columns such as \"user.sid\" and \"user.name\", or \
         \"device.uid\" and \"device.name\""
    )]
    NoDataset {
        /// The columns found.
        found: String,
    },
    /// Short names that fit both users and devices, or neither.
    #[error(
        "the header fits users and devices alike: found {found}; list full names (\"user.name\", \"device.name\") in \
         the query"
    )]
    Ambiguous {
        /// The columns found.
        found: String,
    },
    /// No column identifies a row.
    #[error(
        "a {dataset} file needs one of {expected}: found {found}; {nearest}add it to the query's list"
    )]
    NoKey {
        /// The dataset the header fits best.
        dataset: &'static str,
        /// The key columns it could have.
        expected: String,
        /// The columns found.
        found: String,
        /// The nearest miss, as a half sentence.
        nearest: String,
    },
    /// Two columns fill one field.
    #[error("columns {first:?} and {second:?} both fill {field:?}; export it once")]
    Repeated {
        /// The field.
        field: String,
        /// The column met first.
        first: String,
        /// The column met second.
        second: String,
    },
}

/// The column names of every dataset.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// Per dataset: lower-cased column name to field name.
    names: [BTreeMap<String, String>; 3],
    /// Per dataset: the field names with their export names, as shipped.
    shown: [BTreeMap<String, Vec<String>>; 3],
}

/// A column of the configuration that names no field.
#[derive(Debug, thiserror::Error)]
#[error("column {column:?} is mapped to {field:?}, which is no field of {dataset}")]
pub struct UnknownField {
    dataset: &'static str,
    column: String,
    field: String,
}

impl Mapping {
    /// Returns the mapping as shipped, extended by `columns` (dataset, column name, field name).
    ///
    /// # Errors
    /// When a field does not exist.
    pub fn new<'a>(
        columns: impl IntoIterator<Item = (Dataset, &'a str, &'a str)>,
    ) -> Result<Mapping, UnknownField> {
        let shipped = [
            include_str!("../schemas/export/users.toml"),
            include_str!("../schemas/export/devices.toml"),
            include_str!("../schemas/export/logins.toml"),
        ];
        let shown = shipped.map(|text| {
            toml::from_str::<BTreeMap<String, Vec<String>>>(text)
                .expect("a test parses every shipped mapping")
        });
        let names = shown.clone().map(|fields| {
            let pairs = fields.into_iter().flat_map(|(field, names)| {
                names
                    .into_iter()
                    .map(move |name| (name, field.clone()))
                    .collect::<Vec<_>>()
            });
            pairs.collect::<BTreeMap<_, _>>()
        });
        let mut mapping = Mapping { names, shown };
        for (dataset, column, field) in columns {
            if !mapping.shown[dataset as usize].contains_key(field) {
                let (dataset, column, field) =
                    (dataset.as_str(), column.to_owned(), field.to_owned());
                return Err(UnknownField {
                    dataset,
                    column,
                    field,
                });
            }
            mapping.names[dataset as usize].insert(column.to_ascii_lowercase(), field.to_owned());
        }
        Ok(mapping)
    }

    fn field(&self, dataset: Dataset, column: &str) -> Option<&str> {
        self.names[dataset as usize]
            .get(&column.to_ascii_lowercase())
            .map(String::as_str)
    }

    /// Says what an object's columns fill.
    ///
    /// # Errors
    /// When the header fits no dataset, lacks every key, or fills a field twice.
    pub fn layout(&self, header: &[String]) -> Result<Layout, Error> {
        let dataset = self.recognise(header)?;
        let fields = field_names(dataset);
        let mut columns = vec![None; fields.len()];
        let mut extra: Vec<(String, usize)> = Vec::new();
        for (at, name) in header.iter().enumerate() {
            let position = self
                .field(dataset, name)
                .and_then(|field| fields.iter().position(|known| *known == field));
            match position {
                Some(position) => match columns[position].replace(at) {
                    None => {}
                    Some(first) => return Err(repeated(fields[position], &header[first], name)),
                },
                None if extra.iter().any(|(known, _)| known == name) => {
                    return Err(repeated(name, name, name));
                }
                None => extra.push((name.clone(), at)),
            }
        }
        self.require_keys(dataset, &columns, header)?;
        let carried = fields
            .iter()
            .zip(&columns)
            .filter(|(_, column)| column.is_some());
        let mut shape: Vec<String> = carried.map(|(field, _)| (*field).to_owned()).collect();
        shape.extend(extra.iter().map(|(name, _)| format!("+{name}")));
        shape.sort();
        Ok(Layout {
            dataset,
            columns,
            extra,
            shape,
        })
    }

    fn recognise(&self, header: &[String]) -> Result<Dataset, Error> {
        let lower: Vec<String> = header
            .iter()
            .map(|name| name.to_ascii_lowercase())
            .collect();
        let has = |prefix: &str| lower.iter().any(|name| name.starts_with(prefix));
        let is_device_key = |name: &String| {
            matches!(
                self.field(Dataset::Logins, name),
                Some("device_uid" | "collector_uid" | "device_name")
            )
        };
        match (
            has("user."),
            has("device."),
            lower.iter().any(is_device_key),
        ) {
            (true, true, true) => Ok(Dataset::Logins),
            (true, _, _) => Ok(Dataset::Users),
            (false, true, _) => Ok(Dataset::Devices),
            (false, false, _) => self.recognise_short(header),
        }
    }

    /// Short names only: the one dataset that has a column the other lacks.
    fn recognise_short(&self, header: &[String]) -> Result<Dataset, Error> {
        let only = |dataset, other| {
            header.iter().any(|name| {
                self.field(dataset, name).is_some() && self.field(other, name).is_none()
            })
        };
        let any = header
            .iter()
            .any(|name| self.field(Dataset::Users, name).is_some());
        match (
            only(Dataset::Users, Dataset::Devices),
            only(Dataset::Devices, Dataset::Users),
        ) {
            (true, false) => Ok(Dataset::Users),
            (false, true) => Ok(Dataset::Devices),
            (false, false) if !any => Err(Error::NoDataset {
                found: self.listed(header),
            }),
            _ => Err(Error::Ambiguous {
                found: self.listed(header),
            }),
        }
    }

    /// The columns of a header, quoted: its first ones, and only where they are names and no first row of values.
    fn listed(&self, header: &[String]) -> String {
        const SHOWN: usize = 12;
        let is_known = |name: &String| {
            Dataset::ALL
                .into_iter()
                .any(|dataset| self.field(dataset, name).is_some())
        };
        // Bare words alone could be a first row: one of them must be a path (`user.name`) or a known short name.
        let is_header = header
            .iter()
            .any(|name| name.contains('.') || is_known(name));
        if !is_header || !header.iter().all(|name| looks_like_a_name(name)) {
            return format!(
                "no column names in the first line, which has {} cells",
                header.len()
            );
        }
        let quoted: Vec<String> = header
            .iter()
            .take(SHOWN)
            .map(|name| format!("{name:?}"))
            .collect();
        let mut text = quoted.join(", ");
        if header.len() > SHOWN {
            text.push_str(&format!(" and {} more", header.len() - SHOWN));
        }
        text
    }

    fn require_keys(
        &self,
        dataset: Dataset,
        columns: &[Option<usize>],
        header: &[String],
    ) -> Result<(), Error> {
        let sides = match dataset {
            Dataset::Logins => vec![0..LOGINS_DEVICE, LOGINS_DEVICE..LOGINS_COUNT],
            _ => std::iter::once(STRONG..NAME + 1).collect(),
        };
        for side in sides {
            if columns[side.clone()].iter().all(Option::is_none) {
                let fields = &field_names(dataset)[side.clone()];
                let shown: Vec<&String> = fields
                    .iter()
                    .filter_map(|field| self.shown[dataset as usize].get(*field)?.first())
                    .collect();
                let expected = shown
                    .iter()
                    .map(|name| format!("{name:?}"))
                    .collect::<Vec<_>>()
                    .join(", ");
                let unknown = header
                    .iter()
                    .filter(|name| self.field(dataset, name).is_none());
                let nearest = nearest(unknown, &shown);
                return Err(Error::NoKey {
                    dataset: dataset.as_str(),
                    expected,
                    found: self.listed(header),
                    nearest,
                });
            }
        }
        Ok(())
    }
}

fn field_names(dataset: Dataset) -> Vec<&'static str> {
    let mut names: Vec<&str> = match dataset {
        Dataset::Users => Subject::Account
            .fields()
            .iter()
            .map(|field| field.name)
            .collect(),
        Dataset::Devices => Subject::Device
            .fields()
            .iter()
            .map(|field| field.name)
            .collect(),
        Dataset::Logins => LOGINS_FIELDS.to_vec(),
    };
    names.push(LAST_SEEN);
    names
}

fn repeated(field: &str, first: &str, second: &str) -> Error {
    Error::Repeated {
        field: field.to_owned(),
        first: first.to_owned(),
        second: second.to_owned(),
    }
}

/// Tells a column name from an account name, address, SID, uid, number or time, or a person's name with a comma.
fn looks_like_a_name(text: &str) -> bool {
    let is_short = text.len() <= 100;
    let begins_well = text.is_empty()
        || text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '#');
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_.#-() ".contains(&byte));
    let is_value = [Kind::Sid, Kind::Uid]
        .into_iter()
        .any(|kind| identifier::normal_form(kind, text).is_ok());
    is_short && begins_well && is_plain && !is_value
}

fn nearest<'a>(found: impl Iterator<Item = &'a String>, expected: &[&String]) -> String {
    let pairs = found.flat_map(|found| expected.iter().map(move |wanted| (found, *wanted)));
    let pairs = pairs.filter(|(found, _)| looks_like_a_name(found));
    let best = pairs
        .map(|(found, wanted)| (distance(&found.to_ascii_lowercase(), wanted), found, wanted))
        .min();
    match best {
        Some((distance, found, wanted)) if distance <= 4 => {
            format!("{found:?} is close to {wanted:?}; ")
        }
        _ => String::new(),
    }
}

/// Levenshtein's distance, for column names only.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, letter) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, other) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = substituted.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

/// What is known already, so that rows which say nothing new need not be worked out.
pub trait Known {
    /// Returns the part whose newest row has a fingerprint.
    fn part(&self, subject: Subject, fingerprint: u64) -> Option<u32>;
    /// Returns the usage in which the logins of a group stand.
    fn usage(&self, group: u64) -> Option<u64>;
}

/// Turns the rows of one object into observations.
pub struct Mapper<'a> {
    layout: &'a Layout,
    shape: u64,
    time_zone: &'a TimeZone,
    patterns: &'a Patterns,
    known: &'a dyn Known,
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
        known: &'a dyn Known,
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
        let known = self.known_parts(row, numbers.len());
        for (at, number) in numbers.iter().enumerate() {
            let before = entries.len();
            match self.described(row.at(at), *number, known[at], entries) {
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
            .map(|login| self.known.usage(login.as_ref().ok()?.group))
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

    /// The fingerprint of each row of a batch, and the part that has it. Looked up together: the processor then waits for
    /// many places in memory at once.
    fn known_parts(&self, row: Row, rows: usize) -> Vec<(u64, Option<u32>)> {
        let fingerprints: Vec<u64> = (0..rows).map(|at| self.fingerprint(row.at(at))).collect();
        let subject = self.subject();
        let find = |fingerprint| (fingerprint, self.known.part(subject, fingerprint));
        fingerprints.into_iter().map(find).collect()
    }

    fn described(
        &mut self,
        row: Row,
        number: u32,
        (fingerprint, known): (u64, Option<u32>),
        entries: &mut Vec<Entry>,
    ) -> Result<Described, Refusing> {
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
            first_seen: self.time(row, self.layout.columns.len() - 2)?,
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

    /// The hash of the object's columns and of all that the row says but `last_seen`. Of 64 bits: among a million rows,
    /// one that says something new is taken for a known one once in 10^13.
    fn fingerprint(&self, row: Row) -> u64 {
        let mut hasher = SipHasher13::new();
        hasher.write_u64(self.shape);
        let fields = self.layout.columns[..self.layout.columns.len() - 1]
            .iter()
            .flatten();
        for column in fields.chain(self.layout.extra.iter().map(|(_, column)| column)) {
            hasher.write(row.columns.cell(*column, row.at).unwrap_or("").as_bytes());
            hasher.write_u8(0xff);
        }
        hasher.finish()
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

/// Reads `2026-08-14 12:16:03` (in `time_zone`; both forms are in real files, see nexthink's facts in
/// `fixtures/README.md`) or RFC 3339, as microseconds since 1970. `None` when it is neither or before 1970.
///
/// A time that the zone's clocks pass twice is taken as the earlier, one they skip as if they had not.
pub fn parse_time(text: &str, time_zone: &TimeZone) -> Option<i64> {
    let micros = match parse_civil(text.as_bytes()) {
        Some(civil) if *time_zone == TimeZone::UTC => civil
            .to_zoned(TimeZone::UTC)
            .ok()?
            .timestamp()
            .as_microsecond(),
        Some(civil) => time_zone
            .to_ambiguous_timestamp(civil)
            .compatible()
            .ok()?
            .as_microsecond(),
        None => parse_other(text, time_zone)?,
    };
    (0..=253_402_300_799_999_999)
        .contains(&micros)
        .then_some(micros)
}

fn parse_other(text: &str, time_zone: &TimeZone) -> Option<i64> {
    if let Ok(timestamp) = text.parse::<jiff::Timestamp>() {
        return Some(timestamp.as_microsecond());
    }
    let civil: civil::DateTime = text.parse().ok()?;
    // A date alone is no time.
    if !text.contains(':') {
        return None;
    }
    Some(
        time_zone
            .to_ambiguous_timestamp(civil)
            .compatible()
            .ok()?
            .as_microsecond(),
    )
}

/// The common form, without a general parser: it stands two times in every row.
fn parse_civil(text: &[u8]) -> Option<civil::DateTime> {
    let [
        y1,
        y2,
        y3,
        y4,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b' ' | b'T',
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
    ] = *text
    else {
        return None;
    };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0i16, |value, digit| {
            digit
                .is_ascii_digit()
                .then(|| value * 10 + i16::from(digit - b'0'))
        })
    };
    let pair = |tens, ones| number(&[tens, ones]).map(|value| value as i8);
    civil::DateTime::new(
        number(&[y1, y2, y3, y4])?,
        pair(m1, m2)?,
        pair(d1, d2)?,
        pair(h1, h2)?,
        pair(n1, n2)?,
        pair(s1, s2)?,
        0,
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(header: &[&str]) -> Result<Layout, Error> {
        let header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
        Mapping::new([]).unwrap().layout(&header)
    }

    #[test]
    fn every_shipped_field_exists() {
        let mapping = Mapping::new([]).unwrap();
        for dataset in Dataset::ALL {
            let known = field_names(dataset);
            for field in mapping.shown[dataset as usize].keys() {
                assert!(
                    known.contains(&field.as_str()),
                    "{field} of {}",
                    dataset.as_str()
                );
            }
        }
    }

    #[test]
    fn the_dataset_is_recognised_from_the_header() {
        let dataset = |header: &[&str]| layout(header).map(|layout| layout.dataset);
        assert_eq!(dataset(&["user.sid", "user.name"]).unwrap(), Dataset::Users);
        assert_eq!(
            dataset(&["device.uid", "device.login.last_login_user_name"]).unwrap(),
            Dataset::Devices
        );
        assert_eq!(
            dataset(&["device.name", "user.name", "logins"]).unwrap(),
            Dataset::Logins
        );
        assert_eq!(dataset(&["name", "sid"]).unwrap(), Dataset::Users);
        assert_eq!(
            dataset(&["name", "collector.uid"]).unwrap(),
            Dataset::Devices
        );
        assert!(matches!(
            dataset(&["name", "uid"]),
            Err(Error::Ambiguous { .. })
        ));
        assert!(matches!(
            dataset(&["name", "sid", "collector.uid"]),
            Err(Error::Ambiguous { .. })
        ));
        assert!(matches!(
            dataset(&["colour", "size"]),
            Err(Error::NoDataset { .. })
        ));
    }

    #[test]
    fn a_header_without_a_key_names_what_it_lacks() {
        let error = layout(&["user.sidd", "user.ad.department"])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("\"user.sidd\" is close to \"user.sid\""),
            "{error}"
        );
        let error = layout(&["user.upn", "user.ad.department"])
            .unwrap_err()
            .to_string();
        assert!(
            !error.contains("close to"),
            "a column with a meaning of its own is no misspelling: {error}"
        );
    }

    #[test]
    fn a_first_line_that_is_a_row_is_not_shown() {
        let rows: [&[&str]; 4] = [
            &["jdoe@EMEA", "Doe"],
            &["Doe, John", "jdoe"],
            &["jdoe", "S-1-5-21-1085031214-1563985344-725345543-1101"],
            &["jdoe", "2026-08-14 12:16:03"],
        ];
        for row in rows {
            let error = layout(row).unwrap_err().to_string();
            assert!(
                error.contains("found no column names in the first line, which has 2 cells"),
                "{error}"
            );
            assert!(!error.contains("oe"), "{error}");
        }
    }

    #[test]
    fn a_field_filled_twice_is_refused() {
        assert!(matches!(
            layout(&["user.sid", "user.name", "user.sid"]),
            Err(Error::Repeated { .. })
        ));
        assert!(matches!(
            layout(&["user.sid", "team", "team"]),
            Err(Error::Repeated { .. })
        ));
    }

    #[test]
    fn times_of_both_forms_are_one_instant() {
        let zurich = TimeZone::get("Europe/Zurich").unwrap();
        let utc = parse_time("2026-08-14 12:16:03", &TimeZone::UTC).unwrap();
        assert_eq!(
            parse_time("2026-08-14T12:16:03Z", &TimeZone::UTC),
            Some(utc)
        );
        assert_eq!(parse_time("2026-08-14 14:16:03", &zurich), Some(utc));
        assert_eq!(parse_time("2026-08-14T14:16:03+02:00", &zurich), Some(utc));
        assert_eq!(
            parse_time("2026-08-14 12:16:03.250", &TimeZone::UTC),
            Some(utc + 250_000)
        );
        for bad in [
            "2026-08-14",
            "yesterday",
            "2026-13-01 00:00:00",
            "1969-12-31 23:59:59",
            "2026-02-30 10:00:00",
        ] {
            assert_eq!(parse_time(bad, &TimeZone::UTC), None, "{bad}");
        }
    }
}

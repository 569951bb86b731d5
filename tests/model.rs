//! The rules of merging and identity, read by brute force: every clause is a scan over all the rows.
//! It says what an index of a tenant's objects must hold, and knows nothing of how the index gets there.
//! Well-formed ASCII cells only: what is refused, and how text is normalised, is tested elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use identidex::bucket::Hash;
use serde_json::{Map, Value, json};

use crate::tenant::{Dataset, Object, days_in_month};

const DAY_US: i64 = 86_400_000_000;

/// How long before it was observed a logins row may have been true, where nothing says it.
pub(crate) const LOGINS_WINDOW_US: i64 = 92 * DAY_US;

const PLACEHOLDERS: [&str; 5] = ["-", "n/a", "unknown", "none", "0"];
const NIL_UUID: &str = "00000000-0000-0000-0000-000000000000";

/// Columns of a logins row that are known; any other is kept as extra.
const LOGIN_COLUMNS: [&str; 8] = [
    "user.sid",
    "user.uid",
    "user.name",
    "device.uid",
    "device.collector.uid",
    "device.name",
    "logins",
    "last_seen",
];

/// Returns what an index of these objects must hold, whatever their order.
pub(crate) fn derive(objects: &[Object]) -> Value {
    let rows = rows_of(objects);
    let of = |dataset| -> Vec<&Row> { rows.iter().filter(|r| r.dataset == dataset).collect() };
    let (user_rows, device_rows, login_rows) = (
        of(Dataset::Users),
        of(Dataset::Devices),
        of(Dataset::Logins),
    );

    let device_names = known_device_names(&device_rows);
    let local_sids = local_sids(&user_rows, &device_names);
    let accounts = Subjects::settle(&user_rows, "user.first_seen", |row| {
        row.user_keys().without_weak_sid(&local_sids)
    });
    let devices = Subjects::settle(&device_rows, "device.first_seen", Row::device_keys);

    let mut usages = Usages::default();
    for ((user, device), rows) in login_groups(&login_rows) {
        let said = said_of_logins(&rows);
        let account = accounts.resolve(&user.without_weak_sid(&local_sids), said);
        usages.take_logins(account, devices.resolve(&device, said), &rows);
    }
    for ((user_name, device), times) in last_login_groups(&device_rows) {
        let said = Interval {
            from: times.used - LOGINS_WINDOW_US,
            to: times.used,
        };
        let account = accounts.resolve(&Keys::of_name(user_name), said);
        usages.take_last_login(account, devices.home(&device), times.observed);
    }
    json!({
        "accounts": sorted(accounts.each(|subject, rows| account_json(subject, rows, &device_names))),
        "devices": sorted(devices.each(device_json)),
        "usages": sorted(usages.by_pair.iter().map(|(pair, usage)| usage_json(pair, usage)).collect()),
        "held": sorted([held(&accounts, account_text, &ACCOUNT_VALUES), held(&devices, device_text, &DEVICE_VALUES)].concat()),
        "waiting": {"unknown": usages.unknown, "ambiguous": usages.ambiguous},
    })
}

/// Returns an array in the order of its elements' JSON text, so that two states compare.
pub(crate) fn sorted(mut values: Vec<Value>) -> Value {
    values.sort_by_key(Value::to_string);
    Value::Array(values)
}

/// Returns when an object was observed: the date-time in its key, else its modification time.
///
/// In microseconds since 1970, UTC.
pub(crate) fn observed_us(object: &Object) -> i64 {
    const FORMS: [&str; 3] = ["####-##-##T##-##-##", "########_######", "####-##-##/##"];
    let key = &object.key;
    let found =
        (0..key.len()).find_map(|at| FORMS.iter().find_map(|form| digits(&key[at..], form)));
    found.map_or(object.modified, |digits| instant_us(&digits))
}

// Rows and stamps

/// One row taken in. It carries every column of its object; its cells are trimmed.
struct Row {
    dataset: Dataset,
    stamp: Stamp,
    cells: BTreeMap<String, String>,
}

/// The order of rows, in the order of the fields. An absent `last_seen` comes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Stamp {
    observed_us: i64,
    last_seen_us: Option<i64>,
    modified: i64,
    hash: [u8; 32],
    number: usize,
}

impl Stamp {
    /// Returns the order of the row's object among objects.
    fn object(&self) -> (i64, i64, [u8; 32]) {
        (self.observed_us, self.modified, self.hash)
    }
}

impl Row {
    /// Returns the cell of a column that the row carries; it may be empty.
    fn carried(&self, column: &str) -> Option<&str> {
        self.cells.get(column).map(String::as_str)
    }

    /// Returns the cell of a column if it is there and not empty.
    fn value(&self, column: &str) -> Option<&str> {
        self.carried(column).filter(|cell| !cell.is_empty())
    }

    /// Returns the cell of a key column if it says anything.
    fn said(&self, column: &str) -> Option<&str> {
        self.value(column).filter(|cell| {
            let normal = cell.to_ascii_lowercase();
            !PLACEHOLDERS.contains(&normal.as_str()) && uuid(cell) != NIL_UUID
        })
    }

    fn user_keys(&self) -> Keys {
        Keys {
            first: self.said("user.sid").map(str::to_ascii_lowercase),
            second: self.said("user.uid").map(uuid),
            name: self.said("user.name").map(account_name),
        }
    }

    fn device_keys(&self) -> Keys {
        Keys {
            first: self.said("device.uid").map(uuid),
            second: self.said("device.collector.uid").map(uuid),
            name: self.said("device.name").map(str::to_ascii_lowercase),
        }
    }

    fn says(&self) -> Says {
        says(self.value("user.type"))
    }

    /// Says whether the row has a key at all, seen by itself; if not, it is rejected.
    fn has_key(&self) -> bool {
        match self.dataset {
            Dataset::Users if self.says() == Says::Local => {
                self.user_keys().without_sid().is_said()
            }
            Dataset::Users => self
                .user_keys()
                .without_weak_sid(&BTreeSet::new())
                .is_said(),
            Dataset::Devices => self.device_keys().is_said(),
            Dataset::Logins => self.user_keys().is_said() && self.device_keys().is_said(),
        }
    }
}

/// Returns the rows of all objects, one copy of those with the same content and observed time, with the latest of its
/// times of modification.
fn rows_of(objects: &[Object]) -> Vec<Row> {
    let mut contents: BTreeMap<(i64, [u8; 32]), (&Object, i64)> = BTreeMap::new();
    for object in objects {
        let content = (
            observed_us(object),
            *blake3::hash(object.csv().as_bytes()).as_bytes(),
        );
        let known = contents.entry(content).or_insert((object, object.modified));
        known.1 = known.1.max(object.modified);
    }
    let mut rows = Vec::new();
    for ((observed_us, hash), (object, modified)) in contents {
        let numbered = object.rows.iter().enumerate();
        rows.extend(numbered.map(|(number, cells)| {
            let stamp = Stamp {
                observed_us,
                last_seen_us: None,
                modified,
                hash,
                number,
            };
            row_of(object, stamp, cells)
        }));
    }
    rows.retain(Row::has_key);
    rows
}

fn row_of(object: &Object, stamp: Stamp, cells: &[String]) -> Row {
    let trimmed = cells.iter().map(|cell| cell.trim().to_owned());
    let cells: BTreeMap<_, _> = object.header.iter().cloned().zip(trimmed).collect();
    let last_seen = match object.dataset {
        Dataset::Users => "user.last_seen",
        Dataset::Devices => "device.last_seen",
        Dataset::Logins => "last_seen",
    };
    let last_seen_us = cells.get(last_seen).and_then(|cell| time_us(cell));
    Row {
        dataset: object.dataset,
        stamp: Stamp {
            last_seen_us,
            ..stamp
        },
        cells,
    }
}

impl Row {
    /// Returns when its subject was active at the latest, as far as it tells.
    fn active(&self) -> i64 {
        let seen = self.stamp.last_seen_us.unwrap_or(self.stamp.observed_us);
        seen.min(self.stamp.observed_us)
    }

    /// Returns what makes it the same part as another row.
    fn part(&self) -> (Keys, Says, Vec<&str>) {
        let keys = match self.dataset {
            Dataset::Devices => self.device_keys(),
            _ => self.user_keys(),
        };
        (
            keys,
            self.says(),
            self.cells.keys().map(String::as_str).collect(),
        )
    }
}

// Keys

/// The said keys of a row, in normal form, strongest first.
///
/// SID, uid and account name, or device uid, collector uid and device name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Keys {
    first: Option<String>,
    second: Option<String>,
    name: Option<String>,
}

impl Keys {
    fn of_name(name: String) -> Keys {
        Keys {
            first: None,
            second: None,
            name: Some(name),
        }
    }

    fn is_said(&self) -> bool {
        self.first.is_some() || self.second.is_some() || self.name.is_some()
    }

    fn without_sid(self) -> Keys {
        Keys {
            first: None,
            ..self
        }
    }

    /// Returns the keys that can join: without a SID that is of no key form, or shown local.
    fn without_weak_sid(self, local_sids: &BTreeSet<String>) -> Keys {
        let is_key = |sid: &String| is_key_sid(sid) && !local_sids.contains(sid);
        match self.first.as_ref().is_some_and(is_key) {
            true => self,
            false => self.without_sid(),
        }
    }
}

/// Says whether a normal SID has the form of a key.
///
/// That is one of the cloud directory, or one of a domain or machine with a RID of 1000 or more.
fn is_key_sid(sid: &str) -> bool {
    let parts: Vec<&str> = sid.split('-').collect();
    match parts[..] {
        ["s", "1", "12", "1", _, ..] => true,
        ["s", "1", "5", "21", _, _, _, rid] => rid.parse::<u64>().is_ok_and(|rid| rid >= 1000),
        _ => false,
    }
}

/// Returns every name that a device ever had, whole and short.
fn known_device_names(device_rows: &[&Row]) -> BTreeSet<String> {
    let names = device_rows.iter().filter_map(|row| row.device_keys().name);
    names
        .flat_map(|name| [first_label(&name).to_owned(), name])
        .collect()
}

/// Returns the SIDs that some users row shows to be local.
fn local_sids(user_rows: &[&Row], device_names: &BTreeSet<String>) -> BTreeSet<String> {
    let shows_local = |row: &&&Row| {
        let name = row.user_keys().name.unwrap_or_default();
        is_local(row.says(), &name, device_names)
    };
    let local_rows = user_rows.iter().filter(shows_local);
    local_rows.filter_map(|row| row.user_keys().first).collect()
}

/// What a `user.type` says of its account.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Says {
    Local,
    Domain,
    Nothing,
}

fn says(user_type: Option<&str>) -> Says {
    let Some(user_type) = user_type else {
        return Says::Nothing;
    };
    let plain = user_type.to_ascii_lowercase().replace(['_', ' '], "");
    match plain.starts_with("local") {
        true => Says::Local,
        false => Says::Domain,
    }
}

/// Says whether a type, or for want of one the domain part of a normal name, is that of a local account.
fn is_local(says: Says, name: &str, device_names: &BTreeSet<String>) -> bool {
    let on_a_device = name
        .split_once('@')
        .is_some_and(|(_, domain)| device_names.contains(domain));
    says == Says::Local || says == Says::Nothing && on_a_device
}

// Subjects: R1 to R4

/// Whom a row belongs to, named by the strongest key it has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    First(String),
    Second(String),
    Name(String),
}

/// What a mention resolves to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Resolution {
    One(Subject),
    Unknown,
    Ambiguous,
}

type Member<'a> = (Keys, &'a Row);
type Members<'a> = BTreeMap<Subject, Vec<Member<'a>>>;

/// All accounts, or all devices, with the rows that belong to each.
struct Subjects<'a> {
    members: Members<'a>,
    /// The column that says when a subject was first seen.
    first_seen: &'static str,
    /// When the newest row of the dataset was observed.
    newest: i64,
    /// For each second key the first keys it ever came with.
    partners: BTreeMap<String, BTreeSet<String>>,
    /// The fragments that are part of another subject.
    joined: BTreeMap<Subject, Subject>,
}

impl<'a> Subjects<'a> {
    /// Gives every row its subject, then every fragment to the one candidate of its name.
    fn settle(
        rows: &[&'a Row],
        first_seen: &'static str,
        keys: impl Fn(&Row) -> Keys,
    ) -> Subjects<'a> {
        let newest = rows.iter().map(|row| row.stamp.observed_us).max();
        let rows: Vec<Member> = rows.iter().map(|row| (keys(row), *row)).collect();
        let mut subjects = Subjects {
            first_seen,
            newest: newest.unwrap_or(i64::MIN),
            partners: partners(&rows),
            members: BTreeMap::new(),
            joined: BTreeMap::new(),
        };
        for (keys, row) in rows {
            if let Some(subject) = subjects.own(&keys) {
                subjects
                    .members
                    .entry(subject)
                    .or_default()
                    .push((keys, row));
            }
        }
        subjects.join_fragments();
        subjects
    }

    /// Returns whom the keys make a row belong to before fragments join; none if no key is left of them.
    fn own(&self, keys: &Keys) -> Option<Subject> {
        let first = keys.first.clone().map(Subject::First);
        let second = || Some(self.own_of_second(keys.second.as_ref()?));
        let fragment = || keys.name.clone().map(Subject::Name);
        first.or_else(second).or_else(fragment)
    }

    fn own_of_second(&self, second: &str) -> Subject {
        let firsts: Vec<_> = self.partners[second].iter().collect();
        match firsts[..] {
            [first] => Subject::First(first.clone()),
            _ => Subject::Second(second.to_owned()),
        }
    }

    fn join_fragments(&mut self) {
        let members = std::mem::take(&mut self.members);
        let (fragments, keyed): (Members, Members) = members
            .into_iter()
            .partition(|(subject, _)| matches!(subject, Subject::Name(_)));
        self.members = keyed;
        let homes: Vec<Subject> = fragments
            .iter()
            .map(|(fragment, rows)| self.fragment_home(fragment, rows))
            .collect();
        for ((fragment, rows), home) in fragments.into_iter().zip(homes) {
            self.joined.insert(fragment, home.clone());
            self.members.entry(home).or_default().extend(rows);
        }
    }

    /// Returns the subject that a fragment's rows are part of: perhaps the fragment itself.
    fn fragment_home(&self, fragment: &Subject, rows: &[Member]) -> Subject {
        let Subject::Name(name) = fragment else {
            unreachable!("a fragment is named by its name")
        };
        let newest = rows.iter().map(|(_, row)| row.stamp.observed_us).max();
        let at = newest.expect("a fragment has a row");
        match self.by_name(name, Interval { from: at, to: at }) {
            Resolution::One(home) => home,
            _ => fragment.clone(),
        }
    }

    /// Returns the subject of a row that was taken in with these keys.
    fn home(&self, keys: &Keys) -> Subject {
        let own = self.own(keys).expect("a row without a key was rejected");
        self.joined.get(&own).cloned().unwrap_or(own)
    }

    /// Resolves a mention by its strongest known key. If that is not the first, a subject with another
    /// value of a stronger key is refused, and no weaker key is tried.
    fn resolve(&self, mention: &Keys, said: Interval) -> Resolution {
        if let Some(resolution) = self.by_first(mention) {
            return resolution;
        }
        let by_second = self.by_second(mention);
        let by_name = || match &mention.name {
            Some(name) => self.by_name(name, said),
            None => Resolution::Unknown,
        };
        match by_second.unwrap_or_else(by_name) {
            Resolution::One(subject) if self.contradicts(&subject, mention) => Resolution::Unknown,
            resolution => resolution,
        }
    }

    /// Returns nothing if the first key is not known.
    fn by_first(&self, mention: &Keys) -> Option<Resolution> {
        let subject = Subject::First(mention.first.clone()?);
        self.members
            .contains_key(&subject)
            .then_some(Resolution::One(subject))
    }

    /// Returns nothing if the second key is not known.
    fn by_second(&self, mention: &Keys) -> Option<Resolution> {
        let second = mention.second.as_ref()?;
        self.partners.contains_key(second).then(|| {
            if self.partners[second].len() > 1 {
                return Resolution::Ambiguous;
            }
            Resolution::One(self.own_of_second(second))
        })
    }

    /// Returns whom a name means in an interval.
    fn by_name(&self, name: &str, said: Interval) -> Resolution {
        let bore = |rows: &&Vec<Member>| {
            rows.iter()
                .any(|(keys, _)| keys.name.as_deref() == Some(name))
        };
        let bearers = self.members.iter().filter(|(_, rows)| bore(rows));
        let bearers: Vec<Bearer> = bearers
            .map(|(subject, rows)| self.bearer(name, subject, rows))
            .collect();
        let is_candidate = |one: &&Bearer| one.is_sure(said) || one.until >= said.from;
        let mut candidates: Vec<&Bearer> = bearers.iter().filter(is_candidate).collect();
        if candidates.len() > 1 {
            let living = candidates.iter().copied().filter(|one| one.lived(said));
            let living: Vec<&Bearer> = living.collect();
            if !living.is_empty() {
                candidates = living;
            }
        }
        match &candidates[..] {
            [one] if one.is_sure(said) => Resolution::One(one.subject.clone()),
            some if some.iter().any(|one| one.is_sure(said)) => Resolution::Ambiguous,
            _ => Resolution::Unknown,
        }
    }

    /// Works out how a subject bore a name.
    fn bearer<'m>(&self, name: &str, subject: &'m Subject, rows: &[Member]) -> Bearer<'m> {
        let is_named = |keys: &Keys| keys.name.as_deref() == Some(name);
        let named = || {
            rows.iter()
                .filter(|(keys, _)| is_named(keys))
                .map(|(_, row)| *row)
        };
        let newest = rows
            .iter()
            .filter(|(keys, _)| keys.name.is_some())
            .max_by_key(|(_, row)| row.stamp);
        let last = named()
            .map(|row| row.stamp.observed_us)
            .max()
            .expect("it has rows of the name");
        let mut parts: BTreeMap<_, Vec<&Member>> = BTreeMap::new();
        for member in rows {
            parts.entry(member.1.part()).or_default().push(member);
        }
        let others = parts
            .values()
            .filter(|part| part[0].0.name.is_some() && !is_named(&part[0].0));
        let firsts =
            others.filter_map(|part| part.iter().map(|(_, row)| row.stamp.observed_us).min());
        let until = firsts.filter(|first| *first > last).min();
        let of_name = parts.values().filter(|part| is_named(&part[0].0));
        let newest_of_parts =
            of_name.filter_map(|part| part.iter().max_by_key(|(_, row)| row.stamp));
        let active = newest_of_parts.map(|(_, row)| row.active()).max();
        let all: Vec<&Row> = rows.iter().map(|(_, row)| *row).collect();
        let active = active.expect("it has rows of the name");
        let bears_now = newest.is_some_and(|(keys, _)| is_named(keys));
        Bearer {
            subject,
            bears_now,
            last,
            until: until.unwrap_or(last),
            active,
            is_open: bears_now && active >= self.newest - DAY_US,
            first_seen: newest_value(&all, self.first_seen).and_then(time_us),
        }
    }

    /// Says whether the subject has a value of a key kind that the mention says too, but not the mention's.
    fn contradicts(&self, subject: &Subject, mention: &Keys) -> bool {
        let differs = |said: &Option<String>, of: fn(&Keys) -> &Option<String>| {
            let mut has = self.members[subject].iter().map(|(keys, _)| of(keys));
            said.is_some() && has.clone().any(Option::is_some) && !has.any(|value| value == said)
        };
        differs(&mention.first, |keys| &keys.first) || differs(&mention.second, |keys| &keys.second)
    }

    fn each(&self, json: impl Fn(&Subject, &[&Row]) -> Value) -> Vec<Value> {
        let rows =
            |members: &[Member<'a>]| -> Vec<&Row> { members.iter().map(|(_, row)| *row).collect() };
        self.members
            .iter()
            .map(|(subject, members)| json(subject, &rows(members)))
            .collect()
    }
}

fn partners(rows: &[Member]) -> BTreeMap<String, BTreeSet<String>> {
    let mut partners: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (keys, _) in rows {
        if let Some(second) = &keys.second {
            partners
                .entry(second.clone())
                .or_default()
                .extend(keys.first.clone());
        }
    }
    partners
}

/// From when until when something may have been true.
#[derive(Clone, Copy)]
struct Interval {
    from: i64,
    to: i64,
}

/// How a subject bore a name.
struct Bearer<'m> {
    subject: &'m Subject,
    bears_now: bool,
    last: i64,
    until: i64,
    active: i64,
    is_open: bool,
    first_seen: Option<i64>,
}

impl Bearer<'_> {
    fn is_sure(&self, said: Interval) -> bool {
        self.bears_now || self.last >= said.to
    }

    fn lived(&self, said: Interval) -> bool {
        let end = match self.bears_now {
            true => self.active,
            false => self.active.max(self.until),
        };
        let has_begun = self
            .first_seen
            .is_none_or(|first| first - DAY_US <= said.to);
        has_begun && (self.is_open || end + DAY_US >= said.from)
    }
}

// Mentions: R5

/// The usages that mentions made, and how many mentions wait.
#[derive(Default)]
struct Usages<'a> {
    by_pair: BTreeMap<(Subject, Subject), Usage<'a>>,
    unknown: usize,
    ambiguous: usize,
}

#[derive(Default)]
struct Usage<'a> {
    logins: Vec<&'a Row>,
    last_login_us: Option<i64>,
}

impl<'a> Usages<'a> {
    fn take_logins(&mut self, account: Resolution, device: Resolution, rows: &[&'a Row]) {
        if let Some(usage) = self.usage(account, device) {
            usage.logins.extend(rows);
        }
    }

    fn take_last_login(&mut self, account: Resolution, device: Subject, time: i64) {
        if let Some(usage) = self.usage(account, Resolution::One(device)) {
            usage.last_login_us = usage.last_login_us.max(Some(time));
        }
    }

    /// Returns the usage of a pair; counts the mention as waiting if a side is open.
    fn usage(&mut self, account: Resolution, device: Resolution) -> Option<&mut Usage<'a>> {
        match (account, device) {
            (Resolution::One(account), Resolution::One(device)) => {
                return Some(self.by_pair.entry((account, device)).or_default());
            }
            (Resolution::Ambiguous, _) | (_, Resolution::Ambiguous) => self.ambiguous += 1,
            _ => self.unknown += 1,
        }
        None
    }
}

/// Returns the rows of the newest object of each (user keys, device keys).
fn login_groups<'a>(login_rows: &[&'a Row]) -> BTreeMap<(Keys, Keys), Vec<&'a Row>> {
    let mut groups: BTreeMap<_, Vec<&Row>> = BTreeMap::new();
    for row in login_rows {
        groups
            .entry((row.user_keys(), row.device_keys()))
            .or_default()
            .push(row);
    }
    for rows in groups.values_mut() {
        *rows = of_newest_object(rows);
    }
    groups
}

fn of_newest_object<'a>(rows: &[&'a Row]) -> Vec<&'a Row> {
    let newest = rows.iter().map(|row| row.stamp.object()).max();
    let is_newest = |row: &&&Row| Some(row.stamp.object()) == newest;
    rows.iter().filter(is_newest).copied().collect()
}

/// When the rows of one pair of keys in their newest object may have been true.
fn said_of_logins(rows: &[&Row]) -> Interval {
    let observed = rows[0].stamp.observed_us;
    let used = rows.iter().filter_map(|row| row.stamp.last_seen_us).max();
    match used.map(|used| used.min(observed)) {
        Some(used) => Interval {
            from: used,
            to: used,
        },
        None => Interval {
            from: observed - LOGINS_WINDOW_US,
            to: observed,
        },
    }
}

/// The newest times of a last login.
struct LastLogin {
    observed: i64,
    used: i64,
}

/// Returns the times of each (user name, device keys) that devices rows name as a last login.
fn last_login_groups(device_rows: &[&Row]) -> BTreeMap<(String, Keys), LastLogin> {
    let mut groups = BTreeMap::new();
    for row in device_rows {
        if let Some(user) = row.said("device.login.last_login_user_name") {
            let times = groups
                .entry((account_name(user), row.device_keys()))
                .or_insert(LastLogin {
                    observed: i64::MIN,
                    used: i64::MIN,
                });
            times.observed = row.stamp.observed_us.max(times.observed);
            times.used = row.active().max(times.used);
        }
    }
    groups
}

// What a subject shows

/// What an account, or a device, is found by: a kind, its column, and its normal form if the row says any.
type HeldValue = (&'static str, &'static str, fn(&str) -> String);

const ACCOUNT_VALUES: [HeldValue; 5] = [
    ("sid", "user.sid", str::to_ascii_lowercase),
    ("uid", "user.uid", uuid),
    ("account_name", "user.name", account_name),
    ("upn", "user.upn", str::to_ascii_lowercase),
    ("email", "user.ad.email_address", str::to_ascii_lowercase),
];

const DEVICE_VALUES: [HeldValue; 4] = [
    ("device_uid", "device.uid", uuid),
    ("collector_uid", "device.collector.uid", uuid),
    ("device_name", "device.name", str::to_ascii_lowercase),
    (
        "serial_number",
        "device.hardware.machine_serial_number",
        str::to_ascii_lowercase,
    ),
];

/// Returns from when until when each subject was seen with each of its values.
fn held(subjects: &Subjects, text: fn(&Subject) -> String, values: &[HeldValue]) -> Vec<Value> {
    subjects.each(|subject, rows| {
        let mut times: BTreeMap<(&str, String), (i64, i64)> = BTreeMap::new();
        for row in rows {
            for (kind, column, normal) in values {
                let Some(said) = row.said(column) else { continue };
                let at = row.stamp.observed_us;
                let known = times.entry((kind, normal(said))).or_insert((at, at));
                *known = (known.0.min(at), known.1.max(at));
            }
        }
        let times = times.into_iter().map(|((kind, value), (first, last))| {
            let hash = Hash::of(&value).high as i64;
            json!({"subject": text(subject), "kind": kind, "hash": hash, "first": first, "last": last})
        });
        times.collect()
    })
    .into_iter()
    .flat_map(|values: Value| values.as_array().cloned().unwrap_or_default())
    .collect()
}

fn account_json(subject: &Subject, rows: &[&Row], device_names: &BTreeSet<String>) -> Value {
    let mut fields = Map::new();
    for (field, column) in [
        ("sid", "user.sid"),
        ("uid", "user.uid"),
        ("name", "user.name"),
    ] {
        put(&mut fields, field, newest_said(rows, column));
    }
    for (field, column) in [
        ("upn", "user.upn"),
        ("email", "user.ad.email_address"),
        ("full_name", "user.ad.full_name"),
        ("type", "user.type"),
        ("department", "user.ad.department"),
    ] {
        put(&mut fields, field, newest_value(rows, column));
    }
    for (field, column) in [
        ("first_seen", "user.first_seen"),
        ("last_seen", "user.last_seen"),
    ] {
        put(
            &mut fields,
            field,
            newest_value(rows, column).and_then(time_us),
        );
    }
    let team = "user.organization.#team";
    put(
        &mut fields,
        "extra",
        newest_value(rows, team).map(|value| json!({ team: value })),
    );
    json!({"subject": account_text(subject), "class": class(&fields, device_names), "fields": fields})
}

fn device_json(subject: &Subject, rows: &[&Row]) -> Value {
    let mut fields = Map::new();
    for (field, column) in [
        ("uid", "device.uid"),
        ("collector_uid", "device.collector.uid"),
        ("name", "device.name"),
    ] {
        put(&mut fields, field, newest_said(rows, column));
    }
    for (field, column) in [
        ("serial", "device.hardware.machine_serial_number"),
        ("os", "device.operating_system.name"),
        ("last_login", "device.login.last_login_user_name"),
    ] {
        put(&mut fields, field, newest_value(rows, column));
    }
    for (field, column) in [
        ("first_seen", "device.first_seen"),
        ("last_seen", "device.last_seen"),
    ] {
        put(
            &mut fields,
            field,
            newest_value(rows, column).and_then(time_us),
        );
    }
    json!({"subject": device_text(subject), "fields": fields})
}

fn usage_json((account, device): &(Subject, Subject), usage: &Usage) -> Value {
    let rows = of_newest_object(&usage.logins);
    let newest = rows.iter().max_by_key(|row| row.stamp);
    json!({
        "account": account_text(account),
        "device": device_text(device),
        "logins": sum_of_logins(&rows),
        "last_used": newest.and_then(|row| time_us(row.value("last_seen")?)),
        "last_login_observed": usage.last_login_us,
        "extra": newest.and_then(|row| extra(row)),
    })
}

/// Returns the sum of the counts that the rows say; nothing if none says one.
fn sum_of_logins(rows: &[&Row]) -> Option<u64> {
    let counts = rows.iter().filter_map(|row| row.value("logins"));
    let counts = counts.map(|cell| cell.parse::<u64>().expect("logins is a whole number"));
    counts.reduce(|sum, count| sum + count)
}

/// Returns the unknown columns of a logins row that are not empty; nothing if there are none.
fn extra(row: &Row) -> Option<Map<String, Value>> {
    let is_extra = |(column, cell): &(&String, &String)| {
        !LOGIN_COLUMNS.contains(&column.as_str()) && !cell.is_empty()
    };
    let extra: Map<_, _> = row
        .cells
        .iter()
        .filter(is_extra)
        .map(|(column, cell)| (column.clone(), json!(cell)))
        .collect();
    (!extra.is_empty()).then_some(extra)
}

fn account_text(subject: &Subject) -> String {
    match subject {
        Subject::First(sid) => format!("sid:{sid}"),
        Subject::Second(uid) => format!("uid:{uid}"),
        Subject::Name(name) => format!("name:{name}"),
    }
}

fn device_text(subject: &Subject) -> String {
    match subject {
        Subject::First(uid) => format!("uid:{uid}"),
        Subject::Second(uid) => format!("collector_uid:{uid}"),
        Subject::Name(name) => format!("name:{name}"),
    }
}

/// Returns what kind of account the merged fields show, without configured patterns.
fn class(fields: &Map<String, Value>, device_names: &BTreeSet<String>) -> &'static str {
    let text = |field: &str| fields.get(field).and_then(Value::as_str);
    let name = text("name").map(account_name).unwrap_or_default();
    let sam = name.split('@').next().unwrap_or_default();
    let says = says(text("type"));
    let has_person = ["upn", "email", "full_name"]
        .iter()
        .any(|field| text(field).is_some());
    if sam.ends_with('$') {
        "machine"
    } else if is_local(says, &name, device_names) {
        "local"
    } else if device_names.contains(sam) && !has_person {
        "machine"
    } else if says == Says::Domain || has_person {
        "person"
    } else {
        "unknown"
    }
}

fn put(fields: &mut Map<String, Value>, field: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        fields.insert(field.to_owned(), value.into());
    }
}

/// Returns the cell of the newest row that carries the column; nothing if that one is empty.
fn newest_value<'a>(rows: &[&'a Row], column: &str) -> Option<&'a str> {
    let carrying = rows.iter().filter(|row| row.carried(column).is_some());
    carrying.max_by_key(|row| row.stamp)?.value(column)
}

/// Returns the cell of the newest row that says anything in a key column.
fn newest_said<'a>(rows: &[&'a Row], column: &str) -> Option<&'a str> {
    let saying = rows.iter().filter(|row| row.said(column).is_some());
    saying.max_by_key(|row| row.stamp)?.said(column)
}

// Text

/// Returns an account name in normal form: `DOMAIN\sam` is `sam@DOMAIN`.
fn account_name(text: &str) -> String {
    let folded = text.to_ascii_lowercase();
    match folded.split_once('\\') {
        Some((domain, sam)) => format!("{sam}@{domain}"),
        None => folded,
    }
}

/// Returns a UUID as five groups of small letters, if it is one.
fn uuid(text: &str) -> String {
    let hex: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let hex = hex.to_ascii_lowercase();
    if hex.len() != 32 {
        return text.to_ascii_lowercase();
    }
    let group = |from: usize, to: usize| &hex[from..to];
    [
        group(0, 8),
        group(8, 12),
        group(12, 16),
        group(16, 20),
        group(20, 32),
    ]
    .join("-")
}

fn first_label(device_name: &str) -> &str {
    device_name.split('.').next().unwrap_or_default()
}

/// Returns the microseconds since 1970 of `2026-08-14 12:16:03` or `2026-08-14T12:16:03Z`, UTC.
fn time_us(cell: &str) -> Option<i64> {
    let forms = ["####-##-## ##:##:##", "####-##-##T##:##:##Z"];
    forms
        .iter()
        .find_map(|form| digits(cell, form))
        .map(|digits| instant_us(&digits))
}

/// Returns the digits at the start of a text that stand where the form has `#`.
///
/// Nothing if the text has not that form, or if one more digit follows: then it is something else.
fn digits(text: &str, form: &str) -> Option<String> {
    let mut rest = text.chars();
    let mut digits = String::new();
    for expected in form.chars() {
        match rest.next()? {
            digit if expected == '#' && digit.is_ascii_digit() => digits.push(digit),
            other if other == expected => {}
            _ => return None,
        }
    }
    (!rest.next().is_some_and(|next| next.is_ascii_digit())).then_some(digits)
}

/// Returns the microseconds since 1970 of the digits of year, month, day, hour and perhaps minute and second.
fn instant_us(digits: &str) -> i64 {
    let padded = format!("{digits:0<14}");
    let number = |from: usize, to: usize| -> i64 { padded[from..to].parse().expect("digits only") };
    let (year, month, day) = (number(0, 4), number(4, 6), number(6, 8));
    let days_of_year = |year| {
        (1..=12)
            .map(|month| days_in_month(year, month))
            .sum::<i64>()
    };
    let years: i64 = (1970..year).map(days_of_year).sum();
    let months: i64 = (1..month).map(|month| days_in_month(year, month)).sum();
    let seconds = number(8, 10) * 3_600 + number(10, 12) * 60 + number(12, 14);
    (years + months + day - 1) * DAY_US + seconds * 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant;

    const SID_A: &str = "S-1-5-21-1-2-3-1104";
    const SID_B: &str = "S-1-5-21-1-2-3-1105";
    const UID_A: &str = "aaaaaaaa-0000-4000-8000-000000000001";
    const UID_B: &str = "bbbbbbbb-0000-4000-8000-000000000002";
    const UID_C: &str = "cccccccc-0000-4000-8000-000000000003";

    /// Makes an object of a day; header and rows are lists of words, `_` an empty cell.
    fn object(day: &str, header: &str, rows: &[&str]) -> Object {
        let cell = |word: &str| if word == "_" { "" } else { word }.to_owned();
        let words = |line: &str| line.split(' ').map(cell).collect();
        let header: Vec<String> = header.split(' ').map(str::to_owned).collect();
        let has = |prefix: &str| header.iter().any(|column| column.starts_with(prefix));
        Object {
            key: format!("{day}T06-00-00Z.csv"),
            dataset: match (has("user."), has("device.")) {
                (true, true) => Dataset::Logins,
                (true, false) => Dataset::Users,
                _ => Dataset::Devices,
            },
            header,
            rows: rows.iter().map(|row| words(row)).collect(),
            modified: 0,
        }
    }

    fn accounts(objects: &[Object]) -> Vec<String> {
        subjects(&derive(objects)["accounts"])
    }

    fn devices(objects: &[Object]) -> Vec<String> {
        subjects(&derive(objects)["devices"])
    }

    fn subjects(array: &Value) -> Vec<String> {
        let array = array.as_array().expect("an array");
        let text = |value: &Value| value["subject"].as_str().expect("a subject").to_owned();
        let mut subjects: Vec<_> = array.iter().map(text).collect();
        subjects.sort();
        subjects
    }

    fn sid(sid: &str) -> String {
        format!("sid:{}", sid.to_ascii_lowercase())
    }

    fn uid(uid: &str) -> String {
        format!("uid:{uid}")
    }

    fn device() -> Object {
        object(
            "2026-03-01",
            "device.uid device.name",
            &[&format!("{UID_C} NB1")],
        )
    }

    /// Says which accounts the usages name, and how many mentions wait as unknown and as ambiguous.
    fn mentions(objects: &[Object]) -> (Vec<String>, [u64; 2]) {
        let state = derive(objects);
        let usages = state["usages"].as_array().expect("an array");
        let accounts = usages
            .iter()
            .map(|usage| usage["account"].as_str().expect("a subject").to_owned());
        let waiting =
            ["unknown", "ambiguous"].map(|kind| state["waiting"][kind].as_u64().expect("a count"));
        (accounts.collect(), waiting)
    }

    #[test]
    fn r1_a_new_uid_on_a_known_sid_is_the_same_account() {
        let objects = [
            object(
                "2026-01-01",
                "user.sid user.uid",
                &[&format!("{SID_A} {UID_A}")],
            ),
            object(
                "2026-01-02",
                "user.sid user.uid",
                &[&format!("{SID_A} {UID_B}")],
            ),
        ];
        assert_eq!(accounts(&objects), [sid(SID_A)]);
        assert_eq!(derive(&objects)["accounts"][0]["fields"]["uid"], UID_B);
    }

    #[test]
    fn r2_a_uid_belongs_to_the_one_sid_it_ever_came_with_even_later() {
        let alone = object(
            "2026-01-01",
            "user.uid user.name",
            &[&format!("{UID_A} jdoe@EMEA")],
        );
        let both = object(
            "2026-01-02",
            "user.sid user.uid",
            &[&format!("{SID_A} {UID_A}")],
        );
        assert_eq!(accounts(std::slice::from_ref(&alone)), [uid(UID_A)]);
        assert_eq!(accounts(&[alone.clone(), both.clone()]), [sid(SID_A)]);
        let other = object(
            "2026-01-03",
            "user.sid user.uid",
            &[&format!("{SID_B} {UID_A}")],
        );
        assert_eq!(
            accounts(&[alone, both, other]),
            [sid(SID_A), sid(SID_B), uid(UID_A)]
        );
    }

    #[test]
    fn a_sid_shown_local_joins_nothing_whoever_shows_it() {
        let header = "user.sid user.name";
        let clones = object(
            "2026-01-01",
            header,
            &[&format!("{SID_A} a@HOST1"), &format!("{SID_A} a@HOST2")],
        );
        assert_eq!(accounts(std::slice::from_ref(&clones)), [sid(SID_A)]);
        let typed = object(
            "2026-01-02",
            "user.sid user.uid user.type",
            &[&format!("{SID_A} {UID_A} LOCAL_ADMIN")],
        );
        let locals = ["name:a@host1".to_owned(), "name:a@host2".to_owned()];
        assert_eq!(
            accounts(&[clones.clone(), typed]),
            [&locals[..], &[uid(UID_A)]].concat()
        );
        let device = object("2026-01-03", "device.name", &["HOST1.corp.example"]);
        assert_eq!(accounts(&[clones, device.clone()]), locals);
        let domain = object(
            "2026-01-01",
            "user.sid user.name user.type",
            &[&format!("{SID_A} a@HOST1 DOMAIN_USER")],
        );
        assert_eq!(accounts(&[domain, device]), [sid(SID_A)]);
    }

    #[test]
    fn a_sid_of_no_key_form_is_shown_but_joins_nothing() {
        let header = "user.sid user.uid";
        for weak in ["S-1-5-18", "S-1-5-21-1-2-3-500"] {
            let rows = [
                &*format!("{weak} {UID_A}"),
                &*format!("{weak} {UID_B}"),
                &*format!("{weak} _"),
            ];
            let state = derive(&[object("2026-01-01", header, &rows)]);
            assert_eq!(subjects(&state["accounts"]), [uid(UID_A), uid(UID_B)]);
            assert_eq!(state["accounts"][0]["fields"]["sid"], weak);
        }
        assert!(is_key_sid("s-1-12-1-1-2-3-4"));
    }

    #[test]
    fn r3_a_name_joins_its_one_bearer_and_never_two() {
        let name = object(
            "2026-01-05",
            "user.name user.ad.department",
            &["jdoe@emea Finance"],
        );
        let keyed = |rows: &[&str]| object("2026-01-01", "user.uid user.name", rows);
        let one = keyed(&[&format!("{UID_A} jdoe@EMEA")]);
        let state = derive(&[name.clone(), one]);
        assert_eq!(subjects(&state["accounts"]), [uid(UID_A)]);
        assert_eq!(state["accounts"][0]["fields"]["department"], "Finance");
        let two = keyed(&[&format!("{UID_A} jdoe@EMEA"), &format!("{UID_B} jdoe@EMEA")]);
        assert_eq!(
            accounts(&[name.clone(), two]),
            ["name:jdoe@emea".to_owned(), uid(UID_A), uid(UID_B)]
        );
        assert_eq!(accounts(&[name]), ["name:jdoe@emea"]);
    }

    #[test]
    fn uid_and_name_here_and_sid_and_name_there_stay_two_accounts() {
        let objects = [
            object(
                "2026-01-01",
                "user.uid user.name",
                &[&format!("{UID_A} jdoe@EMEA")],
            ),
            object(
                "2026-01-01",
                "user.sid user.name",
                &[&format!("{SID_A} jdoe@EMEA")],
            ),
        ];
        assert_eq!(accounts(&objects), [sid(SID_A), uid(UID_A)]);
    }

    #[test]
    fn r4_a_bearer_that_was_not_active_for_long_drops_out() {
        let bearer = |day: &str, uid: &str| {
            object(day, "user.uid user.name", &[&format!("{uid} jdoe@EMEA")])
        };
        let name = object("2026-06-01", "user.name", &["jdoe@EMEA"]);
        let new = bearer("2026-05-31", UID_B);
        let both = [bearer("2026-05-31", UID_A), new.clone(), name.clone()];
        assert_eq!(accounts(&both).len(), 3);
        let one = [bearer("2026-05-30", UID_A), new, name];
        assert_eq!(accounts(&one), [uid(UID_A), uid(UID_B)]);
    }

    #[test]
    fn r4_a_name_given_up_before_is_nobodys_and_given_up_after_is_its_bearers() {
        let then = object(
            "2026-01-10",
            "user.uid user.name",
            &[&format!("{UID_A} old@EMEA")],
        );
        let now = object(
            "2026-01-20",
            "user.uid user.name",
            &[&format!("{UID_A} new@EMEA")],
        );
        let name = |day: &str| object(day, "user.name", &["old@EMEA"]);
        assert_eq!(
            accounts(&[then.clone(), now.clone(), name("2026-01-09")]),
            [uid(UID_A)]
        );
        assert_eq!(accounts(&[then, now, name("2026-01-11")]).len(), 2);
    }

    #[test]
    fn r4_several_present_bearers_are_ambiguous_as_long_as_none_is_older_than_the_others() {
        let header = "user.uid user.name";
        let both = [
            &*format!("{UID_A} jdoe@EMEA"),
            &*format!("{UID_B} jdoe@EMEA"),
        ];
        let both = object("2026-01-01", header, &both);
        let login = |day: &str| {
            object(
                day,
                "user.name device.uid",
                &[&format!("jdoe@EMEA {UID_C}")],
            )
        };
        assert_eq!(
            mentions(&[device(), both.clone(), login("2026-01-02")]),
            (vec![], [0, 1])
        );
        assert_eq!(
            mentions(&[device(), both, login("2026-12-01")]),
            (vec![], [0, 1])
        );
    }

    #[test]
    fn r5_a_mention_creates_nothing_and_waits_for_its_subjects() {
        let login = object("2026-03-01", "user.name device.name", &["jdoe@EMEA NB1"]);
        let user = object("2026-04-01", "user.name", &["jdoe@EMEA"]);
        assert_eq!(mentions(std::slice::from_ref(&login)), (vec![], [1, 0]));
        let known = [login.clone(), user, device()];
        assert_eq!(
            mentions(&known),
            (vec!["name:jdoe@emea".to_owned()], [0, 0])
        );
        assert_eq!(devices(&[login]), [""; 0]);
    }

    #[test]
    fn r5_a_mention_goes_by_its_strongest_known_key_and_contradicts_no_stronger_one() {
        let header = "user.sid user.uid user.name";
        let user = object(
            "2026-03-01",
            header,
            &[&format!("{SID_A} {UID_A} jdoe@EMEA")],
        );
        let login = |keys: &str| {
            let login = object(
                "2026-03-01",
                &format!("{header} device.uid"),
                &[&format!("{keys} {UID_C}")],
            );
            mentions(&[user.clone(), device(), login])
        };
        let known = (vec![sid(SID_A)], [0, 0]);
        let refused = (vec![], [1, 0]);
        assert_eq!(login(&format!("{SID_A} {UID_B} other@EMEA")), known);
        assert_eq!(login(&format!("_ {UID_A} other@EMEA")), known);
        assert_eq!(login("_ _ JDOE@emea"), known);
        assert_eq!(login(&format!("{SID_B} {UID_A} jdoe@EMEA")), refused);
        assert_eq!(login(&format!("{SID_B} _ jdoe@EMEA")), refused);
        assert_eq!(login(&format!("_ {UID_B} jdoe@EMEA")), refused);
        assert_eq!(login("S-1-5-18 _ jdoe@EMEA"), known);
    }

    #[test]
    fn r5_a_uid_of_two_sids_is_ambiguous_though_it_has_an_account_of_its_own() {
        let header = "user.sid user.uid";
        let two = object(
            "2026-03-01",
            header,
            &[&format!("{SID_A} {UID_A}"), &format!("{SID_B} {UID_A}")],
        );
        let login = object(
            "2026-03-01",
            "user.uid device.uid",
            &[&format!("{UID_A} {UID_C}")],
        );
        assert_eq!(
            mentions(&[two.clone(), device(), login.clone()]),
            (vec![], [0, 1])
        );
        let alone = object("2026-03-02", "user.uid", &[UID_A]);
        assert_eq!(mentions(&[two, device(), login, alone]), (vec![], [0, 1]));
    }

    #[test]
    fn a_column_carried_and_empty_clears_but_a_key_or_a_column_not_carried_does_not() {
        let header = "user.uid user.name user.upn user.ad.full_name";
        let full = object(
            "2026-01-01",
            header,
            &[&format!("{UID_A} jdoe@EMEA j@x.example Jane")],
        );
        let cleared = object(
            "2026-01-02",
            "user.uid user.name user.upn",
            &[&format!("{UID_A} n/a _")],
        );
        let fields = &derive(&[cleared, full])["accounts"][0]["fields"];
        assert_eq!(
            *fields,
            json!({"uid": UID_A, "name": "jdoe@EMEA", "full_name": "Jane"})
        );
    }

    #[test]
    fn rows_of_one_time_go_by_last_seen_then_content_then_row() {
        let header = "user.uid user.last_seen user.ad.department";
        let at = "2026-01-01T05:00:00Z";
        let rows = [
            &*format!("{UID_A} {at} Blue"),
            &*format!("{UID_A} {at} Green"),
            &*format!("{UID_A} _ Red"),
        ];
        let state = derive(&[object("2026-01-01", header, &rows)]);
        assert_eq!(state["accounts"][0]["fields"]["department"], "Green");
    }

    #[test]
    fn logins_of_the_newest_object_add_up_and_older_ones_are_superseded() {
        let user = object(
            "2026-01-01",
            "user.uid user.name",
            &[&format!("{UID_A} jdoe@EMEA")],
        );
        let header = "user.uid user.name device.name logins session.kind";
        let old = object("2026-01-01", header, &["_ jdoe@EMEA NB1 100 remote"]);
        let rows = [
            "_ jdoe@EMEA NB1 3 _",
            &*format!("{UID_A} _ NB1 4 console"),
            "_ JDOE@EMEA NB1 _ _",
        ];
        let new = object("2026-01-02", header, &rows);
        let usage = &derive(&[user, device(), new, old])["usages"];
        assert_eq!(usage[0]["logins"], 7);
        assert_eq!(usage[0]["extra"], Value::Null);
        assert_eq!(usage.as_array().map(Vec::len), Some(1));
    }

    #[test]
    fn a_last_login_makes_a_usage_that_an_empty_one_does_not_clear() {
        let user = object("2026-01-01", "user.name", &["jdoe@EMEA"]);
        let header = "device.uid device.name device.login.last_login_user_name";
        let named = object("2026-01-01", header, &[&format!("{UID_C} NB1 jdoe@EMEA")]);
        let empty = object("2026-01-02", header, &[&format!("{UID_C} NB1 _")]);
        let state = derive(&[user, named.clone(), empty]);
        assert_eq!(
            state["usages"][0]["last_login_observed"],
            observed_us(&named)
        );
        assert_eq!(state["usages"][0]["logins"], Value::Null);
        assert_eq!(state["devices"][0]["fields"].get("last_login"), None);
    }

    #[test]
    fn devices_go_by_uid_then_collector_uid_then_name() {
        let objects = [
            object(
                "2026-01-01",
                "device.uid device.collector.uid device.name",
                &[&format!("{UID_A} {UID_B} HOST1")],
            ),
            object(
                "2026-01-02",
                "device.collector.uid",
                &[&format!("{{{}}}", UID_B.to_ascii_uppercase())],
            ),
            object("2026-01-03", "device.name", &["host1"]),
            object("2026-01-03", "device.collector.uid", &[UID_C]),
            object("2026-01-03", "device.name", &["HOST1.corp.example"]),
        ];
        let expected = [
            format!("collector_uid:{UID_C}"),
            "name:host1.corp.example".to_owned(),
            uid(UID_A),
        ];
        assert_eq!(devices(&objects), expected);
    }

    #[test]
    fn the_class_is_the_first_that_fits() {
        let host = object("2026-01-01", "device.name", &["HOST1.corp.example"]);
        let class_of = |name: &str, user_type: &str, upn: &str| {
            let header = "user.name user.type user.upn";
            let user = object(
                "2026-01-01",
                header,
                &[&format!("{name} {user_type} {upn}")],
            );
            derive(&[host.clone(), user])["accounts"][0]["class"].clone()
        };
        assert_eq!(class_of("HOST1$@EMEA", "LOCAL_USER", "_"), "machine");
        assert_eq!(class_of("a@EMEA", "LOCAL_USER", "a@x.example"), "local");
        assert_eq!(class_of("a@HOST1", "_", "a@x.example"), "local");
        assert_eq!(class_of("a@HOST1", "domain", "_"), "person");
        assert_eq!(class_of("HOST1@EMEA", "domain", "_"), "machine");
        assert_eq!(class_of("HOST1@EMEA", "_", "a@x.example"), "person");
        assert_eq!(class_of("a@EMEA", "_", "a@x.example"), "person");
        assert_eq!(class_of("a@EMEA", "_", "_"), "unknown");
    }

    #[test]
    fn the_time_in_the_key_counts_and_a_date_alone_does_not() {
        let observed = |key: &str| {
            let key = key.to_owned();
            observed_us(&Object {
                key,
                modified: 7,
                ..device()
            })
        };
        let six = 1_795_154_400_000_000;
        assert_eq!(observed("users/a/2026-11-20T06-00-00Z.csv"), six);
        assert_eq!(observed("users/20261120_060001.csv"), six + 1_000_000);
        assert_eq!(observed("users/2026-11-20/06/a.csv"), six);
        assert_eq!(observed("users/2026-11-20/a.csv"), 7);
        assert_eq!(observed("users/a/2026-11-20.csv"), 7);
        assert_eq!(time_us("2026-11-20 06:00:00"), Some(six));
    }

    #[test]
    fn order_and_repetition_change_nothing() {
        for seed in 0..200 {
            let objects = tenant::random(seed);
            let backwards: Vec<_> = objects.iter().rev().chain(&objects).cloned().collect();
            assert_eq!(derive(&objects), derive(&backwards), "seed {seed}");
        }
    }

    #[test]
    fn random_tenants_reach_every_outcome() {
        let tenants: Vec<_> = (0..500).map(tenant::random).collect();
        let states: Vec<_> = tenants.iter().map(|objects| derive(objects)).collect();
        let texts: Vec<_> = states.iter().map(Value::to_string).collect();
        let says = |words: &str| texts.iter().any(|text| text.contains(words));
        for class in ["machine", "local", "person", "unknown"] {
            assert!(says(&format!("\"class\":\"{class}\"")), "{class}");
        }
        for start in [
            "sid:s-1-5-21-",
            "sid:s-1-12-1-",
            "uid:5d1f",
            "name:",
            "uid:8e2b",
            "collector_uid:c0ff",
        ] {
            assert!(says(&format!("\"subject\":\"{start}")), "{start}");
        }
        assert!(
            says("\"extra\":{\"session.kind\"") && says("\"extra\":{\"user.organization.#team\"")
        );
        for kind in ["unknown", "ambiguous"] {
            assert!(
                states
                    .iter()
                    .any(|state| state["waiting"][kind] != json!(0)),
                "{kind}"
            );
        }
        let usages = states
            .iter()
            .flat_map(|state| state["usages"].as_array().expect("an array"));
        let is_both =
            |usage: &Value| usage["logins"].is_u64() && usage["last_login_observed"].is_i64();
        assert!(usages.into_iter().any(is_both));
        let times =
            |objects: &[Object]| -> BTreeSet<i64> { objects.iter().map(observed_us).collect() };
        let is_long = |times: &BTreeSet<i64>| {
            times.last() > times.first().map(|t| t + LOGINS_WINDOW_US).as_ref()
        };
        assert!(
            tenants
                .iter()
                .filter(|objects| is_long(&times(objects)))
                .count()
                > 100
        );
        assert!(
            tenants
                .iter()
                .filter(|objects| times(objects).len() < objects.len())
                .count()
                > 100
        );
    }
}

//! Subjects: all accounts, or all devices, with the rows that belong to each (R1 to R3), and which one keys mean.
//! Whom a name means is left to `bearers`, what of its rows a subject shows to `fields` and `held`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::bearers::Interval;
use super::derive;
use super::keys::Keys;
use super::rows::Row;
use super::samples::{
    SID_A, SID_B, UID_A, UID_B, UID_C, accounts, devices, object, sid, subjects, uid,
};

/// Whom a row belongs to, named by the strongest key it has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    First(String),
    Second(String),
    Name(String),
}

/// What a mention resolves to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resolution {
    One(Subject),
    Unknown,
    Ambiguous(BTreeSet<Subject>),
}

pub(super) type Member<'a> = (Keys, &'a Row);
type Members<'a> = BTreeMap<Subject, Vec<Member<'a>>>;

/// All accounts, or all devices, with the rows that belong to each.
pub(super) struct Subjects<'a> {
    pub(super) members: Members<'a>,
    /// The column that says when a subject was first seen.
    pub(super) first_seen: &'static str,
    /// When the newest row of the dataset was observed.
    pub(super) newest: i64,
    /// For each second key the first keys it ever came with.
    partners: BTreeMap<String, BTreeSet<String>>,
    /// The fragments that are part of another subject.
    joined: BTreeMap<Subject, Subject>,
}

impl<'a> Subjects<'a> {
    /// Gives every row its subject, then every fragment to the one candidate of its name.
    pub(super) fn settle(
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
    pub(super) fn home(&self, keys: &Keys) -> Subject {
        let own = self.own(keys).expect("a row without a key was rejected");
        self.joined.get(&own).cloned().unwrap_or(own)
    }

    /// Resolves a mention by its strongest known key. If that is not the first, a subject with another
    /// value of a stronger key is refused, and no weaker key is tried.
    pub(super) fn resolve(&self, mention: &Keys, said: Interval) -> Resolution {
        if let Some(resolution) = self.by_first(mention) {
            return resolution;
        }
        match self.by_weaker(mention, said) {
            Resolution::One(subject) if self.contradicts(&subject, mention) => Resolution::Unknown,
            resolution => resolution,
        }
    }

    fn by_weaker(&self, mention: &Keys, said: Interval) -> Resolution {
        let by_second = self.by_second(mention);
        let by_name = || match &mention.name {
            Some(name) => self.by_name(name, said),
            None => Resolution::Unknown,
        };
        by_second.unwrap_or_else(by_name)
    }

    /// Returns who has a weaker key of a mention, and another stronger one.
    pub(super) fn namesake(&self, mention: &Keys, said: Interval) -> Option<Subject> {
        if self.by_first(mention).is_some() {
            return None;
        }
        match self.by_weaker(mention, said) {
            Resolution::One(subject) if self.contradicts(&subject, mention) => Some(subject),
            _ => None,
        }
    }

    /// Says whether a mention means one of several who bear its name, the others of whom may have been away.
    pub(super) fn is_likely(&self, mention: &Keys, said: Interval) -> bool {
        let Resolution::One(one) = self.resolve(mention, said) else {
            return false;
        };
        let is_by_key = self.by_first(mention).is_some() || self.by_second(mention).is_some();
        let name = mention.name.as_deref().filter(|_| !is_by_key);
        name.is_some_and(|name| self.is_likely_bearer(name, said, &one))
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
                return Resolution::Ambiguous(self.of_second(second));
            }
            Resolution::One(self.own_of_second(second))
        })
    }

    /// Returns all whose second key is one.
    fn of_second(&self, second: &str) -> BTreeSet<Subject> {
        let firsts = self.partners[second].iter().cloned().map(Subject::First);
        let all = firsts.chain([Subject::Second(second.to_owned())]);
        all.filter(|one| self.members.contains_key(one)).collect()
    }

    /// Says whether the subject has a value of a key kind that the mention says too, but not the mention's.
    fn contradicts(&self, subject: &Subject, mention: &Keys) -> bool {
        let differs = |said: &Option<String>, of: fn(&Keys) -> &Option<String>| {
            let mut has = self.members[subject].iter().map(|(keys, _)| of(keys));
            said.is_some() && has.clone().any(Option::is_some) && !has.any(|value| value == said)
        };
        differs(&mention.first, |keys| &keys.first) || differs(&mention.second, |keys| &keys.second)
    }

    pub(super) fn each(&self, json: impl Fn(&Subject, &[&Row]) -> Value) -> Vec<Value> {
        let rows =
            |members: &[Member<'a>]| -> Vec<&Row> { members.iter().map(|(_, row)| *row).collect() };
        self.members
            .iter()
            .map(|(subject, members)| json(subject, &rows(members)))
            .collect()
    }
}

pub(super) fn account_text(subject: &Subject) -> String {
    match subject {
        Subject::First(sid) => format!("sid:{sid}"),
        Subject::Second(uid) => format!("uid:{uid}"),
        Subject::Name(name) => format!("name:{name}"),
    }
}

pub(super) fn device_text(subject: &Subject) -> String {
    match subject {
        Subject::First(uid) => format!("uid:{uid}"),
        Subject::Second(uid) => format!("collector_uid:{uid}"),
        Subject::Name(name) => format!("name:{name}"),
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

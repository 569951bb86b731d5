//! Same or new: which parts are one account (or one device), as a pure function of the parts.
//!
//! Nothing here asks what came first: the answer depends on the set of parts and their stamps alone. The input is one
//! *component*: parts that are joined by shared keys, directly or over others; no other part can change the answer.
//! The rules are named R1 to R4 in the order in which they are tried; they are the same for devices, whose uid is a key
//! like an account's SID.

use std::collections::{BTreeMap, BTreeSet};

use crate::schema::NAME_HELD_MICROS;

/// When and where a row was said: the total order of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp {
    /// Microseconds since 1970.
    pub(super) observed_at: i64,
    /// The row's own `last_seen`; absent sorts first.
    pub(super) last_seen: Option<i64>,
    pub(super) sha256: [u8; 32],
    pub(super) row: u32,
}

/// What identity looks at in a part.
#[derive(Debug, Clone)]
pub(super) struct PartKeys {
    pub(super) id: u32,
    /// A key SID or a device's uid, in normal form: of key form and not said to be local by the part itself, though
    /// another part may show that it is.
    pub(super) strong: Option<String>,
    /// `user.uid` or `device.collector.uid`.
    pub(super) second: Option<String>,
    pub(super) name: Option<String>,
    /// Shows that `strong` belongs to one device only: it has no type, and its domain part is a device's name.
    pub(super) shows_local: bool,
    pub(super) stamp: Stamp,
}

/// What decides whose a part is: the key that names the subject in the digest, too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Strong(String),
    Second(String),
    Name(String),
}

/// A subject of the component.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) key: Key,
    /// Positions in the input.
    pub(super) parts: Vec<usize>,
    /// The time it was last seen with each name it ever had.
    last: BTreeMap<String, i64>,
    /// The name in its newest named row.
    now: Option<String>,
}

/// A component with its subjects worked out.
#[derive(Debug)]
pub(super) struct Component {
    pub(super) parts: Vec<PartKeys>,
    pub(super) subjects: Vec<Resolved>,
    /// SIDs that some row shows to be local.
    pub(super) local: BTreeSet<String>,
    /// Second keys that came with several strong ones.
    pub(super) contradictions: BTreeSet<String>,
    holders: Holders,
}

/// The subjects that ever had a name: components of cloned machines have many thousands.
#[derive(Debug)]
struct Holders(BTreeMap<String, Vec<usize>>);

impl Holders {
    fn of(subjects: &[Resolved]) -> Holders {
        let mut holders: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, subject) in subjects.iter().enumerate() {
            for name in subject.last.keys() {
                holders.entry(name.clone()).or_default().push(at);
            }
        }
        Holders(holders)
    }

    fn of_name(&self, name: &str) -> &[usize] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// R4: the candidates of a name at a time.
    fn candidate(&self, subjects: &[Resolved], name: &str, at: i64) -> Found {
        let last = |subject: usize| {
            subjects[subject]
                .last
                .get(name)
                .copied()
                .unwrap_or(i64::MIN)
        };
        let bears = |subject: &usize| {
            subjects[*subject].now.as_deref() == Some(name) || last(*subject) >= at
        };
        let mut found: Vec<usize> = self.of_name(name).iter().copied().filter(bears).collect();
        if found.len() > 1 {
            found.retain(|subject| last(*subject) >= at - NAME_HELD_MICROS);
        }
        match found.as_slice() {
            [] => Found::None,
            [one] => Found::One(*one),
            _ => Found::Several,
        }
    }
}

/// What a name or key leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A position in [`Component::subjects`].
    One(usize),
    Several,
    None,
}

impl Component {
    /// Works out the subjects of a component; `local` are the SIDs that rows with a local type said.
    pub(super) fn resolve(parts: Vec<PartKeys>, mut local: BTreeSet<String>) -> Component {
        local.extend(
            parts
                .iter()
                .filter(|part| part.shows_local)
                .filter_map(|part| part.strong.clone()),
        );
        let mut strong_of: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for part in &parts {
            if let (Some(strong), Some(second)) = (strong_key(part, &local), &part.second) {
                strong_of.entry(second).or_default().insert(strong);
            }
        }
        let mut owned: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
        for (at, part) in parts.iter().enumerate() {
            if let Some(key) = own(part, &local, &strong_of) {
                owned.entry(key).or_default().push(at);
            }
        }
        let contradictions = strong_of
            .iter()
            .filter(|(_, strong)| strong.len() > 1)
            .map(|(second, _)| (*second).to_owned())
            .collect();
        let subjects = join_fragments(&parts, owned);
        let holders = Holders::of(&subjects);
        Component {
            parts,
            subjects,
            local,
            contradictions,
            holders,
        }
    }

    /// R4: the subject that a name means at a time.
    pub(super) fn named(&self, name: &str, at: i64) -> Found {
        self.holders.candidate(&self.subjects, name, at)
    }

    /// R1: the subject of a strong key.
    pub(super) fn with_strong(&self, strong: &str) -> Found {
        self.with_key(&Key::Strong(strong.to_owned()))
    }

    /// R2: the subject of a second key that comes without a strong one.
    pub(super) fn with_second(&self, second: &str) -> Found {
        let mut strong = BTreeSet::new();
        let mut known = false;
        for part in self
            .parts
            .iter()
            .filter(|part| part.second.as_deref() == Some(second))
        {
            known = true;
            strong.extend(strong_key(part, &self.local));
        }
        let alone = || self.with_key(&Key::Second(second.to_owned()));
        match (known, strong.len()) {
            (false, _) => Found::None,
            (true, 0) => alone(),
            (true, 1) => strong
                .first()
                .map_or(Found::None, |strong| self.with_strong(strong)),
            // Several: what was said of the uid alone is its own; without that, nobody can tell.
            (true, _) => {
                if alone() == Found::None {
                    Found::Several
                } else {
                    alone()
                }
            }
        }
    }

    fn with_key(&self, key: &Key) -> Found {
        self.subjects
            .iter()
            .position(|subject| subject.key == *key)
            .map_or(Found::None, Found::One)
    }

    /// Returns the strong and second keys that a subject's rows ever said.
    pub(super) fn keys_of(&self, subject: usize) -> (BTreeSet<&str>, BTreeSet<&str>) {
        let parts = || {
            self.subjects[subject]
                .parts
                .iter()
                .map(|at| &self.parts[*at])
        };
        (
            parts()
                .filter_map(|part| strong_key(part, &self.local))
                .collect(),
            parts().filter_map(|part| part.second.as_deref()).collect(),
        )
    }

    /// Tells whether what a part's keys mean depends on times: one of them leads to several subjects, or its name is
    /// not (or no longer) the one name of its subject.
    pub(super) fn is_contested(&self, at: usize) -> bool {
        let part = &self.parts[at];
        if part
            .second
            .as_ref()
            .is_some_and(|second| self.contradictions.contains(second))
        {
            return true;
        }
        let Some(name) = &part.name else { return false };
        match self.holders.of_name(name) {
            [holder] => self.subjects[*holder].now.as_ref() != Some(name),
            _ => true,
        }
    }
}

fn strong_key<'a>(part: &'a PartKeys, local: &BTreeSet<String>) -> Option<&'a str> {
    part.strong
        .as_deref()
        .filter(|strong| !local.contains(*strong))
}

fn own(
    part: &PartKeys,
    local: &BTreeSet<String>,
    strong_of: &BTreeMap<&str, BTreeSet<&str>>,
) -> Option<Key> {
    if let Some(strong) = strong_key(part, local) {
        return Some(Key::Strong(strong.to_owned()));
    }
    if let Some(second) = &part.second {
        let strong = strong_of.get(second.as_str());
        return Some(
            match strong.and_then(|strong| {
                if strong.len() == 1 {
                    strong.first()
                } else {
                    None
                }
            }) {
                Some(strong) => Key::Strong((*strong).to_owned()),
                None => Key::Second(second.clone()),
            },
        );
    }
    part.name.clone().map(Key::Name)
}

/// R3: each fragment joins the one candidate of its name among the subjects that have a strong or second key.
fn join_fragments(parts: &[PartKeys], owned: BTreeMap<Key, Vec<usize>>) -> Vec<Resolved> {
    let (fragments, keyed): (Vec<_>, Vec<_>) = owned
        .into_iter()
        .partition(|(key, _)| matches!(key, Key::Name(_)));
    let mut subjects: Vec<Resolved> = keyed
        .into_iter()
        .map(|(key, at)| named(key, at, parts))
        .collect();
    let holders = Holders::of(&subjects);
    let mut joined: Vec<(usize, Vec<usize>)> = Vec::new();
    for (key, at) in fragments {
        let fragment = named(key, at, parts);
        let target = fragment
            .last
            .iter()
            .next()
            .map(|(name, time)| holders.candidate(&subjects, name, *time));
        match target {
            Some(Found::One(subject)) => joined.push((subject, fragment.parts)),
            _ => subjects.push(fragment),
        }
    }
    for (subject, at) in joined {
        subjects[subject].parts.extend(at);
    }
    // Last and now are taken again with the joined rows.
    subjects
        .into_iter()
        .map(|subject| named(subject.key, subject.parts, parts))
        .collect()
}

fn named(key: Key, at: Vec<usize>, parts: &[PartKeys]) -> Resolved {
    let mut last: BTreeMap<String, i64> = BTreeMap::new();
    let mut newest: Option<(Stamp, &String)> = None;
    for part in at.iter().map(|at| &parts[*at]) {
        let Some(name) = &part.name else { continue };
        let time = last.entry(name.clone()).or_insert(part.stamp.observed_at);
        *time = part.stamp.observed_at.max(*time);
        if newest.is_none_or(|(stamp, _)| stamp < part.stamp) {
            newest = Some((part.stamp, name));
        }
    }
    let now = newest.map(|(_, name)| name.clone());
    Resolved {
        key,
        parts: at,
        last,
        now,
    }
}

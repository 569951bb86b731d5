//! Same or new: which claims are one account (or one device), as a pure function of the claims.
//!
//! Nothing here asks what came first: the answer depends on the set of claims and their stamps alone. Given are those
//! claims that share a key with another one, and those that a mention may mean; no other claim can change the answer. The
//! rules are named R1 to R5 as in `docs/semantics.md`; they are the same for devices, whose uid is a key like an
//! account's SID. Keys are hashes of normal forms.

use std::collections::{BTreeMap, BTreeSet};

use super::claim::ClaimId;
use super::days::DAY;
use super::said::RowStamp;
use crate::schema::{NAME, SECOND, STRONG};

/// A key that more may mean is kept for none of them.
pub(super) const CANDIDATES_AT_MOST: usize = 64;

/// The hash of a key's normal form.
pub(super) type KeyHash = u64;
/// Keys by position, the strongest first; a SID that is no key is not among them.
pub(super) type Keys = [Option<KeyHash>; 3];

/// What identity looks at in a part of a claim.
#[derive(Debug, Clone)]
pub(super) struct PartTimes {
    /// When its first row was observed.
    pub(super) first: i64,
    pub(super) newest: RowStamp,
}

/// What identity looks at in a claim.
#[derive(Debug, Clone)]
pub(super) struct KeyedClaim {
    pub(super) id: ClaimId,
    /// The strong one is of key form and not said to be local by the claim itself, though another may show that it is.
    pub(super) keys: Keys,
    /// Shows that its strong key belongs to one device only: it has no type, and its domain part is a device's name.
    pub(super) shows_local: bool,
    pub(super) parts: Vec<PartTimes>,
    /// What its newest row that carries `first_seen` says, and that row's stamp.
    pub(super) first_seen: Option<(RowStamp, Option<i64>)>,
}

/// What decides whose a claim is: the key that names the subject in the digest, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Strong(KeyHash),
    Second(KeyHash),
    Name(KeyHash),
}

/// How a subject bore a name.
#[derive(Debug, Clone, Copy)]
struct Borne {
    /// The newest row that has it.
    last: i64,
    /// The newest activity under it.
    active: i64,
    /// When it left it for another one; the newest row that has it where it did not.
    until: i64,
}

/// A subject.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) key: Key,
    /// Positions in [`Identity::claims`].
    pub(super) claims: Vec<usize>,
    names: BTreeMap<KeyHash, Borne>,
    /// The name in its newest named row.
    now: Option<KeyHash>,
    first_seen: Option<i64>,
    /// When its first row was observed.
    first: i64,
}

/// What a name or key leads to: positions in [`Identity::subjects`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meant {
    One(usize),
    /// Of several who bear a name this one was there of late; another may have been away.
    Likely(usize),
    /// Several may be meant.
    Ambiguous(Vec<usize>),
    /// Nobody is, for sure; these may be.
    Unknown(Vec<usize>),
    /// Somebody who is not known, and has a weaker key of this one.
    Namesake(usize),
}

/// When a mention was said: from when until when a name must have been borne.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) from: i64,
    pub(super) to: i64,
}

/// Claims with their subjects worked out.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) claims: Vec<KeyedClaim>,
    pub(super) subjects: Vec<Resolved>,
    /// SIDs that some row shows to be local.
    pub(super) local: BTreeSet<KeyHash>,
    /// The strong keys that each second key ever came with.
    partners: BTreeMap<KeyHash, BTreeSet<KeyHash>>,
    by_key: BTreeMap<Key, usize>,
    bearers: BTreeMap<KeyHash, Vec<usize>>,
    /// The newest row of the dataset.
    newest: i64,
}

impl Identity {
    /// Works out the subjects; `local` are the SIDs that rows with a local type said, `newest` when the newest row of the
    /// dataset was observed.
    pub(super) fn resolve(
        claims: Vec<KeyedClaim>,
        mut local: BTreeSet<KeyHash>,
        newest: i64,
    ) -> Identity {
        let shown = claims.iter().filter(|claim| claim.shows_local);
        local.extend(shown.filter_map(|claim| claim.keys[STRONG]));
        let mut identity = Identity {
            claims,
            subjects: Vec::new(),
            local,
            partners: BTreeMap::new(),
            by_key: BTreeMap::new(),
            bearers: BTreeMap::new(),
            newest,
        };
        identity.find_partners();
        let (fragments, keyed) = identity.owned();
        identity.subjects = keyed
            .into_iter()
            .map(|(key, claims)| identity.named(key, claims))
            .collect();
        identity.find_bearers();
        identity.join(fragments);
        identity.find_bearers();
        let keys = identity
            .subjects
            .iter()
            .enumerate()
            .map(|(at, subject)| (subject.key, at));
        identity.by_key = keys.collect();
        identity
    }

    fn find_partners(&mut self) {
        for claim in &self.claims {
            if let Some(second) = claim.keys[SECOND] {
                let partners = self.partners.entry(second).or_default();
                partners.extend(claim.keys[STRONG].filter(|strong| !self.local.contains(strong)));
            }
        }
    }

    fn strong(&self, keys: &Keys) -> Option<KeyHash> {
        keys[STRONG].filter(|strong| !self.local.contains(strong))
    }

    /// R1 and R2: the key of a claim's subject, before fragments join; none when no key is left.
    fn own(&self, keys: &Keys) -> Option<Key> {
        if let Some(strong) = self.strong(keys) {
            return Some(Key::Strong(strong));
        }
        match keys[SECOND] {
            Some(second) => Some(self.own_of_second(second)),
            None => keys[NAME].map(Key::Name),
        }
    }

    fn own_of_second(&self, second: KeyHash) -> Key {
        let partners = self.partners.get(&second);
        match partners
            .filter(|strong| strong.len() == 1)
            .and_then(BTreeSet::first)
        {
            Some(strong) => Key::Strong(*strong),
            None => Key::Second(second),
        }
    }

    /// Returns the claims by the keys of their subjects: those that have a name only apart.
    fn owned(&self) -> (BTreeMap<Key, Vec<usize>>, BTreeMap<Key, Vec<usize>>) {
        let mut owned: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
        for (at, claim) in self.claims.iter().enumerate() {
            if let Some(key) = self.own(&claim.keys) {
                owned.entry(key).or_default().push(at);
            }
        }
        owned
            .into_iter()
            .partition(|(key, _)| matches!(key, Key::Name(_)))
    }

    /// R3: each fragment joins the one candidate, a likely one too, of its name among the subjects that have a strong or second key.
    fn join(&mut self, fragments: BTreeMap<Key, Vec<usize>>) {
        let mut homes = Vec::with_capacity(fragments.len());
        for (key, claims) in fragments {
            let newest = self
                .parts_of(&claims)
                .map(|part| part.newest.observed_at)
                .max();
            let home = match (key, newest) {
                (Key::Name(name), Some(newest)) => self.by_name(
                    name,
                    Interval {
                        from: newest,
                        to: newest,
                    },
                ),
                _ => Meant::Unknown(Vec::new()),
            };
            homes.push((key, claims, home));
        }
        for (key, claims, home) in homes {
            match home {
                Meant::One(subject) | Meant::Likely(subject) => {
                    self.subjects[subject].claims.extend(claims);
                }
                _ => self.subjects.push(self.named(key, claims)),
            }
        }
        // What they were called when is taken again with the joined rows.
        let subjects = std::mem::take(&mut self.subjects);
        self.subjects = subjects
            .into_iter()
            .map(|subject| self.named(subject.key, subject.claims))
            .collect();
    }

    fn parts_of<'s>(&'s self, claims: &'s [usize]) -> impl Iterator<Item = &'s PartTimes> {
        claims.iter().flat_map(|at| &self.claims[*at].parts)
    }

    /// Works out what a subject was called when.
    fn named(&self, key: Key, claims: Vec<usize>) -> Resolved {
        let mut names: BTreeMap<KeyHash, Borne> = BTreeMap::new();
        let mut newest: Option<(RowStamp, KeyHash)> = None;
        let mut first_seen: Option<(RowStamp, Option<i64>)> = None;
        for claim in claims.iter().map(|at| &self.claims[*at]) {
            first_seen = first_seen.max(claim.first_seen);
            let Some(name) = claim.keys[NAME] else {
                continue;
            };
            for part in &claim.parts {
                let RowStamp {
                    observed_at,
                    last_seen,
                    ..
                } = part.newest;
                let active = last_seen.map_or(observed_at, |seen| seen.min(observed_at));
                let borne = names.entry(name).or_insert(Borne {
                    last: observed_at,
                    active,
                    until: i64::MIN,
                });
                borne.last = borne.last.max(observed_at);
                borne.active = borne.active.max(active);
                newest = newest.max(Some((part.newest, name)));
            }
        }
        self.find_departures(&claims, &mut names);
        let first = self.parts_of(&claims).map(|part| part.first).min();
        Resolved {
            first: first.unwrap_or(i64::MIN),
            key,
            claims,
            names,
            now: newest.map(|(_, name)| name),
            first_seen: first_seen.and_then(|(_, first_seen)| first_seen),
        }
    }

    /// A subject left a name when it was first seen under another one after it was last seen under this one.
    fn find_departures(&self, claims: &[usize], names: &mut BTreeMap<KeyHash, Borne>) {
        let claims = claims.iter().map(|at| &self.claims[*at]);
        let mut firsts: Vec<(i64, KeyHash)> = claims
            .filter_map(|claim| Some((claim, claim.keys[NAME]?)))
            .flat_map(|(claim, name)| claim.parts.iter().map(move |part| (part.first, name)))
            .collect();
        firsts.sort_unstable();
        for (name, borne) in names {
            let behind = firsts.partition_point(|(first, _)| *first <= borne.last);
            let other = firsts[behind..].iter().find(|(_, other)| other != name);
            borne.until = other.map_or(borne.last, |(first, _)| *first);
        }
    }

    fn find_bearers(&mut self) {
        self.bearers.clear();
        for (at, subject) in self.subjects.iter().enumerate() {
            for name in subject.names.keys() {
                self.bearers.entry(*name).or_default().push(at);
            }
        }
    }

    /// R4: whom a name means in an interval.
    pub(super) fn by_name(&self, name: KeyHash, interval: Interval) -> Meant {
        let bearers = self.bearers.get(&name).map_or(&[][..], Vec::as_slice);
        let borne = |at: usize| &self.subjects[at].names[&name];
        let bears_now = |at: usize| self.subjects[at].now == Some(name);
        let is_sure = |at: usize| bears_now(at) || borne(at).last >= interval.to;
        let is_candidate = |at: usize| is_sure(at) || borne(at).until >= interval.from;
        let (mut candidates, mut living) = (Vec::new(), Vec::new());
        let mut is_living_sure = false;
        for at in bearers.iter().copied().filter(|at| is_candidate(*at)) {
            candidates.push(at);
            if self.lived(at, name, interval) {
                living.push(at);
                is_living_sure |= is_sure(at);
            }
            if is_living_sure && living.len() > CANDIDATES_AT_MOST {
                // No more can change that: a name of all local administrators, say.
                return Meant::Ambiguous(living);
            }
        }
        if candidates.len() > 1 && !living.is_empty() {
            let may_be_away = |at: &usize| {
                bears_now(*at) && !living.contains(at) && self.had_begun(*at, interval)
            };
            let mut away = candidates.iter().filter(|at| may_be_away(at));
            if let [one] = living[..]
                && is_sure(one)
                && !away.all(|at| self.came_after(one, *at, name))
            {
                return Meant::Likely(one);
            }
            candidates = living;
        }
        match candidates.as_slice() {
            [one] if is_sure(*one) => Meant::One(*one),
            some if some.iter().any(|at| is_sure(*at)) => Meant::Ambiguous(candidates),
            _ => Meant::Unknown(candidates),
        }
    }

    /// Tells whether a subject's life under a name comes within a day of an interval.
    fn lived(&self, at: usize, name: KeyHash, interval: Interval) -> bool {
        let subject = &self.subjects[at];
        let borne = &subject.names[&name];
        let bears_now = subject.now == Some(name);
        let is_open = bears_now && borne.active >= self.newest - DAY;
        let end = match bears_now {
            true => borne.active,
            false => borne.active.max(borne.until),
        };
        self.had_begun(at, interval) && (is_open || end.saturating_add(DAY) >= interval.from)
    }

    /// Tells whether a subject was there when an interval was over, as far as is known.
    fn had_begun(&self, at: usize, interval: Interval) -> bool {
        let first_seen = self.subjects[at].first_seen;
        first_seen.is_none_or(|first| first.saturating_sub(DAY) <= interval.to)
    }

    /// Tells whether a subject came when another one, that bears the same name, was there no more: the name, or the computer, was
    /// given again. Of two that the first files had, nobody knows.
    fn came_after(&self, at: usize, other: usize, name: KeyHash) -> bool {
        let (one, other) = (&self.subjects[at], &self.subjects[other]);
        let first_row = Some(one.first).filter(|first| other.first < *first);
        one.first_seen.or(first_row) > Some(other.names[&name].active)
    }

    /// R5: whom a mention's keys mean.
    pub(super) fn mentioned(&self, keys: &Keys, interval: Interval) -> Meant {
        let strong = self.strong(keys);
        if let Some(known) = strong.and_then(|strong| self.by_key.get(&Key::Strong(strong))) {
            return Meant::One(*known);
        }
        if let Some(meant) = keys[SECOND].and_then(|second| self.by_second(second)) {
            return self.unless_contradicted(meant, [strong, None]);
        }
        match keys[NAME] {
            Some(name) => {
                self.unless_contradicted(self.by_name(name, interval), [strong, keys[SECOND]])
            }
            None => Meant::Unknown(Vec::new()),
        }
    }

    /// R2: the subject of a second key that comes without a strong one; none when nobody has it.
    fn by_second(&self, second: KeyHash) -> Option<Meant> {
        let partners = self.partners.get(&second)?;
        if partners.len() > 1 {
            let all = partners.iter().map(|strong| Key::Strong(*strong));
            let all = all.chain([Key::Second(second)]);
            let subjects = all.filter_map(|key| self.by_key.get(&key).copied());
            return Some(Meant::Ambiguous(subjects.collect()));
        }
        let known = self.by_key.get(&self.own_of_second(second));
        Some(known.map_or(Meant::Unknown(Vec::new()), |at| Meant::One(*at)))
    }

    /// A stronger key that nobody is known by must not meet a subject that has another value of it: the name may have been
    /// given to somebody who is not known yet.
    fn unless_contradicted(&self, meant: Meant, [strong, second]: [Option<KeyHash>; 2]) -> Meant {
        let (Meant::One(one) | Meant::Likely(one)) = meant else {
            return meant;
        };
        let claims = || {
            self.subjects[one]
                .claims
                .iter()
                .map(|at| &self.claims[*at].keys)
        };
        let has_strong = strong.is_some() && claims().any(|keys| self.strong(keys).is_some());
        let has_second = second.is_some() && claims().any(|keys| keys[SECOND].is_some());
        match has_strong || has_second {
            true => Meant::Namesake(one),
            false => meant,
        }
    }

    /// Returns how many second keys came with several strong ones.
    pub(super) fn contradictions(&self) -> usize {
        self.partners
            .values()
            .filter(|strong| strong.len() > 1)
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMED: KeyHash = 7;

    /// A claim of the strong key `strong` and a name, seen on some days.
    fn claim(strong: KeyHash, name: KeyHash, [first, last]: [i64; 2]) -> KeyedClaim {
        let stamp = RowStamp {
            observed_at: last * DAY,
            ..RowStamp::default()
        };
        KeyedClaim {
            id: ClaimId::of_position(0),
            keys: [Some(strong), None, Some(name)],
            shows_local: false,
            parts: vec![PartTimes {
                first: first * DAY,
                newest: stamp,
            }],
            first_seen: None,
        }
    }

    fn by_name(claims: &[KeyedClaim], newest: i64, [from, to]: [i64; 2]) -> Meant {
        let identity = Identity::resolve(claims.to_vec(), BTreeSet::new(), newest * DAY);
        identity.by_name(
            NAMED,
            Interval {
                from: from * DAY,
                to: to * DAY,
            },
        )
    }

    #[test]
    fn a_name_given_up_and_given_again_is_ambiguous_where_both_may_be_meant() {
        let left = claim(1, NAMED, [0, 10]);
        let renamed = claim(1, 8, [11, 20]);
        let new = claim(2, NAMED, [11, 20]);
        let all = [left, renamed, new];
        assert_eq!(by_name(&all, 20, [19, 20]), Meant::One(1));
        assert_eq!(by_name(&all, 20, [5, 20]), Meant::Ambiguous(vec![0, 1]));
        assert_eq!(by_name(&all[..2], 20, [19, 20]), Meant::Unknown(vec![]));
        assert_eq!(by_name(&all[..2], 20, [9, 10]), Meant::One(0));
    }

    #[test]
    fn who_was_not_there_yet_or_is_long_gone_drops_out() {
        let old = claim(1, NAMED, [0, 10]);
        let mut new = claim(2, NAMED, [90, 100]);
        assert_eq!(
            by_name(&[old.clone(), new.clone()], 100, [99, 100]),
            Meant::One(1)
        );
        new.first_seen = Some((RowStamp::default(), Some(90 * DAY)));
        assert_eq!(by_name(&[old, new], 100, [9, 10]), Meant::One(0));
    }
}

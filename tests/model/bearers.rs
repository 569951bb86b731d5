//! Bearers: the subjects that bore a name, how long each did, and which of them it means in an interval (R4).
//! What other keys mean, and what follows from it, is left to `subjects`.

use std::collections::BTreeMap;

use super::keys::Keys;
use super::rows::{Row, newest_value};
use super::samples::{UID_A, UID_B, UID_C, accounts, device, mentions, object, uid};
use super::subjects::{Member, Resolution, Subject, Subjects};
use super::time::{DAY_US, time_us};

/// From when until when something may have been true.
#[derive(Clone, Copy)]
pub(super) struct Interval {
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Subjects<'_> {
    /// Returns whom a name means in an interval.
    pub(super) fn by_name(&self, name: &str, said: Interval) -> Resolution {
        let bearers = self.bearers(name);
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
            some if some.iter().any(|one| one.is_sure(said)) => {
                let some = some.iter().map(|one| one.subject.clone());
                Resolution::Ambiguous(some.collect())
            }
            _ => Resolution::Unknown,
        }
    }

    /// Says whether a subject that a name means in an interval is but the one of several who was there of late.
    pub(super) fn is_likely_bearer(&self, name: &str, said: Interval, meant: &Subject) -> bool {
        let bearers = self.bearers(name);
        let Some(one) = bearers.iter().find(|bearer| bearer.subject == meant) else {
            return false;
        };
        bearers.iter().any(|other| {
            other.subject != meant
                && other.bears_now
                && other.had_begun(said)
                && !other.lived(said)
                && !one.came_after(other)
        })
    }

    fn bearers(&self, name: &str) -> Vec<Bearer<'_>> {
        let bore = |rows: &&Vec<Member>| {
            rows.iter()
                .any(|(keys, _)| keys.name.as_deref() == Some(name))
        };
        let bearers = self.members.iter().filter(|(_, rows)| bore(rows));
        bearers
            .map(|(subject, rows)| self.bearer(name, subject, rows))
            .collect()
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
            first: all.iter().map(|row| row.stamp.observed_us).min(),
        }
    }
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
    /// When its first row was observed.
    first: Option<i64>,
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
        self.had_begun(said) && (self.is_open || end + DAY_US >= said.from)
    }

    fn had_begun(&self, said: Interval) -> bool {
        self.first_seen
            .is_none_or(|first| first - DAY_US <= said.to)
    }

    /// Says whether it came when another one was active no more, by its first_seen, or by files that had the other one alone.
    fn came_after(&self, other: &Bearer) -> bool {
        let first = self.first.filter(|first| Some(*first) > other.first);
        self.first_seen.or(first) > Some(other.active)
    }
}

#[test]
fn r4_a_bearer_that_was_not_active_for_long_drops_out() {
    let bearer =
        |day: &str, uid: &str| object(day, "user.uid user.name", &[&format!("{uid} jdoe@EMEA")]);
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

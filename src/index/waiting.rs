//! Mentions that wait for a subject: how many, when the newest were, and what some of them say.

use std::collections::{BTreeMap, BTreeSet};

use super::claim::ClaimId;
use super::days::Days;
use super::mention::State;
use super::subject::SubjectId;
use super::usage::joined;
use crate::schema::{Subject, WAITING_KEPT};
use crate::sealed::{is_sealed, user_of};

/// Mentions that wait for a subject.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) unknown: u32,
    pub(super) ambiguous: u32,
    pub(super) newest: NewestWaiting,
    pub(super) among: AmongDevices,
    /// What some of them say of both sides: those with the smallest hashes, whatever came first.
    pub(super) mentions: BTreeMap<(u64, State), [Named; 2]>,
}

/// When the newest logins were that wait and may mean an account elsewhere, or a device or another one that is known.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct NewestWaiting {
    pub(super) dated: Option<i64>,
    /// When those were observed that do not tell it.
    pub(super) undated: Option<i64>,
    /// Of somebody who is not known for certain, on the device itself.
    pub(super) dated_on_it: Option<i64>,
    pub(super) undated_on_it: Option<i64>,
    /// The first day of the one of these that came last: of logins elsewhere, or on what may be another device.
    pub(super) came: Option<i32>,
    /// And of those on the device itself.
    pub(super) came_to_it: Option<i32>,
    /// The days of those of which the other side is not known at all: what may be several may be the very one.
    pub(super) days: Option<Days>,
}

/// Logins of an account on what may be several devices.
#[derive(Debug, Default)]
pub(super) struct AmongDevices {
    /// All that may be meant.
    pub(super) devices: BTreeSet<SubjectId>,
    pub(super) days: Option<Days>,
    pub(super) newest: Option<i64>,
}

/// What a mention says of a side, for people.
#[derive(Debug, Clone)]
pub(super) enum Named {
    Text(String),
    /// What a claim says in a field.
    Claim(Field),
}

/// A field of a claim.
pub(super) type Field = (Subject, ClaimId, usize);

impl AmongDevices {
    /// Adds logins that may be on any of some devices.
    pub(super) fn add(&mut self, devices: &[SubjectId], time: i64, days: Days) {
        self.devices.extend(devices);
        self.days = joined(self.days, Some(days));
        self.newest = self.newest.max(Some(time));
    }
}

impl Waiting {
    /// Adds a mention; `hash` tells it from others, `named` is what it says of its sides.
    pub(super) fn add(&mut self, state: State, hash: u64, named: [Named; 2]) {
        match state {
            State::Ambiguous => self.ambiguous += 1,
            _ => self.unknown += 1,
        }
        self.mentions.insert((hash, state), named);
        if self.mentions.len() > WAITING_KEPT {
            self.mentions.pop_last();
        }
    }
}

/// Shows a side's keys to people: the name, or what there is.
pub(super) fn shown_keys(keys: &str) -> String {
    if let Some(sealed) = keys.split('\t').find(|key| is_sealed(key)) {
        return user_of(sealed);
    }
    let said: Vec<&str> = keys.split('\t').filter(|key| !key.is_empty()).collect();
    said.join(" ")
}

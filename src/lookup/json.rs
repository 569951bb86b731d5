//! The JSON of an answer, the same wherever one leaves the program: `schemas/answer.schema.json`.
//!
//! Written by hand, since a chatbot's build has no derive macros. Keys are always there, with null for what is not
//! known, but for those that only mean something when present: `primary`, `stable_key`, `waiting`, `moved_at`,
//! `non_identifying`, `clues`, an answer's `flags` and `…_left_out`; and `evidence`, `devices` and `accounts` are absent
//! when only ids were asked for.

use jiff::Timestamp;
use serde_core::ser::{Serialize, SerializeMap, Serializer};

use super::answer::{Answer, Clue, Match, Skipped};
use super::coverage::Coverage;
use super::evidence::Evidence;
use super::found::{Account, AccountUse, Device, DeviceUse, Found, Use};
use super::freshness::Freshness;
use super::history::Held;
use super::suggest::Suggestion;
use super::waiting::{Waiting, WaitingUsage};
use super::why::{Hit, Tried, Why};
use crate::identifier::Kind;
use crate::schema::{Class, Dataset, Subject};

/// A time as RFC 3339 in UTC, or null.
struct Time(Option<Timestamp>);

/// A list of things that have a name.
struct Names<'a, T>(&'a [T], fn(&T) -> &'static str);

/// A match, of which ids may be all that was asked for.
struct Shown<'a>(&'a Match, bool);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(time) => serializer.collect_str(&time),
            None => serializer.serialize_none(),
        }
    }
}

impl<T> Serialize for Names<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(self.1))
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("query", &self.query)?;
        map.serialize_entry("outcome", self.outcome.as_str())?;
        let matches = self.matches.iter();
        let matches: Vec<Shown> = matches.map(|one| Shown(one, self.is_ids_only)).collect();
        map.serialize_entry("matches", &matches)?;
        map.serialize_entry("skipped", &self.skipped)?;
        if !self.non_identifying.is_empty() {
            let kinds = Names(&self.non_identifying, |kind| kind.as_str());
            map.serialize_entry("non_identifying", &kinds)?;
        }
        if !self.clues.is_empty() {
            map.serialize_entry("clues", &self.clues)?;
        }
        if !self.flags.is_empty() {
            map.serialize_entry("flags", &Names(&self.flags, |flag| flag.as_str()))?;
        }
        map.serialize_entry("coverage", &self.coverage)?;
        map.serialize_entry("generation", &self.generation)?;
        map.serialize_entry("freshness", &self.freshness)?;
        map.end()
    }
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Shown(one, is_ids_only) = self;
        let mut map = serializer.serialize_map(None)?;
        let kind = match one.subject {
            Found::Account { .. } => "account",
            Found::Device { .. } => "device",
        };
        map.serialize_entry("type", kind)?;
        map.serialize_entry("level", one.level.as_str())?;
        map.serialize_entry("strength", &one.strength)?;
        if one.has_stable_key {
            map.serialize_entry("stable_key", &true)?;
        }
        if !is_ids_only {
            map.serialize_entry("evidence", &one.evidence)?;
        }
        put_found(&mut map, &one.subject, *is_ids_only)?;
        if !one.waiting.is_empty() {
            map.serialize_entry("waiting", &one.waiting)?;
        }
        map.serialize_entry("flags", &Names(&one.flags, |flag| flag.as_str()))?;
        if one.moved_at.is_some() {
            map.serialize_entry("moved_at", &Time(one.moved_at))?;
        }
        map.serialize_entry("enough_to_act", &one.is_enough_to_act())?;
        if let Some(reason) = one.not_enough {
            map.serialize_entry("not_enough", reason.as_str())?;
        }
        map.end()
    }
}

/// Writes whom a match found, and who uses it or is used by it.
fn put_found<M: SerializeMap>(
    map: &mut M,
    found: &Found,
    is_ids_only: bool,
) -> Result<(), M::Error> {
    match found {
        Found::Account {
            account,
            devices,
            devices_left_out,
        } => {
            map.serialize_entry("account", account)?;
            related(map, is_ids_only, "devices", devices)?;
            left_out(map, "devices_left_out", *devices_left_out)
        }
        Found::Device {
            device,
            is_shared,
            accounts,
            accounts_left_out,
        } => {
            map.serialize_entry("device", device)?;
            if !is_ids_only {
                map.serialize_entry("shared", is_shared)?;
            }
            related(map, is_ids_only, "accounts", accounts)?;
            left_out(map, "accounts_left_out", *accounts_left_out)
        }
    }
}

fn related<M: SerializeMap>(
    map: &mut M,
    is_ids_only: bool,
    key: &'static str,
    list: &impl Serialize,
) -> Result<(), M::Error> {
    match is_ids_only {
        true => Ok(()),
        false => map.serialize_entry(key, list),
    }
}

fn left_out<M: SerializeMap>(map: &mut M, key: &'static str, count: u64) -> Result<(), M::Error> {
    match count {
        0 => Ok(()),
        count => map.serialize_entry(key, &count),
    }
}

impl Serialize for Waiting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("unknown", &self.unknown)?;
        map.serialize_entry("ambiguous", &self.ambiguous)?;
        map.serialize_entry("usages", &self.usages)?;
        map.end()
    }
}

impl Serialize for WaitingUsage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("account", &self.account)?;
        map.serialize_entry("device", &self.device)?;
        map.serialize_entry("reason", self.reason.as_str())?;
        map.end()
    }
}

impl Serialize for Clue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kind = match self.is_full_name {
            true => Some("full_name"),
            false => self.kind.map(Kind::as_str),
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("text", &self.text)?;
        map.serialize_entry("kind", &kind)?;
        map.serialize_entry("verdict", self.verdict.as_str())?;
        map.end()
    }
}

impl Serialize for Why {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("answer", &self.answer)?;
        map.serialize_entry("tried", &self.tried)?;
        map.end()
    }
}

impl Serialize for Tried {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("text", &self.text)?;
        map.serialize_entry("kind", self.kind.as_str())?;
        match &self.found {
            Err(refusal) => map.serialize_entry("refused", &refusal.to_string())?,
            Ok(found) => {
                map.serialize_entry("normal", &found.normal)?;
                map.serialize_entry("count", &found.count)?;
                map.serialize_entry("hits", &found.hits)?;
            }
        }
        map.end()
    }
}

impl Serialize for Hit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", self.subject.table())?;
        map.serialize_entry("uid", &self.uid)?;
        let other_id = match self.subject {
            Subject::Account => "sid",
            Subject::Device => "collector_uid",
        };
        map.serialize_entry(other_id, &self.other_id)?;
        map.serialize_entry("name", &self.name)?;
        if self.subject == Subject::Account {
            map.serialize_entry("class", self.class.as_str())?;
        }
        map.serialize_entry("verdict", self.verdict.as_str())?;
        map.serialize_entry("held", &self.held)?;
        map.serialize_entry("evidence", &self.evidence)?;
        map.end()
    }
}

impl Serialize for Held {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("first", &Time(Some(self.first)))?;
        map.serialize_entry("last", &Time(Some(self.last)))?;
        map.end()
    }
}

impl Serialize for Suggestion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", self.kind.as_str())?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("likeness", self.likeness.as_str())?;
        map.serialize_entry("class", &self.class.map(Class::as_str))?;
        map.serialize_entry("full_name", &self.full_name)?;
        map.serialize_entry("uid", &self.uid)?;
        map.end()
    }
}

impl Serialize for Evidence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", self.kind.as_str())?;
        map.serialize_entry("value", &self.value)?;
        map.serialize_entry("observed_at", &Time(Some(self.observed_at)))?;
        map.serialize_entry("object", &self.object)?;
        map.serialize_entry("row", &self.row)?;
        map.end()
    }
}

impl Serialize for Account {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        put_account(&mut map, self)?;
        map.end()
    }
}

impl Serialize for Device {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        put_device(&mut map, self)?;
        map.end()
    }
}

impl Serialize for DeviceUse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        put_device(&mut map, &self.device)?;
        put_use(&mut map, &self.usage)?;
        map.serialize_entry("shared", &self.is_shared)?;
        put_primary(&mut map, &self.usage)?;
        map.end()
    }
}

impl Serialize for AccountUse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        put_account(&mut map, &self.account)?;
        put_use(&mut map, &self.usage)?;
        put_primary(&mut map, &self.usage)?;
        map.end()
    }
}

fn put_account<M: SerializeMap>(map: &mut M, account: &Account) -> Result<(), M::Error> {
    map.serialize_entry("uid", &account.uid)?;
    map.serialize_entry("account_name", &account.account_name)?;
    map.serialize_entry("sid", &account.sid)?;
    map.serialize_entry("upn", &account.upn)?;
    map.serialize_entry("email", &account.email)?;
    map.serialize_entry("full_name", &account.full_name)?;
    map.serialize_entry("department", &account.department)?;
    map.serialize_entry("job_title", &account.job_title)?;
    map.serialize_entry("class", account.class.as_str())?;
    map.serialize_entry("first_seen", &Time(account.first_seen))?;
    map.serialize_entry("last_seen", &Time(account.last_seen))
}

fn put_device<M: SerializeMap>(map: &mut M, device: &Device) -> Result<(), M::Error> {
    map.serialize_entry("uid", &device.uid)?;
    map.serialize_entry("collector_uid", &device.collector_uid)?;
    map.serialize_entry("name", &device.name)?;
    map.serialize_entry("serial_number", &device.serial_number)?;
    map.serialize_entry("type", &device.kind)?;
    map.serialize_entry("manufacturer", &device.manufacturer)?;
    map.serialize_entry("model", &device.model)?;
    map.serialize_entry("os", &device.os)?;
    map.serialize_entry("entity", &device.entity)?;
    map.serialize_entry("first_seen", &Time(device.first_seen))?;
    map.serialize_entry("last_seen", &Time(device.last_seen))
}

fn put_use<M: SerializeMap>(map: &mut M, usage: &Use) -> Result<(), M::Error> {
    map.serialize_entry("logins", &usage.logins)?;
    map.serialize_entry("logins_observed", &Time(usage.logins_observed))?;
    map.serialize_entry("last_used", &Time(usage.last_used))?;
    map.serialize_entry("current", &usage.is_current)?;
    match &usage.through {
        Some(through) => map.serialize_entry("through", through),
        None => Ok(()),
    }
}

/// Only where it is true: its absence does not say that another one is.
fn put_primary<M: SerializeMap>(map: &mut M, usage: &Use) -> Result<(), M::Error> {
    match usage.not_primary {
        None => map.serialize_entry("primary", &true),
        Some(reason) => map.serialize_entry("not_primary", reason.as_str()),
    }
}

impl Serialize for Skipped {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("machine", &self.machine)?;
        map.serialize_entry("local", &self.local)?;
        if self.gone > 0 {
            map.serialize_entry("gone", &self.gone)?;
        }
        map.end()
    }
}

impl Serialize for Coverage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let times = Dataset::ALL.map(|dataset| (dataset.as_str(), Time(self.of(dataset))));
        serializer.collect_map(times)
    }
}

impl Serialize for Freshness {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("state", self.state.as_str())?;
        map.serialize_entry("as_of", &Time(self.as_of))?;
        map.serialize_entry("age_seconds", &self.age.map(|age| age.as_secs()))?;
        if self.ahead.is_some() {
            map.serialize_entry("ahead", &Time(self.ahead))?;
        }
        map.end()
    }
}

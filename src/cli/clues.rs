//! Clues: values of one account or device, as `resolve --together` takes them: `upn=jdoe@contoso.com`, or plain.

use std::collections::BTreeSet;
use std::fmt;

use serde_core::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::asked::Asked;
use crate::lookup::Query;

/// What has a shorter name here.
const SHORT_NAMES: [(&str, &str); 5] = [
    ("account", "account_name"),
    ("device", "device_name"),
    ("serial", "serial_number"),
    ("collector", "collector_uid"),
    ("name", "full_name"),
];
/// Of a set that is an object: the keys of those that the channel vouches for.
const VERIFIED: &str = "verified";

/// A set that is an object: its keys and what they say, in order.
struct Set(Vec<(String, Value)>);

const SET: &str = "a line of clues is one JSON object of kinds and values, such as {\"upn\": \"jdoe@contoso.com\"}, or values with tabs between";

/// Reads the values of one command line.
pub(super) fn of_values<'v>(values: impl Iterator<Item = &'v str>, asked: &Asked) -> Query {
    Query::all_of(values.map(|value| clue(value, asked)))
}

/// Reads a line of values with tabs between, or a JSON object of kinds and values.
///
/// # Errors
/// What is wrong with the line; no word of it.
pub(super) fn of_line(line: &str, asked: &Asked) -> Result<Query, String> {
    if line.trim_start().starts_with('[') && serde_json::from_str::<Value>(line).is_ok() {
        return Err(SET.to_owned());
    }
    // A uid may stand in braces.
    let object = line.trim_start().strip_prefix('{').map(str::trim_start);
    if !object.is_some_and(|rest| rest.starts_with(['"', '}'])) {
        let values = line.split('\t').filter(|value| !value.trim().is_empty());
        return Ok(of_values(values, asked));
    }
    let set: Set = serde_json::from_str(line).map_err(|_| SET.to_owned())?;
    let verified = set.verified()?;
    let mut clues = Vec::new();
    for (kind, value) in set.0.iter().filter(|(kind, _)| *kind != VERIFIED) {
        let text = match value {
            Value::String(text) => text,
            // A channel that does not know it.
            Value::Null => continue,
            _ => return Err(SET.to_owned()),
        };
        let query = typed(kind, text).ok_or_else(unknown_kind)?;
        let query = asked.as_asked(query);
        clues.push(match verified.contains(&kind.as_str()) {
            true => query.verified(),
            false => query,
        });
    }
    Ok(Query::all_of(clues))
}

impl Set {
    /// Returns the kinds that the channel vouches for.
    fn verified(&self) -> Result<Vec<&str>, String> {
        let mut kinds = BTreeSet::new();
        if !self.0.iter().all(|(kind, _)| kinds.insert(kind.as_str())) {
            return Err(
                "a set says each kind once; values with tabs between may be several of one"
                    .to_owned(),
            );
        }
        let verified = self.0.iter().find(|(kind, _)| kind == VERIFIED);
        let Some((_, verified)) = verified else {
            return Ok(Vec::new());
        };
        let verified = verified.as_array().ok_or(SET)?.iter().map(|kind| {
            let kind = kind.as_str().filter(|kind| kinds.contains(kind));
            kind.ok_or_else(|| format!("{VERIFIED} lists kinds of the same set"))
        });
        verified.collect()
    }
}

impl<'de> Deserialize<'de> for Set {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Set, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Set;

            fn expecting(&self, to: &mut fmt::Formatter) -> fmt::Result {
                to.write_str("an object")
            }

            // As a map, the last of two equal keys would stand alone.
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Set, M::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Set(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

fn unknown_kind() -> String {
    format!("a key is no kind of clue; there are {}", known_kinds())
}

fn clue(value: &str, asked: &Asked) -> Query {
    let query = value
        .split_once('=')
        .and_then(|(kind, text)| typed(kind, text));
    match query {
        Some(query) => asked.as_asked(query),
        None => asked.query(value.to_owned()),
    }
}

/// Asks for a value of a kind by its name.
fn typed(kind: &str, text: &str) -> Option<Query> {
    let short = SHORT_NAMES.into_iter().find(|(name, _)| *name == kind);
    Query::named(short.map_or(kind, |(_, name)| name), text)
}

fn known_kinds() -> String {
    let short = SHORT_NAMES.iter().map(|(name, _)| *name);
    let all: Vec<&str> = Query::NAMES.into_iter().chain(short).collect();
    all.join(", ")
}

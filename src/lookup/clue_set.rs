//! Sets of clues: what is known of one account or device, by kinds, as channels send it: `{"upn": "jdoe@contoso.com"}`.

use std::collections::BTreeSet;
use std::fmt;

use serde_core::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::query::Query;

/// What has a shorter name in clues.
const SHORT_NAMES: [(&str, &str); 5] = [
    ("account", "account_name"),
    ("device", "device_name"),
    ("serial", "serial_number"),
    ("collector", "collector_uid"),
    ("name", "full_name"),
];
/// The key of those that the channel vouches for.
const VERIFIED: &str = "verified";

/// What is known of one account or device: the kinds of values and the values, in order. Read from a JSON object of texts, in
/// which null says nothing and `verified` may list the kinds that the channel vouches for.
#[derive(Debug, Clone, PartialEq)]
pub struct ClueSet(Vec<(String, Value)>);

/// Why a set of clues is none; no word of it is repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadClues {
    /// A key is no kind.
    #[error("a key is no kind of clue; there are {}", known_kinds())]
    UnknownKind,
    /// A kind stands twice.
    #[error("a set says each kind once; values with tabs between may be several of one")]
    Twice,
    /// A value is no text.
    #[error("a clue is a text, or null for what is not known")]
    NoText,
    /// `verified` is no list of kinds of the set.
    #[error("{VERIFIED} lists kinds of the same set")]
    BadVerified,
}

impl ClueSet {
    /// Returns a query for the one account or device that all of them fit; `each` says how every one of them is taken.
    ///
    /// # Errors
    /// What is wrong with the set.
    pub fn query(&self, each: impl Fn(Query) -> Query) -> Result<Query, BadClues> {
        let verified = self.verified()?;
        let mut clues = Vec::new();
        for (kind, value) in self.0.iter().filter(|(kind, _)| *kind != VERIFIED) {
            let text = match value {
                Value::String(text) => text,
                // A channel that does not know it.
                Value::Null => continue,
                _ => return Err(BadClues::NoText),
            };
            let query = Query::clue(kind, text).ok_or(BadClues::UnknownKind)?;
            let query = each(query);
            clues.push(match verified.contains(&kind.as_str()) {
                true => query.verified(),
                false => query,
            });
        }
        Ok(Query::all_of(clues))
    }

    /// Returns the kinds that the channel vouches for.
    fn verified(&self) -> Result<Vec<&str>, BadClues> {
        let mut kinds = BTreeSet::new();
        if !self.0.iter().all(|(kind, _)| kinds.insert(kind.as_str())) {
            return Err(BadClues::Twice);
        }
        let verified = self.0.iter().find(|(kind, _)| kind == VERIFIED);
        let Some((_, verified)) = verified else {
            return Ok(Vec::new());
        };
        let verified = verified.as_array().ok_or(BadClues::BadVerified)?;
        let verified = verified.iter().map(|kind| {
            let kind = kind.as_str().filter(|kind| kinds.contains(kind));
            kind.ok_or(BadClues::BadVerified)
        });
        verified.collect()
    }
}

impl Query {
    /// Asks for what a clue says, by the name of its kind: one of [`Query::NAMES`], or `account`, `device`, `serial`,
    /// `collector` or `name` for short.
    pub fn clue(kind: &str, text: &str) -> Option<Query> {
        let short = SHORT_NAMES.into_iter().find(|(name, _)| *name == kind);
        Query::named(short.map_or(kind, |(_, name)| name), text)
    }
}

/// Returns all that a kind is called in clues.
pub(crate) fn clue_names() -> impl Iterator<Item = &'static str> {
    let short = SHORT_NAMES.iter().map(|(name, _)| *name);
    Query::NAMES.into_iter().chain(short)
}

fn known_kinds() -> String {
    clue_names().collect::<Vec<_>>().join(", ")
}

impl<'de> Deserialize<'de> for ClueSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ClueSet, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = ClueSet;

            fn expecting(&self, to: &mut fmt::Formatter) -> fmt::Result {
                to.write_str("an object of kinds and values")
            }

            // As a map, the last of two equal keys would stand alone.
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<ClueSet, M::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(ClueSet(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

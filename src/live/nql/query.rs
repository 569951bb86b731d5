//! Queries: which saved one, and with which parameters.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value, json};

use crate::live::Error;

/// The id of a saved query, such as `#devices_of_user`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueryId(String);

impl QueryId {
    /// Takes an id.
    ///
    /// # Errors
    /// Where it is not `#` and 2 to 255 of `a-z`, `0-9` and `_`, as Nexthink's reference has it.
    pub fn new(id: &str) -> Result<QueryId, Error> {
        let name = id.strip_prefix('#').unwrap_or_default();
        let is_letter = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
        match (2..=255).contains(&name.len()) && name.bytes().all(is_letter) {
            true => Ok(QueryId(id.to_owned())),
            false => Err(Error::Configuration {
                what: "the id of a query is # and 2 to 255 of a-z, 0-9 and _, such as #devices_of_user".to_owned(),
            }),
        }
    }

    /// Returns it as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for QueryId {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

/// A saved query, with values for its parameters. Their names are those of the query, without `$`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    pub(super) id: QueryId,
    parameters: BTreeMap<String, String>,
}

impl Query {
    /// A query without parameters.
    pub fn new(id: QueryId) -> Query {
        Query {
            id,
            parameters: BTreeMap::new(),
        }
    }

    /// Sets a parameter to a value that stands for itself.
    ///
    /// # Errors
    /// Where the value is empty or holds `*` or `?`, which NQL takes for any letters: asked for one person by what somebody
    /// typed, it would answer with many.
    pub fn with(self, name: &str, value: &str) -> Result<Query, Error> {
        if value.trim().is_empty() || value.contains(['*', '?']) {
            return Err(Error::Configuration {
                what: match value.trim() {
                    "" => format!("the parameter {name} is empty"),
                    _ => format!(
                        "the parameter {name} holds * or ?, which stand for any letters in NQL; where that is meant, it is a pattern"
                    ),
                },
            });
        }
        Ok(self.with_pattern(name, value))
    }

    /// Sets a parameter to a value in which `*` and `?` stand for any letters.
    pub fn with_pattern(mut self, name: &str, value: &str) -> Query {
        let name = name.strip_prefix('$').unwrap_or(name);
        self.parameters.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Returns the body of a request, with what else it is to say.
    pub(super) fn body(&self, more: &[(&str, &str)]) -> Vec<u8> {
        let mut body = Map::new();
        body.insert("queryId".to_owned(), json!(self.id.as_str()));
        if !self.parameters.is_empty() {
            body.insert("parameters".to_owned(), json!(self.parameters));
        }
        body.extend(
            more.iter()
                .map(|(name, value)| ((*name).to_owned(), json!(value))),
        );
        Value::Object(body).to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_the_reference() {
        assert!(QueryId::new("#devices_of_user2").is_ok());
        for id in [
            "devices",
            "#",
            "#a",
            "#Devices",
            "#a b",
            "#a/b",
            &format!("#{}", "a".repeat(256)),
        ] {
            assert!(QueryId::new(id).is_err(), "{id}");
        }
    }

    #[test]
    fn a_value_that_stands_for_many_is_refused() {
        let query = || Query::new(QueryId::new("#q1").unwrap());
        for value in ["*", "j?oe", "", "  "] {
            assert!(query().with("name", value).is_err(), "{value}");
        }
        let body = query()
            .with("$name", "jdoe@EMEA")
            .unwrap()
            .with_pattern("host", "NB-*")
            .body(&[("compression", "GZIP")]);
        let expected = json!({"queryId": "#q1", "parameters": {"name": "jdoe@EMEA", "host": "NB-*"}, "compression": "GZIP"});
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
    }
}

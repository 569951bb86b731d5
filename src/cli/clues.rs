//! Clues: values of one account or device, as `resolve --together` takes them: `upn=jdoe@contoso.com`, or plain.

use serde_json::Value;

use super::asked::Asked;
use crate::lookup::{ClueSet, Query};

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
    // A uid may stand in braces, both of them.
    let object = line.trim_start().strip_prefix('{').map(str::trim_start);
    if !object.is_some_and(|rest| rest.starts_with(['"', '}']) || !rest.contains('}')) {
        let values = line.split('\t').filter(|value| !value.trim().is_empty());
        return Ok(of_values(values, asked));
    }
    let set: ClueSet = serde_json::from_str(line).map_err(|_| SET.to_owned())?;
    let query = set.query(|clue| asked.as_asked(clue));
    query.map_err(|wrong| wrong.to_string())
}

fn clue(value: &str, asked: &Asked) -> Query {
    let query = value
        .split_once('=')
        .and_then(|(kind, text)| Query::clue(kind, text));
    match query {
        Some(query) => asked.as_asked(query),
        None => asked.query(value.to_owned()),
    }
}

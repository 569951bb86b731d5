//! Clues: values of one account or device, as `resolve --together` takes them: `upn=jdoe@contoso.com`, or plain.

use serde_json::Value;

use super::asked::Asked;
use crate::lookup::{BadClues, ClueSet, Query};

const SET: &str = "a line of clues is one JSON object of kinds and values, such as {\"upn\": \"jdoe@contoso.com\"}, or values with tabs between";

/// Reads the values of one command line.
///
/// # Errors
/// A value names a kind that there is not.
pub(super) fn of_values<'v>(
    values: impl Iterator<Item = &'v str>,
    asked: &Asked,
) -> Result<Query, BadClues> {
    let clues: Result<Vec<Query>, BadClues> = values.map(|value| clue(value, asked)).collect();
    Ok(Query::all_of(clues?))
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
        return of_values(values, asked).map_err(|wrong| wrong.to_string());
    }
    let set: ClueSet = serde_json::from_str(line).map_err(|_| SET.to_owned())?;
    let query = set.query(|clue| asked.as_asked(clue));
    query.map_err(|wrong| wrong.to_string())
}

fn clue(value: &str, asked: &Asked) -> Result<Query, BadClues> {
    /// A kind is a word, as the name of a column is.
    const LETTERS_AT_LEAST: usize = 2;
    let is_word = |kind: &str| {
        let is_of_word = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        kind.len() >= LETTERS_AT_LEAST && kind.bytes().all(is_of_word)
    };
    match value.split_once('=') {
        Some((kind, text)) if is_word(kind) => {
            let query = Query::clue(kind, text).ok_or(BadClues::UnknownKind)?;
            Ok(asked.as_asked(query))
        }
        _ => Ok(asked.query(value.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_there_is_not_is_no_value() {
        let asked = Asked::default();
        for (value, is_good) in [
            ("upn=jdoe@contoso.com", true),
            ("user_name=jdoe", false),
            ("Ab3=", true),
            ("=jdoe", true),
            ("jdoe", true),
        ] {
            assert_eq!(clue(value, &asked).is_ok(), is_good, "{value}");
            assert_eq!(of_line(value, &asked).is_ok(), is_good, "{value}");
        }
    }
}

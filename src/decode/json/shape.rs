//! Shapes: how a JSON text holds its rows.
//!
//! What a target of the HTTP exporter must accept, by Nexthink's documentation: objects one after another, a list of them,
//! or an object with properties of its own around one list. Data exporters know of a JSON format; what it looks like is
//! not documented. Several of one shape may follow one another, as in a file that a receiver appends to.

use std::collections::HashSet;

use serde_json::Deserializer;
use serde_json::value::RawValue;

use super::properties::{Properties, Value};
use crate::decode::second_header::is_path;
use crate::decode::{Error, MAX_LINE_BYTES};

/// How a text holds its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decode) enum Shape {
    /// Objects, one after another, on a line each or not.
    Rows,
    /// A list of them.
    Lists,
    /// A list of them within an object that is no row.
    Wrapped,
}

/// Tells the shape of a text by its start, which is all of it where it `is_whole`.
pub(in crate::decode) fn shape_of(
    text: &[u8],
    is_whole: bool,
    names: &HashSet<String>,
) -> Result<Shape, Error> {
    if text.trim_ascii_start().starts_with(b"[") {
        return Ok(Shape::Lists);
    }
    match Properties::read(text) {
        Some(Ok((first, _))) => shape_by(&first, names),
        Some(Err(error)) if error.is_eof() && !is_whole => {
            let begin = text.trim_ascii_start();
            match list_begin(begin) {
                Some(list) if !has_paths_before(&begin[..list]) => Ok(Shape::Wrapped),
                _ => Err(Error::TooLarge {
                    what: "the first object of the JSON text",
                    limit: format!("{MAX_LINE_BYTES} bytes"),
                    hint: "expected objects that are rows, or one list of them",
                }),
            }
        }
        Some(Err(error)) => Err(Error::Json {
            line: error.line() as u64,
            what: match error.is_eof() {
                true => "the text ends within its first object",
                false if is_encoded(text) => ENCODED,
                false => "a fault of syntax in its first object",
            },
        }),
        None => Err(Error::NoRows),
    }
}

/// Tells the shape by an object: what has a column of users or devices is a row itself.
pub(super) fn shape_by(object: &Properties, names: &HashSet<String>) -> Result<Shape, Error> {
    let lists: Vec<Value> = object
        .values()
        .filter_map(|(_, value)| value.is_list_of_objects().then_some(value))
        .collect();
    let fault = |what| Err(Error::Json { line: 1, what });
    let mut rows = lists.iter().filter_map(|list| list.first_object());
    let holds_rows = rows.any(|row| has_paths(&row));
    match has_paths(object) {
        true if holds_rows => return fault(BOTH),
        true => return Ok(Shape::Rows),
        // Short names such as `name` are no more than that beside whole ones.
        false if !holds_rows && has_names(object, names) => return Ok(Shape::Rows),
        false => {}
    }
    match lists.len() {
        0 if object.values().any(|(_, value)| value.is_empty_list()) => Ok(Shape::Wrapped),
        0 if object.values().any(|(_, value)| value.is_list_of_lists()) => fault(LISTS_OF_CELLS),
        0 if is_error(object) => fault(SERVICE_ERROR),
        0 => Ok(Shape::Rows),
        1 => Ok(Shape::Wrapped),
        _ => fault("several lists of objects within one; expected one list, of rows"),
    }
}

/// Why a text is refused that is in another encoding.
pub(super) const ENCODED: &str = "bytes that are not UTF-8; say what it is written in, encoding = \"windows-1252\" or \"shift_jis\", say, in its [[source]]; another than it is makes wrong names";

/// Why an object is refused that has columns, and a list of objects that have some too.
pub(super) const BOTH: &str = "an object and those of a list in it have columns of users or devices alike; expected one or the other";

/// Why a text is refused whose rows are lists.
const LISTS_OF_CELLS: &str = "its rows are lists of cells, as version 1 of the NQL API answers; expected objects, as version 2 does, or CSV";

/// Why a text is refused that no exporter wrote.
const SERVICE_ERROR: &str =
    "it is the error of a service, and no export; have whatever writes it look at the answer first";

/// Tells whether an object says that something failed, as services answer.
fn is_error(object: &Properties) -> bool {
    const WORDS: [&str; 6] = [
        "error",
        "errors",
        "error_description",
        "errorcode",
        "errormessage",
        "fault",
    ];
    let mut names = object
        .values()
        .map(|(name, _)| name.trim().to_ascii_lowercase());
    names.any(|name| WORDS.contains(&name.as_str()))
}

/// Tells whether an object has a property with the whole name of a column, but for lists of objects.
pub(super) fn has_paths(object: &Properties) -> bool {
    let mut values = object
        .values()
        .filter(|(_, value)| !value.is_list_of_objects());
    values.any(|(name, value)| {
        let name = name.trim().to_ascii_lowercase();
        match value.is_object() {
            true => is_path(&format!("{name}.x")),
            false => is_path(&name),
        }
    })
}

fn has_names(object: &Properties, names: &HashSet<String>) -> bool {
    let mut values = object
        .values()
        .filter(|(_, value)| !value.is_list_of_objects());
    values.any(|(name, _)| names.contains(&name.trim().to_ascii_lowercase()))
}

/// Tells whether an object's start, up to within its list of rows, has the whole name of a column.
pub(super) fn has_paths_before(start: &[u8]) -> bool {
    let closed = [start, b"]}"].concat();
    let whole = Properties::read(&closed);
    whole.is_some_and(|whole| whole.is_ok_and(|(whole, _)| has_paths(&whole)))
}

/// Returns where the first list of objects begins in an object, behind its bracket; none where it has none so far.
pub(super) fn list_begin(object: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        let mut names = Deserializer::from_slice(&object[at..]).into_iter::<String>();
        names.next()?.ok()?;
        at += names.byte_offset();
        at += expected(b':', &object[at..])?;
        let value = object[at..].trim_ascii_start();
        if let Some(list) = value.strip_prefix(b"[")
            && list.trim_ascii_start().starts_with(b"{")
        {
            return Some(object.len() - list.len());
        }
        let mut values = Deserializer::from_slice(&object[at..]).into_iter::<&RawValue>();
        values.next()?.ok()?;
        at += values.byte_offset();
        at += expected(b',', &object[at..])?;
    }
}

/// Returns how many bytes a mark takes with the white space before it, if it comes next.
fn expected(mark: u8, text: &[u8]) -> Option<usize> {
    let begin = text.trim_ascii_start();
    (begin.first() == Some(&mark)).then(|| text.len() - begin.len() + 1)
}

/// Tells whether a text, which may be cut, is in another encoding than UTF-8.
pub(super) fn is_encoded(text: &[u8]) -> bool {
    let fault = std::str::from_utf8(text).err();
    fault.is_some_and(|fault| fault.error_len().is_some())
}

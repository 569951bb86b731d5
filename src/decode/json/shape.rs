//! Shapes: how a JSON text holds its rows.
//!
//! What a target of the HTTP exporter must accept, by Nexthink's documentation: objects one after another, a list of them,
//! or an object with properties of its own around one list. Data exporters know of a JSON format; what it looks like is
//! not documented. Several of one shape may follow one another, as in a file that a receiver appends to.

use std::collections::HashSet;

use serde_json::Deserializer;
use serde_json::value::RawValue;

use super::properties::{Properties, Value};
use crate::decode::headers::is_path;
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
    let is_column = |name: &str| names.contains(&name.to_ascii_lowercase()) || is_path(name);
    match Deserializer::from_slice(text)
        .into_iter::<Properties>()
        .next()
    {
        Some(Ok(first)) => shape_by(&first, is_column),
        Some(Err(error)) if error.is_eof() && !is_whole => {
            let begin = text.trim_ascii_start();
            match list_begin(begin) {
                // Of what stands before it, only names were seen that are no columns.
                Some(list) if !has_column(&begin[..list], is_column) => Ok(Shape::Wrapped),
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
                false => "a fault of syntax in its first object",
            },
        }),
        None => Err(Error::NoRows),
    }
}

/// Tells the shape by the first object: what has a property of a user or a device is a row itself.
fn shape_by(first: &Properties, is_column: impl Fn(&str) -> bool) -> Result<Shape, Error> {
    let lists = first
        .values()
        .filter(|(_, value)| value.is_list_of_objects());
    let lists = lists.count();
    let is_row = first.values().any(|(name, value)| {
        let holds_columns = value.is_object() && is_path(&format!("{name}.x").to_ascii_lowercase());
        !value.is_list_of_objects() && (is_column(name) || holds_columns)
    });
    let is_empty = |(_, value): (&str, Value)| value.is_empty_list();
    match (is_row, lists) {
        (true, _) => Ok(Shape::Rows),
        (false, 0) if first.values().any(is_empty) => Ok(Shape::Wrapped),
        (false, 0) => Ok(Shape::Rows),
        (false, 1) => Ok(Shape::Wrapped),
        (false, _) => Err(Error::Json {
            line: 1,
            what: "several lists of objects within one; expected one list, of rows",
        }),
    }
}

/// Tells whether an object's start, up to within its list of rows, has the name of a column.
fn has_column(start: &[u8], is_column: impl Fn(&str) -> bool) -> bool {
    let closed = [start, b"]}"].concat();
    let whole: Result<Properties, _> = serde_json::from_slice(&closed);
    whole.is_ok_and(|whole| whole.values().any(|(name, _)| is_column(name)))
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

//! Rows in SQLite's record format, read from the front or in any order.

use super::{Error, Result};

/// Bytes of the longest number of variable length.
pub(super) const VARINT_BYTES: usize = 9;

/// A column's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Null,
    Integer(i64),
    Text(&'a str),
    Blob(&'a [u8]),
}

impl<'a> Value<'a> {
    /// Returns the number, if it is one.
    pub(crate) fn integer(self) -> Option<i64> {
        match self {
            Value::Integer(number) => Some(number),
            _ => None,
        }
    }

    /// Returns the text, if it is one.
    pub(crate) fn text(self) -> Option<&'a str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the bytes, if it is a blob.
    pub(crate) fn blob(self) -> Option<&'a [u8]> {
        match self {
            Value::Blob(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// Columns as a record has them: their types one after another, and their values. Columns that stay as they are can be
/// copied so from file to file. Reading takes them from the front.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Columns<'a> {
    pub(crate) types: &'a [u8],
    pub(crate) values: &'a [u8],
}

impl<'a> Columns<'a> {
    /// Reads a record.
    pub(super) fn of(record: &'a [u8]) -> Result<Columns<'a>> {
        let mut rest = record;
        let header = take_varint(&mut rest).ok_or(Error::Damaged("a record without a header"))?;
        let begin = record.len() - rest.len();
        let end = usize::try_from(header).unwrap_or(usize::MAX);
        let types = record.get(begin..end);
        Ok(Columns {
            types: types.ok_or(Error::Damaged("a record is shorter than its header"))?,
            values: &record[end..],
        })
    }

    /// Takes the next column; a row that was written before a column was added has none.
    pub(crate) fn take(&mut self) -> Result<Value<'a>> {
        let (kind, bytes) = self.next()?;
        read_value(kind, bytes)
    }

    /// Takes the bytes of the next column, whatever they stand for.
    pub(crate) fn take_bytes(&mut self) -> Result<&'a [u8]> {
        Ok(self.next()?.1)
    }

    /// Finds the columns, to be read in any order.
    #[inline]
    pub(crate) fn found(self) -> Result<FoundColumns<'a>> {
        let (mut types, mut begin) = (self.types, 0u32);
        let mut places = [(0, 0); WIDEST];
        for place in &mut places {
            if types.is_empty() {
                break;
            }
            let kind = take_varint(&mut types).ok_or(NO_END)?;
            let kind = u32::try_from(kind).map_err(|_| NO_TYPE)?;
            *place = (kind, begin);
            begin = begin.saturating_add(value_bytes(u64::from(kind)).ok_or(NO_TYPE)? as u32);
        }
        Ok(FoundColumns {
            values: self.values,
            places,
        })
    }

    /// Passes over some columns, whatever they hold.
    pub(crate) fn skip(&mut self, columns: usize) -> Result<()> {
        for _ in 0..columns {
            self.next()?;
        }
        Ok(())
    }

    /// Takes the type and the bytes of the next column.
    #[inline]
    pub(super) fn next(&mut self) -> Result<(u64, &'a [u8])> {
        if self.types.is_empty() {
            return Ok((0, &[]));
        }
        let kind = take_varint(&mut self.types).ok_or(NO_END)?;
        let bytes = value_bytes(kind).ok_or(NO_TYPE)?;
        let value = self.values.split_at_checked(bytes);
        let (value, rest) = value.ok_or(TOO_SHORT)?;
        self.values = rest;
        Ok((kind, value))
    }
}

/// Columns of the widest row whose columns are read in any order; those behind are not there.
pub(super) const WIDEST: usize = 32;

/// A row's columns, found.
pub(crate) struct FoundColumns<'a> {
    values: &'a [u8],
    /// The type of each, and where its value begins.
    places: [(u32, u32); WIDEST],
}

impl<'a> FoundColumns<'a> {
    /// Returns what stands in a column; nothing in one that is not there.
    #[inline]
    pub(crate) fn get(&self, column: usize) -> Result<Value<'a>> {
        let (kind, begin) = self.places.get(column).copied().unwrap_or_default();
        let kind = u64::from(kind);
        let bytes = value_bytes(kind).ok_or(NO_TYPE)?;
        let rest = self.values.get(begin as usize..);
        let value = rest.and_then(|rest| rest.get(..bytes));
        read_value(kind, value.ok_or(TOO_SHORT)?)
    }
}

const NO_END: Error = Error::Damaged("a type without an end");
const NO_TYPE: Error = Error::Damaged("a value of no known type");
const TOO_SHORT: Error = Error::Damaged("a record is shorter than its values");

#[inline]
fn value_bytes(kind: u64) -> Option<usize> {
    match kind {
        0 | 8 | 9 => Some(0),
        1..=4 => Some(kind as usize),
        5 => Some(6),
        6 => Some(8),
        12.. => usize::try_from((kind - 12) / 2).ok(),
        _ => None,
    }
}

#[inline]
fn read_value(kind: u64, bytes: &[u8]) -> Result<Value<'_>> {
    Ok(match kind {
        0 => Value::Null,
        8 | 9 => Value::Integer(kind as i64 - 8),
        1..=6 => {
            let is_negative = bytes.first().is_some_and(|byte| *byte >= 0x80);
            let sign = if is_negative { -1 } else { 0 };
            let number = bytes
                .iter()
                .fold(sign, |number, byte| number << 8 | i64::from(*byte));
            Value::Integer(number)
        }
        kind if kind % 2 == 0 => Value::Blob(bytes),
        _ => {
            let text = std::str::from_utf8(bytes);
            Value::Text(text.map_err(|_| Error::Damaged("a text that is no UTF-8"))?)
        }
    })
}

/// Takes a number of variable length from the front; none where there is no whole one.
#[inline]
pub(crate) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    // As nearly all are.
    if let Some((first, rest)) = bytes.split_first().filter(|(first, _)| **first < 0x80) {
        *bytes = rest;
        return Some(u64::from(*first));
    }
    if let [first, second @ ..0x80, rest @ ..] = *bytes {
        *bytes = rest;
        return Some(u64::from(first & 0x7f) << 7 | u64::from(*second));
    }
    let mut value = 0;
    for at in 0..VARINT_BYTES {
        let byte = *bytes.get(at)?;
        let is_last = at == VARINT_BYTES - 1;
        value = match is_last {
            true => value << 8 | u64::from(byte),
            false => value << 7 | u64::from(byte & 0x7f),
        };
        if is_last || byte < 0x80 {
            *bytes = &bytes[at + 1..];
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_record_is_an_error() {
        for bytes in [
            &[][..],
            &[5, 1],
            &[2, 7],
            &[2, 10, 0],
            &[2, 1],
            &[3, 15, 15, 0xff, 0xff],
        ] {
            let read = Columns::of(bytes).and_then(|mut columns| {
                let taken = [columns.take()?, columns.take()?, columns.take()?];
                Ok(taken.len())
            });
            assert!(read.is_err(), "{bytes:?}");
        }
    }
}

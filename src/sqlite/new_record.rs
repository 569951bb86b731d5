//! Rows in SQLite's record format in the making, column by column.

use super::Result;
use super::record::{Columns, VARINT_BYTES, Value};

/// Rows that are made, to be put into a table one after another.
#[derive(Debug, Default)]
pub(crate) struct Encoded {
    bytes: Vec<u8>,
    /// The rowid of each, and where it ends.
    rows: Vec<(i64, usize)>,
}

impl Encoded {
    /// Adds a row.
    pub(crate) fn push(&mut self, rowid: i64, record: &Record) {
        record.append_to(&mut self.bytes);
        self.rows.push((rowid, self.bytes.len()));
    }

    /// Returns each row's id and payload.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, &[u8])> {
        let begins = std::iter::once(0).chain(self.rows.iter().map(|(_, end)| *end));
        let rows = self.rows.iter().zip(begins);
        rows.map(|((rowid, end), begin)| (*rowid, &self.bytes[begin..*end]))
    }
}

/// A row in the making, its columns put in one after another.
#[derive(Debug, Default, Clone)]
pub(crate) struct Record {
    types: Vec<u8>,
    values: Vec<u8>,
}

impl Record {
    /// Begins the next row.
    pub(crate) fn clear(&mut self) {
        self.types.clear();
        self.values.clear();
    }

    /// Returns its columns so far.
    pub(crate) fn columns(&self) -> Columns<'_> {
        Columns {
            types: &self.types,
            values: &self.values,
        }
    }

    /// Puts in columns as another record has them.
    pub(crate) fn put_columns(&mut self, columns: Columns) {
        self.types.extend_from_slice(columns.types);
        self.values.extend_from_slice(columns.values);
    }

    /// Puts in a column without a value; the rowid's own column is one.
    pub(crate) fn put_null(&mut self) {
        self.types.push(0);
    }

    /// Puts in a number.
    pub(crate) fn put_integer(&mut self, value: i64) {
        let (kind, length) = match value {
            0 => return self.types.push(8),
            1 => return self.types.push(9),
            -0x80..=0x7f => (1, 1),
            -0x8000..=0x7fff => (2, 2),
            -0x80_0000..=0x7f_ffff => (3, 3),
            -0x8000_0000..=0x7fff_ffff => (4, 4),
            -0x8000_0000_0000..=0x7fff_ffff_ffff => (5, 6),
            _ => (6, 8),
        };
        self.types.push(kind);
        // To copy eight bytes costs less than to copy as many as there happen to be.
        let end = self.values.len() + length;
        let bytes = (value << (64 - 8 * length)).to_be_bytes();
        self.values.extend_from_slice(&bytes);
        self.values.truncate(end);
    }

    /// Puts in a number, or nothing.
    pub(crate) fn put_optional(&mut self, value: Option<i64>) {
        match value {
            Some(value) => self.put_integer(value),
            None => self.put_null(),
        }
    }

    /// Puts in a text.
    pub(crate) fn put_text(&mut self, text: &str) {
        put_varint(&mut self.types, 13 + 2 * text.len() as u64);
        self.values.extend_from_slice(text.as_bytes());
    }

    /// Puts in a text, or nothing.
    pub(crate) fn put_optional_text(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.put_text(text),
            None => self.put_null(),
        }
    }

    /// Puts in bytes.
    pub(crate) fn put_blob(&mut self, bytes: &[u8]) {
        put_varint(&mut self.types, 12 + 2 * bytes.len() as u64);
        self.values.extend_from_slice(bytes);
    }

    /// Puts in the next of some columns as it is there, and takes it from them.
    pub(crate) fn put_next(&mut self, columns: &mut Columns) -> Result<()> {
        let (kind, bytes) = columns.next()?;
        put_varint(&mut self.types, kind);
        self.values.extend_from_slice(bytes);
        Ok(())
    }

    /// Puts in a value as it was read.
    pub(crate) fn put(&mut self, value: Value) {
        match value {
            Value::Null => self.put_null(),
            Value::Integer(number) => self.put_integer(number),
            Value::Text(text) => self.put_text(text),
            Value::Blob(bytes) => self.put_blob(bytes),
        }
    }

    /// Bytes before the values, those that tell their number included.
    fn header_bytes(&self) -> usize {
        let mut length = self.types.len() + 1;
        // The number counts itself.
        while self.types.len() + varint_bytes(length as u64) > length {
            length += 1;
        }
        length
    }

    /// Returns how many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        self.header_bytes() + self.values.len()
    }

    /// Appends it to a cell.
    pub(super) fn append_to(&self, cell: &mut Vec<u8>) {
        put_varint(cell, self.header_bytes() as u64);
        cell.extend_from_slice(&self.types);
        cell.extend_from_slice(&self.values);
    }
}

fn varint_bytes(value: u64) -> usize {
    ((64 - value.leading_zeros()).div_ceil(7).max(1) as usize).min(VARINT_BYTES)
}

/// Appends a number in SQLite's variable length: seven bits a byte, and eight in a ninth.
pub(crate) fn put_varint(into: &mut Vec<u8>, value: u64) {
    if value < 0x80 {
        return into.push(value as u8);
    }
    if value < 0x4000 {
        return into.extend_from_slice(&[(value >> 7) as u8 | 0x80, value as u8 & 0x7f]);
    }
    if value >= 1 << 56 {
        let sevens = (1..VARINT_BYTES).rev().map(|at| value >> (7 * at + 1));
        into.extend(sevens.map(|bits| bits as u8 | 0x80));
        return into.push(value as u8);
    }
    for group in (1..varint_bytes(value)).rev() {
        into.push((value >> (7 * group)) as u8 | 0x80);
    }
    into.push(value as u8 & 0x7f);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::record::take_varint;

    #[test]
    fn numbers_of_every_length_are_read_back() {
        for bits in 0..64 {
            for number in [1u64 << bits, (1 << bits) - 1, (1 << bits) + bits] {
                let mut bytes = Vec::new();
                put_varint(&mut bytes, number);
                assert_eq!(take_varint(&mut bytes.as_slice()), Some(number));
                assert_eq!(bytes.len(), varint_bytes(number));
                bytes.pop();
                assert_eq!(take_varint(&mut bytes.as_slice()), None);
            }
        }
    }

    #[test]
    fn a_record_reads_back_column_by_column() {
        let values = [
            Value::Null,
            Value::Integer(0),
            Value::Integer(i64::MIN),
            Value::Text("Müller"),
            Value::Integer(-129),
            Value::Blob(&[0, 255]),
            Value::Text(""),
        ];
        let mut record = Record::default();
        // Headers around the length at which their own number takes two bytes.
        for repeated in 0..40 {
            record.clear();
            let all = || values.iter().cycle().take(repeated * 7);
            all().for_each(|value| record.put(*value));
            let mut bytes = Vec::new();
            record.append_to(&mut bytes);
            assert_eq!(bytes.len(), record.bytes());
            let mut columns = Columns::of(&bytes).unwrap();
            assert_eq!(columns, record.columns());
            all().for_each(|value| assert_eq!(columns.take().unwrap(), *value));
            assert_eq!(columns, Columns::default());
        }
    }
}

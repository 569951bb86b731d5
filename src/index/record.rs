//! Rows in SQLite's record format, for what is laid down past SQL (`btree`).

/// Bytes of the longest number.
pub(super) const VARINT_BYTES: usize = 9;

/// A row in SQLite's record format, its columns put in one after the other.
#[derive(Default)]
pub(super) struct Record {
    types: Vec<u8>,
    values: Vec<u8>,
}

impl Record {
    /// Begins the next row.
    pub(super) fn clear(&mut self) {
        self.types.clear();
        self.values.clear();
    }

    /// Puts in a column without a value; the rowid's own column is one.
    pub(super) fn put_null(&mut self) {
        self.types.push(0);
    }

    /// Puts in a number.
    pub(super) fn put_integer(&mut self, value: i64) {
        let bytes = value.to_be_bytes();
        let (kind, length) = match value {
            0 => (8, 0),
            1 => (9, 0),
            -0x80..=0x7f => (1, 1),
            -0x8000..=0x7fff => (2, 2),
            -0x80_0000..=0x7f_ffff => (3, 3),
            -0x8000_0000..=0x7fff_ffff => (4, 4),
            -0x8000_0000_0000..=0x7fff_ffff_ffff => (5, 6),
            _ => (6, 8),
        };
        self.types.push(kind);
        self.values.extend_from_slice(&bytes[8 - length..]);
    }

    /// Puts in a text.
    pub(super) fn put_text(&mut self, text: &str) {
        put_varint(&mut self.types, 13 + 2 * text.len() as u64);
        self.values.extend_from_slice(text.as_bytes());
    }

    /// Puts in a text, or nothing.
    pub(super) fn put_optional_text(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.put_text(text),
            None => self.put_null(),
        }
    }

    /// Bytes before the types: how many there are with these types, these bytes included.
    fn header_bytes(&self) -> usize {
        let one = self.types.len() + 1;
        if one < 0x80 { one } else { one + 1 }
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

/// Appends a number in SQLite's variable length: seven bits a byte, and eight in a ninth.
pub(super) fn put_varint(into: &mut Vec<u8>, value: u64) {
    if value >= 1 << 56 {
        let sevens = (1..VARINT_BYTES).rev().map(|at| value >> (7 * at + 1));
        into.extend(sevens.map(|bits| bits as u8 | 0x80));
        into.push(value as u8);
        return;
    }
    let groups = (64 - value.leading_zeros()).div_ceil(7).max(1);
    for group in (1..groups).rev() {
        into.push((value >> (7 * group)) as u8 | 0x80);
    }
    into.push(value as u8 & 0x7f);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_length_are_read_back() {
        for bits in 0..64 {
            let number = (1u64 << bits) + (bits as u64 % 3);
            let mut bytes = Vec::new();
            put_varint(&mut bytes, number);
            let (last, sevens) = bytes.split_last().unwrap();
            let read = sevens
                .iter()
                .fold(0, |read, byte| read << 7 | u64::from(byte & 0x7f));
            let width = if bytes.len() == VARINT_BYTES { 8 } else { 7 };
            assert_eq!(read << width | u64::from(*last), number, "{bits}");
        }
    }
}

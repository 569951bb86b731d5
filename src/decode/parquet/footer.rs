//! The footer of a Parquet file: by which names it calls each column of each row group.
//!
//! The format says so twice, in its schema and beside each column's place in the file; the crate `parquet` reads the former
//! alone. Where they differ, values would stand under wrong names. What is read here is as much of Thrift's compact protocol
//! as leads to those names.

/// What a struct or list that nests deeper is refused for: the format nests six.
const MAX_DEPTH: usize = 16;

/// Fields on the way: of the file its row groups, of these their columns, of these what is said of them, of that the path.
const ROW_GROUPS: i16 = 4;
const COLUMNS: i16 = 1;
const META_DATA: i16 = 3;
const PATH_IN_SCHEMA: i16 = 3;

// Types of the compact protocol.
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
const STRUCT: u8 = 12;

/// Returns the paths of the columns of every row group, parts joined with dots; none where they cannot be read.
pub(super) fn paths(footer: &[u8]) -> Option<Vec<Vec<String>>> {
    let mut groups = Vec::new();
    Thrift(footer).fields(|field, kind, thrift| match (field, kind) {
        (ROW_GROUPS, LIST) => thrift.structs(|thrift| {
            groups.push(columns(thrift)?);
            Some(())
        }),
        _ => thrift.skip(kind, 0),
    })?;
    Some(groups)
}

fn columns(group: &mut Thrift) -> Option<Vec<String>> {
    let mut paths = Vec::new();
    group.fields(|field, kind, thrift| match (field, kind) {
        (COLUMNS, LIST) => thrift.structs(|chunk| {
            paths.push(path(chunk)?);
            Some(())
        }),
        _ => thrift.skip(kind, 0),
    })?;
    Some(paths)
}

fn path(chunk: &mut Thrift) -> Option<String> {
    let mut path = Vec::new();
    chunk.fields(|field, kind, thrift| match (field, kind) {
        (META_DATA, STRUCT) => thrift.fields(|field, kind, thrift| match (field, kind) {
            (PATH_IN_SCHEMA, LIST) => {
                let (of, count) = thrift.list()?;
                for _ in 0..count {
                    let text = (of == BINARY).then(|| thrift.binary())??;
                    path.push(String::from_utf8(text.to_vec()).ok()?);
                }
                Some(())
            }
            _ => thrift.skip(kind, 0),
        }),
        _ => thrift.skip(kind, 0),
    })?;
    Some(path.join("."))
}

/// Bytes in the compact protocol that are left to read.
struct Thrift<'b>(&'b [u8]);

impl<'b> Thrift<'b> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn bytes(&mut self, count: usize) -> Option<&'b [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn binary(&mut self) -> Option<&'b [u8]> {
        let length = self.varint()?;
        self.bytes(usize::try_from(length).ok()?)
    }

    /// Reads a list's beginning: the type and number of what it holds.
    fn list(&mut self) -> Option<(u8, u64)> {
        let begin = self.byte()?;
        let count = match begin >> 4 {
            15 => self.varint()?,
            count => u64::from(count),
        };
        Some((begin & 15, count))
    }

    /// Reads a list of structs.
    fn structs(&mut self, mut read: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        let (of, count) = self.list()?;
        for _ in 0..count {
            (of == STRUCT).then(|| read(self))??;
        }
        Some(())
    }

    /// Reads a struct, each of its fields by number and type.
    fn fields(&mut self, mut read: impl FnMut(i16, u8, &mut Self) -> Option<()>) -> Option<()> {
        let mut field = 0i16;
        loop {
            let begin = self.byte()?;
            let kind = begin & 15;
            if kind == 0 {
                return Some(());
            }
            field = match begin >> 4 {
                0 => {
                    let folded = self.varint()?;
                    i16::try_from((folded >> 1) as i64 ^ -((folded & 1) as i64)).ok()?
                }
                step => field.checked_add(i16::from(step))?,
            };
            read(field, kind, self)?;
        }
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        match kind {
            1 | 2 => Some(()),
            3 => self.byte().map(drop),
            4..=6 => self.varint().map(drop),
            7 => self.bytes(8).map(drop),
            BINARY => self.binary().map(drop),
            LIST | SET => {
                let (of, count) = self.list()?;
                (0..count).try_for_each(|_| self.skip_element(of, depth + 1))
            }
            MAP => {
                let count = self.varint()?;
                let kinds = if count > 0 { self.byte()? } else { 0 };
                (0..count).try_for_each(|_| {
                    self.skip_element(kinds >> 4, depth + 1)?;
                    self.skip_element(kinds & 15, depth + 1)
                })
            }
            STRUCT => self.fields(|_, kind, thrift| thrift.skip(kind, depth + 1)),
            _ => None,
        }
    }

    /// Booleans have a byte in lists, and none as fields.
    fn skip_element(&mut self, kind: u8, depth: usize) -> Option<()> {
        match kind {
            1 | 2 => self.byte().map(drop),
            kind => self.skip(kind, depth),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_footer_without_end_or_sense_has_no_paths() {
        for footer in [
            &b""[..],
            b"\x15",
            b"\x49\x1c",
            b"\x49\xfc\xff\xff\xff\xff\x0f",
            &[0x1c; 400],
        ] {
            assert_eq!(paths(footer), None, "{footer:?}");
        }
        assert_eq!(paths(b"\0"), Some(Vec::new()));
    }
}

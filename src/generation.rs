//! Generations as both sides know them: files that never change, named `gen-000042-<blake3>.db`.

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

/// The name of a generation's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    /// Its number, 1 being the first.
    pub number: u64,
    /// The BLAKE3 hash of the file, so that `b3sum` agrees.
    pub blake3: [u8; 32],
}

impl Name {
    /// Reads a name; none for any other.
    pub fn parse(name: &str) -> Option<Name> {
        let name = name.strip_prefix("gen-")?.strip_suffix(".db")?;
        let (number, blake3) = name.split_once('-')?;
        Some(Name {
            number: number.parse().ok()?,
            blake3: from_hex(blake3)?,
        })
    }

    /// Reads the last component of a path.
    pub fn of(path: &Path) -> Option<Name> {
        Name::parse(path.file_name()?.to_str()?)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gen-{:06}-{}.db", self.number, hex(&self.blake3))
    }
}

/// Returns the folder of an index's generations, `identity.db.d` beside `identity.db`.
pub(crate) fn folder_of(index: &Path) -> PathBuf {
    let mut folder = index.file_name().unwrap_or_default().to_owned();
    folder.push(".d");
    index.with_file_name(folder)
}

/// Opens a file that nobody changes, for SQL that reads.
///
/// # Errors
/// What SQLite says.
#[cfg(feature = "ingest")]
pub(crate) fn connect(path: &Path) -> rusqlite::Result<rusqlite::Connection> {
    use rusqlite::OpenFlags;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let connection = rusqlite::Connection::open_with_flags(immutable_uri(path), flags)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF")?;
    Ok(connection)
}

/// Returns the URI of a file that nobody changes: no locks are taken and no file is made beside it.
#[cfg(feature = "ingest")]
fn immutable_uri(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut uri = String::from("file:");
    for byte in absolute.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                uri.push(char::from(*byte));
            }
            // What SQLite gives a meaning, and what is not text.
            byte => uri.push_str(&format!("%{byte:02x}")),
        }
    }
    uri + "?immutable=1"
}

/// Writes bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = String::with_capacity(bytes.len() * 2);
    bytes.iter().fold(digits, |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// Reads bytes of so many hexadecimal digits.
pub(crate) fn from_hex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if digits.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_what_it_wrote_and_no_other_text_is_one() {
        let name = Name {
            number: 42,
            blake3: std::array::from_fn(|at| at as u8 * 7),
        };
        assert_eq!(Name::parse(&name.to_string()), Some(name));
        let large = Name {
            number: u64::MAX,
            ..name
        };
        assert_eq!(Name::of(Path::new(&format!("a/{large}"))), Some(large));
        let zeros = "0".repeat(64);
        for text in [
            "",
            "identity.db",
            "gen-000042-00ff.db",
            &format!("gen-000042-{zeros}"),
            &format!("gen-x-{zeros}.db"),
            &format!("gen-1-{zeros}0.db"),
            &format!("../gen-1-{zeros}.db"),
        ] {
            assert_eq!(Name::parse(text), None, "{text}");
        }
    }

    #[cfg(feature = "ingest")]
    #[test]
    fn a_path_is_a_uri_without_anything_that_uris_give_a_meaning() {
        assert_eq!(
            immutable_uri(Path::new("/a b/50%?#é.db")),
            "file:/a%20b/50%25%3f%23%c3%a9.db?immutable=1"
        );
    }
}

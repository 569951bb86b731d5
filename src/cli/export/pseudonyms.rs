//! Pseudonyms: what stands for values that tell who somebody is, or which device something is.

use super::dictionary::Column;
use crate::cli;
use crate::generation::hex;
use crate::identifier::folded;
use crate::sql::Sql;

/// How many bytes of a hash are shown.
const BYTES: usize = 16;

/// Lets statements ask for pseudonyms by a key of chance, which nobody keeps: those of two exports cannot be joined.
pub(super) fn define(sql: &mut Sql) -> anyhow::Result<()> {
    let key = cli::by_chance()?;
    sql.define("pseudonym", move |text| {
        // One spelling, so that an account name is the same in every column.
        let folded = folded(text).unwrap_or(text.into());
        let hash = blake3::keyed_hash(&key, folded.as_bytes());
        hash.as_bytes().get(..BYTES).map(hex)
    })?;
    sql.define("pseudonym_id", move |text| {
        let hash = blake3::keyed_hash(&key, text.as_bytes());
        let (number, _) = hash.as_bytes().split_first_chunk()?;
        // Below 2^53, which every program that reads numbers keeps whole.
        Some((u64::from_le_bytes(*number) >> 11).to_string())
    })?;
    Ok(())
}

/// Returns a column as a statement asks for it.
pub(super) fn column(name: &str, column: &Column) -> String {
    if let Some(view) = &column.refers {
        format!("CAST(pseudonym_id('{view} ' || \"{name}\") AS INTEGER) AS \"{name}\"")
    } else if column.is_open() {
        format!("NULL AS \"{name}\"")
    } else if column.is_identifying {
        format!("pseudonym(\"{name}\") AS \"{name}\"")
    } else {
        format!("\"{name}\"")
    }
}

//! Devices that have so many users that they may be shared: a lookup asks for the users of those only.
//!
//! One bit a device (`schema::busy`), set when a run ends and never taken away: it says where to look, not what is there.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, params};

use super::{Result, Writer};
use crate::schema::{SHARED_BY, busy};

/// Devices that gained usages.
pub(super) enum Gained {
    Devices(Vec<u32>),
    /// More than are worth naming.
    Any,
}

impl Gained {
    /// More are found as quickly by a walk over all usages: 256 KB.
    const NAMED_AT_MOST: usize = 64 << 10;

    pub(super) fn nothing() -> Gained {
        Gained::Devices(Vec::new())
    }

    pub(super) fn add(&mut self, device: u32) {
        match self {
            Gained::Devices(devices) if devices.len() < Gained::NAMED_AT_MOST => {
                devices.push(device)
            }
            more => *more = Gained::Any,
        }
    }
}

impl Writer<'_> {
    /// Marks the devices that have many users since this run.
    pub(super) fn mark_new_busy(&mut self) -> Result<()> {
        match std::mem::replace(&mut self.usages.gained, Gained::nothing()) {
            Gained::Any => mark_all(self.connection),
            Gained::Devices(devices) => {
                let mut many = Vec::new();
                for device in devices.into_iter().collect::<BTreeSet<u32>>() {
                    if self.has_many_users(device)? {
                        many.push(device);
                    }
                }
                mark(self.connection, many)
            }
        }
    }

    fn has_many_users(&self, device: u32) -> Result<bool> {
        let sql = "SELECT count(*) FROM (SELECT 1 FROM usage WHERE device = ?1 LIMIT ?2)";
        let users: u32 = self.query_row(sql, [device, SHARED_BY], |row| row.get(0))?;
        Ok(users == SHARED_BY)
    }
}

/// Marks every device that has many users.
fn mark_all(connection: &Connection) -> Result<()> {
    let mut select =
        connection.prepare("SELECT device FROM usage GROUP BY device HAVING count(*) >= ?1")?;
    let devices = select.query_map([SHARED_BY], |row| row.get(0))?;
    mark(connection, devices.collect::<rusqlite::Result<Vec<u32>>>()?)
}

/// Marks devices.
pub(super) fn mark(connection: &Connection, devices: Vec<u32>) -> Result<()> {
    let mut blocks: BTreeMap<u32, Vec<(usize, u8)>> = BTreeMap::new();
    for device in devices {
        let (block, byte, bit) = busy::place(device);
        blocks.entry(block).or_default().push((byte, bit));
    }
    let mut select = connection.prepare("SELECT bits FROM busy WHERE block = ?1")?;
    let mut replace =
        connection.prepare("INSERT OR REPLACE INTO busy (block, bits) VALUES (?1, ?2)")?;
    for (block, places) in blocks {
        let known: Option<Vec<u8>> = select.query_row([block], |row| row.get(0)).optional()?;
        let mut bits = known.unwrap_or_default();
        bits.resize(busy::BLOCK_BYTES, 0);
        places.iter().for_each(|(byte, bit)| bits[*byte] |= bit);
        replace.execute(params![block, bits])?;
    }
    Ok(())
}

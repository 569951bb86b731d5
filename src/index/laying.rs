//! The first rows of a new index, laid down as pages (`btree`): accounts and devices until a row of theirs is asked for,
//! and the usages of the first logins object.

use std::path::Path;

use rusqlite::Connection;

use super::btree::{Tree, plant_index};
use super::busy::{self, Gained};
use super::ledger::Taking;
use super::logins::{Placed, WriteLogins, summed};
use super::part::{NewRow, Table, text};
use super::record::Record;
use super::tail::Tail;
use super::usage::{
    LastLogin, Logins, ONLY_LAST_LOGIN, USAGE_BY_DEVICE, UsageSeen, subjects_of, usage_id,
};
use super::{Error, Result, Writer};
use crate::observation::Layout;
use crate::schema::{SHARED_BY, Subject};

/// Tables that SQL does not see the rows of yet. No transaction is open meanwhile.
pub(super) struct Laying {
    tail: Tail,
    trees: [Tree; 2],
    record: Record,
}

impl Laying {
    /// Begins to lay the rows of a new index, a file that `connection` has open.
    ///
    /// # Errors
    /// SQLite's and the file system's.
    pub(super) fn open(connection: &Connection, path: &Path) -> Result<Laying> {
        Ok(Laying {
            tail: Tail::open(path)?,
            trees: [
                Tree::open(connection, Subject::Account.table())?,
                Tree::open(connection, Subject::Device.table())?,
            ],
            record: Record::default(),
        })
    }

    /// Adds a part; false, and nothing is done, if its row is too long.
    fn push(&mut self, subject: Subject, id: u32, row: &NewRow, shape: u32) -> Result<bool> {
        row.put_into(&mut self.record, shape, subject);
        self.trees[subject as usize].push(&self.tail, u64::from(id), &self.record)
    }

    fn plant(self, connection: &Connection) -> Result<()> {
        for tree in self.trees {
            tree.plant(connection, &self.tail)?;
        }
        Ok(())
    }
}

/// Usages on their way into their table, in its order.
struct LayingUsages {
    tail: Tail,
    tree: Tree,
    record: Record,
    /// What the index by device is made of: usages with device and account changed over.
    by_device: Vec<u64>,
}

/// The most bytes of an entry of the index by device: a header of three, a device, a usage.
const BY_DEVICE_BYTES: usize = 3 + 4 + 8;

impl LayingUsages {
    fn open(connection: &Connection, path: &Path) -> Result<LayingUsages> {
        Ok(LayingUsages {
            tail: Tail::open(path)?,
            tree: Tree::open(connection, "usage")?,
            record: Record::default(),
            by_device: Vec::new(),
        })
    }

    /// Adds a usage; false, and nothing is done, if its row is too long.
    fn push(
        &mut self,
        usage: u64,
        seen: &UsageSeen,
        keys: Option<&(String, String)>,
        extra: Option<&str>,
    ) -> Result<bool> {
        let (account, device) = subjects_of(usage);
        let (user_keys, device_keys) = keys.map(|(user, device)| (user, device)).unzip();
        self.record.clear();
        self.record.put_null();
        self.record.put_text(text(&seen.encode()));
        self.record.put_integer(i64::from(device));
        self.record.put_optional_text(user_keys.map(String::as_str));
        self.record
            .put_optional_text(device_keys.map(String::as_str));
        self.record.put_optional_text(extra);
        let is_laid = self.tree.push(&self.tail, usage, &self.record)?;
        if is_laid {
            self.by_device.push(usage_id(device, account));
        }
        Ok(is_laid)
    }

    /// Hands the usages to SQL; returns the devices that have many.
    fn plant(mut self, connection: &Connection) -> Result<Vec<u32>> {
        self.tree.plant(connection, &self.tail)?;
        self.by_device.sort_unstable();
        let entries = &self.by_device;
        let put = |record: &mut Record, entry: u64| {
            let (device, account) = subjects_of(entry);
            record.put_integer(i64::from(device));
            record.put_integer(usage_id(account, device) as i64);
        };
        plant_index(
            connection,
            &self.tail,
            USAGE_BY_DEVICE,
            entries,
            BY_DEVICE_BYTES,
            put,
        )?;
        let device_of = |entry: &u64| subjects_of(*entry).0;
        let by_device = entries.chunk_by(|left, right| device_of(left) == device_of(right));
        let many = by_device.filter(|usages| usages.len() >= SHARED_BY as usize);
        Ok(many.map(|usages| device_of(&usages[0])).collect())
    }
}

impl<'c> Writer<'c> {
    /// Adds the row of a new part.
    pub(super) fn insert_part(
        &mut self,
        subject: Subject,
        id: u32,
        row: &NewRow,
        shape: u32,
    ) -> Result<()> {
        if let Some(laying) = &mut self.laying
            && laying.push(subject, id, row, shape)?
        {
            return Ok(());
        }
        Ok(self.table(subject)?.insert_row(id, row, shape)?)
    }

    /// Returns a table whose rows SQL sees.
    pub(super) fn table(&mut self, subject: Subject) -> Result<&mut Table<'c>> {
        self.plant()?;
        Ok(&mut self.tables[subject as usize])
    }

    /// Hands the rows laid so far to SQL; all later ones go through it.
    pub(super) fn plant(&mut self) -> Result<()> {
        if let Some(laying) = self.laying.take() {
            laying.plant(self.connection)?;
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
        }
        Ok(())
    }

    /// Lays down what the first logins object says, and the last logins with it, if there are no usages yet. What has no
    /// place there is left pending: further groups of one usage, and rows that are too long.
    pub(super) fn lay_pending(&mut self, taking: &mut Taking, layout: &Layout) -> Result<()> {
        if self.usages.largest > 0 {
            return Ok(());
        }
        self.index_usages()?;
        // Pages are appended between transactions.
        self.connection.execute_batch("COMMIT")?;
        let mut laying = LayingUsages::open(self.connection, &self.path)?;
        let inline = std::mem::take(&mut self.pending.inline);
        let texts = std::mem::take(&mut self.pending.texts);
        let write = WriteLogins {
            taking,
            layout,
            texts: &texts,
        };
        for placed in summed(inline) {
            self.lay_last_logins(&mut laying, placed.usage)?;
            if !self.lay_login(&mut laying, &write, placed)? {
                self.pending.inline.push(placed);
            } else {
                write.taking.counts.stored += u64::from(placed.tally.rows);
            }
        }
        self.lay_last_logins(&mut laying, u64::MAX)?;
        self.pending.texts = texts;
        let many = laying.plant(self.connection)?;
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        self.usages.gained = Gained::nothing();
        busy::mark(self.connection, many)
    }

    /// Lays down a usage with its logins; false, and nothing is done, if it has some already or its row is too long.
    fn lay_login(
        &mut self,
        laying: &mut LayingUsages,
        write: &WriteLogins,
        placed: Placed,
    ) -> Result<bool> {
        let Placed {
            usage,
            group,
            tally,
        } = placed;
        if usage <= self.usages.largest {
            return Ok(false);
        }
        let is_named = self.last_logins.next_unwritten() == Some(usage);
        let seen = UsageSeen {
            last_login: LastLogin::current_if(is_named),
            ..tally.seen(write.taking.id, Logins::Inline(group))
        };
        let (keys, extra) = (write.keys(tally), write.extra(tally));
        let is_laid = laying.push(usage, &seen, keys.as_ref(), extra.as_deref())?;
        if is_laid {
            self.note_usage(usage, &seen);
            if is_named {
                self.last_logins.take_next();
            }
        }
        Ok(is_laid)
    }

    /// Lays down the last logins of usages before one.
    fn lay_last_logins(&mut self, laying: &mut LayingUsages, before: u64) -> Result<()> {
        while let Some(usage) = self
            .last_logins
            .next_unwritten()
            .filter(|usage| *usage < before)
        {
            if !laying.push(usage, &ONLY_LAST_LOGIN, None, None)? {
                return Err(Error::Inconsistent(
                    "a usage without text is too long for a page",
                ));
            }
            self.note_usage(usage, &ONLY_LAST_LOGIN);
            self.last_logins.take_next();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::INDEX_SQL;

    #[test]
    fn columns_are_laid_in_the_order_of_the_tables() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(INDEX_SQL).unwrap();
        let columns = |table: &str| {
            let sql = format!("SELECT group_concat(name, ', ') FROM pragma_table_info('{table}')");
            connection
                .query_row(&sql, [], |row| row.get::<_, String>(0))
                .unwrap()
        };
        for subject in Subject::ALL {
            // As `NewRow::put_into` puts them.
            let laid = format!(
                "id, seen, owner, shape, class, flags, {}, extra",
                subject.column_list()
            );
            assert_eq!(columns(subject.table()), laid);
        }
        let laid = "id, seen, device, user_keys, device_keys, extra";
        assert_eq!(columns("usage"), laid);
    }
}

//! Heads of usages' rows: what they begin with, kept until ranks are known. What they are summed up from lies scattered over
//! memory, and is looked at but once.

use super::aside::PutAside;
use super::ledger::Ledger;
use super::said::ObjectId;
use super::usage::Whole;
use crate::bucket::read_u32;
use crate::schema::stored_time;
use crate::sqlite::{Columns, Record};

/// Columns of a head, the row's id included. All are numbers, so that each has a type of one byte.
const COLUMNS: usize = 9;
/// Marks, in the byte that says how long a head's values are, that other columns of a logins row were put aside.
const HAS_EXTRA: u8 = 0x80;

/// Heads of some usages, one after another.
#[derive(Debug, Default)]
pub(super) struct Heads {
    bytes: Vec<u8>,
    pub(super) rows: usize,
}

/// The head of a usage's row.
pub(super) struct Head<'h> {
    pub(super) columns: Columns<'h>,
    /// The mention whose other columns were put aside.
    pub(super) extra: Option<u32>,
}

impl Heads {
    /// Adds the head of a usage with a time of use.
    pub(super) fn push(
        &mut self,
        usage: &Whole,
        time_of_use: i64,
        ledger: &Ledger,
        extras: &PutAside,
        record: &mut Record,
    ) {
        let shown = usage.shown(ledger);
        record.clear();
        record.put_null();
        record.put_optional(shown.logins.map(|logins| logins as i64));
        record.put_optional(shown.used.map(stored_time));
        // Mostly it is when the export says that the device was used.
        let is_same = shown.used == Some(time_of_use);
        record.put_optional((!is_same).then(|| stored_time(time_of_use)));
        let object = |object: Option<ObjectId>| object.map(|object| i64::from(object.number()));
        record.put_optional(object(shown.said.map(|(object, _)| object)));
        record.put_optional(shown.said.map(|(_, row)| i64::from(row)));
        record.put_optional(object(shown.last_login));
        record.put_optional(usage.through().map(i64::from));
        record.put_optional(shown.first_day.map(i64::from));
        let Columns { types, values } = record.columns();
        let extra = shown
            .mention
            .filter(|mention| extras.has(*mention as usize));
        let mark = extra.map_or(0, |_| HAS_EXTRA);
        self.bytes.push(values.len() as u8 | mark);
        self.bytes.extend_from_slice(types);
        self.bytes.extend_from_slice(values);
        if let Some(mention) = extra {
            self.bytes.extend_from_slice(&mention.to_le_bytes());
        }
        self.rows += 1;
    }

    /// Gives back what room is left.
    pub(super) fn end(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// Returns the heads in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Head<'_>> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let (length, behind) = rest.split_first()?;
            let (types, behind) = behind.split_at_checked(COLUMNS)?;
            let (values, behind) = behind.split_at_checked(usize::from(length & !HAS_EXTRA))?;
            let (extra, behind) = match length & HAS_EXTRA {
                0 => (None, behind),
                _ => {
                    let (mention, behind) = behind.split_at_checked(size_of::<u32>())?;
                    (Some(read_u32(mention, 0)), behind)
                }
            };
            rest = behind;
            Some(Head {
                columns: Columns { types, values },
                extra,
            })
        })
    }
}

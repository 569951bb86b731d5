//! The index as a run makes it: whole generations, made and never mended.
//!
//! [`Kept`] is what is kept of all rows ever taken in. A run folds new rows into it, in any order, and [`Kept::make`] makes
//! the next generation of it: a file that never changes, published by `publish`. First load, second day,
//! backfill and a change of format are the same walk, which is also the order to read in:
//!
//! **fold** (`claim`, `roster`, `mentions`, `former`, `held`; text goes to `spill`) → **resolve** (`identifiers` walks
//! over all of them, `finds` notes shared keys and what is wanted, `identity` says who is who, `subject` numbers them) →
//! **derive** (`place`, `waiting`, `usage`, `ranking`) → **write** (`write`, `rows`, `written_rows`).
//! Beside it: `ranked`, `from_devices`, `last_users`, `replaced`, `idle` and `stands_for` (what ranks rest on), `ledger` (objects; `object_lines`, `contents`,
//! `complete_lists`, `shapes`), `known` (rows recognised by their bytes), `mention_rows`, `aside` (texts that later rows
//! need), `digest`, `near` (scattered memory looked at ahead).

mod aside;
mod at_device;
mod beside;
mod bits;
mod building;
mod claim;
mod complete_lists;
mod contents;
mod day_counts;
mod days;
mod digest;
mod domains;
mod doubts;
mod erased;
mod error;
mod finds;
mod former;
mod from_devices;
mod gone;
mod held;
mod identifiers;
mod identity;
mod idle;
mod in_order;
mod kept;
mod known;
mod lanes;
mod last;
mod last_use;
mod last_users;
mod ledger;
mod make;
mod mention;
mod mention_rows;
mod mentions;
mod merged_rows;
mod near;
mod object_lines;
mod person;
mod place;
mod projected;
mod ranked;
mod ranking;
mod replaced;
mod roster;
mod rows;
mod said;
mod seen;
mod shapes;
mod shown;
mod side;
mod sift;
mod slots;
mod spill;
mod stand;
mod stands_for;
mod subject;
mod superseded;
mod text;
mod text_reader;
mod usage;
mod usage_heads;
mod waiting;
mod wants;
mod write;
mod written_rows;

pub use self::contents::{Content, Contents};
pub use self::erased::{Erased, ErasedHash};
pub(crate) use self::error::file_error;
pub use self::error::{Error, Result};
pub use self::kept::Kept;
pub use self::known::Known;
pub use self::last::{Past, Published};
pub(crate) use self::last::{check_format, erasures_of, objects_of};
pub use self::ledger::{NewestOf, ShapesOf};
pub use self::make::Made;
pub(crate) use self::object_lines::identity_of;
pub use self::object_lines::{Loaded, REJECTS_KEPT, RowCounts};
pub use self::person::{
    AccountKeys, Person, PersonRow, is_anybodys, names_of, person, person_named,
};
pub use self::projected::{ShownFields, mark_of, project};
pub use self::sift::{LetGo, Sieve, sift};
use crate::class::Patterns;
use crate::observation::Object;
use crate::schema::{BySubject, Dataset};

/// What of the configuration a generation depends on.
#[derive(Debug, Clone)]
pub struct Rules {
    /// What names say of an account's class.
    pub patterns: Patterns,
    /// How long before it was observed a logins row may have been true, in microseconds; none: as long as any query's window.
    pub login_window: Option<i64>,
    /// How long before the newest row a usage is current, in microseconds.
    pub recent: i64,
    /// Domains of devices beside those that rows show, in small letters.
    pub device_domains: Vec<String>,
    /// Datasets whose objects list all that there is.
    pub complete: Vec<Dataset>,
    /// Objects that sources have and the last generation lacks: what is not taken in now either may be part of a list.
    pub listed: Vec<Object>,
    /// The sources that could be listed; of others that is known which the last generation knew.
    pub listed_sources: Vec<String>,
    /// How long before the newest object of its dataset a row was observed that is kept in clear though newer ones replaced what it
    /// says, in microseconds; none: for ever.
    pub superseded: Option<i64>,
}

/// How many accounts, or devices, a generation has otherwise than the one before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Changes {
    /// Those that were there before.
    #[serde(skip)]
    pub before: u64,
    /// New ones.
    pub added: u64,
    /// Those that have another name, uid, UPN, email or serial number.
    pub changed: u64,
    /// Those that the newest object which lists all that there is does not have.
    pub gone: u64,
    /// Those whose last row is too old to be kept.
    pub expired: u64,
}

/// How many are named of each.
pub(crate) const EXAMPLES: usize = 10;

/// Some of the accounts or devices that are otherwise than in the last generation, by their ids in the one that was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Examples {
    /// Of those that have other identifiers.
    pub changed: Vec<u32>,
    /// Of those that are gone.
    pub gone: Vec<u32>,
}

/// The same of both.
pub type ChangesOf = BySubject<Changes>;

impl Rules {
    /// Tells whether each logins file covers a day or two, and so the one before it was observed.
    pub(crate) fn is_window_of_a_day(&self) -> bool {
        let window = self.login_window;
        self.is_window_short() && window.is_some_and(|window| window > days::DAY / 2)
    }

    /// Tells whether the window of logins is so short that it tells when they were.
    pub(crate) fn is_window_short(&self) -> bool {
        const AT_MOST: i64 = 2 * days::DAY;
        self.login_window.is_some_and(|window| window <= AT_MOST)
    }
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            patterns: Patterns::default(),
            login_window: None,
            recent: 30 * days::DAY,
            device_domains: Vec::new(),
            complete: Vec::new(),
            listed: Vec::new(),
            listed_sources: Vec::new(),
            superseded: None,
        }
    }
}

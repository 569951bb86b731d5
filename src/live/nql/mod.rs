//! NQL: queries that an administrator saved in Nexthink, run with parameters.
//!
//! Only saved queries can be run, by their id (Nexthink's NQL API reference). `execute` answers at once with 1,000 rows at the
//! most, `export` leaves a file. `shipped` are the queries that this program asks itself.

mod execute;
mod export;
mod query;
mod shipped;

pub use execute::{Row, Rows};
pub use export::{Compression, Export};
pub use query::{Query, QueryId};
pub use shipped::Shipped;
pub(crate) use shipped::text_of;
pub(super) use shipped::{is_column, number_of};

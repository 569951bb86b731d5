//! An identity index for chatbots: who is this employee, which devices are theirs, and which ids does the next API call
//! need?
//!
//! Nexthink's Data Exporters leave files of users, devices and logins in object storage. A scheduled run takes in what is
//! new and publishes one SQLite file; a lookup answers from it.
//!
//! ```no_run
//! use identidex::{Index, Query};
//!
//! let index = Index::open("identity.db")?;
//! let answer = index.find(Query::all_of(["jdoe".into(), Query::upn("john.doe@contoso.com")]))?;
//! match answer.one() {
//!     Ok(one) => println!("{one:?}"),
//!     Err(not_one) => println!("{not_one}"),
//! }
//! # Ok::<_, identidex::Error>(())
//! ```
//!
//! The walk of the data, which is also the order to read the source in:
//!
//! **object → RecordBatch → observation → index → answer**
//!
//! | layer | modules | feature |
//! |---|---|---|
//! | what both sides know | `error`, `identifier`, `schema`, `bucket`, `sealed`, `generation`, `hashing`, `sqlite` | always |
//! | answers | `lookup` | always |
//! | rows as the stages hand them on | `observation`, `class` | `ingest` |
//! | why a service did not answer | `fault` | `ingest`, `live` |
//! | the stages of a run, which do not see each other | `source`, `decode`, `mapping`, `index` | `ingest` |
//! | files, and the folder of generations | `write_behind`, `publish` | `ingest` |
//! | a run | `ingest` | `ingest` |
//! | Nexthink's own APIs | `live` | `live` |
//! | the index first, then Nexthink | `resolver` | `ingest` and `live` |
//! | what Nexthink sends by itself, on the disk | `receive` | `ingest` |
//! | generations on their way to other machines | `distribute` | `ingest` |
//! | saved queries as a source | `queried` | `ingest` and `live` |
//! | lookups and what Nexthink sends, over HTTP | `serve` | `serve` |
//! | tools of a language model | `mcp` | `mcp` |
//! | SQL over a generation, for people | `sql` | `cli` |
//! | the program | `config`, `telemetry`, `cli` | `cli` |
//! | a made-up tenant | `demo` | `cli` |

mod error;
pub mod identifier;
mod schema;

mod bucket;
mod generation;
mod hashing;
mod lookup;
mod sealed;
#[cfg_attr(
    not(feature = "ingest"),
    expect(
        dead_code,
        unused_imports,
        reason = "who only reads seeks no rows front to back"
    )
)]
mod sqlite;

#[cfg(feature = "ingest")]
mod class;
#[cfg(feature = "ingest")]
mod observation;

#[cfg(any(feature = "ingest", feature = "live"))]
mod fault;

#[cfg(feature = "ingest")]
mod decode;
#[cfg(feature = "ingest")]
mod mapping;
#[cfg(feature = "ingest")]
mod source;

#[cfg(feature = "ingest")]
mod index;
#[cfg(feature = "ingest")]
mod publish;
#[cfg(feature = "ingest")]
mod write_behind;

#[cfg(feature = "ingest")]
pub mod ingest;

#[cfg(feature = "ingest")]
pub mod distribute;

#[cfg(feature = "live")]
pub mod live;

#[cfg(all(feature = "ingest", feature = "live"))]
mod resolver;

#[cfg(feature = "ingest")]
pub mod receive;

#[cfg(all(feature = "ingest", feature = "live"))]
pub mod queried;

#[cfg(feature = "serve")]
pub mod serve;

#[cfg(feature = "mcp")]
pub mod mcp;

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
mod config;
#[cfg(feature = "cli")]
mod demo;
#[cfg(feature = "cli")]
mod sql;
#[cfg(feature = "cli")]
mod telemetry;

#[doc(hidden)]
pub mod internals;

pub use crate::error::Error;
pub use crate::identifier::Kind;
pub use crate::lookup::{
    Account, AccountUse, Answer, BadClues, Because, Clue, ClueSet, Coverage, Device, DeviceUse,
    Doubt, Evidence, Flag, Found, Freshness, FreshnessState, Held, Hit, HitVerdict, Impacted,
    Index, LeftOut, Level, Likeness, LookedUp, Match, NoTarget, Nobody, NotEnough, NotOne, Options,
    Outcome, Query, Recipient, Skipped, Suggestion, Target, Targeted, Tried, Use, Verdict, Waiting,
    WaitingReason, WaitingUsage, Which, Why,
};
#[cfg(all(feature = "ingest", feature = "live"))]
pub use crate::resolver::{AnsweredBy, Fault, Resolved, Resolver, ResolverOptions};
pub use crate::schema::{Class, Dataset, NotPrimary, Subject};

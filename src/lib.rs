//! An identity index for chatbots: who is this employee, which devices are theirs, and which ids does the next API call
//! need?
//!
//! Nexthink's Data Exporters leave files of users, devices and logins in object storage. A scheduled run takes in what is
//! new and publishes one SQLite file; a lookup answers from it. The walk of the data, which is also the order to read in:
//!
//! **object → RecordBatch → observation → index → answer**
//!
//! | layer | modules | feature |
//! |---|---|---|
//! | what both sides know | `error`, `identifier`, `schema`, `bucket`, `generation` | always |
//! | answers | `lookup` | always |
//! | rows as the stages hand them on | `observation`, `class` | `ingest` |
//! | the stages of a run, which do not see each other | `source`, `decode`, `mapping`, `index` | `ingest` |
//! | a run | `ingest` | `ingest` |
//! | the program | `config`, `telemetry`, `cli` | `cli` |
//! | a made-up tenant | `demo` | `cli` |

pub mod bucket;
pub mod error;
pub mod generation;
pub mod identifier;
pub mod lookup;
pub mod schema;

#[cfg(feature = "ingest")]
pub mod class;
#[cfg(feature = "ingest")]
pub mod decode;
#[cfg(feature = "ingest")]
pub mod index;
#[cfg(feature = "ingest")]
pub mod ingest;
#[cfg(feature = "ingest")]
pub mod mapping;
#[cfg(feature = "ingest")]
pub mod observation;
#[cfg(feature = "ingest")]
pub mod source;
#[cfg(feature = "ingest")]
mod sqlite;
#[cfg(feature = "ingest")]
mod write_behind;

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
pub mod config;
#[cfg(feature = "cli")]
pub mod demo;
#[cfg(feature = "cli")]
pub mod telemetry;

//! The one integration binary. Each module says in its first lines what belongs there.

#![cfg_attr(
    feature = "ingest",
    expect(
        clippy::unwrap_used,
        reason = "a test that cannot go on says where it stopped"
    )
)]

#[cfg(feature = "ingest")]
mod answers;
#[cfg(feature = "ingest")]
mod bad;
#[cfg(feature = "cli")]
mod chat;
#[cfg(feature = "cli")]
mod cli;
#[cfg(feature = "cli")]
mod crash;
#[cfg(feature = "ingest")]
mod distribution;
#[cfg(feature = "cli")]
mod field;
#[cfg(feature = "cli")]
mod formats;
#[cfg(feature = "ingest")]
mod forms;
#[cfg(feature = "cli")]
mod large;
#[cfg(feature = "ingest")]
mod layers;
#[cfg(all(feature = "ingest", feature = "live"))]
mod live;
#[cfg(feature = "ingest")]
mod lookalikes;
#[cfg(feature = "cli")]
mod mcp;
#[cfg(feature = "ingest")]
mod model;
#[cfg(feature = "ingest")]
mod months;
#[cfg(feature = "ingest")]
mod projected;
#[cfg(feature = "cli")]
mod readers;
#[cfg(feature = "cli")]
mod regressions;
#[cfg(feature = "ingest")]
mod replay;
#[cfg(feature = "cli")]
mod runs;
#[cfg(feature = "ingest")]
mod semantics;
#[cfg(feature = "cli")]
mod serve;
#[cfg(feature = "ingest")]
mod servers;
#[cfg(feature = "ingest")]
mod source;
#[cfg(feature = "ingest")]
mod state;
#[cfg(feature = "ingest")]
mod targets;
#[cfg(feature = "ingest")]
mod tenant;
#[cfg(feature = "cli")]
mod util;

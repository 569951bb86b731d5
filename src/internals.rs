//! What the project's own tests and benches look into. No part of the public surface: it changes without notice.

/// The identifier table's format.
pub mod bucket {
    pub use crate::bucket::*;
}

/// What the index knows of a subject.
pub mod schema {
    pub use crate::schema::*;
}

/// The names of generations.
pub mod generation {
    pub use crate::generation::*;
}

/// Rows as the stages hand them on.
#[cfg(feature = "ingest")]
pub mod observation {
    pub use crate::observation::*;
}

/// What an account is.
#[cfg(feature = "ingest")]
pub mod class {
    pub use crate::class::*;
}

/// Stores, listing and fetching.
#[cfg(feature = "ingest")]
pub mod source {
    pub use crate::source::*;
}

/// From bytes to text columns.
#[cfg(feature = "ingest")]
pub mod decode {
    pub use crate::decode::*;
}

/// From text columns to observations.
#[cfg(feature = "ingest")]
pub mod mapping {
    pub use crate::mapping::*;
}

/// The next generation.
#[cfg(feature = "ingest")]
pub mod index {
    pub use crate::index::*;
}

/// Generations in their folder.
#[cfg(feature = "ingest")]
pub mod publish {
    pub use crate::publish::*;
}

/// The configuration.
#[cfg(feature = "cli")]
pub mod config {
    pub use crate::config::*;
}

/// A made-up tenant.
#[cfg(feature = "cli")]
pub mod demo {
    pub use crate::demo::*;
}

/// Logs.
#[cfg(feature = "cli")]
pub mod telemetry {
    pub use crate::telemetry::*;
}

//! Publication: the generations of an index in the folder beside it, which of them readers read, and going back.
//!
//! [`Folder::publish`] makes what [`crate::index::Kept::make`] made the current generation; [`roll_back`] names an older
//! one, and notes the objects that only newer ones took in ([`Undone`]). What a generation holds is the index's affair.

mod erasures;
mod failed;
mod folder;
mod generation;
mod lists;
mod readers;
mod rollback;
mod undone;

pub use self::erasures::{Erasure, Erasures};
pub use self::failed::{Failed, FailedObject, OF_REFUSED, digits};
pub use self::folder::{Folder, Lock};
pub use self::generation::Generation;
pub use self::readers::Readers;
pub use self::rollback::{
    GenerationState, Listed, RolledBack, generations, roll_back, settle_undone,
};
pub use self::undone::Undone;

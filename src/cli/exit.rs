//! Exit codes: how the program ends, by one table.

use super::nexthink;
use super::{BadUsage, ClosedPipe};
use crate::lookup::{self, NoTarget, NotOne, Outcome};
use crate::telemetry::BadFilter;
use crate::{config, distribute, index, ingest, live, mapping, source};

/// What every help text says of them.
pub(super) const EXIT_CODES: &str = "Exit codes:
   0  done, or one match
   1  failed
   2  bad usage or configuration
   3  partly done: some objects failed, the rest are in
   4  refused: something speaks against acting, or a run would change too much
   5  another run holds the lock
  10  none
  11  several
  12  unparseable";

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Exit {
    /// Done; of a lookup: one match.
    Done = 0,
    Failed = 1,
    /// Bad usage or configuration.
    Usage = 2,
    /// Some objects failed; the rest are in.
    Partly = 3,
    /// Something speaks against acting.
    Refused = 4,
    /// Another run holds the lock.
    Locked = 5,
    None = 10,
    Several = 11,
    Unparseable = 12,
}

impl Exit {
    pub(super) fn of_error(error: &anyhow::Error) -> Exit {
        if let Some(no_target) = nexthink::no_target_of(error) {
            return Exit::of_no_target(no_target);
        }
        if error.is::<nexthink::MayBeDone>() {
            return Exit::Partly;
        }
        let of_live = error.downcast_ref::<live::Error>();
        let is_usage = matches!(of_live, Some(live::Error::Configuration { .. }))
            || error.is::<BadUsage>()
            || matches!(
                error.downcast_ref(),
                Some(
                    crate::serve::Error::Open { .. }
                        | crate::serve::Error::OpenActions
                        | crate::serve::Error::OpenReceiving
                        | crate::serve::Error::OneToken
                        | crate::serve::Error::BadToken
                )
            )
            || error.is::<config::Error>()
            || error.is::<mapping::UnknownField>()
            || error.is::<BadFilter>();
        let of_distribution = error.downcast_ref::<distribute::Error>();
        if let Some(exit) = of_distribution.and_then(Exit::of_distribution) {
            return exit;
        }
        let error_of_index = error.downcast_ref();
        let is_locked = matches!(error_of_index, Some(index::Error::Locked { .. }));
        let is_pulled = matches!(error_of_index, Some(index::Error::Pulled { .. }));
        match error.downcast_ref::<ingest::Error>() {
            _ if error.is::<ClosedPipe>() => Exit::Done,
            _ if is_usage => Exit::Usage,
            Some(ingest::Error::NoSource) => Exit::Usage,
            Some(ingest::Error::Former) => Exit::Refused,
            Some(ingest::Error::Source(
                source::Error::BadUrl { .. }
                | source::Error::BadOption { .. }
                | source::Error::InsecureEndpoint { .. },
            )) => Exit::Usage,
            Some(ingest::Error::Index(index::Error::Locked { .. })) => Exit::Locked,
            Some(ingest::Error::Index(index::Error::Pulled { .. })) => Exit::Usage,
            None if is_locked => Exit::Locked,
            None if is_pulled => Exit::Usage,
            _ => Exit::Failed,
        }
    }

    fn of_distribution(error: &distribute::Error) -> Option<Exit> {
        match error {
            distribute::Error::Key { .. } | distribute::Error::MadeHere { .. } => Some(Exit::Usage),
            distribute::Error::Source(
                source::Error::BadUrl { .. }
                | source::Error::BadOption { .. }
                | source::Error::InsecureEndpoint { .. },
            ) => Some(Exit::Usage),
            distribute::Error::Unsigned { .. }
            | distribute::Error::Replayed { .. }
            | distribute::Error::Unerased { .. }
            | distribute::Error::OtherKind { .. }
            | distribute::Error::ErasuresLost { .. }
            | distribute::Error::NotErased
            | distribute::Error::Torn { .. } => Some(Exit::Refused),
            distribute::Error::Conflict { .. }
            | distribute::Error::Leased { .. }
            | distribute::Error::Index(index::Error::Locked { .. }) => Some(Exit::Locked),
            _ => None,
        }
    }

    pub(super) fn of_no_target(no_target: &lookup::NoTarget) -> Exit {
        match no_target {
            NoTarget::NotOne(NotOne::Several { .. } | NotOne::Unclear) => Exit::Several,
            NoTarget::NotOne(NotOne::None | NotOne::TooMany) => Exit::None,
            NoTarget::NotOne(NotOne::Unparseable) => Exit::Unparseable,
            NoTarget::Index(_) => Exit::Failed,
            _ => Exit::Refused,
        }
    }

    pub(super) fn of_outcome(outcome: Outcome) -> Exit {
        match outcome {
            Outcome::One => Exit::Done,
            Outcome::None => Exit::None,
            Outcome::Several => Exit::Several,
            Outcome::Unparseable => Exit::Unparseable,
        }
    }
}

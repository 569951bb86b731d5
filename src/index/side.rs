//! Sides: whom one side of a mention means, its user or its device.

use super::identity::CANDIDATES_AT_MOST;
use super::subject::SubjectId;

/// Whom one side of a mention means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Side {
    One(SubjectId),
    /// Of several who bear the name: another may have been away.
    Likely(SubjectId),
    Ambiguous(Vec<SubjectId>),
    Unknown(Vec<SubjectId>),
    /// Nobody who is known, with a weaker key of this one.
    Namesake(SubjectId),
}

impl Side {
    /// Tells whether nobody who is known is meant for sure.
    pub(super) fn is_unknown(&self) -> bool {
        matches!(self, Side::Unknown(_) | Side::Namesake(_))
    }

    /// Returns the one that is meant.
    pub(super) fn one(&self) -> Option<&SubjectId> {
        match self {
            Side::One(one) | Side::Likely(one) => Some(one),
            Side::Ambiguous(_) | Side::Unknown(_) | Side::Namesake(_) => None,
        }
    }

    /// Returns those that may be meant, if they are few.
    pub(super) fn few(&self) -> &[SubjectId] {
        let some = match self {
            Side::One(one) | Side::Likely(one) => std::slice::from_ref(one),
            Side::Ambiguous(some) | Side::Unknown(some) => some.as_slice(),
            Side::Namesake(_) => &[],
        };
        match some.len() <= CANDIDATES_AT_MOST {
            true => some,
            false => &[],
        }
    }
}

//! Doubts: what speaks against acting on a device or an account, and why there is none to act on.

use std::fmt;

use super::answer::{Flag, NotEnough, NotOne};
use crate::error::Error;
use crate::identifier::Kind;
use crate::schema::NotPrimary;

/// What speaks against acting, and can be allowed by who knows better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Doubt {
    /// The index is too old to say, or its age is not known.
    Stale,
    /// Too little agreed, or something is to be minded.
    NotEnough(NotEnough),
    /// The device is shared, somebody else's, was set up anew, …
    NotTheirs(NotPrimary),
}

impl Doubt {
    /// All that there are.
    pub fn all() -> impl Iterator<Item = Doubt> {
        let flags = [
            Flag::WeakSid,
            Flag::Confusable,
            Flag::Moved,
            Flag::NotSeenLately,
        ];
        let others = [NotEnough::TooLittle, NotEnough::NamesakeWaits];
        let not_enough = flags.map(NotEnough::Flagged).into_iter().chain(others);
        let not_theirs = NotPrimary::ALL.map(Doubt::NotTheirs);
        std::iter::once(Doubt::Stale)
            .chain(not_enough.map(Doubt::NotEnough))
            .chain(not_theirs)
    }

    /// Returns the doubt of a name.
    pub fn named(name: &str) -> Option<Doubt> {
        Doubt::all().find(|doubt| doubt.as_str() == name)
    }

    /// Returns the doubts of names; none where one is no doubt's.
    pub fn all_named<'n>(names: impl IntoIterator<Item = &'n str>) -> Option<Vec<Doubt>> {
        names.into_iter().map(Doubt::named).collect()
    }

    /// Returns the name by which it is allowed.
    pub fn as_str(self) -> &'static str {
        match self {
            Doubt::Stale => "stale",
            Doubt::NotEnough(reason) => reason.as_str(),
            Doubt::NotTheirs(reason) => reason.as_str(),
        }
    }

    fn in_words(self) -> &'static str {
        match self {
            Doubt::Stale => "what the index knows is too old",
            Doubt::NotEnough(NotEnough::TooLittle) => {
                "one identifier agreed, that is no stable key, and nobody vouches for it"
            }
            Doubt::NotEnough(NotEnough::NamesakeWaits) => "the name may be somebody else's by now",
            Doubt::NotEnough(_) => "something is to be minded of who was found",
            Doubt::NotTheirs(NotPrimary::Shared) => "the device is shared",
            Doubt::NotTheirs(NotPrimary::NotAPerson) => "the account is no person's",
            Doubt::NotTheirs(NotPrimary::NotCurrent) => "the device was not used of late",
            Doubt::NotTheirs(NotPrimary::Replaced) => "the device was set up anew since",
            Doubt::NotTheirs(NotPrimary::NameOfSeveral) => {
                "the use may be another's, or of another device, of the same name"
            }
            Doubt::NotTheirs(_) => "the device may be somebody else's by now",
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} ({})", self.in_words(), self.as_str())
    }
}

/// Why an answer has no target.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoTarget {
    /// It is not a single match.
    #[error("{0}")]
    NotOne(NotOne),
    /// It was asked for ids only, and so knows of no devices.
    #[error("it was asked for ids only, and so knows of no devices")]
    IdsOnly,
    /// It is a device, where an account is wanted.
    #[error("it is a device, and an account is wanted")]
    NotAnAccount,
    /// None of the account's devices is known to be theirs: ask which it is.
    #[error("no device is known to be theirs; ask which it is")]
    NoneIsTheirs,
    /// The device that was named is none of those of the answer.
    #[error("the device that was named is none of theirs")]
    OtherDevice,
    /// Several of the account's devices are called so.
    #[error("several of their devices are called so; name one by its uid")]
    SeveralNamed,
    /// It has no id of the kind that is needed: devices need their collector uid, campaigns the SID.
    #[error("it has no {} that is its own alone", .0.as_str())]
    NoId(Kind),
    /// Something speaks against it, which was not allowed.
    #[error("{}", shown(.0))]
    Doubtful(Vec<Doubt>),
    /// The index cannot say who else uses the device.
    #[error(transparent)]
    Index(#[from] Error),
}

fn shown(doubts: &[Doubt]) -> String {
    let doubts: Vec<String> = doubts.iter().map(Doubt::to_string).collect();
    doubts.join("; ")
}

impl NoTarget {
    /// Returns the names of what speaks against it and can be allowed.
    pub fn doubts(&self) -> Vec<&'static str> {
        match self {
            NoTarget::Doubtful(doubts) => doubts.iter().map(|doubt| doubt.as_str()).collect(),
            _ => Vec::new(),
        }
    }
}

/// Returns those doubts that are allowed; any other is an error, with all of these.
pub(crate) fn weighed(
    doubts: impl Iterator<Item = Doubt>,
    allowed: &[Doubt],
) -> Result<Vec<Doubt>, NoTarget> {
    let is_allowed = |doubt: &Doubt| allowed.iter().any(|one| one.as_str() == doubt.as_str());
    let (allowed, doubts): (Vec<Doubt>, Vec<Doubt>) = doubts.partition(is_allowed);
    match doubts.is_empty() {
        true => Ok(allowed),
        false => Err(NoTarget::Doubtful(doubts)),
    }
}

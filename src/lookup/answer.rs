//! Answers: who or what an identifier belongs to, how surely, and what that rests on.
//!
//! An answer is one, several, none or unparseable, and only [`Answer::one`] turns it into a single match. What it holds
//! has files of its own: `found`, `evidence`, `waiting`, `coverage` and `freshness`. Its JSON is `json`'s affair.

use jiff::Timestamp;

use super::coverage::Coverage;
use super::evidence::{Evidence, Level};
use super::found::Found;
use super::freshness::Freshness;
use super::waiting::Waiting;
use crate::identifier::Kind;
use crate::schema::Class;

/// What the index says to a query.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Answer {
    /// The text that was asked for; several with a semicolon between.
    pub query: String,
    /// How many subjects fit.
    pub outcome: Outcome,
    /// All subjects that fit, the better fit first; among equals the one seen last.
    pub matches: Vec<Match>,
    /// Accounts that would fit and are of a class that was not asked for.
    pub skipped: Skipped,
    /// Kinds as which more subjects hold the value than identify anybody; they gave no match.
    pub non_identifying: Vec<Kind>,
    /// What to know of the answer as a whole.
    pub flags: Vec<Flag>,
    /// What became of each text of [`Query::all_of`](super::Query::all_of); empty for a single one.
    pub clues: Vec<Clue>,
    /// Until when the index was told of each dataset.
    pub coverage: Coverage,
    /// How old that is.
    pub freshness: Freshness,
    /// The number of the index's state that said so.
    pub generation: u64,
    pub(super) is_ids_only: bool,
    pub(super) is_verified: bool,
}

impl Answer {
    /// Returns the match when there is exactly one.
    ///
    /// # Errors
    /// Why there is none to return. Never picks one of several.
    pub fn one(&self) -> Result<&Match, NotOne> {
        match (self.outcome, self.matches.as_slice()) {
            (Outcome::One, [one]) => Ok(one),
            (Outcome::Unparseable, _) => Err(NotOne::Unparseable),
            (_, []) if !self.non_identifying.is_empty() => Err(NotOne::TooMany),
            (_, []) => Err(NotOne::None),
            (_, [_]) => Err(NotOne::Unclear),
            (_, matches) => Err(NotOne::Several {
                count: matches.len(),
            }),
        }
    }
}

/// How many subjects fit a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Exactly one.
    One,
    /// More than one; the index does not choose. One match may be shown: see [`NotOne::Unclear`].
    Several,
    /// Nobody, as far as [`Answer::coverage`] goes.
    None,
    /// The text cannot be an identifier of the kinds asked for.
    Unparseable,
}

impl Outcome {
    /// Returns the name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::One => "one",
            Outcome::Several => "several",
            Outcome::None => "none",
            Outcome::Unparseable => "unparseable",
        }
    }
}

/// Why an answer is not a single match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotOne {
    /// Several subjects fit: ask back.
    #[error("{count} subjects fit")]
    Several {
        /// How many.
        count: usize,
    },
    /// One subject fits, and what was asked for also points to others: too many to show, or some who do not fit the rest.
    #[error("one subject fits, but what was asked for also points to others")]
    Unclear,
    /// More hold what was asked for than it identifies, so that it answers for none of them: ask for something else.
    #[error("more hold it than it identifies anybody")]
    TooMany,
    /// Nobody fits.
    #[error("nobody fits")]
    None,
    /// The text is no identifier.
    #[error("the text is no identifier of the kinds asked for")]
    Unparseable,
}

/// A subject that fits.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Match {
    /// The account or device.
    pub subject: Found,
    /// The best level at which a kind agreed.
    pub level: Level,
    /// How many independent identifiers agreed.
    pub strength: u32,
    /// One of those was a key that is never given to another: a SID of a domain, or a uid.
    pub has_stable_key: bool,
    /// What agreed and where it was said; empty when only ids were asked for.
    pub evidence: Vec<Evidence>,
    /// Usages of it that cannot be placed; empty also when only ids were asked for.
    pub waiting: Waiting,
    /// What to know before acting on it.
    pub flags: Vec<Flag>,
    /// With [`Flag::Moved`]: when the index first saw it with what was asked for; of several texts the latest. A value that
    /// came back was first seen when it was first had.
    pub moved_at: Option<Timestamp>,
    /// Why what agreed is not enough to act on a device, and not only to show something; none: it is. Enough are a stable
    /// key, two identifiers, or one that the channel vouches for ([`Query::verified`](super::Query::verified)), where there
    /// is nothing to be minded. Whether the index is fresh is another question: [`Answer::freshness`].
    pub not_enough: Option<NotEnough>,
    /// All that speaks against it, `not_enough` first: to allow one says nothing of the others.
    pub(super) doubts: Vec<NotEnough>,
}

impl Match {
    /// Notes what weighs more than all that was noted.
    pub(super) fn mind(&mut self, reason: NotEnough) {
        self.not_enough = Some(reason);
        self.doubts.insert(0, reason);
    }

    /// Tells whether enough agreed to act on a device.
    pub fn is_enough_to_act(&self) -> bool {
        self.not_enough.is_none()
    }
}

/// Why a match is not enough to act on; of several reasons the first here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotEnough {
    /// It is not the one who is meant: others fit too, or some of what was asked for points to others.
    NotOne,
    /// It has a flag. One that something moved to counts for 92 days, as long as a former bearer competes for a name.
    Flagged(Flag),
    /// One identifier agreed, that is no stable key, and nobody vouches for it.
    TooLittle,
    /// Usages wait that name it with another SID or uid than its own: its name may have been given to somebody who is not known
    /// yet. Not where a stable key agreed.
    NamesakeWaits,
}

impl NotEnough {
    /// Returns the name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            NotEnough::NotOne => "not_one",
            NotEnough::Flagged(flag) => flag.as_str(),
            NotEnough::TooLittle => "too_little",
            NotEnough::NamesakeWaits => "namesake_waits",
        }
    }
}

/// What to know of a match, or of an answer, before acting on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Flag {
    /// It was found by a SID that is no key: built in or local, and so repeated on other machines.
    WeakSid,
    /// It was found by a text with letters that look like others, and with those it is what somebody else holds.
    Confusable,
    /// The text meant another one too, whom it means no longer, or who was last seen with it before this one first was: a
    /// name given to somebody else, a device set up anew. Whatever the text was taken for: one's UPN may have been another
    /// one's email. [`Match::moved_at`] says when this one was first seen with it. The other one may be meant;
    /// [`Index::why`](super::Index::why) tells who that is.
    Moved,
    /// It was last seen longer ago than `quiet_after` ([`Options`](super::Options)), before the newest row of its dataset.
    NotSeenLately,
    /// Of an answer: nobody holds the text, which with letters that look alike is what somebody holds. Not said is who.
    ConfusableWithKnown,
    /// Of an answer to several texts: one of them is held by somebody who does not fit the others, and by no match.
    Contradiction,
}

impl Flag {
    /// Returns the name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Flag::WeakSid => "weak_sid",
            Flag::Confusable => "confusable",
            Flag::Moved => "moved",
            Flag::NotSeenLately => "not_seen_lately",
            Flag::ConfusableWithKnown => "confusable_with_known",
            Flag::Contradiction => "contradiction",
        }
    }
}

/// One of several texts that were asked for together.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Clue {
    /// The text.
    pub text: String,
    /// The one kind that it was taken for; none: any, or a person's name.
    pub kind: Option<Kind>,
    /// It was taken for a person's name.
    pub is_full_name: bool,
    /// What became of it.
    pub verdict: Verdict,
}

/// What became of one of several texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// A match holds it, or is called so, or uses the device.
    Agrees,
    /// A match once held it, and holds another one now or passed it on.
    Former,
    /// It says nothing of who is meant: an email or a device that nobody knows, a name that agrees in part.
    Unknown,
    /// Somebody holds it, but not a match.
    Elsewhere,
    /// Nobody holds it; of what a person is called: no match is called anything like it.
    Nobody,
    /// More hold it than it identifies, and no match does.
    TooMany,
    /// It cannot be what it was taken for, and was passed over.
    Unparseable,
}

impl Verdict {
    /// Returns the name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Agrees => "agrees",
            Verdict::Former => "former",
            Verdict::Unknown => "unknown",
            Verdict::Elsewhere => "elsewhere",
            Verdict::Nobody => "nobody",
            Verdict::TooMany => "too_many",
            Verdict::Unparseable => "unparseable",
        }
    }
}

/// How many were passed over, for what they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Skipped {
    /// Accounts of computers.
    pub machine: u64,
    /// Accounts of one device.
    pub local: u64,
    /// Accounts and devices that the newest export which lists all that there is does not have.
    pub gone: u64,
}

impl Skipped {
    /// Counts an account when its class is one that lookups for people pass over.
    pub(super) fn add(&mut self, class: Class) {
        match class {
            Class::Machine => self.machine += 1,
            Class::Local => self.local += 1,
            Class::Unknown | Class::Person | Class::Service | Class::Admin => {}
        }
    }
}

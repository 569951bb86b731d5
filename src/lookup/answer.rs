//! Answers: who or what an identifier belongs to, how surely, and what that rests on.
//!
//! An answer is one, several, none or unparseable, and only [`Answer::one`] turns it into a single match. Its JSON is
//! `json`'s affair.

use std::cmp::Reverse;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use super::waiting::Waiting;
use crate::identifier::Kind;
use crate::schema::{Class, Dataset};

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
}

impl Match {
    /// Tells whether enough agreed to act on a device, and not only to show something: a stable key, or two identifiers.
    pub fn is_enough_to_act(&self) -> bool {
        self.has_stable_key || self.strength >= 2
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
    /// A match holds it.
    Agrees,
    /// Somebody holds it, but not a match.
    Elsewhere,
    /// Nobody holds it; of what a person is called: no match is called so.
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
            Verdict::Elsewhere => "elsewhere",
            Verdict::Nobody => "nobody",
            Verdict::TooMany => "too_many",
            Verdict::Unparseable => "unparseable",
        }
    }
}

/// An account with its devices, or a device with its accounts.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// An account; not a person, who may have several.
    Account {
        /// Who.
        account: Account,
        /// Its devices, by rank; empty when only ids were asked for.
        devices: Vec<DeviceUse>,
        /// Devices of lower rank that are not listed.
        devices_left_out: u64,
    },
    /// A device.
    Device {
        /// Which.
        device: Device,
        /// Three or more accounts that are neither machine nor local use it.
        is_shared: bool,
        /// Its accounts, by rank, of the classes asked for; empty when only ids were asked for.
        accounts: Vec<AccountUse>,
        /// Accounts of lower rank that are not listed.
        accounts_left_out: u64,
    },
}

/// A Nexthink user object.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Account {
    /// `user.uid`.
    pub uid: Option<String>,
    /// `sam@DOMAIN`.
    pub account_name: Option<String>,
    /// The SID; not always that of a domain.
    pub sid: Option<String>,
    /// The user principal name; may be hashed.
    pub upn: Option<String>,
    /// The mail address.
    pub email: Option<String>,
    /// The name of the person.
    pub full_name: Option<String>,
    /// The department.
    pub department: Option<String>,
    /// The job title.
    pub job_title: Option<String>,
    /// What it is an account of.
    pub class: Class,
    /// When Nexthink saw it first.
    pub first_seen: Option<Timestamp>,
    /// When Nexthink saw it last.
    pub last_seen: Option<Timestamp>,
}

/// A Nexthink device object.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Device {
    /// `device.uid`.
    pub uid: Option<String>,
    /// `device.collector.uid`: what remote actions need.
    pub collector_uid: Option<String>,
    /// The host name.
    pub name: Option<String>,
    /// The serial number of the machine.
    pub serial_number: Option<String>,
    /// Laptop, desktop, virtual, …
    pub kind: Option<String>,
    /// The manufacturer.
    pub manufacturer: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// The operating system.
    pub os: Option<String>,
    /// The entity it belongs to.
    pub entity: Option<String>,
    /// When Nexthink saw it first.
    pub first_seen: Option<Timestamp>,
    /// When Nexthink saw it last.
    pub last_seen: Option<Timestamp>,
}

/// How much and how lately an account uses a device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Use {
    /// Logins in the window of the newest export that counts them.
    pub logins: Option<u64>,
    /// The last use, where the export says it.
    pub last_used: Option<Timestamp>,
    /// First in rank, with a clear lead.
    pub is_primary: bool,
}

/// A device of an account.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DeviceUse {
    /// Which.
    pub device: Device,
    /// How much it is used.
    pub usage: Use,
    /// Three or more accounts that are neither machine nor local use it.
    pub is_shared: bool,
}

/// An account of a device.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AccountUse {
    /// Who.
    pub account: Account,
    /// How much it uses the device.
    pub usage: Use,
}

/// How a value agrees with the query; the better one is the smaller one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Spelt alike.
    Exact,
    /// Another spelling of the same value.
    Folded,
    /// A device name without its domain on one side.
    ShortName,
    /// An account name of which the query gives no domain.
    BareName,
}

impl Level {
    /// Returns the name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Exact => "exact",
            Level::Folded => "folded",
            Level::ShortName => "short_name",
            Level::BareName => "bare_name",
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
    ///
    /// Said for 92 days (as long as a former bearer of a name competes for it) from when this one was first seen with it
    /// or the other one last, whichever came later, to when the index was told last.
    Moved,
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
            Flag::ConfusableWithKnown => "confusable_with_known",
            Flag::Contradiction => "contradiction",
        }
    }
}

/// A value of a match that agrees with the query, and the row that says so.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Evidence {
    /// As what it agrees.
    pub kind: Kind,
    /// The value as exported.
    pub value: String,
    /// When the row was observed.
    pub observed_at: Timestamp,
    /// The key of the object that holds the row.
    pub object: String,
    /// The row's number there; the first one behind the header is 1.
    pub row: u32,
}

impl Evidence {
    /// Orders evidence of one kind, what was observed last first; of equal ones the smallest key.
    pub(super) fn rank(&self) -> impl Ord + '_ {
        (Reverse(self.observed_at), &self.object, self.row)
    }
}

/// How many accounts of a class were passed over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Skipped {
    /// Accounts of computers.
    pub machine: u64,
    /// Accounts of one device.
    pub local: u64,
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

/// Until when each dataset was observed; none: nothing of it was ever taken in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Coverage {
    /// Users.
    pub users: Option<Timestamp>,
    /// Devices.
    pub devices: Option<Timestamp>,
    /// Logins.
    pub logins: Option<Timestamp>,
}

impl Coverage {
    /// Returns that of one dataset.
    pub fn of(&self, dataset: Dataset) -> Option<Timestamp> {
        match dataset {
            Dataset::Users => self.users,
            Dataset::Devices => self.devices,
            Dataset::Logins => self.logins,
        }
    }

    /// Returns the time of the dataset that is furthest behind, of those there are.
    pub fn oldest(&self) -> Option<Timestamp> {
        Dataset::ALL
            .into_iter()
            .filter_map(|dataset| self.of(dataset))
            .min()
    }
}

/// How old what the index knows is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Freshness {
    /// By the configured limits.
    pub state: FreshnessState,
    /// The time of the dataset that is furthest behind; none in an empty index.
    pub as_of: Option<Timestamp>,
    /// How long ago that is.
    pub age: Option<Duration>,
    /// The index lies on this machine and is mapped into memory; where it may lie on another one, it is read, about half
    /// as fast.
    pub is_mapped: bool,
}

impl Freshness {
    /// Judges the age that `as_of` has at `now`; a time to come counts as now.
    pub fn new(
        as_of: Option<Timestamp>,
        now: Timestamp,
        fresh_for: Duration,
        ageing_for: Duration,
    ) -> Freshness {
        let age = as_of.map(|as_of| now.duration_since(as_of).max(jiff::SignedDuration::ZERO));
        let age = age.map(|age| age.unsigned_abs());
        let state = match age {
            Some(age) if age <= fresh_for => FreshnessState::Fresh,
            Some(age) if age <= ageing_for => FreshnessState::Ageing,
            _ => FreshnessState::Stale,
        };
        Freshness {
            state,
            as_of,
            age,
            is_mapped: false,
        }
    }
}

/// Whether data is recent enough to be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FreshnessState {
    /// Within the first limit.
    Fresh,
    /// Within the second.
    Ageing,
    /// Beyond both, or there is none.
    Stale,
}

impl FreshnessState {
    /// Returns the name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            FreshnessState::Fresh => "fresh",
            FreshnessState::Ageing => "ageing",
            FreshnessState::Stale => "stale",
        }
    }
}

impl fmt::Display for FreshnessState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_is_judged_by_both_limits_and_never_negative() {
        let judge = |seconds: i64| {
            let as_of = Timestamp::from_second(1_000_000 - seconds).unwrap();
            let now = Timestamp::from_second(1_000_000).unwrap();
            Freshness::new(
                Some(as_of),
                now,
                Duration::from_secs(10),
                Duration::from_secs(20),
            )
        };
        assert_eq!(judge(-5).age, Some(Duration::ZERO));
        assert_eq!(judge(10).state, FreshnessState::Fresh);
        assert_eq!(judge(11).state, FreshnessState::Ageing);
        assert_eq!(judge(21).state, FreshnessState::Stale);
        let nothing = Freshness::new(None, Timestamp::UNIX_EPOCH, Duration::MAX, Duration::MAX);
        assert_eq!((nothing.state, nothing.age), (FreshnessState::Stale, None));
    }
}

//! Targets: the device or the account of an answer that may be acted on. One is only had where nothing speaks against it, or
//! what does was allowed; what acts takes no other, so that it is hard to act on the wrong one.

use std::fmt;

use super::Index;
use super::answer::{Answer, Flag, Match, NotEnough, NotOne};
use super::found::{Account, AccountUse, Device, DeviceUse, Found};
use super::freshness::FreshnessState;
use super::query::Query;
use crate::error::Error;
use crate::identifier::{self, Kind};
use crate::schema::{Class, NotPrimary};

/// Which device of an answer is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which<'w> {
    /// The primary one of the account; of an answer that is a device, that.
    Own,
    /// The one that was named in a talk, by its name, uid or collector uid: one of the account's.
    Named(&'w str),
}

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
    #[error("it has no {}", .0.as_str())]
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

/// A device that may be acted on.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    device: Device,
    collector_uid: String,
    account: Option<Account>,
    because: Because,
}

/// An account that may be written to, or acted on.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipient {
    account: Account,
    because: Because,
}

/// What a target rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Because {
    /// What was asked.
    pub query: String,
    /// The state of the index that answered.
    pub generation: u64,
    /// What spoke against it, and was allowed.
    pub allowed: Vec<Doubt>,
}

impl Target {
    /// Returns the device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Returns what remote actions know the device by.
    pub fn collector_uid(&self) -> &str {
        &self.collector_uid
    }

    /// Returns the account it is acted for; none where a device was asked for.
    pub fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// Returns what it rests on.
    pub fn because(&self) -> &Because {
        &self.because
    }
}

impl Recipient {
    /// Returns the account.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Returns what it rests on.
    pub fn because(&self) -> &Because {
        &self.because
    }

    /// Returns the account's SID, by which campaigns know it.
    ///
    /// # Errors
    /// [`NoTarget::NoId`] where it has none that is its own alone.
    pub fn sid(&self) -> Result<&str, NoTarget> {
        let sid = self.account.sid.as_deref();
        let is_own = |sid: &&str| {
            let normal = identifier::normal_form(Kind::Sid, sid);
            normal.is_ok_and(|normal| identifier::is_key_sid(&normal))
        };
        sid.filter(is_own).ok_or(NoTarget::NoId(Kind::Sid))
    }

    /// Returns the account's UPN, by which Spark knows it.
    ///
    /// # Errors
    /// [`NoTarget::NoId`] where it has none in clear.
    pub fn upn(&self) -> Result<&str, NoTarget> {
        let upn = self.account.upn.as_deref();
        let is_clear = |upn: &&str| identifier::normal_form(Kind::Upn, upn).is_ok();
        upn.filter(is_clear).ok_or(NoTarget::NoId(Kind::Upn))
    }
}

impl Index {
    /// Returns the device of an answer that may be acted on. What speaks against it is an error unless it stands in
    /// `allowed`; what makes it unclear which device is meant always is. Of a device that is named, and is not known to be the
    /// account's own, the index is asked who else uses it.
    ///
    /// ```no_run
    /// use identidex::{Index, Query, Which};
    ///
    /// let index = Index::open("identity.db")?;
    /// let answer = index.find(Query::upn("john.doe@contoso.com").verified())?;
    /// match index.target(&answer, Which::Own, &[]) {
    ///     Ok(target) => println!("shall I restart {:?}?", target.device().name),
    ///     Err(why) => println!("I had better ask: {why}"),
    /// }
    /// # Ok::<(), identidex::Error>(())
    /// ```
    ///
    /// # Errors
    /// Why there is none, with all that speaks against it.
    pub fn target(
        &self,
        answer: &Answer,
        which: Which,
        allowed: &[Doubt],
    ) -> Result<Target, NoTarget> {
        let one = answer.one().map_err(NoTarget::NotOne)?;
        if answer.is_ids_only {
            return Err(NoTarget::IdsOnly);
        }
        let (device, account, doubts) = match &one.subject {
            Found::Device {
                device, is_shared, ..
            } => match which {
                Which::Named(name) if !is_called(device, name) => {
                    return Err(NoTarget::OtherDevice);
                }
                _ => {
                    let doubts = is_shared.then_some(NotPrimary::Shared);
                    (device, None, doubts.into_iter().collect())
                }
            },
            Found::Account {
                account, devices, ..
            } => {
                let used = match which {
                    Which::Own => devices.iter().find(|used| used.usage.is_primary()),
                    Which::Named(name) => Some(named(devices, name)?),
                };
                let used = used.ok_or(NoTarget::NoneIsTheirs)?;
                let doubts = self.not_theirs(account, used)?;
                (&used.device, Some(account.clone()), doubts)
            }
        };
        let collector_uid = device.collector_uid.clone();
        let collector_uid = collector_uid.ok_or(NoTarget::NoId(Kind::CollectorUid))?;
        Ok(Target {
            device: device.clone(),
            collector_uid,
            account,
            because: because(answer, one, doubts, allowed)?,
        })
    }

    /// Returns why a device may not be an account's to have acted on. That another one is more theirs is no such reason.
    fn not_theirs(&self, account: &Account, used: &DeviceUse) -> Result<Vec<NotPrimary>, NoTarget> {
        let Some(reason) = used.usage.not_primary else {
            return Ok(Vec::new());
        };
        let mut reasons = match reason {
            _ if used.is_shared => vec![NotPrimary::Shared],
            NotPrimary::OtherDevice | NotPrimary::NoDeviceLeads | NotPrimary::Undated => vec![],
            reason => vec![reason],
        };
        let uids = [
            used.device
                .uid
                .as_deref()
                .map(|uid| Query::of(Kind::DeviceUid, uid)),
            used.device
                .collector_uid
                .as_deref()
                .map(|uid| Query::of(Kind::CollectorUid, uid)),
        ];
        let query = Query::all_of(uids.into_iter().flatten()).all_classes();
        let answer = self.find(query)?;
        let Ok(Match {
            subject:
                Found::Device {
                    accounts,
                    accounts_left_out,
                    ..
                },
            waiting,
            ..
        }) = answer.one()
        else {
            return Err(NoTarget::OtherDevice);
        };
        let is_other = |other: &AccountUse| {
            let is_persons = matches!(other.account.class, Class::Person | Class::Unknown);
            is_persons && other.usage.is_current && !is_same(&other.account, account)
        };
        if *accounts_left_out > 0 || accounts.iter().any(is_other) {
            reasons.push(NotPrimary::OtherAccount);
        }
        if waiting.unknown + waiting.ambiguous > 0 {
            reasons.push(NotPrimary::NewerWaits);
        }
        reasons.dedup();
        Ok(reasons)
    }
}

impl Answer {
    /// Returns the account that may be written to, by a campaign say.
    ///
    /// # Errors
    /// Why there is none, with all that speaks against it.
    pub fn recipient(&self, allowed: &[Doubt]) -> Result<Recipient, NoTarget> {
        let one = self.one().map_err(NoTarget::NotOne)?;
        let Found::Account { account, .. } = &one.subject else {
            return Err(NoTarget::NotAnAccount);
        };
        let is_persons = matches!(account.class, Class::Person | Class::Unknown);
        let doubts = (!is_persons).then_some(NotPrimary::NotAPerson);
        Ok(Recipient {
            account: account.clone(),
            because: because(self, one, doubts.into_iter().collect(), allowed)?,
        })
    }
}

/// Returns what a target rests on, unless something speaks against it that was not allowed.
fn because(
    answer: &Answer,
    one: &Match,
    not_theirs: Vec<NotPrimary>,
    allowed: &[Doubt],
) -> Result<Because, NoTarget> {
    let is_known = matches!(
        answer.freshness.state,
        FreshnessState::Fresh | FreshnessState::Ageing
    );
    let doubts = [
        (!is_known).then_some(Doubt::Stale),
        one.not_enough.map(Doubt::NotEnough),
    ];
    let not_theirs = not_theirs.into_iter().map(Doubt::NotTheirs);
    let doubts = doubts.into_iter().flatten().chain(not_theirs);
    let is_allowed = |doubt: &Doubt| allowed.iter().any(|one| one.as_str() == doubt.as_str());
    let (allowed, doubts): (Vec<Doubt>, Vec<Doubt>) = doubts.partition(is_allowed);
    match doubts.is_empty() {
        true => Ok(Because {
            query: answer.query.clone(),
            generation: answer.generation,
            allowed,
        }),
        false => Err(NoTarget::Doubtful(doubts)),
    }
}

/// Tells whether two accounts are one: by what is never two's.
fn is_same(left: &Account, right: &Account) -> bool {
    let ids = |one: &Account| (one.uid.clone(), one.sid.clone(), one.account_name.clone());
    ids(left) == ids(right)
}

/// Returns the device that is called so; of records of one computer the newest.
fn named<'d>(devices: &'d [DeviceUse], name: &str) -> Result<&'d DeviceUse, NoTarget> {
    let mut called: Vec<&DeviceUse> = devices
        .iter()
        .filter(|used| is_called(&used.device, name))
        .collect();
    if called.len() > 1 {
        called.retain(|used| used.usage.not_primary != Some(NotPrimary::Replaced));
    }
    match called[..] {
        [one] => Ok(one),
        [] => Err(NoTarget::OtherDevice),
        _ => Err(NoTarget::SeveralNamed),
    }
}

/// Tells whether a device has a name, uid or collector uid: the whole of it, in any case.
fn is_called(device: &Device, name: &str) -> bool {
    let held = [
        (Kind::DeviceName, &device.name),
        (Kind::DeviceUid, &device.uid),
        (Kind::CollectorUid, &device.collector_uid),
    ];
    held.into_iter().any(|(kind, held)| {
        let normal = |text: &str| {
            let normal = identifier::normal_form(kind, text);
            normal.ok().map(|normal| normal.into_owned())
        };
        let asked = normal(name);
        asked.is_some() && asked == held.as_deref().and_then(normal)
    })
}

//! Targets: the device or the account of an answer that may be acted on. One is only had where nothing speaks against it, or
//! what does was allowed; what acts takes no other, so that it is hard to act on the wrong one.

use std::time::Instant;

use super::Index;
use super::answer::{Answer, Flag, Match};
use super::called::{Which, is_called, named_devices, of_name};
use super::doubt::{Doubt, NoTarget, weighed};
use super::found::{Account, AccountUse, Device, DeviceUse, Found};
use super::freshness::FreshnessState;
use super::query::Query;
use crate::error::Error;
use crate::identifier::Kind;
use crate::schema::{Class, NotPrimary};

/// A device that may be acted on.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    device: Device,
    collector_uid: String,
    account: Option<Account>,
    because: Because,
}

/// An account that may be written to, or acted on, with those of its ids that mean it alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipient {
    account: Account,
    sid: Option<String>,
    uid: Option<String>,
    upn: Option<String>,
    email: Option<String>,
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
    /// When it did: what was plain then may not be any more.
    pub since: Instant,
    /// The channel vouched for some of that.
    pub is_verified: bool,
    /// The device that was named, if one was.
    pub named: Option<String>,
    /// What spoke against it, and was allowed.
    pub allowed: Vec<Doubt>,
}

impl Target {
    /// Notes what else spoke against it, and was allowed.
    #[cfg(all(feature = "ingest", feature = "live"))]
    pub(crate) fn allowed_too(mut self, doubts: Vec<Doubt>) -> Target {
        self.because.allowed.extend(doubts);
        self
    }

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
        self.sid.as_deref().ok_or(NoTarget::NoId(Kind::Sid))
    }

    /// Returns the account's uid.
    ///
    /// # Errors
    /// [`NoTarget::NoId`] where it has none that is its own alone.
    pub fn uid(&self) -> Result<&str, NoTarget> {
        self.uid.as_deref().ok_or(NoTarget::NoId(Kind::Uid))
    }

    /// Returns the account's mail address.
    ///
    /// # Errors
    /// [`NoTarget::NoId`] where it has none that is its own alone: others may read it, too.
    pub fn email(&self) -> Result<&str, NoTarget> {
        self.email.as_deref().ok_or(NoTarget::NoId(Kind::Email))
    }

    /// Returns the account with those of its ids alone that mean nobody else.
    pub fn with_own_ids(&self) -> Account {
        Account {
            sid: self.sid.clone(),
            uid: self.uid.clone(),
            upn: self.upn.clone(),
            email: self.email.clone(),
            ..self.account.clone()
        }
    }

    /// Returns the account's UPN, by which Spark knows it.
    ///
    /// # Errors
    /// [`NoTarget::NoId`] where it has none in clear that is its own alone, and was not passed on.
    pub fn upn(&self) -> Result<&str, NoTarget> {
        self.upn.as_deref().ok_or(NoTarget::NoId(Kind::Upn))
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
        let named = named_devices(answer, one, which);
        let (device, account, mut doubts) = match &one.subject {
            Found::Device {
                device,
                is_shared,
                accounts,
                ..
            } => {
                let replaced = Some(NotPrimary::Replaced);
                let is_replaced = accounts.iter().any(|one| one.usage.not_primary == replaced);
                let doubts = [
                    is_shared.then_some(NotPrimary::Shared),
                    replaced.filter(|_| is_replaced),
                ];
                (device, None, doubts.into_iter().flatten().collect())
            }
            Found::Account {
                account, devices, ..
            } => {
                let used = match named.first() {
                    None => devices.iter().find(|used| used.usage.is_primary()),
                    Some(name) => Some(of_name(devices, name)?),
                };
                let used = used.ok_or(NoTarget::NoneIsTheirs)?;
                let doubts = self.not_theirs(account, used)?;
                (&used.device, Some(account.clone()), doubts)
            }
        };
        if !named.iter().all(|name| is_called(device, name)) {
            return Err(NoTarget::OtherDevice);
        }
        let collector_uid = self.own_collector_uid(device)?;
        if self.is_replaced(device)? {
            doubts.push(NotPrimary::Replaced);
        }
        doubts.sort_by_key(|reason| reason.as_str());
        doubts.dedup();
        let mut because = because(answer, one, doubts, allowed)?;
        because.named = named.first().map(|name| (*name).to_owned());
        Ok(Target {
            device: device.clone(),
            collector_uid,
            account,
            because,
        })
    }

    /// Returns the account of an answer that may be written to, by a campaign say, with those of its ids that the index finds
    /// it by, and nobody else.
    ///
    /// # Errors
    /// Why there is none, with all that speaks against it.
    pub fn recipient(&self, answer: &Answer, allowed: &[Doubt]) -> Result<Recipient, NoTarget> {
        let one = answer.one().map_err(NoTarget::NotOne)?;
        let Found::Account { account, .. } = &one.subject else {
            return Err(NoTarget::NotAnAccount);
        };
        let doubts = (!is_persons(account)).then_some(NotPrimary::NotAPerson);
        let because = because(answer, one, doubts.into_iter().collect(), allowed)?;
        let own = |kind, value: &Option<String>| self.own_id(kind, value.as_deref(), account);
        Ok(Recipient {
            account: account.clone(),
            sid: own(Kind::Sid, &account.sid)?,
            uid: own(Kind::Uid, &account.uid)?,
            upn: own(Kind::Upn, &account.upn)?,
            email: own(Kind::Email, &account.email)?,
            because,
        })
    }

    /// Returns an id of an account, if the index finds that account by it, surely and alone.
    fn own_id(
        &self,
        kind: Kind,
        value: Option<&str>,
        account: &Account,
    ) -> Result<Option<String>, Error> {
        let Some(value) = value else {
            return Ok(None);
        };
        let answer = self.find(Query::of(kind, value).all_classes().ids_only())?;
        let is_own = answer.one().is_ok_and(|one| {
            let is_weak = one.flags.contains(&Flag::WeakSid);
            matches!(&one.subject, Found::Account { account: found, .. } if !is_weak && is_same(found, account))
        });
        Ok(is_own.then(|| value.to_owned()))
    }

    /// Returns the collector uid of a device, if the index finds that device by it, and no other.
    fn own_collector_uid(&self, device: &Device) -> Result<String, NoTarget> {
        let none = NoTarget::NoId(Kind::CollectorUid);
        let Some(collector_uid) = &device.collector_uid else {
            return Err(none);
        };
        let answer = self.find(Query::of(Kind::CollectorUid, collector_uid).ids_only())?;
        match answer.one().map(|one| &one.subject) {
            Ok(Found::Device { device: found, .. }) if is_same_device(found, device) => {
                Ok(collector_uid.clone())
            }
            _ => Err(none),
        }
    }

    /// Tells whether the name of a device means another record now: the computer was set up anew.
    fn is_replaced(&self, device: &Device) -> Result<bool, Error> {
        let Some(name) = &device.name else {
            return Ok(false);
        };
        let answer = self.find(Query::device_name(name).ids_only())?;
        Ok(match answer.one().map(|one| &one.subject) {
            Ok(Found::Device { device: found, .. }) => !is_same_device(found, device),
            _ => false,
        })
    }

    /// Returns why a device may not be an account's to have acted on. That another one is more theirs is no such reason.
    fn not_theirs(&self, account: &Account, used: &DeviceUse) -> Result<Vec<NotPrimary>, NoTarget> {
        let Some(reason) = used.usage.not_primary else {
            return Ok(Vec::new());
        };
        let mut reasons = match reason {
            // It stands before all others, and hides none of them.
            NotPrimary::NameOfSeveral => {
                let others = [
                    (used.is_shared, NotPrimary::Shared),
                    (!used.usage.is_current, NotPrimary::NotCurrent),
                    (!is_persons(account), NotPrimary::NotAPerson),
                ];
                let others = others.into_iter().filter(|(is_so, _)| *is_so);
                let others = others.map(|(_, other)| other);
                std::iter::once(reason).chain(others).collect()
            }
            _ if used.is_shared => vec![NotPrimary::Shared],
            NotPrimary::OtherDevice
            | NotPrimary::NoDeviceLeads
            | NotPrimary::AnotherCame
            | NotPrimary::ElsewhereSince
            | NotPrimary::BetterKnown => vec![],
            reason => vec![reason],
        };
        let uid = used.device.collector_uid.as_deref();
        let uid = uid.ok_or(NoTarget::NoId(Kind::CollectorUid))?;
        let through = used.usage.through.as_deref();
        reasons.extend(self.others_at(uid, account, through)?);
        Ok(reasons)
    }

    /// Returns what says that a device may be another one's: others than an account use it currently, or usages of it wait; of one
    /// that is not known nobody knows. The account of the computer itself is there on every one; a local one may stand for the
    /// account.
    pub(crate) fn others_at(
        &self,
        collector_uid: &str,
        account: &Account,
        through: Option<&str>,
    ) -> Result<Vec<NotPrimary>, Error> {
        let answer = self.find(Query::of(Kind::CollectorUid, collector_uid).all_classes())?;
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
            return Ok(vec![NotPrimary::NotRanked]);
        };
        let is_other = |other: &AccountUse| {
            other.usage.is_current
                && other.account.class != Class::Machine
                && (through.is_none() || other.account.account_name.as_deref() != through)
                && !is_same(&other.account, account)
        };
        let is_used = *accounts_left_out > 0 || accounts.iter().any(is_other);
        let is_waited_for = waiting.unknown + waiting.ambiguous > 0;
        let reasons = [
            is_used.then_some(NotPrimary::OtherAccount),
            is_waited_for.then_some(NotPrimary::NewerWaits),
        ];
        Ok(reasons.into_iter().flatten().collect())
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
    let stale = (!is_known).then_some(Doubt::Stale);
    let not_enough = one.doubts.iter().copied().map(Doubt::NotEnough);
    let not_theirs = not_theirs.into_iter().map(Doubt::NotTheirs);
    let doubts = stale.into_iter().chain(not_enough).chain(not_theirs);
    Ok(Because {
        query: answer.query.clone(),
        generation: answer.generation,
        since: Instant::now(),
        is_verified: answer.is_verified,
        named: None,
        allowed: weighed(doubts, allowed)?,
    })
}

/// Tells whether two accounts are one: by what is never two's.
pub(super) fn is_same(left: &Account, right: &Account) -> bool {
    let ids = |one: &Account| (one.uid.clone(), one.sid.clone(), one.account_name.clone());
    ids(left) == ids(right)
}

/// Tells whether an account is a person's, as far as is known.
fn is_persons(account: &Account) -> bool {
    matches!(account.class, Class::Person | Class::Unknown)
}

fn is_same_device(left: &Device, right: &Device) -> bool {
    let ids = |one: &Device| (one.uid.clone(), one.collector_uid.clone(), one.name.clone());
    ids(left) == ids(right)
}

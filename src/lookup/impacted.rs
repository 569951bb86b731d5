//! Impacted: of a device or an account that something is up with, whom to tell, and who is left out, and why.

use serde_core::ser::{Serialize, SerializeMap, Serializer};

use super::Index;
use super::answer::{Answer, NotEnough, NotOne};
use super::doubt::{Doubt, NoTarget, weighed};
use super::found::{Account, AccountUse, Device, Found};
use super::query::Query;
use super::target::{Recipient, is_same};
use crate::error::Error;
use crate::identifier::Kind;
use crate::schema::{NotPrimary, Subject};

/// Whom to tell of a device or an account.
#[derive(Debug)]
#[non_exhaustive]
pub struct Impacted {
    /// What was asked for.
    pub query: String,
    /// The device, if it is one that is known, and a device was asked for.
    pub device: Option<Device>,
    /// Whose it is, or whose account it is.
    pub to_tell: Option<Recipient>,
    /// Why nobody is to be told.
    pub nobody: Option<Nobody>,
    /// Who uses it and is left out, and why.
    pub left_out: Vec<LeftOut>,
    /// How many more do, and are not listed.
    pub left_out_more: u64,
}

/// A list, or a message of Nexthink's, has one identifier of each.
const ONE_IS_ENOUGH: [Doubt; 1] = [Doubt::NotEnough(NotEnough::TooLittle)];

/// Why nobody is told.
#[derive(Debug)]
#[non_exhaustive]
pub enum Nobody {
    /// It is not one device, or not one account.
    NotOne(NotOne),
    /// It is nobody's own: shared, or used by nobody of late, or it is not known whose it is.
    NotOwned,
    /// Something speaks against telling the one whose it is.
    Doubtful(Vec<Doubt>),
}

/// Somebody who uses a device and is not told.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LeftOut {
    /// Who.
    pub account: Account,
    /// Why.
    pub reason: NotPrimary,
}

impl Index {
    /// Says whom to tell that something is up with a device: the one whose it is, if that is plain. Others who use it, services
    /// and administrators too, are named with the reason why they are not told.
    ///
    /// # Errors
    /// As [`Index::find`].
    pub fn impacted(&self, device: impl Into<Query>) -> Result<Impacted, Error> {
        let answer = self.find(device.into().only(Subject::Device).all_classes())?;
        let mut impacted = Impacted::of(&answer);
        let one = match answer.one() {
            Ok(one) => one,
            Err(why) => {
                impacted.nobody = Some(Nobody::NotOne(why));
                return Ok(impacted);
            }
        };
        let Found::Device {
            device,
            accounts,
            accounts_left_out,
            ..
        } = &one.subject
        else {
            impacted.nobody = Some(Nobody::NotOne(NotOne::None));
            return Ok(impacted);
        };
        impacted.device = Some(device.clone());
        let left_out = accounts.iter().filter_map(|used| {
            let reason = used.usage.not_primary?;
            Some(LeftOut {
                account: used.account.clone(),
                reason,
            })
        });
        impacted.left_out = left_out.collect();
        impacted.left_out_more = *accounts_left_out;
        // That one identifier was asked for is how a list is; anything else speaks against the device itself.
        let doubts = one.doubts.iter().copied().map(Doubt::NotEnough);
        if let Err(why) = weighed(doubts, &ONE_IS_ENOUGH) {
            impacted.nobody = Some(Nobody::of(why));
            return Ok(impacted);
        }
        let owner = accounts.iter().find(|used| used.usage.is_primary());
        match owner.map(|owner| self.to_tell(owner)).transpose()? {
            None => impacted.nobody = Some(Nobody::NotOwned),
            Some(Ok(recipient)) => impacted.to_tell = Some(recipient),
            Some(Err(nobody)) => impacted.nobody = Some(nobody),
        }
        Ok(impacted)
    }

    /// Says whom to tell that something is up with an account, such as that it is about to be locked: the one person whose it is,
    /// unless something speaks against that. Accounts of machines and services are nobody's.
    ///
    /// # Errors
    /// As [`Index::find`].
    pub fn impacted_account(&self, account: impl Into<Query>) -> Result<Impacted, Error> {
        let answer = self.find(account.into().only(Subject::Account))?;
        let mut impacted = Impacted::of(&answer);
        match self.recipient(&answer, &ONE_IS_ENOUGH) {
            Ok(recipient) => impacted.to_tell = Some(recipient),
            Err(NoTarget::Index(error)) => return Err(error),
            Err(why) => impacted.nobody = Some(Nobody::of(why)),
        }
        Ok(impacted)
    }

    /// Says whom to tell of devices, and then of accounts, each in turn.
    ///
    /// # Errors
    /// As [`Index::find`].
    pub fn impacted_all(
        &self,
        devices: impl IntoIterator<Item = String>,
        accounts: impl IntoIterator<Item = String>,
    ) -> Result<Vec<Impacted>, Error> {
        let devices = devices.into_iter().map(|device| self.impacted(device));
        let accounts = accounts.into_iter();
        let accounts = accounts.map(|account| self.impacted_account(account));
        devices.chain(accounts).collect()
    }

    /// Returns the one whose a device is, unless something speaks against it; that it was found by one identifier does not, since
    /// it was by the device.
    fn to_tell(&self, owner: &AccountUse) -> Result<Result<Recipient, Nobody>, Error> {
        let account = &owner.account;
        let ids = [
            (Kind::Sid, &account.sid),
            (Kind::Uid, &account.uid),
            (Kind::AccountName, &account.account_name),
        ];
        let mut ids = ids
            .into_iter()
            .filter_map(|(kind, id)| Some((kind, id.as_deref()?)));
        let Some((kind, id)) = ids.next() else {
            return Ok(Err(Nobody::NotOwned));
        };
        let answer = self.find(Query::of(kind, id))?;
        match self.recipient(&answer, &ONE_IS_ENOUGH) {
            Ok(recipient) if is_same(recipient.account(), account) => Ok(Ok(recipient)),
            Ok(_) => Ok(Err(Nobody::NotOwned)),
            Err(NoTarget::Index(error)) => Err(error),
            Err(why) => Ok(Err(Nobody::of(why))),
        }
    }
}

impl Impacted {
    fn of(answer: &Answer) -> Impacted {
        Impacted {
            query: answer.query.clone(),
            device: None,
            to_tell: None,
            nobody: None,
            left_out: Vec::new(),
            left_out_more: 0,
        }
    }
}

impl Nobody {
    fn of(why: NoTarget) -> Nobody {
        match why {
            NoTarget::NotOne(why) => Nobody::NotOne(why),
            NoTarget::Doubtful(doubts) => Nobody::Doubtful(doubts),
            _ => Nobody::NotOwned,
        }
    }

    /// Returns the reasons as they stand in JSON.
    pub fn reasons(&self) -> Vec<&'static str> {
        match self {
            Nobody::NotOne(NotOne::Several { .. } | NotOne::Unclear) => vec!["several"],
            Nobody::NotOne(NotOne::Unparseable) => vec!["unparseable"],
            Nobody::NotOne(_) => vec!["none"],
            Nobody::NotOwned => vec!["not_owned"],
            Nobody::Doubtful(doubts) => doubts.iter().map(|doubt| doubt.as_str()).collect(),
        }
    }
}

impl Serialize for Impacted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("query", &self.query)?;
        map.serialize_entry("device", &self.device)?;
        map.serialize_entry(
            "to_tell",
            &self.to_tell.as_ref().map(Recipient::with_own_ids),
        )?;
        let nobody = self.nobody.as_ref().map(Nobody::reasons);
        map.serialize_entry("nobody", &nobody.unwrap_or_default())?;
        map.serialize_entry("left_out", &self.left_out)?;
        map.serialize_entry("left_out_more", &self.left_out_more)?;
        map.end()
    }
}

impl Serialize for LeftOut {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("account", &self.account)?;
        map.serialize_entry("reason", self.reason.as_str())?;
        map.end()
    }
}

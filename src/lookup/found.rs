//! What is found: an account with its devices, or a device with its accounts, and how much one uses the other.
//!
//! Which of them an answer holds, and in which order, is decided elsewhere.

use jiff::Timestamp;

use crate::schema::{Class, NotPrimary};

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
        /// Three or more people use it currently, and none of them most of the time; not said when only ids were asked for.
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

/// How much and how lately an account uses a device, and whether it is the account's own: worked out when the index was
/// written, for all accounts and devices together. The rules are in `docs/semantics.md`, "Ranking".
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Use {
    /// Logins in the window of the newest export that counts them.
    pub logins: Option<u64>,
    /// When that export was observed.
    pub logins_observed: Option<Timestamp>,
    /// The last use, where the export says it.
    pub last_used: Option<Timestamp>,
    /// The newest time at which it can have been used, by all that was said: no later than the device was last seen.
    pub time_of_use: Option<Timestamp>,
    /// It was used of late: within 30 days (`[answers] recent`) of the newest row of logins and devices.
    pub is_current: bool,
    /// Why the device is not the account's primary one; none: it is.
    pub not_primary: Option<NotPrimary>,
    /// The name of the local account through which it is used: one that stands for the account.
    pub through: Option<String>,
}

impl Use {
    /// Tells whether the device is the account's own: each leads among the other's, and nothing newer speaks against it.
    /// Where it is not said, that another device is the account's is not said either.
    pub fn is_primary(&self) -> bool {
        self.not_primary.is_none()
    }
}

/// A device of an account.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DeviceUse {
    /// Which.
    pub device: Device,
    /// How much it is used.
    pub usage: Use,
    /// Three or more people use it currently, and none of them most of the time.
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

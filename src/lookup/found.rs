//! What is found: an account with its devices, or a device with its accounts, and how much one uses the other.
//!
//! Which of them an answer holds, and in which order, is decided elsewhere.

use jiff::Timestamp;

use crate::schema::Class;

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

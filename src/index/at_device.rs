//! How a usage stands among those of its device: what ranking says of one side, for the other.

/// What a device's last login says of the account that leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastWord {
    /// Its newest row names nobody, or a user who says nothing of whose it is: a local account, say.
    None,
    /// It names the account.
    Agrees,
    /// It names a visitor, where dates tell so.
    Visitor,
    /// It names somebody else.
    Another,
    /// It names somebody who is not known.
    Unknown,
}

/// How a usage stands among those of its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AtDevice {
    Leads(LastWord),
    OtherLeads,
    NoneLeads,
    Shared,
}

impl AtDevice {
    /// Returns what the last login says of the usage, if it leads.
    pub(super) fn last_word(self) -> Option<LastWord> {
        match self {
            AtDevice::Leads(word) => Some(word),
            AtDevice::OtherLeads | AtDevice::NoneLeads | AtDevice::Shared => None,
        }
    }
}

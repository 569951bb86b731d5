//! How a usage stands among those of its device: what ranking says of one side, for the other.

use std::collections::BTreeSet;
use std::ops::Index;

use super::Result;
use super::bits::Bits;
use super::stand::Seconds;

/// A usage by its device: that, and its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OnDevice(u64);

impl OnDevice {
    pub(super) fn of(device: u32, position: u32) -> OnDevice {
        OnDevice(u64::from(device) << 32 | u64::from(position))
    }

    pub(super) fn device(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub(super) fn position(self) -> usize {
        self.0 as u32 as usize
    }
}

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

/// How all usages stand at their devices, by position.
pub(super) struct AtDevices {
    all: Vec<AtDevice>,
    /// Those at devices that name somebody else who is not there more.
    above_the_named: Bits,
}

impl AtDevices {
    pub(super) fn of(count: usize) -> AtDevices {
        AtDevices {
            all: vec![AtDevice::NoneLeads; count],
            above_the_named: Bits::default(),
        }
    }

    pub(super) fn add(&mut self, some: Vec<(usize, AtDevice)>, above_the_named: Vec<usize>) {
        for (at, stands) in some {
            self.all[at] = stands;
        }
        for at in above_the_named {
            self.above_the_named.set(at as u32);
        }
    }

    /// Tells whether a usage's device names somebody else who is not there more: a guest, or who prepared it.
    pub(super) fn is_above_the_named(&self, at: usize) -> bool {
        self.above_the_named.has(at as u32)
    }
}

impl Index<usize> for AtDevices {
    type Output = AtDevice;

    fn index(&self, at: usize) -> &AtDevice {
        &self.all[at]
    }
}

/// Whom the newest rows of devices name, where no usage is of them.
pub(super) trait Unplaced {
    /// Tells whether a device's newest row names a user who is not known, and who cannot be an account that is known there at
    /// a time: by the name, or since it was plainly later.
    fn is_another_named(&self, device: u32, account: u32, known: Seconds) -> bool;
    /// Returns those devices whose user is not known, and by the name no person: a local account, a service's or an administrator's.
    fn no_persons(&self, devices: &[u32]) -> Result<BTreeSet<u32>>;
}

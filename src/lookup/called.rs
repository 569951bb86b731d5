//! Called: which device a text names, of those of an answer.

use super::answer::{Answer, Match, Verdict};
use super::doubt::NoTarget;
use super::found::{Device, DeviceUse, Found};
use super::query::Query;
use crate::identifier::{self, Kind};
use crate::schema::{NotPrimary, Subject};

/// Which device of an answer is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which<'w> {
    /// The primary one of the account, or the one that a clue of the query names; of an answer that is a device, that.
    Own,
    /// The one that was named in a talk, by its name, uid, collector uid or serial number: one of the account's.
    Named(&'w str),
}

/// Returns what names a device: the one that is asked for, and clues of the query that are one, or nothing that the account
/// holds.
pub(super) fn named_devices<'n>(answer: &'n Answer, one: &Match, which: Which<'n>) -> Vec<&'n str> {
    let asked = match which {
        Which::Own => None,
        Which::Named(name) => Some(name),
    };
    let clues = answer.clues.iter().filter(|clue| {
        let is_device = match clue.kind {
            Some(kind) => Subject::of(kind) == Subject::Device,
            None => {
                clue.verdict == Verdict::Agrees
                    && !clue.is_full_name
                    && !is_held(&one.subject, &clue.text)
            }
        };
        is_device && !clue.text.trim().is_empty()
    });
    asked
        .into_iter()
        .chain(clues.map(|clue| clue.text.as_str()))
        .collect()
}

/// Tells whether an account holds a text as one of its identifiers, the bare name included.
fn is_held(subject: &Found, text: &str) -> bool {
    let Found::Account { account, .. } = subject else {
        return false;
    };
    let held = [
        (Kind::Sid, &account.sid),
        (Kind::Uid, &account.uid),
        (Kind::AccountName, &account.account_name),
        (Kind::Upn, &account.upn),
        (Kind::Email, &account.email),
    ];
    let probes = Query::any(text).account_values();
    held.into_iter().any(|(kind, held)| {
        let held = held
            .as_deref()
            .and_then(|held| identifier::normal_form(kind, held).ok());
        held.is_some_and(|held| {
            probes.iter().any(|(probe, value)| match probe {
                Kind::BareName => kind == Kind::AccountName && identifier::sam(&held) == value,
                probe => *probe == kind && *value == held,
            })
        })
    })
}

/// Returns the device that is called so; of records of one computer the newest.
pub(super) fn of_name<'d>(devices: &'d [DeviceUse], name: &str) -> Result<&'d DeviceUse, NoTarget> {
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

/// Tells whether a device has a name, uid, collector uid or serial number: the whole of it, in any case; of its name the domain
/// may be left out.
pub(super) fn is_called(device: &Device, name: &str) -> bool {
    let held = [
        (Kind::DeviceName, &device.name),
        (Kind::DeviceUid, &device.uid),
        (Kind::CollectorUid, &device.collector_uid),
        (Kind::SerialNumber, &device.serial_number),
    ];
    held.into_iter().any(|(kind, held)| {
        let asked = identifier::normal_form(kind, name);
        let held = held
            .as_deref()
            .map(|held| identifier::normal_form(kind, held));
        let (Ok(asked), Some(Ok(held))) = (asked, held) else {
            return false;
        };
        let is_short = |whole: &str, short: &str| {
            kind == Kind::DeviceName && identifier::short_name(whole) == Some(short)
        };
        // What was asked for may be of another domain, or no host at all: `john.doe` is not the host `john`.
        asked == held || is_short(&held, &asked)
    })
}

//! Keys: what a row calls whom it is about, in normal form, and which of it can join rows.
//! That they join is left to `subjects`.

use std::collections::BTreeSet;

use super::derive;
use super::samples::{UID_A, UID_B, object, subjects, uid};

/// The said keys of a row, in normal form, strongest first.
///
/// SID, uid and account name, or device uid, collector uid and device name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Keys {
    pub(super) first: Option<String>,
    pub(super) second: Option<String>,
    pub(super) name: Option<String>,
}

impl Keys {
    pub(super) fn of_name(name: String) -> Keys {
        Keys {
            first: None,
            second: None,
            name: Some(name),
        }
    }

    pub(super) fn is_said(&self) -> bool {
        self.first.is_some() || self.second.is_some() || self.name.is_some()
    }

    pub(super) fn without_sid(self) -> Keys {
        Keys {
            first: None,
            ..self
        }
    }

    /// Returns the keys that can join: without a SID that is of no key form, or shown local.
    pub(super) fn without_weak_sid(self, local_sids: &BTreeSet<String>) -> Keys {
        let is_key = |sid: &String| is_key_sid(sid) && !local_sids.contains(sid);
        match self.first.as_ref().is_some_and(is_key) {
            true => self,
            false => self.without_sid(),
        }
    }
}

/// Returns an account name in normal form: `DOMAIN\sam` is `sam@DOMAIN`.
pub(super) fn account_name(text: &str) -> String {
    let folded = text.to_ascii_lowercase();
    match folded.split_once('\\') {
        Some((domain, sam)) => format!("{sam}@{domain}"),
        None => folded,
    }
}

/// Returns a UUID as five groups of small letters, if it is one.
pub(super) fn uuid(text: &str) -> String {
    let hex: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let hex = hex.to_ascii_lowercase();
    if hex.len() != 32 {
        return text.to_ascii_lowercase();
    }
    let group = |from: usize, to: usize| &hex[from..to];
    [
        group(0, 8),
        group(8, 12),
        group(12, 16),
        group(16, 20),
        group(20, 32),
    ]
    .join("-")
}

pub(super) fn first_label(device_name: &str) -> &str {
    device_name.split('.').next().unwrap_or_default()
}

/// Says whether a normal SID has the form of a key.
///
/// That is one of the cloud directory, or one of a domain or machine with a RID of 1000 or more.
fn is_key_sid(sid: &str) -> bool {
    let parts: Vec<&str> = sid.split('-').collect();
    match parts[..] {
        ["s", "1", "12", "1", _, ..] => true,
        ["s", "1", "5", "21", _, _, _, rid] => rid.parse::<u64>().is_ok_and(|rid| rid >= 1000),
        _ => false,
    }
}

#[test]
fn a_sid_of_no_key_form_is_shown_but_joins_nothing() {
    let header = "user.sid user.uid";
    for weak in ["S-1-5-18", "S-1-5-21-1-2-3-500"] {
        let rows = [
            &*format!("{weak} {UID_A}"),
            &*format!("{weak} {UID_B}"),
            &*format!("{weak} _"),
        ];
        let state = derive(&[object("2026-01-01", header, &rows)]);
        assert_eq!(subjects(&state["accounts"]), [uid(UID_A), uid(UID_B)]);
        assert_eq!(state["accounts"][0]["fields"]["sid"], weak);
    }
    assert!(is_key_sid("s-1-12-1-1-2-3-4"));
}

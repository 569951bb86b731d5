//! Stands: how a usage stands by itself: when it was, on which days, and what tells of it. How it compares with others is left
//! to `ranking`.

use super::days::{DAY, Days};
use super::ledger::Ledger;
use super::mention::sum;
use super::seen::SeenDevice;
use super::usage::{Usage, Whole, joined};

/// Times so close to one another tell nothing of which was first.
pub(super) const CLOSE: i64 = DAY;
/// Last logins on so many days count as much as a logins row.
const LAST_LOGIN_DAYS: u32 = 3;

/// What times are measured by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    /// The newest row of logins and devices.
    pub(super) now: i64,
    /// How long before it a usage is current.
    pub(super) recent: i64,
    /// The time that each logins file covers is declared, and so short that it tells when logins were.
    pub(super) is_window_short: bool,
}

/// A usage, as far as ranking looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stand {
    /// When it is known to have been: what competes with others.
    pub(super) known: i64,
    /// When its newest logins were observed, whatever they say of when they were; else when it is known to have been.
    pub(super) told: i64,
    /// At least one.
    pub(super) logins: u32,
    /// Its first day of use of late, since 1970.
    began: u16,
    /// Its days of use of late.
    pub(super) days: u8,
    marks: u8,
}

/// Marks of a usage.
pub(super) mod mark {
    pub(in crate::index) const CURRENT: u8 = 1;
    /// Enough tells of it for it to lead.
    pub(in crate::index) const COUNTED: u8 = 2;
    pub(in crate::index) const DATED: u8 = 4;
    /// The device's newest row names its account.
    pub(in crate::index) const LAST_USER: u8 = 8;
    /// Logins tell of it.
    pub(in crate::index) const LOGINS: u8 = 16;
    /// Logins tell of it, and of when.
    pub(in crate::index) const PROVEN: u8 = 32;
    /// It was before the account was first seen.
    pub(in crate::index) const TOO_EARLY: u8 = 64;
    /// The device named its account, now or of late.
    pub(in crate::index) const NAMED: u8 = 128;
}

impl Stand {
    pub(super) fn is(&self, mark: u8) -> bool {
        self.marks & mark != 0
    }

    /// Returns what tells which of several is used most.
    pub(super) fn weight(&self) -> u64 {
        u64::from(self.logins) * u64::from(self.days)
    }

    /// Returns when its first day of use of late began.
    pub(super) fn began(&self) -> i64 {
        i64::from(self.began) * DAY
    }
}

impl Scale {
    /// Returns the time of use of a usage, and how it stands.
    pub(super) fn stand(
        &self,
        whole: &Whole,
        (device, first_seen): (SeenDevice, Option<i64>),
        ledger: &Ledger,
    ) -> (i64, Stand) {
        let time_of = |usage| time_of_use(usage, device, ledger);
        let time = whole.all().map(time_of).max();
        let time = time.unwrap_or(i64::MIN);
        // Usages that are not current do not count beside one that is.
        let is_current = self.is_current(time);
        let counts = whole
            .all()
            .filter(|usage| self.is_current(time_of(usage)) == is_current);
        let (mut logins, mut days, mut known, mut told) = (None, None, i64::MIN, None);
        let mut marks = mark::DATED;
        // What was before may be another bearer's of the name.
        let account_began = first_seen.map_or(i64::MIN, |seen| seen.saturating_sub(CLOSE));
        for usage in counts {
            let last_logins = usage.last_use.map(|(_, days)| days);
            logins = sum(logins, usage.logins);
            days = joined(days, joined(usage.days, last_logins));
            let known_of_it = Scale::known(usage, device, ledger);
            known = known.max(known_of_it);
            if let Some((object, _)) = usage.said {
                told = told.max(Some(ledger.observed_at(object)));
                marks |= mark::LOGINS;
            }
            if usage.last_use.is_some() {
                marks |= mark::NAMED;
            }
            let is_counted = usage.said.is_some()
                || last_logins.is_some_and(|days| days.count() >= LAST_LOGIN_DAYS);
            if is_counted {
                marks |= mark::COUNTED;
            }
            if usage.is_last_user {
                marks |= mark::LAST_USER;
            }
            if !self.is_dated(usage, ledger) {
                marks &= !mark::DATED;
            } else if usage.said.is_some() {
                marks |= mark::PROVEN;
            }
            // Of each by itself: one that is of late hides no other.
            let begun = usage.first_named.unwrap_or(i64::MAX).min(known_of_it);
            if begun < account_began {
                marks |= mark::TOO_EARLY;
            }
        }
        if is_current {
            marks |= mark::CURRENT;
        }
        let since = day_of(self.now.saturating_sub(self.recent).max(account_began));
        let recent = days.and_then(|days| days.since(since));
        let count = recent.map_or(0, Days::count);
        let stand = Stand {
            known,
            told: told.unwrap_or(known),
            logins: logins.unwrap_or(0).clamp(1, u64::from(u32::MAX)) as u32,
            // A day on which logins were observed may be that behind the last on which the device was seen.
            began: recent.map_or(u16::MAX, |recent| {
                let first = recent.first().min(day_of(known));
                first.clamp(0, i32::from(u16::MAX)) as u16
            }),
            days: count as u8,
            marks,
        };
        (time, stand)
    }

    /// Returns when a usage is known to have been: by its logins, if there are any. The last login is no proof of use then: a
    /// device that somebody left, and that is switched on now and then, names that user in every export.
    fn known(usage: &Usage, device: SeenDevice, ledger: &Ledger) -> i64 {
        let last_login = usage.last_use.map(|(used, _)| used);
        let time = time_of_logins(usage, ledger).or(last_login);
        let time = time.unwrap_or(i64::MIN);
        // Where the devices file is older than the logins, the device may have been seen since.
        match device.last_seen {
            Some(last_seen) if device.observed_at >= time => time.min(last_seen),
            _ => time,
        }
    }

    fn is_current(&self, time: i64) -> bool {
        time >= self.now.saturating_sub(self.recent)
    }

    /// Tells whether it is known to a day or two when a usage was. A time that was still to come says nothing of that.
    fn is_dated(&self, usage: &Usage, ledger: &Ledger) -> bool {
        let Some((object, _)) = usage.said else {
            return true;
        };
        let until = ledger.observed_at(object).saturating_add(CLOSE);
        self.is_window_short || usage.used.is_some_and(|used| used <= until)
    }
}

/// Returns when a usage was at the latest: nobody used a device after it was last seen.
fn time_of_use(usage: &Usage, device: SeenDevice, ledger: &Ledger) -> i64 {
    let last_login = usage.last_use.map(|(used, _)| used);
    let time = time_of_logins(usage, ledger).max(last_login);
    let time = time.unwrap_or(i64::MIN);
    device
        .last_seen
        .map_or(time, |last_seen| time.min(last_seen))
}

fn day_of(time: i64) -> i32 {
    time.div_euclid(DAY) as i32
}

/// Returns when the logins of a usage were at the latest: not after they were observed, whatever clock says so.
fn time_of_logins(usage: &Usage, ledger: &Ledger) -> Option<i64> {
    let (object, _) = usage.said?;
    let observed_at = ledger.observed_at(object);
    Some(usage.used.map_or(observed_at, |used| used.min(observed_at)))
}

//! Kinds of export: what an exporter of Nexthink may have been told to write, and of what it may say nothing.

use std::fmt;
use std::time::Duration;

use super::office::{DAY_S, HOUR_S};

/// How many kinds there are.
pub(super) const KINDS: usize = 96;

/// What the exporters of an office write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    pub(super) window: Window,
    /// Logins rows say the newest login of their window.
    pub(super) has_last_used: bool,
    /// The run is told the window.
    pub(super) is_declared: bool,
    /// Devices are exported every so many days, those that were seen in them.
    pub(super) devices_every: i64,
    /// Devices rows say who logged in last.
    pub(super) has_last_login: bool,
    pub(super) key: Key,
}

/// The logins that a logins object counts: those of so long before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Window {
    Hour,
    Day,
    /// Thirty days; exported every day all the same.
    Month,
}

/// How logins rows name users and devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// SID and name; collector uid and name.
    Ids,
    /// Names only.
    Names,
}

impl Window {
    pub(super) fn seconds(self) -> i64 {
        match self {
            Window::Hour => HOUR_S,
            Window::Day => DAY_S,
            Window::Month => 30 * DAY_S,
        }
    }
}

impl Kind {
    /// Returns a kind by its number, below `KINDS`.
    pub(super) fn of(number: usize) -> Kind {
        let is = |place: usize| ((number / 3) >> place) & 1 == 1;
        Kind {
            window: [Window::Hour, Window::Day, Window::Month][number % 3],
            has_last_used: is(0),
            is_declared: is(1),
            devices_every: if is(2) { 7 } else { 1 },
            has_last_login: is(3),
            key: if is(4) { Key::Names } else { Key::Ids },
        }
    }

    /// Tells whether it says on which day somebody used a machine, and not only in which month.
    pub(super) fn is_dated(self) -> bool {
        self.has_last_used || self.is_declared && self.window != Window::Month
    }

    /// Returns what the run is told.
    pub(super) fn login_window(self) -> Option<Duration> {
        let seconds = self.window.seconds().unsigned_abs();
        self.is_declared.then(|| Duration::from_secs(seconds))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, to: &mut fmt::Formatter) -> fmt::Result {
        let window = match self.window {
            Window::Hour => "hourly ",
            Window::Day => "daily  ",
            Window::Month => "30 days",
        };
        let or = |is: bool, yes: &'static str, no: &'static str| if is { yes } else { no };
        write!(
            to,
            "{window} {} {} devices {} {} by {}",
            or(self.has_last_used, "last_used", "-        "),
            or(self.is_declared, "declared", "-       "),
            or(self.devices_every == 1, "daily ", "weekly"),
            or(self.has_last_login, "last_login", "-         "),
            or(self.key == Key::Ids, "ids  ", "names"),
        )
    }
}

//! Stands: how a usage stands by itself: when it was, on which days, and what tells of it. How it compares with others is left
//! to `ranking`.

use super::days::{DAY, Days};
use super::ledger::Ledger;
use super::mention::{is_of_none, sum};
use super::seen::LastSeen;
use super::usage::{Usage, Whole, joined};
use super::waiting::WaitingUse;

/// Times so close to one another tell nothing of which was first.
pub(super) const CLOSE: i64 = DAY;
/// Usages that were last used so long before the newest one do not compete with it.
pub(super) const LEFT_BEHIND: i64 = 14 * DAY;
/// Nobody has more logins at a device on most days.
const LOGINS_OF_A_DAY: u32 = 4;
/// Last logins on so many days count as much as a logins row.
const LAST_LOGIN_DAYS: u32 = 3;
/// For so long the word of a device's last login holds: exports of devices are weekly at the least.
const WORD_HOLDS: i64 = 8 * DAY;

/// A time in whole seconds since 1970: there are two million usages, and each has several.
pub(super) type Seconds = u32;

/// What times are measured by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    /// The newest row of logins and devices.
    pub(super) now: i64,
    /// How long before it a usage is current.
    pub(super) recent: i64,
    /// The time that each logins file covers is declared, and so short that it tells when logins were.
    pub(super) is_window_short: bool,
    /// How many days before it was observed a login was that such a file counts.
    pub(super) days_of_window: i32,
}

/// A usage, as far as ranking looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stand {
    /// When it is known to have been: what competes with others.
    pub(super) known: Seconds,
    /// When its newest logins were observed, whatever they say of when they were; else when it is known to have been.
    pub(super) told: Seconds,
    /// When it was at the latest, by whatever tells of it.
    pub(super) used: Seconds,
    /// When its device first named the account; `Seconds::MAX`: never.
    pub(super) named: Seconds,
    /// Its days of use of late: bit n is n days after the first. Where there is none, it competes with nothing.
    use_days: u64,
    /// At least one.
    pub(super) logins: u32,
    /// The first of these days, since 1970.
    pub(super) began: u16,
    marks: u16,
}

/// Marks of a usage.
pub(super) mod mark {
    pub(in crate::index) const CURRENT: u16 = 1;
    /// Enough tells of it for it to lead.
    pub(in crate::index) const COUNTED: u16 = 2;
    pub(in crate::index) const DATED: u16 = 4;
    /// The device's newest row names its account.
    pub(in crate::index) const LAST_USER: u16 = 8;
    /// That row is not much older than its logins.
    pub(in crate::index) const FRESH_WORD: u16 = 16;
    /// Logins tell of it.
    pub(in crate::index) const LOGINS: u16 = 32;
    /// Logins tell of it, and of when.
    pub(in crate::index) const PROVEN: u16 = 64;
    /// It was before the account was there, or the device.
    pub(in crate::index) const TOO_EARLY: u16 = 128;
    /// It may be another's, who bears the same name.
    pub(in crate::index) const LIKELY: u16 = 256;
    /// Some of its logins have no time of their own.
    pub(in crate::index) const UNTIMED: u16 = 512;
}

impl Stand {
    /// Makes one of what logins that wait tell together, if they compete: the usage that they would be.
    pub(super) fn of_waiting(
        (logins, is_dated): (WaitingUse, bool),
        scale: &Scale,
    ) -> Option<Stand> {
        let newest = logins.newest.filter(|newest| scale.is_current(*newest))?;
        let mut sum = Sum::new(mark::CURRENT | mark::COUNTED | mark::LOGINS);
        sum.days = logins.days;
        sum.logins = Some(logins.logins);
        sum.known = newest;
        match is_dated {
            true => sum.marks |= mark::PROVEN,
            false => sum.marks &= !mark::DATED,
        }
        if logins.is_untimed {
            sum.days_before = scale.days_of_window;
        }
        let since = day_of(scale.now.saturating_sub(scale.recent));
        Some(sum.stand(newest, since)).filter(Stand::competes)
    }

    /// Tells whether it has one of some marks.
    pub(super) fn is(&self, marks: u16) -> bool {
        self.marks & marks != 0
    }

    /// Tells whether it can be set against others: it is current, and on days that count.
    pub(super) fn competes(&self) -> bool {
        self.is(mark::CURRENT) && self.use_days != 0
    }

    /// Tells whether logins tell of it, and not of when, nor does its device name the account.
    pub(super) fn is_vague(&self) -> bool {
        self.is(mark::LOGINS) && !self.is(mark::DATED | mark::LAST_USER)
    }

    /// Tells whether it began as early as another one, or later, and was on more days since then: the days before it began do not
    /// say which of the two is used now.
    pub(super) fn overtook(&self, other: &Stand) -> bool {
        self.began >= other.began && other.days_since(self) < self.days()
    }

    /// Tells whether it may have come in another one's place: it was used on as many days since it began, and may have been later.
    pub(super) fn came_in_place_of(&self, other: &Stand) -> bool {
        let is_as_often = self.began >= other.began && other.days_since(self) == self.days();
        is_as_often && self.may_be_since(other)
    }

    /// Tells whether it was on plainly more days than another one since it began, whichever was last.
    pub(super) fn plainly_overtook(&self, other: &Stand) -> bool {
        self.overtook(other) && self.days() >= 2 * other.days_since(self)
    }

    /// Tells whether it began later than another one and was on as many days since, of several: that the other was last, for a look
    /// at what was left there, tells little then.
    pub(super) fn is_as_often_since(&self, other: &Stand) -> bool {
        let are_dated = self.is(mark::DATED) && other.is(mark::DATED);
        let is_later = self.began > other.began && other.days_since(self) <= self.days();
        are_dated && is_later && self.days() > 1
    }

    /// Tells whether it was later than another one; or as late by one export of a declared window, which does not tell which was first.
    pub(super) fn may_be_since(&self, other: &Stand) -> bool {
        let is_of_window = |stand: &Stand| stand.is(mark::DATED) && stand.is(mark::UNTIMED);
        let is_tied = self.told == other.told && is_of_window(self) && is_of_window(other);
        self.known > other.known || is_tied
    }

    /// Tells whether it and another one took turns: it was alone on a day between two of the other's. Neither came in the other's
    /// place then.
    pub(super) fn took_turns(&self, other: &Stand) -> bool {
        let (own, others) = self.days_beside(other);
        let from_first = u128::MAX.checked_shl(others.trailing_zeros()).unwrap_or(0);
        let to_last = u128::MAX.checked_shr(others.leading_zeros()).unwrap_or(0);
        own & !others & from_first & to_last != 0
    }

    /// Tells whether it and another one were at a device on several of the same days, as both say.
    pub(super) fn was_there_with(&self, other: &Stand) -> bool {
        let (own, others) = self.days_beside(other);
        self.is(mark::DATED) && other.is(mark::DATED) && (own & others).count_ones() > 1
    }

    /// Tells whether it was at a device on as many days as another one since it began, as both say: somebody works there now, too.
    pub(super) fn is_there_as_often(&self, other: &Stand) -> bool {
        /// Who helps is there on fewer.
        const REGULAR: u32 = 4;
        let are_dated = self.is(mark::DATED) && other.is(mark::DATED);
        are_dated && self.days() >= REGULAR && other.days_since(self) <= self.days()
    }

    /// Returns its days and another one's as bits from the same day on.
    fn days_beside(&self, other: &Stand) -> (u128, u128) {
        let since = self.began.min(other.began);
        let days = |stand: &Stand| {
            let bits = u128::from(stand.use_days);
            bits.checked_shl(u32::from(stand.began - since))
                .unwrap_or(0)
        };
        (days(self), days(other))
    }

    /// Tells whether one export counts more logins of it than of another one, and more than its days are likely to have: it may have
    /// begun on days of which no export came.
    pub(super) fn outnumbers(&self, other: &Stand) -> bool {
        let are_logins = self.is(mark::LOGINS) && other.is(mark::LOGINS);
        let are_many = self.logins > other.logins && self.logins > self.days() * LOGINS_OF_A_DAY;
        are_logins && self.told == other.told && are_many
    }

    /// Tells whether its logins are fewer than its days: the export that counts them tells of some of these only. Counts of a window
    /// that say no time go on for as long as it, of one login.
    pub(super) fn is_counted_in_part(&self) -> bool {
        self.is(mark::PROVEN) && self.logins < self.days()
    }

    /// Tells whether one export counts half as many logins of it as of another one, and more than its days are likely to have: it was
    /// there on days of which no export came.
    pub(super) fn is_there_more_than_told(&self, other: &Stand) -> bool {
        let are_logins = self.is(mark::LOGINS) && other.is(mark::LOGINS);
        let is_half = u64::from(self.logins) * 2 >= u64::from(other.logins);
        let are_many = is_half && self.logins > self.days() * LOGINS_OF_A_DAY;
        are_logins && self.told == other.told && are_many && !other.is_counted_in_part()
    }

    /// Returns its days of late: bit n is n days after it began.
    pub(super) fn use_days(&self) -> u64 {
        self.use_days
    }

    /// Returns what tells which of several is used most.
    pub(super) fn weight(&self) -> u64 {
        u64::from(self.logins) * u64::from(self.days())
    }

    /// Returns how many days of use it has of late.
    pub(super) fn days(&self) -> u32 {
        self.use_days.count_ones()
    }

    /// Returns how many of them are no earlier than the first one of another usage.
    pub(super) fn days_since(&self, other: &Stand) -> u32 {
        let before = u32::from(other.began.saturating_sub(self.began));
        self.use_days.checked_shr(before).map_or(0, u64::count_ones)
    }

    /// Returns when its first day of use of late began.
    pub(super) fn began(&self) -> Seconds {
        Seconds::from(self.began).saturating_mul(day())
    }
}

/// A day, in seconds.
pub(super) fn day() -> Seconds {
    seconds(DAY)
}

/// Returns a time in whole seconds; what lies beyond is as far as these go.
pub(super) fn seconds(time: i64) -> Seconds {
    (time / 1_000_000).clamp(0, i64::from(Seconds::MAX)) as Seconds
}

/// Tells whether a time is plainly later than another one.
pub(super) fn is_later(time: Seconds, than: Seconds) -> bool {
    time.saturating_sub(than) > seconds(CLOSE)
}

/// Tells whether one was told of later than another one, by a day's export: these come about a day apart.
pub(super) fn is_told_later(time: Seconds, than: Seconds) -> bool {
    const HOUR: Seconds = 3_600;
    time.saturating_sub(than) > seconds(CLOSE) - HOUR
}

/// Sides of a usage: when its device was seen, and its account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sides {
    pub(super) device: LastSeen,
    pub(super) account: LastSeen,
    /// Since when the account was there, if that is known.
    pub(super) there_since: Option<i64>,
    /// Since when the device was, if that is known.
    pub(super) device_since: Option<i64>,
}

impl Scale {
    /// Returns the time of use of a usage, and how it stands.
    pub(super) fn stand(&self, whole: &Whole, sides: Sides, ledger: &Ledger) -> (i64, Stand) {
        let time_of = |usage| time_of_use(usage, sides.device, ledger);
        let time = whole.all().map(time_of).max();
        let time = time.unwrap_or(i64::MIN);
        // Usages that are not current do not count beside one that is.
        let is_current = self.is_current(time);
        let counts = whole
            .all()
            .filter(|usage| self.is_current(time_of(usage)) == is_current);
        let mut sum = Sum::new(if is_current { mark::CURRENT } else { 0 });
        for usage in counts {
            sum.add(usage, self, whole, sides, ledger);
        }
        let began = sides.began();
        let since = self.now.saturating_sub(self.recent);
        let since = day_of(since.max(began).max(sides.device_began()));
        (time, sum.stand(time, since))
    }

    fn is_current(&self, time: i64) -> bool {
        time >= self.now.saturating_sub(self.recent)
    }

    /// Tells whether it is known to a day or two when a usage was.
    fn is_dated(&self, usage: &Usage, ledger: &Ledger) -> bool {
        let Some((object, _)) = usage.said else {
            return true;
        };
        !is_of_none(usage.logins, usage.used)
            && tells_time(usage.used, ledger.observed_at(object), self.is_window_short)
    }
}

/// Tells whether logins that were observed at a time say when they were. A time that was still to come says nothing of that.
pub(super) fn tells_time(used: Option<i64>, observed_at: i64, is_window_short: bool) -> bool {
    is_window_short || used.is_some_and(|used| used <= observed_at.saturating_add(CLOSE))
}

impl Sides {
    /// Before this, what the account did may be another bearer's of its name.
    fn began(self) -> i64 {
        self.there_since
            .map_or(i64::MIN, |seen| seen.saturating_sub(CLOSE))
    }

    /// Before this, the use was of another computer of the device's name.
    fn device_began(self) -> i64 {
        self.device_since
            .map_or(i64::MIN, |seen| seen.saturating_sub(CLOSE))
    }
}

/// Usages that count together, summed up.
struct Sum {
    logins: Option<u64>,
    days: Option<Days>,
    known: i64,
    told: Option<i64>,
    named: Option<i64>,
    marks: u16,
    /// So many days before those on which its logins were observed they were.
    days_before: i32,
}

impl Sum {
    fn new(marks: u16) -> Sum {
        Sum {
            logins: None,
            days: None,
            known: i64::MIN,
            told: None,
            named: None,
            marks: marks | mark::DATED,
            days_before: 0,
        }
    }

    fn add(&mut self, usage: &Usage, scale: &Scale, whole: &Whole, sides: Sides, ledger: &Ledger) {
        // Only of the account itself is it known when it was last seen anywhere.
        let last_use = match whole.is_own(usage) {
            true => seen_use(usage, sides.account),
            false => usage.last_use.map(|(used, days)| (used, Some(days))),
        };
        self.logins = sum(self.logins, usage.logins);
        // A device that is only switched on names its last user day after day: where logins tell of the pair, they tell its days.
        let last_days = usage.last_use.map(|(_, days)| days);
        let days = match usage.has_logins() {
            true => usage.days,
            false => joined(usage.days, last_days),
        };
        self.days = joined(self.days, days);
        let known = known(usage, last_use.map(|(used, _)| used), sides.device, ledger);
        self.known = self.known.max(known);
        let is_dated = scale.is_dated(usage, ledger);
        let seen_days = last_use.and_then(|(_, days)| days).map_or(0, Days::count);
        if usage.has_logins() || seen_days >= LAST_LOGIN_DAYS {
            self.marks |= mark::COUNTED;
        }
        if let Some((object, _)) = usage.said.filter(|_| usage.has_logins()) {
            self.told = self.told.max(Some(ledger.observed_at(object)));
            if usage.used.is_none() {
                self.days_before = scale.days_of_window;
                self.marks |= mark::UNTIMED;
            }
            self.marks |= mark::LOGINS;
        }
        match is_dated {
            true if usage.has_logins() => self.marks |= mark::PROVEN,
            true => {}
            false => self.marks &= !mark::DATED,
        }
        if usage.is_likely() {
            self.marks |= mark::LIKELY;
        }
        if usage.is_last_user {
            self.marks |= mark::LAST_USER;
            let word = usage.last_login.map(|object| ledger.observed_at(object));
            let told = usage.said.map(|(object, _)| ledger.observed_at(object));
            let is_fresh = word.map(|word| word.saturating_add(WORD_HOLDS)) >= told;
            if is_fresh && !usage.are_last_likely {
                self.marks |= mark::FRESH_WORD;
            }
        }
        if let Some(named) = usage.first_named {
            self.named = Some(self.named.map_or(named, |known| known.min(named)));
        }
        // Of each by itself: one that is of late hides no other. What a device named once is past where logins tell of it since.
        let is_since = is_dated && usage.has_logins() && known >= sides.began();
        let named = usage.first_named.filter(|_| !is_since);
        if known < sides.device_began() || named.unwrap_or(i64::MAX).min(known) < sides.began() {
            self.marks |= mark::TOO_EARLY;
        }
    }

    /// Returns how the usages stand together; of their days, those since one count.
    fn stand(self, time: i64, since: i32) -> Stand {
        let recent = self.days.and_then(|days| days.since(since));
        let is_dated = self.marks & mark::DATED != 0;
        Stand {
            known: seconds(self.known),
            told: seconds(self.told.unwrap_or(self.known)),
            used: seconds(time),
            named: self.named.map_or(Seconds::MAX, seconds),
            logins: self.logins.unwrap_or(0).clamp(1, u64::from(u32::MAX)) as u32,
            use_days: recent.map_or(0, Days::by_first),
            // A day on which logins were observed may be that behind the last on which the device was seen.
            began: recent.map_or(0, |recent| {
                let first = recent.first() - self.days_before;
                let first = first.min(day_of(time.max(self.known)));
                first.clamp(0, i32::from(u16::MAX)) as u16
            }),
            // Of several that count together, one without a time may be the newest.
            marks: match is_dated {
                true => self.marks,
                false => self.marks & !mark::PROVEN,
            },
        }
    }
}

/// Returns the last use that a device tells of, as far as its account was seen since: one that is switched on goes on to name
/// whoever was there last.
fn seen_use(usage: &Usage, account: LastSeen) -> Option<(i64, Option<Days>)> {
    let (used, days) = usage.last_use?;
    match account.last_seen {
        // Where the account's row is older, it may have been seen since.
        Some(last_seen) if account.observed_at >= used && last_seen < used => {
            Some((last_seen, days.until(day_of(last_seen))))
        }
        _ => Some((used, Some(days))),
    }
}

/// Returns when a usage is known to have been: by its logins, if there are any. The last login is no proof of use then: a
/// device that somebody left, and that is switched on now and then, names that user in every export.
fn known(usage: &Usage, last_use: Option<i64>, device: LastSeen, ledger: &Ledger) -> i64 {
    let by_logins = time_of_logins(usage, ledger).filter(|_| usage.has_logins());
    until_seen(by_logins.or(last_use).unwrap_or(i64::MIN), device)
}

/// Returns when a usage was at the latest.
fn time_of_use(usage: &Usage, device: LastSeen, ledger: &Ledger) -> i64 {
    let last_login = usage.last_use.map(|(used, _)| used);
    let time = time_of_logins(usage, ledger).max(last_login);
    until_seen(time.unwrap_or(i64::MIN), device)
}

/// Nobody used a device after it was last seen; where the row that says so is older, it may have been seen since.
fn until_seen(time: i64, device: LastSeen) -> i64 {
    match device.last_seen {
        Some(last_seen) if device.observed_at >= time => time.min(last_seen),
        _ => time,
    }
}

pub(super) fn day_of(time: i64) -> i32 {
    time.div_euclid(DAY) as i32
}

/// Returns when the logins of a usage were at the latest: not after they were observed, whatever clock says so.
fn time_of_logins(usage: &Usage, ledger: &Ledger) -> Option<i64> {
    let (object, _) = usage.said?;
    let observed_at = ledger.observed_at(object);
    Some(usage.used.map_or(observed_at, |used| used.min(observed_at)))
}

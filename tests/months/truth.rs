//! Truth: whose machine is whose when the last objects are written, and who plainly has one.
//!
//! An export knows less than the office. So a machine that was somebody's is still allowed as theirs, but not asked for,
//! until the objects show that it is theirs no longer:
//! - Where logins are dated, that is two days of logins, after the last day of their own, of whoever has it now, or of
//!   themselves at another desk of theirs. One day may be a visit.
//! - Where they are not, it is a devices object whose last login there is of whoever has it now. Counts of thirty days do
//!   not tell that somebody moved on from a machine that nobody else took, so that is never shown.
//! - By names alone a machine that was set up anew is not told from what it was until a devices object lists it.
//! - That somebody went is not shown by anything: a machine that they had and nobody has stays allowed.
//!
//! Plainly has one who has one desk, its machine listed in a devices object, and no other that is allowed; who was there
//! on five days of the last thirty, lately too, at that desk on six of ten of them; and against whom others were at that
//! machine on fewer than two days for each three of theirs.

use std::collections::BTreeSet;

use super::kinds::{Key, Kind};
use super::objects::{devices_times, is_listed, last_account};
use super::office::{
    AccountId, AccountKind, Day, Desk, Login, MachineId, Office, PersonId, day_of,
};

/// Days of logins after which a machine has visibly changed hands.
const DAYS_SHOWN: usize = 2;
/// Days that count for who plainly has a machine, and how many of them somebody must have been there.
const RECENT_DAYS: Day = 30;
const LEAST_DAYS: usize = 5;
/// Somebody was there lately: not longer ago than over a weekend and a free day.
const LATELY_DAYS: Day = 4;

/// What an answer about somebody may say.
pub(super) struct Truth {
    /// Their own machines, as far as the objects can tell: one of these as the primary one is not wrong.
    pub(super) own: BTreeSet<MachineId>,
    /// The one that plainly is theirs, and is to be named.
    pub(super) plain: Option<MachineId>,
}

/// Returns the truth of somebody in the eyes of a kind of export.
pub(super) fn of(office: &Office, kind: Kind, person: PersonId) -> Truth {
    let desks = office.desks.iter().filter(|desk| desk.person == person);
    let own = desks.filter(|desk| is_open(office, desk) || !is_end_shown(office, kind, desk));
    let own: BTreeSet<_> = own.map(|desk| desk.machine).collect();
    let mut desks = office.desks_of(person, office.days - 1);
    let plain = match (desks.next(), desks.next()) {
        (Some(desk), None) if own.len() == 1 => {
            let is_plain = is_listed(office, kind, desk.machine) && is_plain(office, desk);
            is_plain.then_some(desk.machine)
        }
        _ => None,
    };
    Truth { own, plain }
}

fn is_open(office: &Office, desk: &Desk) -> bool {
    desk.days.end == office.days
}

/// Tells whether the objects show that a desk is its owner's no longer.
fn is_end_shown(office: &Office, kind: Kind, desk: &Desk) -> bool {
    let last_s = logins_at(office, desk).map(|login| login.at_s).max();
    match kind.is_dated() {
        true => {
            let mut later = heirs(office, desk).chain(elsewhere(office, desk));
            later.any(|other| {
                is_told_apart(office, kind, desk, other) && is_used_after(office, other, last_s)
            })
        }
        false => kind.has_last_login && is_last_login_of_heir(office, kind, desk, last_s),
    }
}

/// Returns the desks of others at the machine of one, after it.
fn heirs<'a>(office: &'a Office, desk: &'a Desk) -> impl Iterator<Item = &'a Desk> {
    let at_machine = office
        .desks
        .iter()
        .filter(|next| next.machine == desk.machine);
    at_machine.filter(|next| next.person != desk.person && next.days.start >= desk.days.end)
}

/// Returns the desks of a desk's owner at other machines.
fn elsewhere<'a>(office: &'a Office, desk: &'a Desk) -> impl Iterator<Item = &'a Desk> {
    let of_person = office
        .desks
        .iter()
        .filter(|other| other.person == desk.person);
    of_person.filter(|other| other.machine != desk.machine)
}

/// Tells whether logins at two desks are not taken for logins at one: for that machines of one name are to be listed.
fn is_told_apart(office: &Office, kind: Kind, desk: &Desk, other: &Desk) -> bool {
    let name = |desk: &Desk| office.machines[desk.machine.0].name(office.days).to_owned();
    let is_anew = desk.machine != other.machine && name(desk) == name(other);
    !is_anew || kind.key == Key::Ids || is_listed(office, kind, other.machine)
}

fn is_used_after(office: &Office, desk: &Desk, last_s: Option<i64>) -> bool {
    let last = last_s.map_or(Day::MIN, day_of);
    let days = logins_at(office, desk).map(|login| day_of(login.at_s));
    let days: BTreeSet<Day> = days.filter(|day| *day > last).collect();
    days.len() >= DAYS_SHOWN
}

fn is_last_login_of_heir(office: &Office, kind: Kind, desk: &Desk, last_s: Option<i64>) -> bool {
    let times = devices_times(office, kind).filter(|at_s| Some(*at_s) > last_s);
    let mut last = times.filter_map(|at_s| last_account(office, desk.machine, at_s));
    last.any(|last| heirs(office, desk).any(|heir| heir.account == last))
}

/// Returns the logins of a desk's owner at its machine, in the days that it is theirs.
fn logins_at<'a>(office: &'a Office, desk: &'a Desk) -> impl Iterator<Item = &'a Login> {
    office.logins.iter().filter(|login| {
        login.account == desk.account
            && login.machine == desk.machine
            && desk.days.contains(&day_of(login.at_s))
    })
}

/// Tells whether somebody was at a desk on most of their recent days, and others seldom.
fn is_plain(office: &Office, desk: &Desk) -> bool {
    let own = office.people[desk.person.0].account;
    let is_theirs = |account: AccountId| account == desk.account || account == own;
    let from = office.days - RECENT_DAYS;
    let recent = || {
        office
            .logins
            .iter()
            .filter(|login| day_of(login.at_s) >= from)
    };
    let days = days_of(recent().filter(|login| is_theirs(login.account)));
    let (theirs, others): (Vec<&Login>, Vec<&Login>) = recent()
        .filter(|login| login.machine == desk.machine && is_person(office, login.account))
        .partition(|login| is_theirs(login.account));
    let (theirs, others) = (days_of(theirs), days_of(others));
    let last = theirs.iter().map(|(day, _)| *day).max();
    days.len() >= LEAST_DAYS
        && last >= Some(office.days - LATELY_DAYS)
        && theirs.len() * 10 >= days.len() * 6
        && others.len() * 3 < theirs.len() * 2
}

fn days_of<'a>(logins: impl IntoIterator<Item = &'a Login>) -> BTreeSet<(Day, AccountId)> {
    let days = logins.into_iter();
    days.map(|login| (day_of(login.at_s), login.account))
        .collect()
}

fn is_person(office: &Office, AccountId(account): AccountId) -> bool {
    let kind = office.accounts[account].kind;
    matches!(kind, AccountKind::Domain | AccountKind::Local)
}

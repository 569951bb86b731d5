//! Objects: what the exporters of an office would have written, as CSV files with a time in their key.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::days::LOGIN_HOURS;
use super::kinds::{Key, Kind, Window};
use super::office::{
    Account, AccountId, AccountKind, DAY_S, Day, HOUR_S, Login, MachineId, Office, day_of, start_of,
};

/// Objects of users tell of accounts that were seen in so many days.
const USERS_WINDOW_S: i64 = 30 * DAY_S;
/// When objects of a day are made: in its morning, before anybody logs in.
const MADE_AT_S: i64 = 6 * HOUR_S;

/// A file of an exporter.
pub(super) struct Object {
    pub(super) key: String,
    pub(super) csv: String,
}

/// Returns all objects of a kind, none of them without rows.
pub(super) fn export(office: &Office, kind: Kind) -> Vec<Object> {
    let mut objects = Vec::new();
    for day in 1..=office.days {
        objects.push(users(office, start_of(day) + MADE_AT_S));
        if is_devices_day(office, kind, day) {
            objects.push(devices(office, kind, start_of(day) + MADE_AT_S));
        }
    }
    objects.extend(logins_times(office, kind).map(|at_s| logins(office, kind, at_s)));
    objects.retain(|object| object.csv.lines().count() > 1);
    objects
}

/// Tells whether devices are exported on a day: every day, or on one day of the week, which is another one every month.
pub(super) fn is_devices_day(office: &Office, kind: Kind, day: Day) -> bool {
    (day + office.seed.cast_signed()) % kind.devices_every == 0
}

/// Returns when devices are exported.
pub(super) fn devices_times(office: &Office, kind: Kind) -> impl Iterator<Item = i64> {
    let days = (1..=office.days).filter(move |day| is_devices_day(office, kind, *day));
    days.map(|day| start_of(day) + MADE_AT_S)
}

fn logins_times(office: &Office, kind: Kind) -> impl Iterator<Item = i64> {
    let hours = match kind.window {
        Window::Hour => LOGIN_HOURS.map(|hour| (hour + 1) * HOUR_S).to_vec(),
        Window::Day | Window::Month => vec![DAY_S + MADE_AT_S],
    };
    let days = (0..office.days).map(start_of);
    days.flat_map(move |start_s| {
        hours
            .clone()
            .into_iter()
            .map(move |hour_s| start_s + hour_s)
    })
}

fn users(office: &Office, at_s: i64) -> Object {
    let header = "user.sid,user.uid,user.name,user.upn,user.type,user.ad.full_name,user.first_seen,user.last_seen";
    let mut seen = BTreeMap::new();
    for login in before(office, at_s) {
        let (_, last_s) = seen.entry(login.account).or_insert((login.at_s, 0));
        *last_s = login.at_s;
    }
    for number in 0..office.accounts.len() {
        if office.accounts[number].was_seen_before {
            seen.insert(AccountId(number), (start_of(-90), start_of(-80)));
        }
    }
    let rows = seen.iter().filter(|(AccountId(number), (_, last_s))| {
        office.accounts[*number].was_seen_before || *last_s > at_s - USERS_WINDOW_S
    });
    let rows = rows.map(|(AccountId(number), (first_s, last_s))| {
        let account = &office.accounts[*number];
        format!("{},{},{}", user(account), time(*first_s), time(*last_s))
    });
    object("users", at_s, header, rows)
}

fn user(account: &Account) -> String {
    let kind = match account.kind {
        AccountKind::Local => "LOCAL_USER",
        AccountKind::Domain | AccountKind::Admin | AccountKind::Service => "DOMAIN_USER",
    };
    let Account { sid, uid, name, .. } = account;
    let (upn, full_name) = (&account.upn, &account.full_name);
    format!("{sid},{uid},{name},{upn},{kind},\"{full_name}\"")
}

fn devices(office: &Office, kind: Kind, at_s: i64) -> Object {
    let header = "device.uid,device.collector.uid,device.name,device.hardware.machine_serial_number,\
        device.hardware.type,device.first_seen,device.last_seen";
    let mut rows = Vec::new();
    for number in 0..office.machines.len() {
        let Some((first_s, last_s)) = machine_seen(office, MachineId(number), at_s) else {
            continue;
        };
        if !is_recent(kind, at_s, last_s) {
            continue;
        }
        let row = device(office, MachineId(number), at_s);
        let row = format!("{row},{},{}", time(first_s), time(last_s));
        rows.push(match kind.has_last_login {
            true => format!("{row},{}", last_login(office, MachineId(number), at_s)),
            false => row,
        });
    }
    let header = match kind.has_last_login {
        true => format!("{header},device.login.last_login_user_name"),
        false => header.to_owned(),
    };
    object("devices", at_s, &header, rows.into_iter())
}

/// Tells whether a devices object tells of a machine.
pub(super) fn is_listed(office: &Office, kind: Kind, machine: MachineId) -> bool {
    let seen = devices_times(office, kind).map(|at_s| (at_s, machine_seen(office, machine, at_s)));
    let mut seen = seen.filter_map(|(at_s, seen)| Some((at_s, seen?.1)));
    seen.any(|(at_s, last_s)| is_recent(kind, at_s, last_s))
}

fn is_recent(kind: Kind, at_s: i64, last_s: i64) -> bool {
    last_s > at_s - kind.devices_every * DAY_S
}

fn device(office: &Office, MachineId(number): MachineId, at_s: i64) -> String {
    let machine = &office.machines[number];
    let name = machine.name(day_of(at_s - MADE_AT_S - 1));
    let (uid, collector_uid) = (&machine.uid, &machine.collector_uid);
    let (serial, hardware) = (&machine.serial, machine.hardware);
    format!("{uid},{collector_uid},{name},{serial},{hardware}")
}

/// Returns when a machine was seen for the first and the last time before a time.
fn machine_seen(office: &Office, machine: MachineId, at_s: i64) -> Option<(i64, i64)> {
    let used = before(office, at_s).filter(|login| login.machine == machine);
    let used = used.flat_map(|login| [login.at_s, login.until_s.min(at_s)]);
    let awake = office.awake.iter();
    let awake = awake.filter(|(seen_s, of)| *of == machine && *seen_s <= at_s);
    let times: Vec<i64> = used.chain(awake.map(|(seen_s, _)| *seen_s)).collect();
    Some((*times.iter().min()?, *times.iter().max()?))
}

/// Returns who logged in last on a machine before a time.
pub(super) fn last_account(office: &Office, machine: MachineId, at_s: i64) -> Option<AccountId> {
    let mut logins = before(office, at_s).rev();
    let last = logins.find(|login| login.machine == machine);
    last.map(|login| login.account)
}

fn last_login(office: &Office, machine: MachineId, at_s: i64) -> &str {
    last_account(office, machine, at_s)
        .map_or("", |AccountId(number)| &office.accounts[number].name)
}

/// Counts logins by what its rows are keyed by, as NQL's `summarize` does: two users of one name add up.
fn logins(office: &Office, kind: Kind, at_s: i64) -> Object {
    let columns = match kind.key {
        Key::Ids => "user.sid,user.name,device.collector.uid,device.name",
        Key::Names => "user.name,device.name",
    };
    let mut pairs: BTreeMap<String, (u64, i64)> = BTreeMap::new();
    let is_counted = |login: &Login| login.at_s > at_s - kind.window.seconds();
    for login in before(office, at_s).filter(|login| is_counted(login)) {
        let (count, last_s) = pairs.entry(pair(office, kind, login, at_s)).or_default();
        *count += 1;
        *last_s = login.at_s;
    }
    let rows = pairs
        .iter()
        .map(|(pair, (count, last_s))| match kind.has_last_used {
            true => format!("{pair},{count},{}", time(*last_s)),
            false => format!("{pair},{count}"),
        });
    let header = match kind.has_last_used {
        true => format!("{columns},logins,last_used"),
        false => format!("{columns},logins"),
    };
    object("logins", at_s, &header, rows)
}

fn pair(office: &Office, kind: Kind, login: &Login, at_s: i64) -> String {
    let account = &office.accounts[login.account.0];
    let machine = &office.machines[login.machine.0];
    let (user, device) = (&account.name, machine.name(day_of(at_s - MADE_AT_S - 1)));
    match kind.key {
        Key::Ids => format!("{},{user},{},{device}", account.sid, machine.collector_uid),
        Key::Names => format!("{user},{device}"),
    }
}

/// Returns the logins at a time or before, the oldest first.
fn before(office: &Office, at_s: i64) -> impl DoubleEndedIterator<Item = &Login> {
    let count = office.logins.partition_point(|login| login.at_s <= at_s);
    office.logins[..count].iter()
}

fn object(dataset: &str, at_s: i64, header: &str, rows: impl Iterator<Item = String>) -> Object {
    let at = timestamp(at_s).to_string().replace(':', "-");
    let mut csv = format!("{header}\n");
    for row in rows {
        csv += &row;
        csv.push('\n');
    }
    Object {
        key: format!("{dataset}/{at}.csv"),
        csv,
    }
}

fn time(at_s: i64) -> String {
    let text = timestamp(at_s).to_string();
    text.trim_end_matches('Z').replace('T', " ")
}

fn timestamp(at_s: i64) -> Timestamp {
    Timestamp::from_second(at_s).expect("a time of these months")
}

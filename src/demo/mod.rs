//! A made-up tenant: the users, devices and logins that Nexthink would export for it, day by day.
//!
//! Every row is a function of (seed, index, day), so any size is written in constant memory and the same arguments
//! give the same bytes. The people, hosts and companies do not exist. Used by the benchmarks and the demonstration;
//! it knows nothing of the index.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

mod account;
mod device;
mod host;
pub mod nexthink;

mod random;
mod text;
mod words;

use self::account::{account_name, device_tied_to, user_row};
use self::device::{device_row, login_name, logins, people_at};
use self::host::{host_name, host_of};
use self::random::Stream;
use self::text::{Row, push_number, push_time};

/// Seconds from 1970 to 2026-11-20T06:00:00Z, when the files of day 0 are exported.
const DAY_0: u64 = 1_795_154_400;
const DAY_SECONDS: u64 = 86_400;
/// Of 1,000 subjects known on the first day, so many new ones appear on each later day.
const NEW_PER_MILLE: u32 = 1;

/// A tenant of a given size; its rows depend on the size and the seed only.
///
/// An account or device keeps its ids for ever. From one day to the next 60 % of the rows change in `last_seen`,
/// 1 % in another column (department, job title, a rename; operating system, last login), and 0.1 % are new.
#[derive(Clone, Copy, Debug)]
pub struct Tenant {
    users: u32,
    devices: u32,
    seed: u64,
}

/// The three files of one day's export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dataset {
    /// One row per account: `user.*`.
    Users,
    /// One row per device: `device.*`.
    Devices,
    /// One row per device and account, with the number of logins.
    Logins,
}

impl Dataset {
    /// All three, in the order in which they are written.
    pub const ALL: [Dataset; 3] = [Dataset::Users, Dataset::Devices, Dataset::Logins];

    /// Returns the folder that an exporter would put this dataset in.
    pub fn folder(self) -> &'static str {
        match self {
            Dataset::Users => "users",
            Dataset::Devices => "devices",
            Dataset::Logins => "logins",
        }
    }
}

impl Tenant {
    /// Makes a tenant with so many accounts and devices on day 0, at least one of each.
    pub fn new(users: u32, devices: u32, seed: u64) -> Tenant {
        Tenant {
            users: users.max(1),
            devices: devices.max(1),
            seed,
        }
    }

    /// Writes the files of `day` below `folder`, as `users/2026-11-20T06-00-00Z.csv` and so on, and returns their paths.
    ///
    /// # Errors
    /// When a folder or file cannot be made or written.
    pub fn write_day(&self, day: u32, folder: &Path) -> io::Result<Vec<PathBuf>> {
        Dataset::ALL
            .into_iter()
            .map(|dataset| self.write_file(dataset, day, folder))
            .collect()
    }

    /// Writes one dataset of `day`, header first, as CSV with every field quoted.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn write(&self, dataset: Dataset, day: u32, out: &mut impl Write) -> io::Result<()> {
        match dataset {
            Dataset::Users => self.write_users(day, out),
            Dataset::Devices => self.write_devices(day, out),
            Dataset::Logins => self.write_logins(day, out),
        }
    }

    fn write_file(&self, dataset: Dataset, day: u32, folder: &Path) -> io::Result<PathBuf> {
        let path = folder
            .join(dataset.folder())
            .join(format!("{}.csv", file_stem(day)));
        fs::create_dir_all(folder.join(dataset.folder()))?;
        let mut out = BufWriter::with_capacity(1 << 20, File::create(&path)?);
        self.write(dataset, day, &mut out)?;
        out.flush()?;
        Ok(path)
    }

    fn users_on(&self, day: u32) -> u32 {
        grown(self.users, day)
    }

    fn devices_on(&self, day: u32) -> u32 {
        grown(self.devices, day)
    }

    fn write_users(&self, day: u32, out: &mut impl Write) -> io::Result<()> {
        let mut row = Row::default();
        row.header(&USER_COLUMNS).write_to(out)?;
        for index in shuffled(self.users, self.users_on(day)) {
            user_row(self, index, day, &mut row);
            row.write_to(out)?;
        }
        Ok(())
    }

    fn write_devices(&self, day: u32, out: &mut impl Write) -> io::Result<()> {
        let mut row = Row::default();
        row.header(&DEVICE_COLUMNS).write_to(out)?;
        for index in shuffled(self.devices, self.devices_on(day)) {
            device_row(self, index, day, &mut row);
            row.write_to(out)?;
        }
        Ok(())
    }

    /// The people at their devices first, then the accounts that are tied to one device.
    fn write_logins(&self, day: u32, out: &mut impl Write) -> io::Result<()> {
        let mut row = Row::default();
        row.header(&LOGIN_COLUMNS).write_to(out)?;
        for device in shuffled(self.devices, self.devices_on(day)) {
            for (place, number) in people_at(self, device, day).enumerate() {
                let most = if place == 0 { 40 } else { 4 };
                row.field(|text| host_name(host_of(self, device), text));
                row.field(|text| login_name(self, device, number, day, text));
                row.field(|text| push_number(text, logins(self, device, number, day, most)));
                row.write_to(out)?;
            }
        }
        for index in 0..self.users_on(day) {
            if let Some(device) = device_tied_to(self, index) {
                row.field(|text| host_name(host_of(self, device), text));
                row.field(|text| account_name(self, index, day, text));
                row.field(|text| push_number(text, logins(self, device, index, day, 3)));
                row.write_to(out)?;
            }
        }
        Ok(())
    }
}

/// Returns the day of the newest export that there is at a time, in seconds since 1970.
pub fn day_of(seconds: i64) -> u32 {
    let since = u64::try_from(seconds).unwrap_or(0).saturating_sub(DAY_0);
    u32::try_from(since / DAY_SECONDS).unwrap_or(u32::MAX)
}

/// Returns the time of a day's export in the form that its file names carry.
pub fn file_stem(day: u32) -> String {
    let mut stem = Vec::new();
    push_time(&mut stem, DAY_0 + u64::from(day) * DAY_SECONDS);
    let stem: String = stem.into_iter().map(char::from).collect();
    stem.replace(' ', "T").replace(':', "-") + "Z"
}

const USER_COLUMNS: [&str; 12] = [
    "user.sid",
    "user.uid",
    "user.name",
    "user.upn",
    "user.upn_privacy_level",
    "user.type",
    "user.ad.email_address",
    "user.ad.full_name",
    "user.ad.department",
    "user.ad.job_title",
    "user.first_seen",
    "user.last_seen",
];

const DEVICE_COLUMNS: [&str; 13] = [
    "device.uid",
    "device.collector.uid",
    "device.name",
    "device.hardware.machine_serial_number",
    "device.hardware.type",
    "device.hardware.manufacturer",
    "device.hardware.model",
    "device.operating_system.name",
    "device.operating_system.platform",
    "device.entity",
    "device.login.last_login_user_name",
    "device.first_seen",
    "device.last_seen",
];

const LOGIN_COLUMNS: [&str; 3] = ["device.name", "user.name", "logins"];

/// How many there are on `day` of what began as `count`; at least one new one a day.
fn grown(count: u32, day: u32) -> u32 {
    count + day * new_per_day(count)
}

fn new_per_day(count: u32) -> u32 {
    (count / 1_000 * NEW_PER_MILLE).max(1)
}

/// The day on which subject `index` was first exported.
fn appeared(count: u32, index: u32) -> u32 {
    if index < count {
        0
    } else {
        (index - count) / new_per_day(count) + 1
    }
}

impl Tenant {
    /// First and last seen as of `day`: on each day 60 % of the subjects are seen, within the 24 hours before its export.
    fn seen(&self, stream: Stream, index: u32, appeared: u32, day: u32) -> (u64, u64) {
        let mut draws = self.draws(stream, index, 0);
        let (age_days, idle_days) = (u64::from(draws.below(1_200)), u64::from(draws.below(30)));
        let moment = u64::from(draws.below(DAY_SECONDS as u32));
        let eve = DAY_0 - DAY_SECONDS + u64::from(appeared) * DAY_SECONDS;
        // What is new on a later day was first seen in the 24 hours before that export.
        let age = if appeared > 0 {
            0
        } else {
            age_days * DAY_SECONDS
        };
        let first_seen = eve - age + moment / 2;
        let last_seen = (appeared..=day)
            .rev()
            .find_map(|day| self.seen_on(stream, index, day));
        let idle = || first_seen.max(eve - idle_days * DAY_SECONDS + moment);
        (
            first_seen,
            last_seen.map_or_else(idle, |time| time.max(first_seen)),
        )
    }

    fn seen_on(&self, stream: Stream, index: u32, day: u32) -> Option<u64> {
        let mut draws = self.draws(stream, index, day + 1);
        let was_seen = draws.below(100) < 60;
        let second = u64::from(draws.below(DAY_SECONDS as u32));
        was_seen.then_some(DAY_0 + u64::from(day) * DAY_SECONDS - second)
    }
}

/// The rows of the first day in a scattered order, as an export has them, then the new ones.
fn shuffled(first_day: u32, all: u32) -> impl Iterator<Item = u32> {
    (0..first_day)
        .map(move |row| shuffle(first_day, row))
        .chain(first_day..all)
}

/// A permutation of `0..count`: steps of a golden-ratio stride that shares no factor with `count`.
fn shuffle(count: u32, row: u32) -> u32 {
    let count = u64::from(count);
    let golden = (count as f64 * 0.618_033_988_75) as u64;
    let stride = (golden.max(1)..)
        .find(|stride| gcd(*stride, count) == 1)
        .unwrap_or(1);
    (u64::from(row) * stride % count) as u32
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    pub(super) fn written(tenant: Tenant, dataset: Dataset, day: u32) -> String {
        let mut out = Vec::new();
        tenant.write(dataset, day, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// The rows by the unquoted value of one column.
    pub(super) fn by_column(text: &str, column: usize) -> HashMap<String, Vec<String>> {
        let fields = |line: &str| {
            line[1..line.len() - 1]
                .split("\",\"")
                .map(String::from)
                .collect::<Vec<_>>()
        };
        text.lines()
            .skip(1)
            .map(fields)
            .map(|row| (row[column].clone(), row))
            .collect()
    }

    /// The share of rows known on both days in which one of `columns` differs.
    fn share_changed(dataset: Dataset, key: usize, columns: std::ops::Range<usize>) -> f64 {
        let tenant = Tenant::new(20_000, 20_000, 7);
        let before = by_column(&written(tenant, dataset, 3), key);
        let after = by_column(&written(tenant, dataset, 4), key);
        let changed = before
            .iter()
            .filter(|(key, row)| after[*key][columns.clone()] != row[columns.clone()])
            .count();
        changed as f64 / before.len() as f64
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
        for dataset in Dataset::ALL {
            let first = written(Tenant::new(300, 400, 1), dataset, 2);
            assert_eq!(first, written(Tenant::new(300, 400, 1), dataset, 2));
            assert_ne!(first, written(Tenant::new(300, 400, 2), dataset, 2));
        }
    }

    #[test]
    fn sixty_per_cent_are_seen_from_one_day_to_the_next() {
        assert!((0.58..0.62).contains(&share_changed(Dataset::Users, 1, 11..12)));
        assert!((0.58..0.62).contains(&share_changed(Dataset::Devices, 0, 12..13)));
    }

    #[test]
    fn one_per_cent_change_in_another_column() {
        assert!((0.007..0.013).contains(&share_changed(Dataset::Users, 1, 0..11)));
        assert!((0.007..0.013).contains(&share_changed(Dataset::Devices, 0, 0..12)));
    }

    #[test]
    fn one_in_a_thousand_is_new_each_day() {
        let tenant = Tenant::new(20_000, 30_000, 7);
        let rows = |dataset, day| written(tenant, dataset, day).lines().count() - 1;
        assert_eq!(
            [rows(Dataset::Users, 0), rows(Dataset::Users, 2)],
            [20_000, 20_040]
        );
        assert_eq!(
            [rows(Dataset::Devices, 0), rows(Dataset::Devices, 2)],
            [30_000, 30_060]
        );
        assert_eq!(
            by_column(&written(tenant, Dataset::Users, 2), 1).len(),
            20_040
        );
    }

    #[test]
    fn a_pair_of_device_and_account_is_listed_once_but_for_reused_names() {
        let text = written(Tenant::new(2_000, 2_400, 7), Dataset::Logins, 1);
        let pairs: HashMap<&str, usize> = text
            .lines()
            .filter_map(|line| line.rsplit_once(','))
            .map(|(pair, _)| (pair, 0))
            .collect();
        assert!(text.lines().count() - pairs.len() < 10);
        assert!((2_500..3_700).contains(&pairs.len()));
    }

    #[test]
    fn the_smallest_tenant_has_an_account_and_a_device() {
        let rows = |dataset| written(Tenant::new(0, 0, 0), dataset, 0).lines().count() - 1;
        assert_eq!([rows(Dataset::Users), rows(Dataset::Devices)], [1, 1]);
        assert!(rows(Dataset::Logins) <= 1);
    }

    #[test]
    fn file_names_carry_the_date_time_of_the_export() {
        assert_eq!(file_stem(0), "2026-11-20T06-00-00Z");
        assert_eq!(file_stem(11), "2026-12-01T06-00-00Z");
    }
}

//! A tenant in the making: its people, machines and instants, and one object of them after another.
//! What stands in a row is left to `cells`.

use super::calendar::{DAY_S, HOUR_S, SECOND_US, date_and_time};
use super::dice::Random;
use super::people::{CLONED_SID, MACHINES, Machine, PEOPLE, Person};
use super::{Dataset, Object};

/// 2020-01-06T06:00:00Z, the first instant of every tenant: years back, since objects of the future wait.
pub(super) const START_S: i64 = 1_578_290_400;

/// Steps between two instants of a tenant; 92 days is where a name's former bearer drops out.
const GAPS_S: [i64; 9] = [
    1,
    HOUR_S,
    DAY_S,
    30 * DAY_S,
    92 * DAY_S,
    92 * DAY_S,
    92 * DAY_S + 1,
    100 * DAY_S,
    200 * DAY_S,
];

const USER_KEYS: [&str; 3] = ["user.sid", "user.uid", "user.name"];
const USER_OTHERS: [&str; 8] = [
    "user.upn",
    "user.ad.email_address",
    "user.ad.full_name",
    "user.type",
    "user.first_seen",
    "user.last_seen",
    "user.ad.department",
    "user.organization.#team",
];
const DEVICE_KEYS: [&str; 3] = ["device.uid", "device.collector.uid", "device.name"];
const DEVICE_OTHERS: [&str; 5] = [
    "device.hardware.machine_serial_number",
    "device.operating_system.name",
    "device.first_seen",
    "device.last_seen",
    "device.login.last_login_user_name",
];
const LOGIN_OTHERS: [&str; 3] = ["logins", "last_seen", "session.kind"];

/// The few people, machines and instants that one tenant's objects draw from.
pub(super) struct Tenant {
    pub(super) random: Random,
    pub(super) people: Vec<Person>,
    pub(super) machines: Vec<Machine>,
    instants_s: Vec<i64>,
    pub(super) changes: Vec<Change>,
    /// The key columns that most of its objects have: of users, devices, and logins twice.
    usual_keys: [Vec<&'static str>; 4],
    /// How often, in percent, a key cell holds somebody else's value.
    pub(super) mix_up: usize,
    /// How often, in percent, a device's name is fully qualified.
    pub(super) qualified: usize,
}

/// What a person has become from some instant on.
pub(super) struct Change {
    pub(super) since_s: i64,
    pub(super) who: &'static str,
    pub(super) name: &'static str,
    pub(super) uid: &'static str,
}

impl Tenant {
    pub(super) fn new(mut random: Random) -> Tenant {
        let mut people = PEOPLE.to_vec();
        random.shuffle(&mut people);
        people.truncate(*random.pick(&[2, 2, 2, 3, 4, 5]));
        if random.chance(25) {
            people.truncate(1);
            people.extend(PEOPLE.iter().filter(|person| person.sid == CLONED_SID));
        }
        let mut machines = MACHINES.to_vec();
        random.shuffle(&mut machines);
        machines.truncate(*random.pick(&[1, 1, 2, 3]));
        let mut instants_s = vec![START_S];
        for _ in 0..1 + random.below(3) {
            instants_s.push(instants_s[instants_s.len() - 1] + *random.pick(&GAPS_S));
        }
        let changes = (0..random.below(5))
            .map(|_| Change {
                since_s: *random.pick(&instants_s),
                who: random.pick(&people).uid,
                name: random.one_of(&people, &PEOPLE).name,
                uid: random.one_of(&people, &PEOPLE).uid,
            })
            .collect();
        let usual_keys = [USER_KEYS, DEVICE_KEYS, USER_KEYS, DEVICE_KEYS];
        let usual_keys = usual_keys.map(|columns| random.some_of(&columns));
        let mix_up = *random.pick(&[0, 5, 20, 40]);
        let qualified = *random.pick(&[0, 15, 80]);
        Tenant {
            random,
            people,
            machines,
            instants_s,
            changes,
            usual_keys,
            mix_up,
            qualified,
        }
    }

    pub(super) fn next_object(&mut self, earlier: &[Object]) -> Object {
        if earlier.is_empty() {
            return self.fresh(earlier.len());
        }
        match self.random.below(10) {
            0 => self.copied(earlier),
            1 => self.overwritten(earlier),
            _ => self.fresh(earlier.len()),
        }
    }

    fn fresh(&mut self, index: usize) -> Object {
        let dataset = *self.random.pick(&[
            Dataset::Users,
            Dataset::Users,
            Dataset::Devices,
            Dataset::Logins,
            Dataset::Logins,
        ]);
        let at_s = *self.random.pick(&self.instants_s);
        let (key, modified) = self.place(dataset, index, at_s);
        let (header, rows) = self.content(dataset, at_s);
        Object {
            key,
            dataset,
            header,
            rows,
            modified,
        }
    }

    /// An earlier object once more under another key, at the same or at another observed time.
    fn copied(&mut self, earlier: &[Object]) -> Object {
        let original = self.random.pick(earlier).clone();
        if self.random.chance(50) {
            let (folder, file) = original
                .key
                .split_once('/')
                .expect("every key has a folder");
            let key = format!("{folder}/again-{}/{file}", letter(earlier.len()));
            return Object { key, ..original };
        }
        let at_s = *self.random.pick(&self.instants_s);
        let (key, modified) = self.place(original.dataset, earlier.len(), at_s);
        Object {
            key,
            modified,
            ..original
        }
    }

    /// An earlier object's key with other content, written later. No key is overwritten twice.
    fn overwritten(&mut self, earlier: &[Object]) -> Object {
        let original = self.random.pick(earlier).clone();
        if earlier.iter().filter(|o| o.key == original.key).count() > 1 {
            return self.fresh(earlier.len());
        }
        let later_s = *self.random.pick(&[1, HOUR_S, DAY_S, 93 * DAY_S]);
        let modified = original.modified + later_s * SECOND_US;
        loop {
            let (header, rows) = self.content(original.dataset, modified / SECOND_US);
            if (&header, &rows) != (&original.header, &original.rows) {
                return Object {
                    header,
                    rows,
                    modified,
                    ..original
                };
            }
        }
    }

    /// Returns a key and a modification time that make the object one of `at_s`.
    ///
    /// A date alone says nothing, so there the modification time counts, with its microseconds.
    fn place(&mut self, dataset: Dataset, index: usize, at_s: i64) -> (String, i64) {
        let folder = match dataset {
            Dataset::Users => "users",
            Dataset::Devices => "devices",
            Dataset::Logins => "logins",
        };
        let unique = letter(index);
        let [[year, month, day], [hour, minute, second]] = date_and_time(at_s);
        let date = format!("{year:04}-{month:02}-{day:02}");
        let compact = format!("{year:04}{month:02}{day:02}_{hour:02}{minute:02}{second:02}");
        let (key, has_time) = match self.random.below(8) {
            0 => (format!("{folder}/{unique}/{date}.csv"), false),
            1 => (format!("{folder}/{date}/{unique}.csv"), false),
            2 => (format!("{folder}/latest-{unique}.csv"), false),
            3 => (format!("{folder}/{unique}/{compact}.csv"), true),
            4 if at_s % HOUR_S == 0 => (format!("{folder}/{date}/{hour:02}/{unique}.csv"), true),
            _ => {
                let time = format!("{hour:02}-{minute:02}-{second:02}Z");
                (format!("{folder}/{unique}/{date}T{time}.csv"), true)
            }
        };
        let late_us = match has_time {
            true => *self.random.pick(&[0, SECOND_US, 40 * DAY_S * SECOND_US]),
            false => *self.random.pick(&[0, 0, 1, 250_000]),
        };
        (key, at_s * SECOND_US + late_us)
    }

    fn content(&mut self, dataset: Dataset, at_s: i64) -> (Vec<String>, Vec<Vec<String>>) {
        let header = self.header(dataset);
        let count = 1 + self.random.below(8);
        let rows = (0..count).map(|_| self.row(&header, at_s)).collect();
        (
            header.iter().map(|column| column.to_string()).collect(),
            rows,
        )
    }

    fn header(&mut self, dataset: Dataset) -> Vec<&'static str> {
        let [users, devices, login_users, login_devices] = self.usual_keys.clone();
        let mut header = match dataset {
            Dataset::Users => self.often(users, &USER_KEYS),
            Dataset::Devices => self.often(devices, &DEVICE_KEYS),
            Dataset::Logins => {
                let users = self.often(login_users, &USER_KEYS);
                [users, self.often(login_devices, &DEVICE_KEYS)].concat()
            }
        };
        let others: &[&'static str] = match dataset {
            Dataset::Users => &USER_OTHERS,
            Dataset::Devices => &DEVICE_OTHERS,
            Dataset::Logins => &LOGIN_OTHERS,
        };
        for column in others {
            if self.random.chance(45) {
                header.push(column);
            }
        }
        self.random.shuffle(&mut header);
        header
    }

    /// Returns the usual columns, or now and then some others.
    fn often(
        &mut self,
        usual: Vec<&'static str>,
        columns: &[&'static str; 3],
    ) -> Vec<&'static str> {
        match self.random.chance(60) {
            true => usual,
            false => self.random.some_of(columns),
        }
    }

    fn row(&mut self, header: &[&str], at_s: i64) -> Vec<String> {
        let person = *self.random.pick(&self.people);
        let machine = *self.random.pick(&self.machines);
        header
            .iter()
            .map(|column| self.cell(column, &person, &machine, at_s))
            .collect()
    }
}

/// Returns a letter for an object's place in the tenant; a digit might be read as part of a time.
fn letter(index: usize) -> char {
    char::from(b'a' + index as u8)
}

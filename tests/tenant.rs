//! A tenant: a few small export files about the same few people and machines, made from a seed.
//! The pools of values are tiny, so that keys collide, move, return and contradict each other;
//! every value is well formed for its grammar, so a row is rejected only for having no key.
//! What the files mean is left to `model`.

const SECOND_US: i64 = 1_000_000;
const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 86_400;

/// 2026-01-05T06:00:00Z, the first instant of every tenant.
const START_S: i64 = 1_767_592_800;

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

/// What stands in a key cell of somebody that Nexthink could not name.
const PLACEHOLDERS: [&str; 6] = ["-", "n/a", "unknown", "None", "N/A", "0"];
const NIL_UUID: &str = "00000000-0000-0000-0000-000000000000";

/// The machine SID that two cloned machines share, with the RID of their first local account.
const CLONED_SID: &str = "S-1-5-21-2025429265-492894223-1708537768-1001";

const PEOPLE: [Person; 11] = [
    Person {
        sid: "S-1-5-21-1004336348-1177238915-682003330-1104",
        uid: "5d1f7a3c-0b6e-4c55-8a01-a0000000000a",
        name: "jdoe@EMEA",
        kind: Kind::Domain,
        full_name: "Doe, Jane",
    },
    Person {
        sid: "S-1-5-21-1004336348-1177238915-682003330-1105",
        uid: "5d1f7a3c-0b6e-4c55-8a01-a0000000000b",
        name: "asmith@EMEA",
        kind: Kind::Domain,
        full_name: "Smith, Alex",
    },
    Person {
        sid: "S-1-5-21-1004336348-1177238915-682003330-1106",
        uid: "5d1f7a3c-0b6e-4c55-8a01-a0000000000c",
        name: "jdoe@APAC",
        kind: Kind::Domain,
        full_name: "Doe, Jane",
    },
    Person {
        sid: "S-1-12-1-1943430372-1249052806-2496021943-3034400218",
        uid: "5d1f7a3c-0b6e-4c55-8a01-a0000000000d",
        name: "kovacs@AzureAD",
        kind: Kind::Domain,
        full_name: "Kovacs, Monika",
    },
    Person {
        sid: CLONED_SID,
        uid: "5d1f7a3c-0b6e-4c55-8a01-b0000000000a",
        name: "admin@HOST1",
        kind: Kind::Local,
        full_name: "",
    },
    Person {
        sid: CLONED_SID,
        uid: "5d1f7a3c-0b6e-4c55-8a01-b0000000000b",
        name: "admin@HOST2",
        kind: Kind::Local,
        full_name: "",
    },
    Person {
        sid: "S-1-5-21-1004336348-1177238915-682003330-1131",
        uid: "5d1f7a3c-0b6e-4c55-8a01-c0000000000a",
        name: "HOST1$@EMEA",
        kind: Kind::Untyped,
        full_name: "",
    },
    Person {
        sid: "S-1-5-21-1004336348-1177238915-682003330-1131",
        uid: "5d1f7a3c-0b6e-4c55-8a01-c0000000000b",
        name: "HOST1@EMEA",
        kind: Kind::Untyped,
        full_name: "",
    },
    Person {
        sid: "S-1-5-18",
        uid: "5d1f7a3c-0b6e-4c55-8a01-d0000000000a",
        name: "SYSTEM",
        kind: Kind::Untyped,
        full_name: "",
    },
    Person {
        sid: "S-1-5-21-1004336348-1177238915-682003330-500",
        uid: "5d1f7a3c-0b6e-4c55-8a01-d0000000000b",
        name: "Administrator@HOST2",
        kind: Kind::Local,
        full_name: "",
    },
    Person {
        sid: "0",
        uid: "5d1f7a3c-0b6e-4c55-8a01-e0000000000a",
        name: "kiosk",
        kind: Kind::Untyped,
        full_name: "",
    },
];

const MACHINES: [Machine; 4] = [
    Machine {
        uid: "8e2b44d0-77aa-4f0e-b1c2-f0000000000a",
        collector_uid: "c0ffee00-77aa-4f0e-b1c2-f0000000000a",
        name: "HOST1",
    },
    Machine {
        uid: "8e2b44d0-77aa-4f0e-b1c2-f0000000000b",
        collector_uid: "c0ffee00-77aa-4f0e-b1c2-f0000000000b",
        name: "HOST2",
    },
    Machine {
        uid: "8e2b44d0-77aa-4f0e-b1c2-f0000000000c",
        collector_uid: "c0ffee00-77aa-4f0e-b1c2-f0000000000c",
        name: "HOST1",
    },
    Machine {
        uid: "8e2b44d0-77aa-4f0e-b1c2-f0000000000d",
        collector_uid: "c0ffee00-77aa-4f0e-b1c2-f0000000000d",
        name: "NB-0042",
    },
];

/// One exported file of a tenant.
///
/// Two objects with the same key are one key overwritten: the one with the later `modified` came second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    /// Where it lies in the source; may carry the observed time.
    pub(crate) key: String,
    /// What its rows are about.
    pub(crate) dataset: Dataset,
    /// Its column names, full NQL paths.
    pub(crate) header: Vec<String>,
    /// Its rows, each as wide as the header.
    pub(crate) rows: Vec<Vec<String>>,
    /// When the store says it was last modified: microseconds since 1970, UTC.
    pub(crate) modified: i64,
}

impl Object {
    /// Returns the file's text: RFC 4180, every field quoted, lines ended by `\n`.
    pub(crate) fn csv(&self) -> String {
        let lines = std::iter::once(&self.header).chain(&self.rows);
        lines.map(|cells| csv_line(cells)).collect()
    }
}

/// What an object's rows are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dataset {
    /// Rows that describe accounts.
    Users,
    /// Rows that describe devices.
    Devices,
    /// Rows that mention an account and a device.
    Logins,
}

/// Returns the tenant of a seed: two to eight objects of one to eight rows.
pub(crate) fn random(seed: u64) -> Vec<Object> {
    let mut tenant = Tenant::new(Random::new(seed));
    let count = 2 + tenant.random.below(7);
    let mut objects = Vec::with_capacity(count);
    while objects.len() < count {
        let object = tenant.next_object(&objects);
        objects.push(object);
    }
    objects
}

/// A user object as the export would name it if nothing ever changed.
#[derive(Clone, Copy)]
struct Person {
    sid: &'static str,
    uid: &'static str,
    name: &'static str,
    kind: Kind,
    full_name: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Domain,
    Local,
    Untyped,
}

#[derive(Clone, Copy)]
struct Machine {
    uid: &'static str,
    collector_uid: &'static str,
    name: &'static str,
}

/// What a person has become from some instant on.
struct Change {
    since_s: i64,
    who: &'static str,
    name: &'static str,
    uid: &'static str,
}

/// The few people, machines and instants that one tenant's objects draw from.
struct Tenant {
    random: Random,
    people: Vec<Person>,
    machines: Vec<Machine>,
    instants_s: Vec<i64>,
    changes: Vec<Change>,
    /// The key columns that most of its objects have: of users, devices, and logins twice.
    usual_keys: [Vec<&'static str>; 4],
    /// How often, in percent, a key cell holds somebody else's value.
    mix_up: usize,
    /// How often, in percent, a device's name is fully qualified.
    qualified: usize,
}

impl Tenant {
    fn new(mut random: Random) -> Tenant {
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

    fn next_object(&mut self, earlier: &[Object]) -> Object {
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

    fn cell(&mut self, column: &str, person: &Person, machine: &Machine, at_s: i64) -> String {
        match column {
            "user.sid" => self.sid(person),
            "user.uid" => self.user_uid(person, at_s),
            "user.name" => self.user_name(person, at_s),
            "device.uid" => {
                let uid = self.machine_or_another(machine).uid;
                self.uuid(uid)
            }
            "device.collector.uid" => {
                let uid = self.machine_or_another(machine).collector_uid;
                self.uuid(uid)
            }
            "device.name" => self.device_name(machine),
            "device.login.last_login_user_name" => self.last_login(at_s),
            "user.first_seen" | "user.last_seen" | "device.first_seen" | "device.last_seen"
            | "last_seen" => self.time(at_s),
            "user.type" => self.user_type(person),
            "logins" => self.count(),
            text => self.text(text, person),
        }
    }

    fn sid(&mut self, person: &Person) -> String {
        let sid = self.person_or_another(person).sid;
        match self.random.below(40) {
            0 => self.placeholder(),
            1 => String::new(),
            3 => "0".to_owned(),
            4 => sid.to_ascii_lowercase(),
            5 => format!(" {sid} "),
            _ => sid.to_owned(),
        }
    }

    fn user_uid(&mut self, person: &Person, at_s: i64) -> String {
        let person = self.person_or_another(person);
        let uid = self.change(person.uid, at_s).map_or(person.uid, |c| c.uid);
        self.uuid(uid)
    }

    fn user_name(&mut self, person: &Person, at_s: i64) -> String {
        let person = self.person_or_another(person);
        let name = self
            .change(person.uid, at_s)
            .map_or(person.name, |c| c.name);
        match self.random.below(40) {
            0 => self.placeholder(),
            1 => String::new(),
            2 => match name.split_once('@') {
                Some((sam, domain)) => format!("{domain}\\{sam}"),
                None => name.to_owned(),
            },
            3..6 if person.kind == Kind::Local => self.spelled(&format!("{name}.corp.example")),
            _ => self.spelled(name),
        }
    }

    fn device_name(&mut self, machine: &Machine) -> String {
        let name = self.machine_or_another(machine).name;
        match self.random.below(40) {
            0 => self.placeholder(),
            1 => String::new(),
            _ if self.random.chance(self.qualified) => {
                self.spelled(&format!("{name}.corp.example"))
            }
            _ => self.spelled(name),
        }
    }

    fn last_login(&mut self, at_s: i64) -> String {
        let person = *self.random.pick(&self.people);
        self.user_name(&person, at_s)
    }

    fn user_type(&mut self, person: &Person) -> String {
        let types: &[&str] = match person.kind {
            Kind::Domain => &["DOMAIN_USER", "domain", ""],
            Kind::Local => &[
                "LOCAL_USER",
                "LOCAL_ADMIN",
                "local",
                "Local user",
                "DOMAIN_USER",
                "",
                "",
                "",
            ],
            Kind::Untyped => &["", "", "", "SYSTEM", "domain"],
        };
        (*self.random.pick(types)).to_owned()
    }

    fn count(&mut self) -> String {
        match self.random.below(5) {
            0 => String::new(),
            _ => self.random.below(30).to_string(),
        }
    }

    fn text(&mut self, column: &str, person: &Person) -> String {
        let sam = person.name.split('@').next().unwrap_or_default();
        let value = match column {
            "user.upn" if !person.full_name.is_empty() => format!("{sam}@contoso.example"),
            "user.ad.email_address" if !person.full_name.is_empty() => {
                format!("{sam}.mail@contoso.example")
            }
            "user.ad.full_name" => person.full_name.to_owned(),
            "user.upn" | "user.ad.email_address" => String::new(),
            "user.ad.department" => (*self.random.pick(&["Finance", "R&D, Basel"])).to_owned(),
            "user.organization.#team" => (*self.random.pick(&["Blue", "Green"])).to_owned(),
            "device.hardware.machine_serial_number" => {
                (*self.random.pick(&["5CG1234ABC", "PF2XYZ98"])).to_owned()
            }
            "device.operating_system.name" => (*self
                .random
                .pick(&["Windows 11 Pro 22H2 (64 bits)", "macOS 15"]))
            .to_owned(),
            _ => (*self.random.pick(&["interactive", "remote"])).to_owned(),
        };
        match self.random.below(10) {
            0 => String::new(),
            1 => "  ".to_owned(),
            2 => format!(" {value}"),
            _ => value,
        }
    }

    /// Returns a time cell near the instants of the tenant, in one of the two known forms.
    fn time(&mut self, at_s: i64) -> String {
        if self.random.chance(20) {
            return String::new();
        }
        let before_s = *self.random.pick(&[0, 1, HOUR_S, 40 * DAY_S]);
        let [[year, month, day], [hour, minute, second]] = date_and_time(at_s - before_s);
        let date = format!("{year:04}-{month:02}-{day:02}");
        let time = format!("{hour:02}:{minute:02}:{second:02}");
        match self.random.chance(50) {
            true => format!("{date} {time}"),
            false => format!("{date}T{time}Z"),
        }
    }

    fn uuid(&mut self, uuid: &str) -> String {
        match self.random.below(40) {
            0 => self.placeholder(),
            1 => String::new(),
            2 => NIL_UUID.to_owned(),
            3 | 4 => uuid.to_ascii_uppercase(),
            5 | 6 => format!("{{{uuid}}}"),
            _ => uuid.to_owned(),
        }
    }

    fn spelled(&mut self, name: &str) -> String {
        match self.random.below(10) {
            0 => name.to_ascii_uppercase(),
            1 => name.to_ascii_lowercase(),
            2 => format!("{name} "),
            _ => name.to_owned(),
        }
    }

    fn placeholder(&mut self) -> String {
        (*self.random.pick(&PLACEHOLDERS)).to_owned()
    }

    fn person_or_another(&mut self, person: &Person) -> Person {
        match self.random.chance(self.mix_up) {
            true => *self.random.one_of(&self.people, &PEOPLE),
            false => *person,
        }
    }

    fn machine_or_another(&mut self, machine: &Machine) -> Machine {
        match self.random.chance(self.mix_up) {
            true => *self.random.one_of(&self.machines, &MACHINES),
            false => *machine,
        }
    }

    fn change(&self, uid: &str, at_s: i64) -> Option<&Change> {
        let applies = |change: &&Change| change.who == uid && change.since_s <= at_s;
        self.changes.iter().rfind(applies)
    }
}

/// splitmix64: small, and the same on every platform.
pub(crate) struct Random {
    state: u64,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random { state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'a, T>(&mut self, values: &'a [T]) -> &'a T {
        &values[self.below(values.len())]
    }

    /// Picks from the few or, as often, from all.
    fn one_of<'a, T>(&mut self, few: &'a [T], all: &'a [T]) -> &'a T {
        let values = if self.chance(50) { few } else { all };
        self.pick(values)
    }

    /// Returns some of the columns, at least one; more often than anything else the last, the name.
    fn some_of(&mut self, columns: &[&'static str; 3]) -> Vec<&'static str> {
        let chosen = *self.pick(&[1, 2, 3, 4, 4, 4, 5, 6, 7]);
        let is_chosen = |index: &usize| chosen >> index & 1 == 1;
        (0..3)
            .filter(is_chosen)
            .map(|index| columns[index])
            .collect()
    }

    fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            values.swap(last, self.below(last + 1));
        }
    }
}

fn csv_line(cells: &[String]) -> String {
    let quoted = cells
        .iter()
        .map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")));
    quoted.collect::<Vec<_>>().join(",") + "\n"
}

/// Returns a letter for an object's place in the tenant; a digit might be read as part of a time.
fn letter(index: usize) -> char {
    char::from(b'a' + index as u8)
}

/// Returns [year, month, day] and [hour, minute, second] of a time since 1970, UTC.
fn date_and_time(at_s: i64) -> [[i64; 3]; 2] {
    let time = at_s % DAY_S;
    let mut days = at_s / DAY_S;
    let mut year = 1970;
    while days >= days_in_year(year) {
        days -= days_in_year(year);
        year += 1;
    }
    let mut month = 1;
    while days >= days_in_month(year, month) {
        days -= days_in_month(year, month);
        month += 1;
    }
    let time = [time / HOUR_S, time % HOUR_S / 60, time % 60];
    [[year, month, days + 1], time]
}

fn days_in_year(year: i64) -> i64 {
    (1..=12).map(|month| days_in_month(year, month)).sum()
}

/// Returns the number of days of a month of a year between 1901 and 2099.
pub(crate) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Peculiarity = (&'static str, fn(&[Object]) -> bool);

    /// Says whether some cell of the column satisfies the test.
    fn some_cell(objects: &[Object], column: &str, test: impl Fn(&str) -> bool) -> bool {
        let column_of = |o: &Object| o.header.iter().position(|c| c == column);
        objects
            .iter()
            .filter_map(|object| Some((object, column_of(object)?)))
            .any(|(object, at)| object.rows.iter().any(|row| test(&row[at])))
    }

    /// Says whether some row holds all these cells, in upper or lower case.
    fn some_row(objects: &[Object], cells: &[(&str, &str)]) -> bool {
        let holds = |object: &Object, row: &[String], (column, value): &(&str, &str)| {
            let at = object.header.iter().position(|c| c == column);
            at.is_some_and(|at| row[at].trim().eq_ignore_ascii_case(value))
        };
        objects.iter().any(|object| {
            let all = |row: &Vec<String>| cells.iter().all(|cell| holds(object, row, cell));
            object.rows.iter().any(all)
        })
    }

    /// Says whether a value of one column comes with two of another, placeholders left out.
    fn one_with_two(objects: &[Object], one: &str, two: &str) -> bool {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for object in objects {
            let at = |column| object.header.iter().position(|c| c == column);
            if let (Some(one), Some(two)) = (at(one), at(two)) {
                let plain = |cell: &String| cell.trim().to_ascii_lowercase();
                pairs.extend(
                    object
                        .rows
                        .iter()
                        .map(|row| (plain(&row[one]), plain(&row[two]))),
                );
            }
        }
        pairs.retain(|(one, two)| one.len() > 7 && two.len() > 7);
        let is_other = |a: &(String, String), b: &(String, String)| a.0 == b.0 && a.1 != b.1;
        pairs.iter().any(|a| pairs.iter().any(|b| is_other(a, b)))
    }

    fn pairs(objects: &[Object]) -> impl Iterator<Item = (&Object, &Object)> {
        let with_later = |(at, first)| objects[at + 1..].iter().map(move |second| (first, second));
        objects.iter().enumerate().flat_map(with_later)
    }

    const PECULIARITIES: [Peculiarity; 23] = [
        ("names only", |o| {
            o.iter()
                .any(|o| o.dataset == Dataset::Users && !o.header.iter().any(|c| c.ends_with("id")))
        }),
        ("a column order that is not the list's", |o| {
            o.iter().any(|o| {
                o.header
                    .starts_with(&["user.name".to_owned(), "user.sid".to_owned()])
            })
        }),
        ("one uid with two SIDs", |o| {
            one_with_two(o, "user.uid", "user.sid")
        }),
        ("one SID with two uids", |o| {
            one_with_two(o, "user.sid", "user.uid")
        }),
        ("one SID with two names", |o| {
            one_with_two(o, "user.sid", "user.name")
        }),
        ("one name with two SIDs", |o| {
            one_with_two(o, "user.name", "user.sid")
        }),
        ("one device with two names", |o| {
            one_with_two(o, "device.uid", "device.name")
        }),
        ("cloned machines' local accounts, told by type", |o| {
            let row = |name, kind| {
                some_row(
                    o,
                    &[
                        ("user.sid", CLONED_SID),
                        ("user.name", name),
                        ("user.type", kind),
                    ],
                )
            };
            let typed = |name| row(name, "LOCAL_USER") || row(name, "LOCAL_ADMIN");
            typed("admin@HOST1") && typed("admin@HOST2")
        }),
        (
            "a cloned machine's account, told by a device of a later file",
            |o| {
                let seen = |o: &[Object]| some_row(o, &[("device.name", "HOST1")]);
                let local = |o: &[Object]| {
                    some_row(o, &[("user.sid", CLONED_SID), ("user.name", "admin@HOST1")])
                };
                (1..o.len()).any(|at| local(&o[..at]) && !seen(&o[..at]) && seen(&o[at..]))
            },
        ),
        ("the same content twice at one time", |o| {
            pairs(o).any(|(a, b)| a.key != b.key && a.csv() == b.csv() && b.key.contains("again-"))
        }),
        ("the same content at another time", |o| {
            pairs(o).any(|(a, b)| a.key != b.key && a.csv() == b.csv() && !b.key.contains("again-"))
        }),
        ("a key overwritten, its time in the key", |o| {
            pairs(o)
                .any(|(a, b)| a.key == b.key && a.modified < b.modified && a.key.ends_with("Z.csv"))
        }),
        ("a key overwritten, its time the modified one", |o| {
            pairs(o)
                .any(|(a, b)| a.key == b.key && a.modified < b.modified && a.key.contains("latest"))
        }),
        ("a fully qualified device name", |o| {
            some_cell(o, "device.name", |c| c.starts_with("HOST1."))
        }),
        ("a name in another case", |o| {
            some_cell(o, "user.name", |c| c == "JDOE@EMEA")
        }),
        ("a placeholder for a key", |o| {
            some_cell(o, "user.name", |c| c == "n/a")
        }),
        ("the SID 0", |o| some_cell(o, "user.sid", |c| c == "0")),
        ("the nil UUID", |o| {
            some_cell(o, "device.uid", |c| c == NIL_UUID)
        }),
        ("SIDs that are no keys", |o| {
            some_cell(o, "user.sid", |c| c == "S-1-5-18")
                || some_cell(o, "user.sid", |c| c.ends_with("-500"))
        }),
        ("a SID of the cloud directory", |o| {
            some_cell(o, "user.sid", |c| c.starts_with("S-1-12-1-"))
        }),
        ("a UUID in braces, another in upper case", |o| {
            some_cell(o, "user.uid", |c| c.starts_with('{'))
                && some_cell(o, "device.uid", |c| c.starts_with("8E2B"))
        }),
        ("a machine's accounts", |o| {
            some_cell(o, "user.name", |c| c == "HOST1$@EMEA")
                && some_cell(o, "user.name", |c| c == "HOST1@EMEA")
        }),
        ("a row without any key", |o| {
            let empty = |cell: &String| cell.trim().is_empty();
            o.iter()
                .any(|o| o.header.len() > 2 && o.rows.iter().any(|row| row.iter().all(empty)))
        }),
    ];

    #[test]
    fn a_seed_always_makes_the_same_tenant() {
        for seed in 0..50 {
            assert_eq!(random(seed), random(seed));
        }
        assert_ne!(random(1), random(2));
    }

    #[test]
    fn every_peculiarity_occurs() {
        let tenants: Vec<_> = (0..500).map(random).collect();
        for (name, occurs) in PECULIARITIES {
            assert!(tenants.iter().any(|tenant| occurs(tenant)), "{name}");
        }
    }

    #[test]
    fn tenants_are_small_and_their_rows_as_wide_as_the_header() {
        for objects in (0..500).map(random) {
            assert!((2..=8).contains(&objects.len()));
            for object in objects {
                assert!((1..=8).contains(&object.rows.len()));
                assert!(
                    object
                        .rows
                        .iter()
                        .all(|row| row.len() == object.header.len())
                );
                assert!(object.csv().is_ascii());
            }
        }
    }

    #[test]
    fn every_field_of_the_file_is_quoted_and_quotes_are_doubled() {
        let object = Object {
            key: String::new(),
            dataset: Dataset::Users,
            header: vec!["user.name".to_owned(), "user.ad.full_name".to_owned()],
            rows: vec![vec!["a@B".to_owned(), "O \"X\", Y".to_owned()]],
            modified: 0,
        };
        let text = "\"user.name\",\"user.ad.full_name\"\n\"a@B\",\"O \"\"X\"\", Y\"\n";
        assert_eq!(object.csv(), text);
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date_and_time(START_S), [[2026, 1, 5], [6, 0, 0]]);
        assert_eq!(date_and_time(1_709_164_799), [[2024, 2, 28], [23, 59, 59]]);
        assert_eq!(date_and_time(1_709_164_800), [[2024, 2, 29], [0, 0, 0]]);
    }
}

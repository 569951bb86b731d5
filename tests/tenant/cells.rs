//! Cells: what stands in a row of a tenant, some of it somebody else's, misspelt, a placeholder or nothing.
//! Which columns there are is left to `making`.

use super::calendar::{DAY_S, HOUR_S, date_and_time};
use super::making::{Change, Tenant};
use super::people::{Kind, MACHINES, Machine, PEOPLE, Person};

/// What stands in a key cell of somebody that Nexthink could not name.
const PLACEHOLDERS: [&str; 6] = ["-", "n/a", "unknown", "None", "N/A", "0"];
pub(super) const NIL_UUID: &str = "00000000-0000-0000-0000-000000000000";

impl Tenant {
    pub(super) fn cell(
        &mut self,
        column: &str,
        person: &Person,
        machine: &Machine,
        at_s: i64,
    ) -> String {
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
            // Of a computer that is in no domain: its owner's.
            "user.upn" if person.kind == Kind::Local => {
                let owner = self.people.first().map_or("", |owner| owner.name);
                let sam = owner.split('@').next().unwrap_or_default();
                format!("{sam}@contoso.example")
            }
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

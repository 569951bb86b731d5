//! An office: people, their accounts, machines, and who sits at which desk from when to when. This is the truth; what
//! happens in it is left to `plots` and `days`, what is exported of it to `objects`.

use std::ops::Range;

use super::random::Random;

/// The first day, a Monday: 2026-06-01, UTC.
pub(super) const START_S: i64 = 1_780_272_000;
pub(super) const DAY_S: i64 = 86_400;
pub(super) const HOUR_S: i64 = 3_600;

/// A day, counted from the first.
pub(super) type Day = i64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PersonId(pub(super) usize);
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AccountId(pub(super) usize);
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MachineId(pub(super) usize);

/// Whose an account is, in the exporter's eyes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AccountKind {
    Domain,
    Local,
    Admin,
    Service,
}

/// A user object of Nexthink.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) kind: AccountKind,
    pub(super) sid: String,
    pub(super) uid: String,
    /// `sam@DOMAIN`, or `sam@MACHINE` of a local one.
    pub(super) name: String,
    pub(super) upn: String,
    pub(super) full_name: String,
    /// Nexthink saw it before the first day, and keeps it though it never logs in: the domain account of a Mac's owner.
    pub(super) was_seen_before: bool,
}

/// A device object of Nexthink: a machine that is set up anew becomes another one.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) uid: String,
    pub(super) collector_uid: String,
    pub(super) serial: String,
    /// laptop, desktop or virtual.
    pub(super) hardware: &'static str,
    /// Its names, each from a day on.
    pub(super) names: Vec<(Day, String)>,
    /// The days it is there: until it is set up anew.
    pub(super) days: Range<Day>,
}

impl Machine {
    pub(super) fn name(&self, day: Day) -> &str {
        let since = self.names.iter().rev().find(|(from, _)| *from <= day);
        &since.unwrap_or(&self.names[0]).1
    }
}

/// That a machine is somebody's own, on these days.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    pub(super) person: PersonId,
    pub(super) machine: MachineId,
    /// The account that is used there: of a Mac, a local one.
    pub(super) account: AccountId,
    pub(super) days: Range<Day>,
}

/// Somebody, and what they do beside working at their desks.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) account: AccountId,
    /// The days they are there.
    pub(super) present: Vec<Range<Day>>,
    /// Machines of nobody that they also use, or only,
    pub(super) roams: Vec<MachineId>,
    /// on so many of a hundred days.
    pub(super) roams_percent: i64,
    /// On average they log in on so many machines of others in a hundred days,
    pub(super) visits_percent: i64,
    /// with their own account or this other one, which they also use at their desk.
    pub(super) admin: Option<AccountId>,
}

/// That an account logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Login {
    pub(super) at_s: i64,
    /// Until then the machine was seen.
    pub(super) until_s: i64,
    pub(super) account: AccountId,
    pub(super) machine: MachineId,
}

/// Everything that there is and that happened.
#[derive(Debug)]
pub(super) struct Office {
    pub(super) seed: u64,
    /// How many days are played.
    pub(super) days: Day,
    pub(super) people: Vec<Person>,
    pub(super) accounts: Vec<Account>,
    pub(super) machines: Vec<Machine>,
    pub(super) desks: Vec<Desk>,
    /// In the order of their times.
    pub(super) logins: Vec<Login>,
    /// When a machine was seen without a login.
    pub(super) awake: Vec<(i64, MachineId)>,
}

impl Office {
    pub(super) fn new(seed: u64, random: &mut Random) -> Office {
        Office {
            seed,
            days: random.between(60, 85),
            people: Vec::new(),
            accounts: Vec::new(),
            machines: Vec::new(),
            desks: Vec::new(),
            logins: Vec::new(),
            awake: Vec::new(),
        }
    }

    /// Adds an account by what stands before the `@` of its name, and behind.
    pub(super) fn add_account(
        &mut self,
        random: &mut Random,
        kind: AccountKind,
        sam: &str,
        domain: &str,
    ) -> AccountId {
        let number = self.accounts.len();
        let authority = match kind {
            AccountKind::Local => format!("7-{number}-9"),
            _ => "1004336348-1177238915-682003330".to_owned(),
        };
        self.accounts.push(Account {
            kind,
            sid: format!("S-1-5-21-{authority}-{}", 1_100 + number),
            uid: random.uuid(),
            name: format!("{sam}@{domain}"),
            upn: format!("{sam}@contoso.com"),
            full_name: format!("Doe, {sam}"),
            was_seen_before: false,
        });
        AccountId(number)
    }

    /// Adds somebody new with an account of the domain, there from a day on.
    pub(super) fn hire(&mut self, random: &mut Random, from: Day) -> PersonId {
        let sam = format!("user{:03}", self.accounts.len());
        let account = self.add_account(random, AccountKind::Domain, &sam, "CORP");
        self.people.push(Person {
            account,
            present: std::iter::once(from..self.days).collect(),
            roams: Vec::new(),
            roams_percent: 0,
            visits_percent: 2,
            admin: None,
        });
        PersonId(self.people.len() - 1)
    }

    /// Adds a machine named by a prefix and its number.
    pub(super) fn buy(
        &mut self,
        random: &mut Random,
        prefix: &str,
        hardware: &'static str,
    ) -> MachineId {
        let number = self.machines.len();
        let name = format!("{prefix}-{number:03}");
        let serial = format!("5CG{:07}", number * 7919);
        self.add_machine(random, [name, serial], hardware, 0)
    }

    /// Adds what a machine is after it was set up anew: the same name and serial number, and new uids.
    pub(super) fn set_up_anew(
        &mut self,
        random: &mut Random,
        machine: MachineId,
        day: Day,
    ) -> MachineId {
        let old = &mut self.machines[machine.0];
        old.days.end = day;
        let same = [old.name(day).to_owned(), old.serial.clone()];
        let hardware = old.hardware;
        self.add_machine(random, same, hardware, day)
    }

    fn add_machine(
        &mut self,
        random: &mut Random,
        [name, serial]: [String; 2],
        hardware: &'static str,
        from: Day,
    ) -> MachineId {
        self.machines.push(Machine {
            uid: random.uuid(),
            collector_uid: random.uuid(),
            serial,
            hardware,
            names: vec![(0, name)],
            days: from..self.days,
        });
        MachineId(self.machines.len() - 1)
    }

    /// Makes a machine somebody's own, used with their account of the domain.
    pub(super) fn seat(&mut self, person: PersonId, machine: MachineId, days: Range<Day>) {
        let account = self.people[person.0].account;
        self.desks.push(Desk {
            person,
            machine,
            account,
            days,
        });
    }

    /// Somebody goes for good.
    pub(super) fn leave(&mut self, person: PersonId, day: Day) {
        for there in &mut self.people[person.0].present {
            there.end = there.end.min(day);
        }
    }

    /// Returns the desks of somebody on a day.
    pub(super) fn desks_of(&self, person: PersonId, day: Day) -> impl Iterator<Item = &Desk> {
        let of_person = self.desks.iter().filter(move |desk| desk.person == person);
        of_person.filter(move |desk| desk.days.contains(&day))
    }

    /// Returns whose account it is, as their own or at a desk; nobody's: an admin's, a service's.
    pub(super) fn person_of(&self, account: AccountId) -> Option<PersonId> {
        let own = self
            .people
            .iter()
            .position(|person| person.account == account);
        let at_desk = self.desks.iter().find(|desk| desk.account == account);
        own.map(PersonId).or(at_desk.map(|desk| desk.person))
    }
}

/// Returns when a day begins.
pub(super) fn start_of(day: Day) -> i64 {
    START_S + day * DAY_S
}

/// Returns the day of a time.
pub(super) fn day_of(at_s: i64) -> Day {
    (at_s - START_S).div_euclid(DAY_S)
}

//! The story of an answer that is wrong: who, which machine, whose it is and was, and how to see it again.

use std::fmt::Write;

use super::asked::Said;
use super::kinds::Kind;
use super::office::{AccountId, Desk, MachineId, Office, PersonId, day_of};

/// Says in a word or two what a machine is to somebody whose it is not.
pub(super) fn sort(office: &Office, person: PersonId, machine: MachineId) -> &'static str {
    let at = |desk: &&Desk| desk.machine == machine;
    let theirs = |desk: &&Desk| desk.person == person;
    let serial = |of: MachineId| &office.machines[of.0].serial;
    let Some(was_theirs) = office.desks.iter().filter(theirs).find(at) else {
        let is_roamed = office
            .people
            .iter()
            .any(|person| person.roams.contains(&machine));
        let is_anybodys = office.desks.iter().any(|desk| desk.machine == machine);
        return match (is_roamed, is_anybodys) {
            (true, _) => "shared",
            (false, true) => "another's, visited",
            (false, false) => "nobody's, visited",
        };
    };
    let is_later = |desk: &&Desk| desk.days.start >= was_theirs.days.end;
    if office.desks.iter().filter(at).any(|desk| is_later(&desk)) {
        return "handed on";
    }
    let mut others = office
        .desks
        .iter()
        .filter(theirs)
        .filter(|desk| desk.machine != machine);
    match others.any(|desk| serial(desk.machine) == serial(machine)) {
        true => "set up anew since",
        false => "left in the cupboard",
    }
}

/// Tells of a machine that was said to be somebody's and is not.
pub(super) fn of(
    office: &Office,
    number: usize,
    PersonId(person): PersonId,
    machine: MachineId,
    said: &[Said],
) -> String {
    let account = &office.accounts[office.people[person].account.0];
    let mut story = format!(
        "{}: seed {}, {}: {} ({}) is given {}; {} days were played\n",
        sort(office, PersonId(person), machine),
        office.seed,
        Kind::of(number),
        account.name,
        account.sid,
        machine_text(office, machine),
        office.days
    );
    let mut add = |line: String| writeln!(story, "  {line}").expect("a text can be written");
    for desk in &office.desks {
        if desk.machine == machine || desk.person == PersonId(person) {
            add(format!("truth: {}", desk_text(office, desk)));
        }
    }
    let present = &office.people[person].present;
    add(format!(
        "truth: {} is there on days {present:?}",
        account.name
    ));
    for line in logins_text(office, PersonId(person), machine) {
        add(line);
    }
    for said in said {
        add(format!(
            "said: {}: {}",
            machine_text(office, said.machine),
            said.usage
        ));
    }
    add(again(office, number));
    story
}

/// Tells of an account of no person that is said to have a machine.
pub(super) fn of_no_person(office: &Office, number: usize, account: AccountId) -> String {
    let name = &office.accounts[account.0].name;
    format!(
        "{name}, of no person, is given a machine\n  {}\n",
        again(office, number)
    )
}

fn again(office: &Office, number: usize) -> String {
    format!(
        "again: IDENTIDEX_FIRST_MONTH={} IDENTIDEX_MONTHS=1 IDENTIDEX_MONTH_KIND={number} \
         IDENTIDEX_MONTH_FILES=/tmp/month cargo test --no-default-features --features ingest \
         --test tests months",
        office.seed
    )
}

fn machine_text(office: &Office, MachineId(number): MachineId) -> String {
    let machine = &office.machines[number];
    format!("{} ({})", machine.name(office.days), machine.uid)
}

fn desk_text(office: &Office, desk: &Desk) -> String {
    let machine = machine_text(office, desk.machine);
    let account = &office.accounts[desk.account.0];
    let days = &desk.days;
    format!(
        "{machine} is {}'s ({}) on days {days:?}",
        account.name, account.sid
    )
}

/// Tells who logged in on the machine, and where else the person did, with the days of the last five weeks.
fn logins_text(office: &Office, person: PersonId, machine: MachineId) -> Vec<String> {
    let mut lines = Vec::new();
    for account in (0..office.accounts.len()).map(AccountId) {
        for at in (0..office.machines.len()).map(MachineId) {
            if at != machine && office.person_of(account) != Some(person) {
                continue;
            }
            let days = office.logins.iter().filter(|login| {
                login.account == account
                    && login.machine == at
                    && day_of(login.at_s) >= office.days - 35
            });
            let days: Vec<i64> = days.map(|login| day_of(login.at_s)).collect();
            if !days.is_empty() {
                let (name, at) = (&office.accounts[account.0].name, machine_text(office, at));
                lines.push(format!("logins of {name} on {at} on days {days:?}"));
            }
        }
    }
    lines
}

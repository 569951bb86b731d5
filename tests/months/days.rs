//! Days: plays what happens in an office from the first day to the last: who logs in where, and which machines are on.

use super::office::{
    AccountId, AccountKind, Day, HOUR_S, Login, MachineId, Office, PersonId, start_of,
};
use super::random::Random;

/// The hours in which people log in. Few, so that an hourly export of the hours after them loses nothing.
pub(super) const LOGIN_HOURS: [i64; 5] = [7, 8, 9, 13, 16];

/// Plays all days.
pub(super) fn play(office: &mut Office, random: &mut Random) {
    for day in 0..office.days {
        let is_workday = day % 7 < 5;
        for person in (0..office.people.len()).map(PersonId) {
            if random.percent(if is_workday { 92 } else { 3 }) {
                work(office, random, person, day);
            }
        }
        if is_workday {
            log_services_in(office, random, day);
        }
        wake(office, random, day);
    }
    office.logins.sort_unstable();
    office.awake.sort_unstable();
}

/// Plays one person's day.
fn work(office: &mut Office, random: &mut Random, person: PersonId, day: Day) {
    let of = &office.people[person.0];
    if !of.present.iter().any(|there| there.contains(&day)) {
        return;
    }
    let (roams, visits) = (
        random.percent(of.roams_percent),
        random.between(0, 100) + of.visits_percent,
    );
    if roams {
        let machine = random.one_of(&of.roams);
        let account = of.account;
        log_in(office, random, account, machine, day);
    }
    work_at_desks(office, random, person, day);
    for _ in 0..visits / 100 {
        visit(office, random, person, day);
    }
}

/// Of one desk that is used; of several each on every other day, at least one.
fn work_at_desks(office: &mut Office, random: &mut Random, person: PersonId, day: Day) {
    let desks: Vec<_> = office.desks_of(person, day).cloned().collect();
    if desks.is_empty() {
        return;
    }
    let surely = random.between(0, desks.len() as i64) as usize;
    for (at, desk) in desks.iter().enumerate() {
        if at == surely || random.percent(50) {
            for _ in 0..random.between(1, 4) {
                log_in(office, random, desk.account, desk.machine, day);
            }
            if let Some(admin) = office.people[person.0].admin
                && random.percent(15)
            {
                log_in(office, random, admin, desk.machine, day);
            }
        }
    }
}

/// Somebody helps at another's machine, who is there as a rule; with an account for that they use it as often as not.
fn visit(office: &mut Office, random: &mut Random, visitor: PersonId, day: Day) {
    let Some(machine) = to_visit(office, random, visitor, day) else {
        return;
    };
    let of = &office.people[visitor.0];
    let account = random.one_of(&[of.account, of.admin.unwrap_or(of.account)]);
    for _ in 0..random.between(1, 3) {
        log_in(office, random, account, machine, day);
    }
}

fn to_visit(
    office: &Office,
    random: &mut Random,
    visitor: PersonId,
    day: Day,
) -> Option<MachineId> {
    let is_owner_there = |person: PersonId| {
        let mut present = office.people[person.0].present.iter();
        present.any(|there| there.contains(&day))
    };
    let of_present = |machine: MachineId| {
        let mut desks = office.desks.iter();
        desks.any(|desk| {
            desk.machine == machine && desk.days.contains(&day) && is_owner_there(desk.person)
        })
    };
    let any_machine = random.percent(5);
    let is_own = |machine| {
        office
            .desks_of(visitor, day)
            .any(|desk| desk.machine == machine)
    };
    let machines = (0..office.machines.len()).map(MachineId).filter(|machine| {
        let of = &office.machines[machine.0];
        of.days.contains(&day) && !is_own(*machine) && (any_machine || of_present(*machine))
    });
    let machines: Vec<_> = machines.collect();
    (!machines.is_empty()).then(|| random.one_of(&machines))
}

fn log_services_in(office: &mut Office, random: &mut Random, day: Day) {
    let services = (0..office.accounts.len())
        .map(AccountId)
        .filter(|account| office.accounts[account.0].kind == AccountKind::Service);
    for service in services.collect::<Vec<_>>() {
        for _ in 0..random.between(0, 4) {
            let machine = MachineId(random.between(0, office.machines.len() as i64) as usize);
            if office.machines[machine.0].days.contains(&day) {
                log_in(office, random, service, machine, day);
            }
        }
    }
}

fn log_in(
    office: &mut Office,
    random: &mut Random,
    account: AccountId,
    machine: MachineId,
    day: Day,
) {
    let at_s = start_of(day) + random.one_of(&LOGIN_HOURS) * HOUR_S + random.between(1, HOUR_S);
    office.logins.push(Login {
        at_s,
        until_s: at_s + random.between(600, 6 * HOUR_S),
        account,
        machine,
    });
}

/// Has machines be on without anybody: those of nobody now and then, those of somebody seldom.
fn wake(office: &mut Office, random: &mut Random, day: Day) {
    for machine in (0..office.machines.len()).map(MachineId) {
        let is_somebodys = office
            .desks
            .iter()
            .any(|desk| desk.machine == machine && desk.days.contains(&day));
        let percent = if is_somebodys { 5 } else { 15 };
        if office.machines[machine.0].days.contains(&day) && random.percent(percent) {
            let at_s = start_of(day) + random.between(6 * HOUR_S, 18 * HOUR_S);
            office.awake.push((at_s, machine));
        }
    }
}

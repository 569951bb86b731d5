//! Plots: what becomes of some of the people and machines of an office. Each adds its people and says which desk is
//! whose from when to when; nobody logs in yet.

use super::office::{AccountKind, Day, MachineId, Office, PersonId};
use super::random::Random;

/// Sets up an office of about sixty people.
pub(super) fn office(seed: u64, random: &mut Random) -> Office {
    let mut office = Office::new(seed, random);
    for _ in 0..18 {
        staff(&mut office, random);
    }
    for _ in 0..3 {
        handover(&mut office, random);
        on_leave(&mut office, random);
        mac(&mut office, random);
        two_machines(&mut office, random);
    }
    for _ in 0..2 {
        renamed(&mut office, random);
        set_up_anew(&mut office, random);
        name_passed_on(&mut office, random);
        in_the_cupboard(&mut office, random);
    }
    swap(&mut office, random);
    mac_passed_on(&mut office, random);
    pool(&mut office, random);
    kiosk(&mut office, random);
    helpdesk(&mut office, random);
    admins_at_home(&mut office, random);
    services(&mut office, random);
    office
}

/// Somebody with a laptop, from the first day to the last.
fn staff(office: &mut Office, random: &mut Random) -> (PersonId, MachineId) {
    let person = office.hire(random, 0);
    let laptop = office.buy(random, "LAP", "laptop");
    office.seat(person, laptop, 0..office.days);
    (person, laptop)
}

/// Draws the day of an event: mostly in the last weeks, where it is hardest to see.
fn some_day(office: &Office, random: &mut Random) -> Day {
    let before_end = match random.between(0, 3) {
        0 => random.between(1, 8),
        1 => random.between(8, 35),
        _ => random.between(1, office.days - 10),
    };
    office.days - before_end
}

/// Ends the desks of a machine.
fn clear(office: &mut Office, machine: MachineId, day: Day) {
    let desks = office.desks.iter_mut();
    for desk in desks.filter(|desk| desk.machine == machine && desk.days.end > day) {
        desk.days.end = day;
    }
}

/// A laptop goes to somebody else, at once or after some days, sometimes set up anew between; who had it gets another
/// one, before or after, or goes.
fn handover(office: &mut Office, random: &mut Random) {
    let (from, laptop) = staff(office, random);
    let day = some_day(office, random);
    clear(office, laptop, day);
    if random.percent(50) {
        office.leave(from, day);
    } else {
        let other = office.buy(random, "LAP", "laptop");
        let early = random.between(0, 3);
        office.seat(from, other, day - early..office.days);
    }
    let again = day + random.one_of(&[0, 0, 1, 3, 7, 14]);
    if again >= office.days {
        return;
    }
    let heir = heir(office, random, again);
    let is_set_up_anew = random.percent(25);
    let machine = match is_set_up_anew {
        true => office.set_up_anew(random, laptop, again),
        false => laptop,
    };
    office.seat(heir, machine, again..office.days);
}

/// Somebody who gets a machine that was another's: new, or there before with a laptop that goes into the cupboard.
fn heir(office: &mut Office, random: &mut Random, day: Day) -> PersonId {
    if random.percent(60) {
        return office.hire(random, day);
    }
    let (heir, laptop) = staff(office, random);
    clear(office, laptop, day);
    heir
}

/// Two people exchange their laptops.
fn swap(office: &mut Office, random: &mut Random) {
    let [(ann, hers), (bob, his)] = [staff(office, random), staff(office, random)];
    let day = some_day(office, random);
    clear(office, hers, day);
    clear(office, his, day);
    office.seat(ann, his, day..office.days);
    office.seat(bob, hers, day..office.days);
}

/// Somebody's laptop is set up anew: for Nexthink it is another device of the same name and serial number.
fn set_up_anew(office: &mut Office, random: &mut Random) {
    let (person, laptop) = staff(office, random);
    let day = some_day(office, random);
    clear(office, laptop, day);
    let anew = office.set_up_anew(random, laptop, day);
    office.seat(person, anew, day..office.days);
}

fn renamed(office: &mut Office, random: &mut Random) {
    let (_, MachineId(laptop)) = staff(office, random);
    let day = some_day(office, random);
    let name = format!("NB-{laptop:03}");
    office.machines[laptop].names.push((day, name));
}

/// Somebody is away for weeks; perhaps still.
fn on_leave(office: &mut Office, random: &mut Random) {
    let (PersonId(person), _) = staff(office, random);
    let away = random.between(5, office.days);
    let back = away + random.between(7, 40);
    office.people[person].present = vec![0..away, back..office.days];
}

/// Somebody goes, and their account name and UPN are given to somebody new, with their laptop or another.
fn name_passed_on(office: &mut Office, random: &mut Random) {
    let (leaver, laptop) = staff(office, random);
    let day = some_day(office, random);
    office.leave(leaver, day);
    clear(office, laptop, day);
    let again = day + random.one_of(&[1, 3, 10, 20]);
    if again >= office.days {
        return;
    }
    let joiner = office.hire(random, again);
    let old = &office.accounts[office.people[leaver.0].account.0];
    let (name, upn) = (old.name.clone(), old.upn.clone());
    let new = &mut office.accounts[office.people[joiner.0].account.0];
    (new.name, new.upn) = (name, upn);
    let machine = match random.percent(50) {
        true => laptop,
        false => office.buy(random, "LAP", "laptop"),
    };
    office.seat(joiner, machine, again..office.days);
}

/// Somebody with two machines, used alike: neither is plainly theirs.
fn two_machines(office: &mut Office, random: &mut Random) {
    let (person, _) = staff(office, random);
    let desktop = office.buy(random, "DESK", "desktop");
    office.seat(person, desktop, 0..office.days);
}

/// Laptops of nobody: one never used, one that its owner gave back. Both are seen now and then (`days`).
fn in_the_cupboard(office: &mut Office, random: &mut Random) {
    office.buy(random, "LAP", "laptop");
    let (person, laptop) = staff(office, random);
    let day = some_day(office, random);
    clear(office, laptop, day);
    let other = office.buy(random, "LAP", "laptop");
    office.seat(person, other, day..office.days);
}

/// A Mac, used with a local account that bears its owner's UPN; the owner's account of the domain logs in nowhere.
fn mac(office: &mut Office, random: &mut Random) -> MachineId {
    let person = office.hire(random, 0);
    let mac = office.buy(random, "MAC", "laptop");
    seat_locally(office, random, person, mac, 0);
    mac
}

fn seat_locally(
    office: &mut Office,
    random: &mut Random,
    person: PersonId,
    mac: MachineId,
    day: Day,
) {
    let own = &mut office.accounts[office.people[person.0].account.0];
    own.was_seen_before = true;
    let (upn, full_name) = (own.upn.clone(), own.full_name.clone());
    let sam = own.name.replace("@CORP", "");
    let host = office.machines[mac.0].name(day).to_owned();
    let local = office.add_account(random, AccountKind::Local, &sam, &host);
    let account = &mut office.accounts[local.0];
    (account.upn, account.full_name) = (upn, full_name);
    office.seat(person, mac, day..office.days);
    let desk = office.desks.last_mut().expect("the desk was just made");
    desk.account = local;
}

/// A Mac goes to somebody else, who makes a local account of their own; who had it goes.
fn mac_passed_on(office: &mut Office, random: &mut Random) {
    let mac = mac(office, random);
    let from = office.desks.last().expect("a Mac has a desk").person;
    let day = some_day(office, random);
    office.leave(from, day);
    clear(office, mac, day);
    let heir = office.hire(random, day);
    seat_locally(office, random, heir, mac, day);
}

/// Virtual machines, given to whoever comes: to people who have no other, and now and then to some who have.
fn pool(office: &mut Office, random: &mut Random) {
    let machines = [(); 3].map(|()| office.buy(random, "VDI", "virtual"));
    for number in 0..8 {
        let (person, percent) = match number < 6 {
            true => (office.hire(random, 0), 100),
            false => (staff(office, random).0, 20),
        };
        let person = &mut office.people[person.0];
        (person.roams, person.roams_percent) = (machines.to_vec(), percent);
    }
}

/// A machine in a hall, used by five who have no other.
fn kiosk(office: &mut Office, random: &mut Random) {
    let machine = office.buy(random, "HALL", "desktop");
    for _ in 0..5 {
        let person = office.hire(random, 0);
        let person = &mut office.people[person.0];
        (person.roams, person.roams_percent) = (vec![machine], 50);
    }
}

/// Two who log in on the machines of others, with their own account or another for that; one has no machine.
fn helpdesk(office: &mut Office, random: &mut Random) {
    let (with, _) = staff(office, random);
    let without = office.hire(random, 0);
    for helper in [with, without] {
        give_admin(office, random, helper);
        office.people[helper.0].visits_percent = 150;
    }
}

/// Two with a second account, which they use on their own machine and at times on others.
fn admins_at_home(office: &mut Office, random: &mut Random) {
    for _ in 0..2 {
        let (person, _) = staff(office, random);
        give_admin(office, random, person);
        office.people[person.0].visits_percent = 20;
    }
}

/// Makes the second account of a person.
fn give_admin(office: &mut Office, random: &mut Random, person: PersonId) {
    let own = &office.accounts[office.people[person.0].account.0];
    let sam = format!("adm-{}", own.name.replace("@CORP", ""));
    let full_name = own.full_name.clone();
    let admin = office.add_account(random, AccountKind::Admin, &sam, "CORP");
    office.accounts[admin.0].full_name = full_name;
    office.people[person.0].admin = Some(admin);
}

/// Accounts of programs that log in on machines here and there; nobody's.
fn services(office: &mut Office, random: &mut Random) {
    for name in ["svc-scan", "svc-backup"] {
        office.add_account(random, AccountKind::Service, name, "CORP");
    }
}

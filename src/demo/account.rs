//! Accounts: the people of a tenant and what becomes of them, and the other classes of accounts.
//!
//! Who logs in where is the affair of `device`, but for accounts that are tied to one.

use super::host::{host_name, host_of};
use super::random::Stream;
use super::text::{Row, push, push_ascii_lower, push_hex, push_number, push_part, push_time};
use super::words::{
    DEPARTMENTS, DOMAIN_OF, DOMAINS, ENTRA, FIRST_NAMES, JOB_TITLES, LAST_NAMES, LOCAL_ACCOUNTS,
    SERVICES, SUFFIXES,
};
use super::{Tenant, appeared, shuffle};

/// Accounts repeat in this pattern of classes; see [`class_of`].
const PATTERN: u32 = 100;
const PEOPLE_IN_PATTERN: u32 = 88;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Person,
    Admin,
    Service,
    Local,
    Machine,
}

/// The class of an account and its number among those of its class.
fn class_of(index: u32) -> (Class, u32) {
    let (block, place) = (index / PATTERN, index % PATTERN);
    match place {
        0..88 => (Class::Person, block * PEOPLE_IN_PATTERN + place),
        88..91 => (Class::Admin, block * 3 + place - 88),
        91..93 => (Class::Service, block * 2 + place - 91),
        93..97 => (Class::Local, block * 4 + place - 93),
        _ => (Class::Machine, block * 3 + place - 97),
    }
}

/// How many of the first `users` accounts are people.
pub(super) fn people_among(users: u32) -> u32 {
    users / PATTERN * PEOPLE_IN_PATTERN + (users % PATTERN).min(PEOPLE_IN_PATTERN)
}

/// Each human has one admin account at most: the admins of a block belong to different people of that block.
fn human_behind(admin: u32) -> u32 {
    admin / 3 * PEOPLE_IN_PATTERN + admin % 3 * 29
}

/// A human as of some day.
pub(super) struct Person {
    number: u32,
    first: &'static str,
    last: &'static str,
    /// The surname taken by the newest rename.
    renamed: Option<&'static str>,
    /// Tells people of the same name apart; 0 for the first of them.
    ordinal: u32,
    department: usize,
    job_title: usize,
}

impl Person {
    pub(super) fn domain(&self) -> usize {
        DOMAIN_OF[self.number as usize % DOMAIN_OF.len()]
    }

    /// `jdoe48213`: the number makes it unique.
    pub(super) fn push_sam(&self, text: &mut Vec<u8>) {
        push_ascii_lower(
            text,
            &self.first[..self.first.chars().next().map_or(0, char::len_utf8)],
        );
        push_ascii_lower(text, self.renamed.unwrap_or(self.last));
        push_number(text, self.number);
    }

    /// `john.doe7@contoso.com`, and after a rename `john.doe-smith7@contoso.com`.
    fn push_upn(&self, text: &mut Vec<u8>) {
        push_ascii_lower(text, self.first);
        text.push(b'.');
        push_ascii_lower(text, self.last);
        if let Some(renamed) = self.renamed {
            text.push(b'-');
            push_ascii_lower(text, renamed);
        }
        if self.ordinal > 0 {
            push_number(text, self.ordinal);
        }
        text.push(b'@');
        push(text, SUFFIXES[usize::from(self.number % 10 == 3)]);
    }

    /// The UPN in the spelling of people: `John.Doe7@contoso.com`. A few share a mailbox instead.
    fn push_email(&self, text: &mut Vec<u8>) {
        if self.number % 400 == 399 {
            push(text, "desk-");
            push_number(text, self.number / 1_600);
            push(text, "@contoso.com");
            return;
        }
        let start = text.len();
        self.push_upn(text);
        text[start].make_ascii_uppercase();
        if let Some(dot) = text[start..].iter().position(|byte| *byte == b'.') {
            text[start + dot + 1].make_ascii_uppercase();
        }
    }

    /// `Last, First`, with its accents.
    fn push_full_name(&self, text: &mut Vec<u8>) {
        push(text, self.last);
        if let Some(renamed) = self.renamed {
            text.push(b'-');
            push(text, renamed);
        }
        push(text, ", ");
        push(text, self.first);
    }
}

pub(super) fn person(tenant: &Tenant, number: u32, day: u32) -> Person {
    let names = (FIRST_NAMES.len() * LAST_NAMES.len()) as u32;
    let name = (number % names) as usize;
    let mut draws = tenant.draws(Stream::Career, number, 0);
    let mut person = Person {
        number,
        first: FIRST_NAMES[name % FIRST_NAMES.len()],
        last: LAST_NAMES[name / FIRST_NAMES.len()],
        renamed: None,
        ordinal: number / names,
        department: draws.below(DEPARTMENTS.len() as u32) as usize,
        job_title: draws.below(JOB_TITLES.len() as u32) as usize,
    };
    (1..=day).for_each(|day| live_a_day(tenant, &mut person, day));
    person
}

/// A transfer, a promotion or a rename for one person in 88, which is 1 % of all accounts.
fn live_a_day(tenant: &Tenant, person: &mut Person, day: u32) {
    let mut draws = tenant.draws(Stream::Career, person.number, day);
    if draws.below(PEOPLE_IN_PATTERN) != 0 {
        return;
    }
    match draws.below(100) {
        0..70 => person.department = draws.other(person.department, DEPARTMENTS.len()),
        70..95 => person.job_title = draws.other(person.job_title, JOB_TITLES.len()),
        _ => person.renamed = Some(LAST_NAMES[draws.below(LAST_NAMES.len() as u32) as usize]),
    }
}

pub(super) fn user_row(tenant: &Tenant, index: u32, day: u32, row: &mut Row) {
    row.field(|text| push_sid(tenant, index, text));
    row.field(|text| tenant.draws(Stream::UserUid, index, 0).push_uuid(text));
    row.field(|text| account_name(tenant, index, day, text));
    directory_fields(tenant, index, day, row);
    let (first_seen, last_seen) =
        tenant.seen(Stream::UserSeen, index, appeared(tenant.users, index), day);
    row.field(|text| push_time(text, first_seen));
    row.field(|text| push_time(text, last_seen));
}

/// From `user.upn` to `user.ad.job_title`.
fn directory_fields(tenant: &Tenant, index: u32, day: u32, row: &mut Row) {
    let (class, number) = class_of(index);
    match class {
        Class::Person => person_fields(tenant, &person(tenant, number, day), row),
        Class::Admin => {
            let human = person(tenant, human_behind(number), day);
            row.field(|text| {
                push(text, "adm-");
                human.push_sam(text);
                push(text, "@contoso.com");
            });
            row.texts(&["cleartext", "DOMAIN_USER", ""]);
            row.field(|text| human.push_full_name(text));
            row.texts(&["IT", ""]);
        }
        Class::Service => {
            row.field(|text| {
                push_service(number, text);
                push(text, "@contoso.com");
            });
            row.texts(&["cleartext", "DOMAIN_USER", "", "", "", ""]);
        }
        Class::Local => {
            row.texts(&["", "no_import", LOCAL_ACCOUNTS[local_kind(number)].1]);
            row.texts(&["", "", "", ""]);
        }
        Class::Machine => row.texts(&["", "no_import", "DOMAIN_USER", "", "", "", ""]),
    }
}

fn person_fields(tenant: &Tenant, person: &Person, row: &mut Row) {
    let mut draws = tenant.draws(Stream::Privacy, person.number, 0);
    match draws.below(100) {
        0..4 => {
            row.field(|text| (0..4).for_each(|_| push_hex(text, draws.next(), 16)));
            row.text("hashed");
        }
        4..10 => row.texts(&["", "no_import"]),
        _ => {
            row.field(|text| person.push_upn(text));
            row.text("cleartext");
        }
    }
    row.text("DOMAIN_USER");
    let has_email = draws.below(100) >= 3;
    row.field(|text| {
        if has_email {
            person.push_email(text)
        }
    });
    row.field(|text| person.push_full_name(text));
    row.text(DEPARTMENTS[person.department]);
    row.text(JOB_TITLES[person.job_title]);
}

/// `sam@DOMAIN`, or `sam@HOST` for a local account.
pub(super) fn account_name(tenant: &Tenant, index: u32, day: u32, text: &mut Vec<u8>) {
    let (class, number) = class_of(index);
    match class {
        Class::Person => person(tenant, number, day).push_sam(text),
        Class::Admin => {
            push(text, "adm-");
            person(tenant, human_behind(number), day).push_sam(text);
        }
        Class::Service => push_service(number, text),
        Class::Local => push(text, LOCAL_ACCOUNTS[local_kind(number)].0),
        // Some tenants show the `$` of a machine account, some do not.
        Class::Machine => {
            host_name(host_of(tenant, device_of(tenant, number)), text);
            push(text, if number % 4 == 0 { "" } else { "$" });
        }
    }
    text.push(b'@');
    match class {
        Class::Local => host_name(host_of(tenant, device_of(tenant, number)), text),
        _ => push(text, DOMAINS[domain_of(index)]),
    }
}

/// A domain SID ascends with the index; a local one repeats where its machine was cloned.
fn push_sid(tenant: &Tenant, index: u32, text: &mut Vec<u8>) {
    let (class, number) = class_of(index);
    match class {
        Class::Local => {
            let (kind, device) = (local_kind(number), device_of(tenant, number));
            let machine = if device % 10 == 0 {
                device % 80
            } else {
                PATTERN + device
            };
            push_authority(tenant, Stream::MachineSid, machine, text);
            push_number(text, LOCAL_ACCOUNTS[kind].2);
        }
        _ if domain_of(index) == ENTRA => {
            push(text, "S-1-12-1");
            let mut draws = tenant.draws(Stream::EntraSid, index, 0);
            (0..4).for_each(|_| push_part(text, draws.next() as u32));
        }
        _ => {
            push_authority(tenant, Stream::DomainSid, domain_of(index) as u32, text);
            push_number(text, 1_104 + index);
        }
    }
}

fn push_authority(tenant: &Tenant, stream: Stream, number: u32, text: &mut Vec<u8>) {
    push(text, "S-1-5-21");
    let mut draws = tenant.draws(stream, number, 0);
    (0..3).for_each(|_| push_part(text, draws.next() as u32));
    text.push(b'-');
}

/// Another host for each local account, and for each machine account.
fn device_of(tenant: &Tenant, number: u32) -> u32 {
    shuffle(tenant.devices, number % tenant.devices)
}

/// Where an account that is no person logs in: a local or machine account at its own device.
pub(super) fn device_tied_to(tenant: &Tenant, index: u32) -> Option<u32> {
    match class_of(index) {
        (Class::Local | Class::Machine, number) => Some(device_of(tenant, number)),
        (Class::Admin, number) => Some(shuffle(
            tenant.devices,
            (tenant.devices - 1).saturating_sub(number),
        )),
        _ => None,
    }
}

fn domain_of(index: u32) -> usize {
    match class_of(index) {
        (Class::Person, number) => DOMAIN_OF[number as usize % DOMAIN_OF.len()],
        (Class::Admin, number) => DOMAIN_OF[human_behind(number) as usize % DOMAIN_OF.len()],
        (_, number) => number as usize % ENTRA,
    }
}

fn local_kind(number: u32) -> usize {
    number as usize % LOCAL_ACCOUNTS.len()
}

fn push_service(number: u32, text: &mut Vec<u8>) {
    push(text, "svc-");
    push(text, SERVICES[number as usize % SERVICES.len()]);
    push_number(text, number);
}

#[cfg(test)]
mod tests {
    use crate::demo::tests::{by_column, written};
    use crate::demo::{Dataset, Tenant};

    #[test]
    fn a_renamed_person_keeps_sid_and_uid() {
        let tenant = Tenant::new(20_000, 10, 7);
        let before = by_column(&written(tenant, Dataset::Users, 0), 1);
        let after = by_column(&written(tenant, Dataset::Users, 3), 1);
        let renamed: Vec<_> = before
            .iter()
            .filter(|(uid, row)| after[*uid][2] != row[2])
            .collect();
        assert!(!renamed.is_empty());
        assert!(renamed.iter().all(|(uid, row)| after[*uid][0] == row[0]));
    }

    #[test]
    fn the_classes_have_their_shares_and_names_are_nearly_unique() {
        let users = by_column(
            &written(Tenant::new(20_000, 24_000, 7), Dataset::Users, 0),
            2,
        );
        assert!(users.len() > 19_990);
        let count = |is: fn(&Vec<String>) -> bool| users.values().filter(|row| is(row)).count();
        assert_eq!(count(|row| row[2].starts_with("adm-")), 600);
        assert_eq!(count(|row| row[2].starts_with("svc-")), 400);
        assert!((590..=800).contains(&count(|row| row[5].starts_with("LOCAL_"))));
        assert!((440..=450).contains(&count(|row| row[2].contains('$'))));
        assert!((480..930).contains(&count(|row| row[4] == "hashed")));
    }
}

//! Lookups against a brute-force oracle, on tenants made to mislead: look-alikes, reuse, shared mailboxes, values of one
//! kind that are another's of another kind, letters in every form. Belongs here: that no text ever names the wrong one.

#![expect(
    clippy::disallowed_methods,
    reason = "the oracle must not fold letters as the program does, and tries the spellings that others make"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use identidex::lookup::{Found, Index, Match, Outcome, Query};
use unicode_normalization::UnicodeNormalization;

use crate::replay;

/// Queries that the test command asks; IDENTIDEX_QUERIES asks for more.
const QUERIES: u64 = 100_000;
const QUERIES_OF_A_TENANT: u64 = 5_000;
/// As the library's default.
const HOLDERS_AT_MOST: usize = 8;

#[test]
fn no_text_ever_finds_others_than_those_who_hold_it() {
    let queries = std::env::var("IDENTIDEX_QUERIES").ok();
    let queries = queries
        .and_then(|text| text.parse().ok())
        .unwrap_or(QUERIES);
    let tenants = queries / QUERIES_OF_A_TENANT;
    let (mut found, mut missed) = (0, 0);
    for seed in 0..tenants {
        let tenant = Tenant::random(&mut Dice(seed));
        let home = tempfile::tempdir().unwrap();
        let index = Index::open(tenant.publish(home.path())).unwrap();
        let mut dice = Dice(seed ^ 0xa5a5_a5a5);
        for _ in 0..QUERIES_OF_A_TENANT {
            let text = tenant.text(&mut dice);
            let (is_hit, is_miss) = check(&index, &tenant, &text, seed);
            found += u64::from(is_hit);
            missed += u64::from(is_miss);
        }
    }
    // A test that only ever missed, or only ever hit, would show little.
    assert!(
        found > queries / 10 && missed > queries / 10,
        "{found} hits, {missed} misses"
    );
}

/// Compares an answer with what every subject holds.
fn check(index: &Index, tenant: &Tenant, text: &str, seed: u64) -> (bool, bool) {
    let answer = index.find(Query::any(text).ids_only()).unwrap();
    let Expected {
        holders,
        is_crowded,
    } = tenant.holders(text);
    let found: BTreeSet<String> = answer.matches.iter().map(uid_of).collect();
    let place = || format!("tenant {seed}, {text:?} {}", text.escape_unicode());
    assert_eq!(found, holders, "{}", place());
    let expected = match holders.len() {
        0 => [Outcome::None, Outcome::Unparseable].contains(&answer.outcome),
        1 if !is_crowded => answer.outcome == Outcome::One,
        _ => answer.outcome == Outcome::Several,
    };
    assert!(expected, "{}: {:?} of {holders:?}", place(), answer.outcome);
    assert_eq!(
        answer.one().is_ok(),
        answer.outcome == Outcome::One,
        "{}",
        place()
    );
    (!holders.is_empty(), holders.is_empty())
}

fn uid_of(one: &Match) -> String {
    let uid = match &one.subject {
        Found::Account { account, .. } => &account.uid,
        Found::Device { device, .. } => &device.uid,
    };
    uid.clone().unwrap()
}

/// A generator good enough for tests (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % limit as u64) as usize
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

/// Names that resemble one another, in capitals, other scripts, composed and not.
const NAMES: [&str; 30] = [
    "jdoe",
    "JDoe",
    "jdoe1",
    "jd0e",
    "jdo\u{435}",
    "jdo\u{e9}",
    "jdoe\u{301}",
    "j.doe",
    "doej",
    "kelvin",
    "Kelvın",
    "strasse",
    "stra\u{df}e",
    "\u{130}stanbul",
    "istanbul",
    "\u{131}stanbul",
    "m\u{fc}ller",
    "mu\u{308}ller",
    "muller",
    "\u{3c3}ofia",
    "\u{3c2}ofia",
    "info",
    "admin",
    "root",
    "nb-1",
    "NB-1",
    "kiosk",
    "x",
    "nb-1.user",
    "kiosk.lobby",
];
const DOMAINS: [&str; 4] = ["EMEA", "emea2", "APAC", "contoso.com"];
const SUFFIXES: [&str; 3] = ["contoso.com", "emea", "fabrikam.example"];
const HOSTS: [&str; 12] = [
    "NB-1",
    "nb-1",
    "NB-1.emea",
    "nb-1.apac.example",
    "NB-2",
    "KIOSK",
    "kiosk.emea",
    "jdoe",
    "info",
    "x",
    "kelvin",
    "PC",
];
const SERIALS: [&str; 7] = ["SN1", "sn1", "SN2", "DUP", "jdoe", "NB-2", "M\u{fc}-1"];

/// What the files say of an account.
struct SaidOfAccount {
    sid: String,
    name: String,
    upn: String,
    email: String,
}

/// What the files say of a device.
struct SaidOfDevice {
    name: String,
    serial: String,
}

struct Account {
    uid: String,
    said: SaidOfAccount,
    is_local: bool,
    /// The same in normal form, the name without its domain, and the uid's digits.
    normal: SaidOfAccount,
    sam: Option<String>,
    digits: String,
}

struct Device {
    uid: String,
    collector_uid: String,
    said: SaidOfDevice,
    /// The same in normal form, the name without its domain, and the digits of both ids.
    normal: SaidOfDevice,
    label: Option<String>,
    digits: [String; 2],
}

impl Account {
    fn new(uid: String, said: SaidOfAccount, is_local: bool) -> Account {
        let normal = SaidOfAccount {
            sid: nf(&said.sid),
            name: nf(&said.name),
            upn: nf(&said.upn),
            email: nf(&said.email),
        };
        Account {
            sam: normal.name.rsplit_once('@').map(|(sam, _)| sam.to_owned()),
            digits: uid.replace('-', ""),
            uid,
            said,
            is_local,
            normal,
        }
    }
}

impl Device {
    fn new(uid: String, collector_uid: String, said: SaidOfDevice) -> Device {
        let normal = SaidOfDevice {
            name: nf(&said.name),
            serial: nf(&said.serial),
        };
        Device {
            label: normal
                .name
                .split_once('.')
                .map(|(label, _)| label.to_owned()),
            digits: [uid.replace('-', ""), collector_uid.replace('-', "")],
            uid,
            collector_uid,
            said,
            normal,
        }
    }
}

struct Tenant {
    accounts: Vec<Account>,
    devices: Vec<Device>,
}

/// Who an answer must show, and whether some kind has too many holders to show.
struct Expected {
    holders: BTreeSet<String>,
    is_crowded: bool,
}

impl Tenant {
    fn random(dice: &mut Dice) -> Tenant {
        let address = |dice: &mut Dice| match dice.below(5) {
            0 => String::new(),
            1 => "shared@contoso.com".to_owned(),
            _ => format!("{}@{}", dice.of(&NAMES), dice.of(&SUFFIXES)),
        };
        let accounts = (1..=40 + dice.below(60)).map(|at| {
            let said = SaidOfAccount {
                sid: format!("S-1-5-21-1-2-3-{}", 1000 + at),
                name: match dice.below(12) {
                    0 => dice.of(&NAMES).to_owned(),
                    1 => format!("{}$@{}", dice.of(&HOSTS), dice.of(&DOMAINS)),
                    _ => format!("{}@{}", dice.of(&NAMES), dice.of(&DOMAINS)),
                },
                upn: address(dice),
                email: address(dice),
            };
            Account::new(
                format!("aaaaaaaa-0000-4000-8000-{at:012x}"),
                said,
                dice.below(10) == 0,
            )
        });
        let accounts = accounts.collect();
        let devices = (1..=10 + dice.below(20)).map(|at| {
            let said = SaidOfDevice {
                name: dice.of(&HOSTS).to_owned(),
                serial: dice.of(&SERIALS).to_owned(),
            };
            let id = |letters: &str| format!("{letters}-0000-4000-8000-{at:012x}");
            Device::new(id("dddddddd"), id("cccccccc"), said)
        });
        Tenant {
            accounts,
            devices: devices.collect(),
        }
    }

    fn publish(&self, home: &Path) -> std::path::PathBuf {
        let source = home.join("exports");
        fs::create_dir(&source).unwrap();
        let mut users = String::from(
            "user.uid,user.sid,user.name,user.upn,user.ad.email_address,user.ad.full_name,user.type\n",
        );
        for one in &self.accounts {
            let kind = if one.is_local {
                "LOCAL_USER"
            } else {
                "DOMAIN_USER"
            };
            let SaidOfAccount {
                sid,
                name,
                upn,
                email,
            } = &one.said;
            let _ = writeln!(
                users,
                "{},{sid},{name},{upn},{email},Somebody,{kind}",
                one.uid
            );
        }
        let mut devices = String::from(
            "device.uid,device.collector.uid,device.name,device.hardware.machine_serial_number\n",
        );
        for one in &self.devices {
            let SaidOfDevice { name, serial } = &one.said;
            let _ = writeln!(devices, "{},{},{name},{serial}", one.uid, one.collector_uid);
        }
        fs::write(source.join("users-2026-11-21T06-00-00Z.csv"), users).unwrap();
        fs::write(source.join("devices-2026-11-21T06-00-00Z.csv"), devices).unwrap();
        let index = home.join("identity.db");
        let report = replay::sync(&source, &index, Duration::from_secs(300));
        assert_eq!(report.rows.rejected, 0);
        index
    }

    /// Makes a text: a value of somebody, one that could be somebody's, or one with a letter changed; in any spelling.
    fn text(&self, dice: &mut Dice) -> String {
        let account = &self.accounts[dice.below(self.accounts.len())];
        let device = &self.devices[dice.below(self.devices.len())];
        let value = match dice.below(14) {
            0 => account.uid.clone(),
            1 => account.said.sid.clone(),
            2 | 3 => account.said.name.clone(),
            4 => account.said.upn.clone(),
            5 => account.said.email.clone(),
            6 => device.uid.clone(),
            7 => device.collector_uid.clone(),
            8 => device.said.name.clone(),
            9 => device.said.serial.clone(),
            10 => dice.of(&NAMES).to_owned(),
            11 => format!("{}@{}", dice.of(&NAMES), dice.of(&SUFFIXES)),
            12 => format!("{}.{}", dice.of(&HOSTS), dice.of(&DOMAINS)),
            _ => format!("{}@{}", dice.of(&NAMES), dice.of(&DOMAINS)),
        };
        spelt(value, dice)
    }

    fn holders(&self, text: &str) -> Expected {
        let mut expected = Expected {
            holders: BTreeSet::new(),
            is_crowded: false,
        };
        let Some(normal) = normal(text) else {
            return expected;
        };
        // Value by value: what too many hold as one may still name somebody as another.
        let name = match normal.split_once('\\') {
            Some((domain, sam)) => format!("{sam}@{domain}"),
            None => normal.clone(),
        };
        let is_bare = !name.contains('@');
        let uuid = normal.trim_matches(['{', '}']).replace('-', "");
        let address = normal.strip_prefix("mailto:").unwrap_or(&normal);
        // Accounts without an email have an empty one here.
        let is_address = !address.is_empty();
        expected.add(&self.accounts, |one| one.digits == uuid);
        expected.add(&self.accounts, |one| one.normal.sid == normal);
        expected.add(&self.accounts, |one| one.normal.name == name);
        expected.add(&self.accounts, |one| {
            is_bare && one.sam.as_deref() == Some(&name)
        });
        expected.add(&self.accounts, |one| one.normal.upn == normal);
        expected.add(&self.accounts, |one| {
            is_address && one.normal.email == address
        });
        let host = normal.strip_suffix('.').unwrap_or(&normal);
        let label = host.split_once('.').map(|(label, _)| label);
        let label = label.filter(|_| !host.contains(['@', '\\', ' ']));
        expected.add(&self.devices, |one| one.digits[0] == uuid);
        expected.add(&self.devices, |one| one.digits[1] == uuid);
        expected.add(&self.devices, |one| one.normal.name == host);
        expected.add(&self.devices, |one| label == Some(&one.normal.name));
        expected.add(&self.devices, |one| {
            label.is_none() && one.label.as_deref() == Some(host)
        });
        expected.add(&self.devices, |one| one.normal.serial == normal);
        expected
    }
}

/// What an oracle has to know of a subject.
trait Subject {
    fn uid(&self) -> &str;
    fn is_skipped(&self) -> bool;
}

impl Subject for Account {
    fn uid(&self) -> &str {
        &self.uid
    }

    fn is_skipped(&self) -> bool {
        self.is_local
            || self
                .sam
                .as_ref()
                .unwrap_or(&self.normal.name)
                .ends_with('$')
    }
}

impl Subject for Device {
    fn uid(&self) -> &str {
        &self.uid
    }

    fn is_skipped(&self) -> bool {
        false
    }
}

impl Expected {
    /// Adds those who hold a value as one kind, unless they are too many.
    fn add<S: Subject>(&mut self, all: &[S], holds: impl Fn(&S) -> bool) {
        let holders: Vec<&S> = all.iter().filter(|one| holds(one)).collect();
        if holders.len() > HOLDERS_AT_MOST {
            self.is_crowded = true;
            return;
        }
        let shown = holders.into_iter().filter(|one| !one.is_skipped());
        self.holders.extend(shown.map(|one| one.uid().to_owned()));
    }
}

/// Writes a value in another way, or another value that looks like it.
fn spelt(value: String, dice: &mut Dice) -> String {
    match dice.below(14) {
        0 => value.to_uppercase(),
        1 => value.to_lowercase(),
        2 => match value.rsplit_once('@') {
            Some((sam, domain)) => format!("{domain}\\{sam}"),
            None => value,
        },
        3 => format!(" {value}\u{a0}"),
        4 => value.nfd().collect(),
        5 => format!("mailto:{value}"),
        6 => format!("{{{value}}}"),
        7 => value.replace('o', "\u{43e}"),
        8 => value.replace('k', "\u{212a}"),
        9 => value.chars().skip(1).collect(),
        10 => format!("{value}{}", dice.of(&["1", "$", ".", "*", "%", "\u{200b}"])),
        _ => value,
    }
}

/// The normal form by its definition; none for what is refused.
fn normal(text: &str) -> Option<String> {
    let refused = |letter: char| letter.is_control() || matches!(letter, '\u{212a}' | '\u{200b}');
    let text = text.trim();
    (!text.is_empty() && !text.contains(refused)).then(|| nf(text))
}

fn nf(text: &str) -> String {
    let lower = |letter: char| {
        let mut lower = letter.to_lowercase();
        match (lower.next(), lower.next()) {
            (Some(one), None) if letter.is_ascii() || !one.is_ascii() => one,
            _ => letter,
        }
    };
    let lowered: String = text.nfc().map(lower).collect();
    lowered.nfc().collect()
}

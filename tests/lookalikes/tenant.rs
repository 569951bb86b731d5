//! A misleading tenant: accounts and devices whose names resemble one another, its files, and texts to ask of it.
//! Whom a text must find is left to `oracle`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use identidex::Kind;
use unicode_normalization::UnicodeNormalization;

use super::oracle::nf;
use crate::replay;
use crate::tenant::Random;

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
const SERIALS: [&str; 7] = [
    "SN-12",
    "sn-12",
    "SN-2A",
    "DUPL",
    "jdoe",
    "NB-2A",
    "M\u{fc}-1A",
];

pub(super) const BUILT_IN: &str = "s-1-5-21-1-2-3-500";

/// Columns of an account behind its uid.
pub(super) const SID: usize = 0;
pub(super) const ACCOUNT_NAME: usize = 1;
pub(super) const UPN: usize = 2;
pub(super) const EMAIL: usize = 3;
pub(super) const TYPE: usize = 5;
/// Columns of a device behind its uid.
pub(super) const COLLECTOR_UID: usize = 0;
pub(super) const DEVICE_NAME: usize = 1;
pub(super) const SERIAL: usize = 2;

pub(super) struct Tenant {
    pub(super) accounts: Vec<Subject>,
    pub(super) devices: Vec<Subject>,
}

/// A subject: what the files say of it, cell by cell, in the order of its columns.
pub(super) struct Subject {
    pub(super) uid: String,
    /// In the newest file.
    pub(super) said: Vec<String>,
    /// The same in normal form.
    pub(super) normal: Vec<String>,
    /// In the older file, in normal form.
    pub(super) former: Vec<String>,
    /// In the older file.
    said_before: Vec<String>,
    pub(super) days: Days,
    pub(super) is_skipped: bool,
}

/// In how many files a subject is.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Days {
    Both,
    /// It is new.
    OnlyNewer,
    /// It was not seen any more.
    OnlyOlder,
}

impl Tenant {
    pub(super) fn random(dice: &mut Random) -> Tenant {
        let accounts = (1..=40 + dice.below(60)).map(|at| {
            let is_local = dice.below(10) == 0;
            let said = Tenant::account(at, is_local, dice);
            let mut before = said.clone();
            let other = Tenant::account(at, is_local, dice);
            for column in [ACCOUNT_NAME, UPN, EMAIL] {
                if dice.below(4) == 0 {
                    before[column].clone_from(&other[column]);
                }
            }
            let uid = format!("aaaaaaaa-0000-4000-8000-{at:012x}");
            let mut account = Subject::new(uid, said, before, Tenant::days(dice));
            let name = &account.normal[ACCOUNT_NAME];
            let sam = name.rsplit_once('@').map_or(name.as_str(), |(sam, _)| sam);
            account.is_skipped = is_local || sam.ends_with('$');
            account
        });
        let accounts = accounts.collect();
        let devices = (1..=10 + dice.below(20)).map(|at| {
            let id = |letters: &str| format!("{letters}-0000-4000-8000-{at:012x}");
            let mut said = || {
                let (name, serial) = (dice.pick(&HOSTS), dice.pick(&SERIALS));
                vec![id("cccccccc"), name.to_string(), serial.to_string()]
            };
            let (now, before) = (said(), said());
            let before = if dice.below(2) == 0 {
                before
            } else {
                now.clone()
            };
            Subject::new(id("dddddddd"), now, before, Tenant::days(dice))
        });
        let devices = devices.collect();
        Tenant { accounts, devices }
    }

    fn days(dice: &mut Random) -> Days {
        match dice.below(6) {
            0 => Days::OnlyNewer,
            1 => Days::OnlyOlder,
            _ => Days::Both,
        }
    }

    fn account(at: usize, is_local: bool, dice: &mut Random) -> Vec<String> {
        let address = |dice: &mut Random| match dice.below(5) {
            0 => String::new(),
            1 => "shared@contoso.com".to_owned(),
            _ => format!("{}@{}", dice.pick(&NAMES), dice.pick(&SUFFIXES)),
        };
        vec![
            match at % 16 {
                0 => BUILT_IN.to_owned(),
                _ => format!("S-1-5-21-1-2-3-{}", 1000 + at),
            },
            match dice.below(12) {
                0 => dice.pick(&NAMES).to_string(),
                1 => format!("{}$@{}", dice.pick(&HOSTS), dice.pick(&DOMAINS)),
                _ => format!("{}@{}", dice.pick(&NAMES), dice.pick(&DOMAINS)),
            },
            address(dice),
            address(dice),
            "Somebody".to_owned(),
            match is_local {
                true => "LOCAL_USER".to_owned(),
                false => "DOMAIN_USER".to_owned(),
            },
        ]
    }

    pub(super) fn publish(&self, home: &Path) -> std::path::PathBuf {
        const USERS: &str = "user.uid,user.sid,user.name,user.upn,user.ad.email_address,user.ad.full_name,user.type\n";
        const DEVICES: &str =
            "device.uid,device.collector.uid,device.name,device.hardware.machine_serial_number\n";
        let source = home.join("exports");
        fs::create_dir(&source).unwrap();
        for (name, header, subjects) in [
            ("users", USERS, &self.accounts),
            ("devices", DEVICES, &self.devices),
        ] {
            let older = subjects.iter().filter(|one| one.days != Days::OnlyNewer);
            let older = older.map(|one| one.line(&one.said_before));
            let newer = subjects.iter().filter(|one| one.days != Days::OnlyOlder);
            let newer = newer.map(|one| one.line(&one.said));
            for (day, lines) in [("20", older.collect::<String>()), ("21", newer.collect())] {
                let file = source.join(format!("{name}-2026-11-{day}T06-00-00Z.csv"));
                fs::write(file, format!("{header}{lines}")).unwrap();
            }
        }
        let index = home.join("identity.db");
        let report = replay::sync(&source, &index, Duration::from_secs(300));
        assert_eq!(report.rows.rejected, 0);
        index
    }

    /// Makes a text: a value of somebody, one that could be somebody's, or one with a letter changed; in any spelling.
    pub(super) fn text(&self, dice: &mut Random) -> String {
        let account = &self.accounts[dice.below(self.accounts.len())];
        let device = &self.devices[dice.below(self.devices.len())];
        let value = match dice.below(17) {
            0 => account.uid.clone(),
            1 => account.said[SID].clone(),
            2 | 3 => account.said[ACCOUNT_NAME].clone(),
            4 => account.said[UPN].clone(),
            5 => account.said[EMAIL].clone(),
            6 => device.uid.clone(),
            7 => device.said[COLLECTOR_UID].clone(),
            8 => device.said[DEVICE_NAME].clone(),
            9 => device.said[SERIAL].clone(),
            10 => dice.pick(&NAMES).to_string(),
            11 => format!("{}@{}", dice.pick(&NAMES), dice.pick(&SUFFIXES)),
            12 => format!("{}.{}", dice.pick(&HOSTS), dice.pick(&DOMAINS)),
            13 => format!("{}@{}", dice.pick(&NAMES), dice.pick(&DOMAINS)),
            // What somebody had before.
            14 => account.said_before[ACCOUNT_NAME].clone(),
            15 => account.said_before[UPN].clone(),
            _ => account.said_before[EMAIL].clone(),
        };
        spelt(value, dice)
    }

    /// Makes two or three texts of one account, of which one may be another's.
    pub(super) fn texts(&self, dice: &mut Random) -> Vec<(Option<Kind>, String)> {
        let mut account = &self.accounts[dice.below(self.accounts.len())];
        let texts = [
            (Kind::AccountName, ACCOUNT_NAME),
            (Kind::Upn, UPN),
            (Kind::Email, EMAIL),
        ];
        let mut texts: Vec<_> = texts.into_iter().filter(|_| dice.below(4) > 0).collect();
        if texts.len() < 2 {
            texts = vec![(Kind::Upn, UPN), (Kind::Email, EMAIL)];
        }
        let texts = texts.into_iter().filter_map(|(kind, column)| {
            if dice.below(4) == 0 {
                account = &self.accounts[dice.below(self.accounts.len())];
            }
            let text = account.said[column].to_uppercase();
            let kind = (dice.below(3) > 0).then_some(kind);
            (!text.is_empty()).then_some((kind, text))
        });
        let mut texts: Vec<_> = texts.collect();
        if texts.len() < 2 {
            texts = vec![(None, self.text(dice))];
        }
        texts
    }
}

impl Subject {
    fn new(uid: String, said: Vec<String>, said_before: Vec<String>, days: Days) -> Subject {
        let said = match days {
            // All that is said of it.
            Days::OnlyOlder => said_before.clone(),
            _ => said,
        };
        let normal = |said: &Vec<String>| said.iter().map(|text| nf(text)).collect();
        let (normal, former) = (normal(&said), normal(&said_before));
        Subject {
            uid,
            said,
            normal,
            former,
            said_before,
            days,
            is_skipped: false,
        }
    }

    fn line(&self, cells: &[String]) -> String {
        format!("{},{}\n", self.uid, cells.join(","))
    }
}

/// Writes a value in another way, or another value that looks like it.
fn spelt(value: String, dice: &mut Random) -> String {
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
        10 => format!(
            "{value}{}",
            dice.pick(&["1", "$", ".", "*", "%", "\u{200b}"])
        ),
        _ => value,
    }
}

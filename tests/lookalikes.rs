//! Lookups against a brute-force oracle, on tenants made to mislead: look-alikes, reuse, shared mailboxes, values of one
//! kind that are another's of another kind, letters in every form. Belongs here: that no text ever names the wrong one.

#![expect(
    clippy::disallowed_methods,
    reason = "the oracle must not fold letters as the program does, and tries the spellings that others make"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use identidex::identifier::Kind;
use identidex::lookup::{Flag, Found, Index, Match, Outcome, Query};
use unicode_normalization::UnicodeNormalization;

use crate::replay;
use crate::tenant::Random;

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
    let mut counted = Counted::default();
    for seed in 0..tenants {
        let tenant = Tenant::random(&mut Random::new(seed));
        let home = tempfile::tempdir().unwrap();
        let index = Index::open(tenant.publish(home.path())).unwrap();
        let mut dice = Random::new(seed ^ 0xa5a5_a5a5);
        for _ in 0..QUERIES_OF_A_TENANT {
            let asked = Asked::random(&tenant, &mut dice);
            counted.add(check(&index, &tenant, &asked, seed));
        }
    }
    // A test that only ever missed, or only ever hit, would show little.
    let enough = queries / 100;
    let Counted {
        hits,
        misses,
        moved,
        together,
    } = counted;
    assert!(
        hits > 10 * enough && misses > 10 * enough && moved > enough && together > enough,
        "{counted:?}"
    );
}

/// What answers came to.
#[derive(Debug, Default, Clone, Copy)]
struct Counted {
    hits: u64,
    misses: u64,
    /// Hits that say that they moved.
    moved: u64,
    /// Exactly one for several texts.
    together: u64,
}

impl Counted {
    fn add(&mut self, other: Counted) {
        self.hits += other.hits;
        self.misses += other.misses;
        self.moved += other.moved;
        self.together += other.together;
    }
}

/// A query: a text or several, each to be taken for anything or for one kind.
#[derive(Debug)]
struct Asked {
    texts: Vec<(Option<Kind>, String)>,
    is_all_classes: bool,
}

impl Asked {
    fn random(tenant: &Tenant, dice: &mut Random) -> Asked {
        let texts = match dice.below(4) {
            0 => tenant.texts(dice),
            _ => vec![(None, tenant.text(dice))],
        };
        Asked {
            texts,
            is_all_classes: dice.below(4) == 0,
        }
    }

    fn query(&self) -> Query {
        let one = |(kind, text): &(Option<Kind>, String)| match kind {
            Some(kind) => Query::of(*kind, text),
            None => Query::any(text),
        };
        let query = match self.texts.as_slice() {
            [text] => one(text),
            texts => Query::all_of(texts.iter().map(one)),
        };
        match self.is_all_classes {
            true => query.ids_only().all_classes(),
            false => query.ids_only(),
        }
    }
}

/// Compares an answer with what every subject holds.
fn check(index: &Index, tenant: &Tenant, asked: &Asked, seed: u64) -> Counted {
    let answer = index.find(asked.query()).unwrap();
    let expected = tenant.expected(asked);
    let found = answer.matches.iter();
    let found = found.map(|one| (uid_of(one), one.flags.contains(&Flag::Moved)));
    let found: BTreeMap<String, bool> = found.collect();
    let place = format!("tenant {seed}, {asked:?}");
    assert_eq!(found, expected.fits, "{place}");
    let is_expected = match found.len() {
        0 => [Outcome::None, Outcome::Unparseable].contains(&answer.outcome),
        1 if expected.is_clear => answer.outcome == Outcome::One,
        _ => answer.outcome == Outcome::Several,
    };
    assert!(is_expected, "{place}: {:?} of {found:?}", answer.outcome);
    let is_one = answer.one().is_ok();
    assert_eq!(is_one, answer.outcome == Outcome::One, "{place}");
    Counted {
        hits: u64::from(!found.is_empty()),
        misses: u64::from(found.is_empty()),
        moved: u64::from(found.values().any(|moved| *moved)),
        together: u64::from(is_one && asked.texts.len() > 1),
    }
}

fn uid_of(one: &Match) -> String {
    let uid = match &one.subject {
        Found::Account { account, .. } => &account.uid,
        Found::Device { device, .. } => &device.uid,
    };
    uid.clone().unwrap()
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

/// In how many files a subject is.
#[derive(Clone, Copy, PartialEq)]
enum Days {
    Both,
    /// It is new.
    OnlyNewer,
    /// It was not seen any more.
    OnlyOlder,
}

/// A subject: what the files say of it, cell by cell, in the order of its columns.
struct Subject {
    uid: String,
    /// In the newest file.
    said: Vec<String>,
    /// The same in normal form.
    normal: Vec<String>,
    /// In the older file, in normal form.
    former: Vec<String>,
    /// In the older file.
    said_before: Vec<String>,
    days: Days,
    is_skipped: bool,
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

/// Columns of an account behind its uid.
const SID: usize = 0;
const ACCOUNT_NAME: usize = 1;
const UPN: usize = 2;
const EMAIL: usize = 3;
/// Columns of a device behind its uid.
const COLLECTOR_UID: usize = 0;
const DEVICE_NAME: usize = 1;
const SERIAL: usize = 2;

struct Tenant {
    accounts: Vec<Subject>,
    devices: Vec<Subject>,
}

/// Who an answer must show, each with whether it must say that it moved.
struct Expected {
    fits: BTreeMap<String, bool>,
    /// One that fits is meant.
    is_clear: bool,
}

/// One way to take a text: the subjects that it means, whole or in part.
struct Rule<'t> {
    kind: Kind,
    holders: Vec<&'t Subject>,
    /// Those whom it meant in the older file.
    formers: Vec<&'t Subject>,
}

impl Rule<'_> {
    fn is_crowded(&self) -> bool {
        self.holders.len() > HOLDERS_AT_MOST
    }

    fn has(&self, one: &Subject) -> bool {
        self.holders.iter().any(|holder| holder.uid == one.uid)
    }

    fn had(&self, one: &Subject) -> bool {
        self.formers.iter().any(|former| former.uid == one.uid)
    }
}

/// Tells whether a text that means a holder by one rule meant somebody else before, by whichever that not too many hold.
fn has_moved(rules: &[Rule], rule: &Rule, holder: &Subject) -> bool {
    let rules: Vec<&Rule> = rules.iter().filter(|rule| !rule.is_crowded()).collect();
    let is_new_to_it = !rules.iter().any(|rule| rule.had(holder));
    let is_proof = rule.kind != Kind::Sid || !is_weak(&holder.normal[SID], holder);
    let all = rules
        .iter()
        .flat_map(|rule| rule.holders.iter().chain(&rule.formers));
    let mut others = all.filter(|other| other.uid != holder.uid);
    is_proof
        && others.any(|other| match rules.iter().any(|rule| rule.has(other)) {
            // Its only row, of the older file, still says so.
            true => other.days == Days::OnlyOlder && is_new_to_it,
            false => true,
        })
}

/// SIDs that are built in, or of a local account.
fn is_weak(sid: &str, holder: &Subject) -> bool {
    sid == BUILT_IN || holder.said[TYPE] == "LOCAL_USER"
}

const BUILT_IN: &str = "s-1-5-21-1-2-3-500";
const TYPE: usize = 5;

impl Tenant {
    fn random(dice: &mut Random) -> Tenant {
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

    fn publish(&self, home: &Path) -> std::path::PathBuf {
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
    fn text(&self, dice: &mut Random) -> String {
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
    fn texts(&self, dice: &mut Random) -> Vec<(Option<Kind>, String)> {
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

    /// The rules, read by brute force: who holds what is looked up in every subject.
    fn expected(&self, asked: &Asked) -> Expected {
        let heard: Vec<Vec<Rule>> = asked.texts.iter().map(|text| self.rules(text)).collect();
        let clear = |rules: &[Rule]| {
            let is_held = rules.iter().any(|rule| !rule.holders.is_empty());
            is_held && rules.iter().all(|rule| !rule.is_crowded())
        };
        let is_shown = |one: &Subject| asked.is_all_classes || !one.is_skipped;
        let mut fits: BTreeMap<String, bool> = BTreeMap::new();
        let ways = heard
            .iter()
            .flat_map(|rules| rules.iter().map(move |rule| (rules, rule)));
        for (rules, rule) in ways.filter(|(_, rule)| !rule.is_crowded()) {
            for holder in rule.holders.iter().filter(|one| is_shown(one)) {
                let contradicts =
                    |at: usize| self.contradicts(&asked.texts[at], &heard[at], holder);
                if asked.texts.len() > 1 && (0..heard.len()).any(contradicts) {
                    continue;
                }
                *fits.entry(holder.uid.clone()).or_default() |= has_moved(rules, rule, holder);
            }
        }
        // Somebody holds it, or too many do, and none of those who fit.
        let is_elsewhere = |rules: &Vec<Rule>| {
            let is_held = rules.iter().any(|rule| !rule.holders.is_empty());
            let mut holders = rules.iter().flat_map(|rule| &rule.holders);
            is_held && !holders.any(|holder| fits.contains_key(&holder.uid))
        };
        let is_split = asked.texts.len() > 1 && heard.iter().any(is_elsewhere);
        Expected {
            is_clear: !is_split && heard.iter().any(|rules| clear(rules)),
            fits,
        }
    }

    /// Tells whether a text is another one than what a subject has.
    fn contradicts(
        &self,
        (kind, _): &(Option<Kind>, String),
        rules: &[Rule],
        one: &Subject,
    ) -> bool {
        let is_account = self.accounts.iter().any(|account| account.uid == one.uid);
        let has_any = match kind {
            None => true,
            // A device has nothing of the kind.
            Some(_) if !is_account => true,
            Some(Kind::AccountName) => true,
            Some(Kind::Upn) => !one.normal[UPN].is_empty(),
            Some(_) => !one.normal[EMAIL].is_empty(),
        };
        has_any && !rules.iter().any(|rule| rule.has(one))
    }

    fn rules(&self, (kind, text): &(Option<Kind>, String)) -> Vec<Rule<'_>> {
        let Some(normal) = normal(text) else {
            return Vec::new();
        };
        let mut rules = Rules {
            tenant: self,
            only: *kind,
            rules: Vec::new(),
        };
        let name = match normal.split_once('\\') {
            Some((domain, sam)) => format!("{sam}@{domain}"),
            None => normal.clone(),
        };
        let is_bare = !name.contains('@');
        let uuid = normal.trim_matches(['{', '}']).replace('-', "");
        let digits = |uid: &str| uid.replace('-', "");
        let address = normal.strip_prefix("mailto:").unwrap_or(&normal);
        rules.accounts(Kind::Uid, |one, _| digits(&one.uid) == uuid);
        rules.accounts(Kind::Sid, |_, said| said[SID] == normal);
        rules.accounts(Kind::AccountName, |_, said| said[ACCOUNT_NAME] == name);
        rules.accounts(Kind::AccountName, |_, said| {
            let bare = said[ACCOUNT_NAME].rsplit_once('@');
            is_bare && bare.is_some_and(|(sam, _)| sam == name)
        });
        rules.accounts(Kind::Upn, |_, said| said[UPN] == normal);
        rules.accounts(Kind::Email, |_, said| {
            // Accounts without an email have an empty one here.
            !address.is_empty() && said[EMAIL] == address
        });
        rules.devices(|one, _| digits(&one.uid) == uuid);
        rules.devices(|_, said| digits(&said[COLLECTOR_UID]) == uuid);
        rules.devices(|_, said| said[SERIAL] == normal);
        rules.hosts(&normal);
        rules.rules
    }
}

/// The ways to take a text, as they are listed.
struct Rules<'t> {
    tenant: &'t Tenant,
    only: Option<Kind>,
    rules: Vec<Rule<'t>>,
}

impl<'t> Rules<'t> {
    fn accounts(&mut self, kind: Kind, holds: impl Fn(&Subject, &[String]) -> bool) {
        if self.only.is_none_or(|only| only == kind) {
            self.add(kind, &self.tenant.accounts, holds);
        }
    }

    fn devices(&mut self, holds: impl Fn(&Subject, &[String]) -> bool) {
        if self.only.is_none() {
            self.add(Kind::DeviceName, &self.tenant.devices, holds);
        }
    }

    fn hosts(&mut self, normal: &str) {
        let host = normal.strip_suffix('.').unwrap_or(normal);
        let label = host.split_once('.').map(|(label, _)| label);
        let label = label.filter(|_| !host.contains(['@', '\\', ' ']));
        self.devices(|_, said| said[DEVICE_NAME] == host);
        self.devices(|_, said| label == Some(&said[DEVICE_NAME]));
        self.devices(|_, said| {
            let short = said[DEVICE_NAME].split_once('.');
            label.is_none() && short.is_some_and(|(short, _)| short == host)
        });
    }

    fn add(&mut self, kind: Kind, all: &'t [Subject], holds: impl Fn(&Subject, &[String]) -> bool) {
        let older = all.iter().filter(|one| one.days != Days::OnlyNewer);
        self.rules.push(Rule {
            kind,
            holders: all.iter().filter(|one| holds(one, &one.normal)).collect(),
            formers: older.filter(|one| holds(one, &one.former)).collect(),
        });
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

//! The oracle: whom a text means, read by brute force; who holds what is looked up in every subject.
//! What the subjects and the texts are is left to `tenant`.

use std::collections::{BTreeMap, BTreeSet};

use identidex::Kind;
use unicode_normalization::UnicodeNormalization;

use super::Asked;
use super::tenant::{
    ACCOUNT_NAME, BUILT_IN, COLLECTOR_UID, DEVICE_NAME, Days, EMAIL, SERIAL, SID, Subject, TYPE,
    Tenant, UPN,
};

/// As the library's default.
const HOLDERS_AT_MOST: usize = 8;

/// Who an answer must show, each with whether it must say that it moved.
pub(super) struct Expected {
    pub(super) fits: BTreeMap<String, bool>,
    /// One that fits is meant.
    pub(super) is_clear: bool,
}

impl Tenant {
    /// The rules, read by brute force: who holds what is looked up in every subject.
    pub(super) fn expected(&self, asked: &Asked) -> Expected {
        let heard: Vec<Vec<Rule>> = asked.texts.iter().map(|text| self.rules(text)).collect();
        let clear = |rules: &[Rule]| {
            let is_held = rules.iter().any(|rule| !rule.holders.is_empty());
            is_held && rules.iter().all(|rule| !rule.is_crowded())
        };
        let is_shown = |one: &Subject| asked.is_all_classes || !one.is_skipped;
        let mut found: BTreeMap<String, (&Subject, bool)> = BTreeMap::new();
        let ways = heard
            .iter()
            .flat_map(|rules| rules.iter().map(move |rule| (rules, rule)));
        for (rules, rule) in ways.filter(|(_, rule)| !rule.is_crowded()) {
            for holder in rule.holders.iter().filter(|one| is_shown(one)) {
                let known = found.entry(holder.uid.clone()).or_insert((holder, false));
                known.1 |= has_moved(rules, rule, holder);
            }
        }
        let stand = |at: usize, one: &Subject| self.stand(&asked.texts[at], &heard[at], one);
        let all = || 0..heard.len();
        let is_contradicted =
            |one: &Subject| heard.len() > 1 && all().any(|at| stand(at, one) == Stand::Contradicts);
        let (contradicted, mut left): (Vec<_>, Vec<_>) = found
            .into_values()
            .partition(|(one, _)| is_contradicted(one));
        for at in all().filter(|at| heard.len() > 1 && asked.texts[*at].0 == Some(Kind::Upn)) {
            let agrees = |at: usize, one: &Subject| stand(at, one) == Stand::Agrees;
            let holders: Vec<&Subject> = left.iter().map(|(one, _)| *one).collect();
            left.retain(|(one, _)| {
                let mut holders = holders.iter().filter(|holder| agrees(at, holder));
                let is_more =
                    |holder: &&Subject| all().all(|at| agrees(at, holder) || !agrees(at, one));
                stand(at, one) != Stand::SaysNothing || !holders.any(is_more)
            });
        }
        let is_account = |one: &Subject| self.accounts.iter().any(|account| account.uid == one.uid);
        let is_left_by_others = left.iter().any(|(one, _)| {
            contradicted.iter().any(|(other, _)| {
                let mut against = all().filter(|at| stand(*at, other) == Stand::Contradicts);
                let speaks = |at: usize| matches!(stand(at, one), Stand::Agrees | Stand::Former);
                is_account(one) == is_account(other) && !against.any(speaks)
            })
        });
        let fits: BTreeMap<String, bool> = left
            .into_iter()
            .map(|(one, has_moved)| (one.uid.clone(), has_moved))
            .collect();
        // Somebody holds it, or too many do, and none of those who fit.
        let is_elsewhere = |rules: &Vec<Rule>| {
            let is_held = rules.iter().any(|rule| !rule.holders.is_empty());
            let mut holders = rules.iter().flat_map(|rule| &rule.holders);
            is_held && !holders.any(|holder| fits.contains_key(&holder.uid))
        };
        let is_split = asked.texts.len() > 1 && heard.iter().any(is_elsewhere);
        Expected {
            is_clear: !is_split && !is_left_by_others && heard.iter().any(|rules| clear(rules)),
            fits,
        }
    }

    /// Tells how a text stands to a subject: what it has, or had, or another one than it has.
    fn stand(&self, (kind, _): &(Option<Kind>, String), rules: &[Rule], one: &Subject) -> Stand {
        let is_account = self.accounts.iter().any(|account| account.uid == one.uid);
        let has_any = match kind {
            None => true,
            // A device has nothing of the kind.
            Some(_) if !is_account => true,
            Some(Kind::AccountName) => true,
            Some(Kind::Upn) => !one.normal[UPN].is_empty(),
            Some(_) => !one.normal[EMAIL].is_empty(),
        };
        // What was theirs, or an email that nobody has, says nothing.
        let is_former = rules.iter().any(|rule| !rule.is_crowded() && rule.had(one));
        let is_unknown_alias = *kind == Some(Kind::Email)
            && is_account
            && rules.iter().all(|rule| rule.holders.is_empty());
        if rules.iter().any(|rule| rule.has(one)) {
            Stand::Agrees
        } else if is_former {
            Stand::Former
        } else if has_any && !is_unknown_alias {
            Stand::Contradicts
        } else {
            Stand::SaysNothing
        }
    }

    /// The ways to take a text as it is, and without the full stop behind it and the scheme before it.
    fn rules(&self, (kind, text): &(Option<Kind>, String)) -> Vec<Rule<'_>> {
        let mut rules = self.rules_of(*kind, text);
        let mut meant = text.trim();
        loop {
            let before = meant;
            meant = meant.trim_end_matches('.').trim();
            meant = meant.strip_prefix("mailto:").unwrap_or(meant);
            if meant == before {
                break;
            }
        }
        if meant != text.trim() {
            rules.extend(self.rules_of(*kind, meant));
        }
        rules
    }

    fn rules_of(&self, kind: Option<Kind>, text: &str) -> Vec<Rule<'_>> {
        let Some(normal) = normal(text) else {
            return Vec::new();
        };
        let mut rules = Rules {
            tenant: self,
            only: kind,
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
        rules.accounts(Kind::Uid, None, |one, _| digits(&one.uid) == uuid);
        rules.accounts(Kind::Sid, None, |_, said| said[SID] == normal);
        rules.accounts(Kind::AccountName, Some(ACCOUNT_NAME), |_, said| {
            said[ACCOUNT_NAME] == name
        });
        rules.accounts(Kind::AccountName, Some(ACCOUNT_NAME), |_, said| {
            let bare = said[ACCOUNT_NAME].rsplit_once('@');
            is_bare && bare.is_some_and(|(sam, _)| sam == name)
        });
        rules.accounts(Kind::Upn, Some(UPN), |_, said| said[UPN] == normal);
        rules.accounts(Kind::Email, Some(EMAIL), |_, said| {
            // Accounts without an email have an empty one here.
            !address.is_empty() && said[EMAIL] == address
        });
        rules.devices(None, |one, _| digits(&one.uid) == uuid);
        rules.devices(None, |_, said| digits(&said[COLLECTOR_UID]) == uuid);
        rules.devices(Some(SERIAL), |_, said| said[SERIAL] == normal);
        rules.hosts(&normal);
        rules.rules
    }
}

/// How a text stands to a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    Agrees,
    Former,
    SaysNothing,
    Contradicts,
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

/// The ways to take a text, as they are listed.
struct Rules<'t> {
    tenant: &'t Tenant,
    only: Option<Kind>,
    rules: Vec<Rule<'t>>,
}

impl<'t> Rules<'t> {
    fn accounts(
        &mut self,
        kind: Kind,
        column: Option<usize>,
        holds: impl Fn(&Subject, &[String]) -> bool,
    ) {
        if self.only.is_none_or(|only| only == kind) {
            self.add(kind, column, &self.tenant.accounts, holds);
        }
    }

    fn devices(&mut self, column: Option<usize>, holds: impl Fn(&Subject, &[String]) -> bool) {
        if self.only.is_none() {
            self.add(Kind::DeviceName, column, &self.tenant.devices, holds);
        }
    }

    /// Returns the domains of devices' names, UPNs and emails, and those above them that have a dot.
    fn domains(&self) -> BTreeSet<String> {
        let devices = self.tenant.devices.iter();
        let devices = devices.filter_map(|one| one.said[DEVICE_NAME].split_once('.'));
        let accounts = self.tenant.accounts.iter();
        let accounts = accounts.flat_map(|one| [&one.said[UPN], &one.said[EMAIL]]);
        let accounts = accounts.filter_map(|text| text.rsplit_once('@'));
        let mut domains = BTreeSet::new();
        for (_, domain) in devices.chain(accounts) {
            let Some(domain) = normal(domain) else {
                continue;
            };
            let mut rest = domain.as_str();
            while let Some((_, parent)) = rest.split_once('.') {
                if parent.contains('.') {
                    domains.insert(parent.to_owned());
                }
                rest = parent;
            }
            domains.insert(domain.clone());
        }
        let names = self.tenant.accounts.iter();
        let names = names.filter_map(|one| one.said[ACCOUNT_NAME].rsplit_once('@'));
        let of_names: BTreeSet<String> = names.filter_map(|(_, domain)| normal(domain)).collect();
        domains.retain(|domain| {
            domain.contains('.') || domain == "local" || of_names.contains(domain)
        });
        domains
    }

    fn hosts(&mut self, normal: &str) {
        let host = normal.strip_suffix('.').unwrap_or(normal);
        let label = host.split_once('.').map(|(label, _)| label);
        let label = label.filter(|_| !host.contains(['@', '\\', ' ']));
        let rest = host.split_once('.').map(|(_, rest)| rest.to_owned());
        let label = label.filter(|_| rest.is_some_and(|rest| self.domains().contains(&rest)));
        self.devices(Some(DEVICE_NAME), |_, said| said[DEVICE_NAME] == host);
        self.devices(Some(DEVICE_NAME), |_, said| {
            label == Some(&said[DEVICE_NAME])
        });
        self.devices(Some(DEVICE_NAME), |_, said| {
            let short = said[DEVICE_NAME].split_once('.');
            label.is_none() && short.is_some_and(|(short, _)| short == host)
        });
    }

    /// Adds a rule; `column` is where the whole value stands, if such values are given to one at a time.
    fn add(
        &mut self,
        kind: Kind,
        column: Option<usize>,
        all: &'t [Subject],
        holds: impl Fn(&Subject, &[String]) -> bool,
    ) {
        let keeps = |one: &&Subject| column.is_none_or(|column| !is_passed_on(one, column, all));
        let holding: Vec<&Subject> = all.iter().filter(|one| holds(one, &one.normal)).collect();
        let keeping: Vec<&Subject> = holding.iter().copied().filter(keeps).collect();
        // What too many hold identifies nobody, and so was passed on by nobody.
        let holders = match keeping.len() > HOLDERS_AT_MOST {
            true => holding,
            false => keeping,
        };
        let older = all.iter().filter(|one| one.days != Days::OnlyNewer);
        self.rules.push(Rule {
            kind,
            holders,
            formers: older.filter(|one| holds(one, &one.former)).collect(),
        });
    }
}

/// Tells whether somebody who was last seen in the older file passed a value on: another one is first seen with it in the
/// newer one.
fn is_passed_on(one: &Subject, column: usize, all: &[Subject]) -> bool {
    let value = &one.normal[column];
    let begins = |other: &Subject| match other.days {
        Days::OnlyNewer => true,
        Days::OnlyOlder => false,
        Days::Both => other.former[column] != *value,
    };
    // A local account, or a machine's, has the values of its owner beside that one.
    let takes = |other: &&Subject| !other.is_skipped || one.is_skipped;
    let others = all.iter().filter(|other| other.uid != one.uid);
    let mut others = others.filter(takes);
    one.days == Days::OnlyOlder
        && others.any(|other| other.normal[column] == *value && begins(other))
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

pub(super) fn nf(text: &str) -> String {
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

/// The normal form by its definition; none for what is refused.
fn normal(text: &str) -> Option<String> {
    let refused = |letter: char| letter.is_control() || matches!(letter, '\u{212a}' | '\u{200b}');
    let text = text.trim();
    (!text.is_empty() && !text.contains(refused)).then(|| nf(text))
}

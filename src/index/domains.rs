//! Domains: what stands behind the dot or the `@` of names that the index has. A lookup tells by them whether a dotted text may
//! be the full name of a device.

use std::collections::{BTreeSet, HashSet};

use foldhash::fast::RandomState;

use super::last::Last;
use super::subject::Sharing;
use super::{Result, Rules};
use crate::identifier;
use crate::schema::{NAME, Subject, account_field};
use crate::sqlite::Columns;

/// Domains that are kept: an office has a few. Of more, those that come first in the alphabet.
const KEPT: usize = 4_096;
/// The key of `meta` that has them, a line each.
pub(super) const DOMAINS: &str = "domains";
/// A text with a digit that is so long is a computer's name rather than an office's.
const OF_A_COMPUTER: usize = 8;
/// Bytes that a domain can have.
const BYTES: usize = 253;

/// Domains of one word that networks within offices and homes have, beside those of account names. Another one may be a surname:
/// people name their computers `ann.smith`, and `maria.smith` is not the computer `maria` then.
const OF_ONE_WORD: [&str; 14] = [
    "ad",
    "corp",
    "dom",
    "domain",
    "home",
    "internal",
    "intern",
    "intra",
    "intranet",
    "lan",
    "local",
    "localdomain",
    "office",
    "private",
];

/// The domains of devices' full names, of UPNs and of emails, in small letters.
#[derive(Debug, Default)]
pub(super) struct Domains {
    all: BTreeSet<String>,
    /// Those of one word.
    words: BTreeSet<String>,
    /// Domains of account names, of one word: an office has a few.
    of_accounts: BTreeSet<String>,
    met: Met,
    met_of_accounts: Met,
}

/// Domains that were met, as they were written: nearly every row has one of them.
#[derive(Debug, Default)]
struct Met(HashSet<Box<[u8]>, RandomState>);

impl Met {
    /// Returns a domain that was not met, or is one too many to be remembered.
    fn unmet<'d>(&mut self, domain: Option<&'d [u8]>) -> Option<&'d str> {
        let domain = domain.filter(|domain| domain.len() <= BYTES && !self.0.contains(*domain))?;
        if self.0.len() < KEPT {
            self.0.insert(domain.into());
        }
        std::str::from_utf8(domain).ok()
    }
}

/// Returns what stands behind the last `@`.
fn behind_at(text: &[u8]) -> Option<&[u8]> {
    let at = text.iter().rposition(|byte| *byte == b'@')?;
    Some(&text[at + 1..])
}

impl Domains {
    /// Notes those of a row.
    pub(super) fn note(&mut self, subject: Subject, mut text: Columns) -> Result<()> {
        text.skip(NAME)?;
        let name = text.take_bytes()?;
        if subject == Subject::Device {
            let dot = name.iter().position(|byte| *byte == b'.');
            self.add(dot.map(|dot| &name[dot + 1..]));
            return Ok(());
        }
        self.add_of_account(behind_at(name));
        text.skip(account_field::UPN - NAME - 1)?;
        for _ in [account_field::UPN, account_field::EMAIL] {
            self.add(behind_at(text.take_bytes()?));
        }
        Ok(())
    }

    fn add(&mut self, domain: Option<&[u8]>) {
        let Some(domain) = self.met.unmet(domain) else {
            return;
        };
        let all = match domain.contains('.') {
            true => &mut self.all,
            false => &mut self.words,
        };
        if let Some(domain) = identifier::folded(domain) {
            all.insert(domain.into_owned());
        }
        if all.len() > KEPT {
            all.pop_last();
        }
    }

    /// Adds the domain of an account's name. Computers, which local accounts have there, are numbered, and would leave no room for
    /// others.
    fn add_of_account(&mut self, domain: Option<&[u8]>) {
        let Some(domain) = self.met_of_accounts.unmet(domain) else {
            return;
        };
        let has_digit = domain.contains(|sign: char| sign.is_ascii_digit());
        let is_left_out = domain.contains('.') || (has_digit && domain.len() >= OF_A_COMPUTER);
        if let Some(domain) = identifier::folded(domain).filter(|_| !is_left_out) {
            self.of_accounts.insert(domain.into_owned());
        }
        if self.of_accounts.len() > KEPT {
            self.of_accounts.pop_last();
        }
    }

    /// Adds those of other rows.
    pub(super) fn extend(&mut self, others: Domains) {
        for (all, others) in [
            (&mut self.all, others.all),
            (&mut self.words, others.words),
            (&mut self.of_accounts, others.of_accounts),
        ] {
            all.extend(others);
            while all.len() > KEPT {
                all.pop_last();
            }
        }
    }

    /// Writes them as lines, with those above them but for what a registry sells, those of the configuration and, where names are
    /// sealed by now, those that were known before.
    pub(super) fn lines(&self, rules: &Rules, last: Option<&Last>, sharing: &Sharing) -> String {
        let last = last.and_then(|last| last.meta.get(DOMAINS));
        let last = last.filter(|_| rules.superseded.is_some());
        let last = last.into_iter().flat_map(|domains| domains.lines());
        let is_device = |word: &str| sharing.is_device_name(word);
        let mut all = self.with_parents(last, is_device);
        all.extend(rules.device_domains.iter().map(String::as_str));
        all.remove("");
        all.into_iter().collect::<Vec<_>>().join("\n")
    }

    /// Returns those of several words, and those of one that is no surname, for sure, with those above them.
    fn with_parents<'a>(
        &'a self,
        last: impl Iterator<Item = &'a str>,
        is_device: impl Fn(&str) -> bool,
    ) -> BTreeSet<&'a str> {
        let is_of_office = |word: &str| self.of_accounts.contains(word) && !is_device(word);
        let is_domain = |domain: &&str| {
            domain.contains('.') || OF_ONE_WORD.contains(domain) || is_of_office(domain)
        };
        let known = self.all.iter().chain(&self.words).map(String::as_str);
        let mut all: BTreeSet<&str> = known.chain(last).filter(is_domain).collect();
        for domain in &self.all {
            let mut rest = domain.as_str();
            while let Some((_, parent)) = rest.split_once('.') {
                if parent.contains('.') {
                    all.insert(parent);
                }
                rest = parent;
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_come_with_those_above_them() {
        let mut domains = Domains::default();
        domains.add(Some(b"emea.Contoso.com"));
        domains.add(behind_at(b"jdoe@contoso.com"));
        domains.add(None);
        domains.add(Some(b"smith"));
        domains.add(Some(b"local"));
        domains.add(Some(b"emea"));
        domains.add_of_account(behind_at(b"jdoe@EMEA"));
        domains.add(Some(b"corp01"));
        domains.add_of_account(behind_at(b"kim@CORP01"));
        // A computer's own account, and one of a surname.
        domains.add(Some(b"maria"));
        domains.add_of_account(behind_at(b"admin@MARIA"));
        let all: Vec<&str> = domains
            .with_parents(std::iter::once("corp"), |word| word == "maria")
            .into_iter()
            .collect();
        assert_eq!(
            all,
            [
                "contoso.com",
                "corp",
                "corp01",
                "emea",
                "emea.contoso.com",
                "local"
            ]
        );
    }
}

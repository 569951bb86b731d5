//! What an account is: person, machine, local, service, admin.
//!
//! A function of what its rows say, the first rule that fits counts; the names that devices ever had are the index's affair.

use std::fmt;

use crate::identifier::{self, Kind};
use crate::observation::{Says, Traits};
use crate::schema::Class;

/// Changes with the rules of this file: what older ones made of an account is worked out anew then.
const RULES: &str = "rules 3";

/// Names of built-in accounts that come without a domain, and the domains of others, in normal form.
const BUILT_IN_NAMES: [&str; 7] = [
    "system",
    "localsystem",
    "local service",
    "localservice",
    "network service",
    "networkservice",
    "anonymous logon",
];
const BUILT_IN_DOMAINS: [&str; 10] = [
    "nt authority",
    "nt-autorit\u{e4}t",
    "autorite nt",
    "autorit\u{e9} nt",
    "nt service",
    "nt-dienst",
    "iis apppool",
    "nt virtual machine",
    "window manager",
    "font driver host",
];

/// What tells the class of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence<'a> {
    /// The normal form of its SID.
    pub sid: Option<&'a str>,
    /// The normal form of its account name.
    pub name: Option<&'a str>,
    /// What it says of being local.
    pub says: Says,
    /// It has a UPN, an email or a full name.
    pub has_person: bool,
}

/// A pattern on the part of an account name before its last `@`: `*` stands for anything, case is folded as in names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// What stands between the stars, in normal form.
    pieces: Vec<String>,
}

impl Pattern {
    /// Reads a pattern; a piece that no name can hold is kept as it is, and fits none.
    pub fn new(text: &str) -> Pattern {
        let piece = |text: &str| match identifier::normal_form(Kind::BareName, text) {
            Ok(normal) => normal.into_owned(),
            Err(_) => text.to_ascii_lowercase(),
        };
        Pattern {
            pieces: text.split('*').map(piece).collect(),
        }
    }

    /// Tells whether a name in normal form fits.
    pub fn fits(&self, name: &str) -> bool {
        let [first, between @ .., last] = self.pieces.as_slice() else {
            return self.pieces.first().is_some_and(|piece| piece == name);
        };
        let Some(mut rest) = name.strip_prefix(first.as_str()) else {
            return false;
        };
        for piece in between {
            match rest.find(piece.as_str()) {
                Some(at) => rest = &rest[at + piece.len()..],
                None => return false,
            }
        }
        rest.ends_with(last.as_str())
    }
}

/// The patterns of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patterns {
    /// Make an account `service`.
    pub service: Vec<Pattern>,
    /// Make an account `admin`.
    pub admin: Vec<Pattern>,
}

impl Patterns {
    /// Reads the patterns of both classes.
    pub fn new(service: &[String], admin: &[String]) -> Patterns {
        let patterns = |texts: &[String]| texts.iter().map(|text| Pattern::new(text)).collect();
        Patterns {
            service: patterns(service),
            admin: patterns(admin),
        }
    }
}

impl fmt::Display for Patterns {
    /// Writes both lists, to tell whether they changed, or the rules beside them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(RULES)?;
        let lists = [&self.service, &self.admin].map(|list| {
            list.iter()
                .map(|pattern| pattern.pieces.join("*"))
                .collect::<Vec<_>>()
                .join(",")
        });
        if lists.iter().all(String::is_empty) {
            Ok(())
        } else {
            write!(f, ";{}", lists.join(";"))
        }
    }
}

/// Returns what the class of an account follows from, but for the names of devices.
pub fn traits_of(evidence: Evidence, patterns: &Patterns) -> Traits {
    Traits {
        class: class_of(evidence, patterns),
        is_untyped: evidence.says == Says::Nothing,
        has_person: evidence.has_person,
        is_built_in: is_built_in(evidence),
    }
}

/// Returns what the keys alone tell of an account that no row describes.
pub fn traits_of_keys(sid: Option<&str>, name: Option<&str>, patterns: &Patterns) -> Traits {
    let evidence = Evidence {
        sid,
        name,
        says: Says::Nothing,
        has_person: false,
    };
    traits_of(evidence, patterns)
}

/// Returns the class as far as an account's own rows tell.
fn class_of(evidence: Evidence, patterns: &Patterns) -> Class {
    if is_built_in(evidence) {
        return Class::Service;
    }
    let sam = evidence.name.map(identifier::sam);
    if sam.is_some_and(|sam| sam.ends_with('$')) {
        return Class::Machine;
    }
    if evidence.says == Says::Local {
        return Class::Local;
    }
    let is_like = |patterns: &[Pattern]| {
        sam.is_some_and(|sam| patterns.iter().any(|pattern| pattern.fits(sam)))
    };
    if is_like(&patterns.service) {
        Class::Service
    } else if is_like(&patterns.admin) {
        Class::Admin
    } else if evidence.has_person || evidence.says == Says::Domain {
        Class::Person
    } else {
        Class::Unknown
    }
}

/// Tells whether an account is one that Windows has on every computer. Its names are in the computer's language, so that a
/// SID tells it for certain, and the names only where there is none.
fn is_built_in(evidence: Evidence) -> bool {
    if let Some(sid) = evidence.sid {
        return identifier::is_built_in_sid(sid);
    }
    let Some(name) = evidence.name else {
        return false;
    };
    let is_numbered = |(_, number): (&str, &str)| number.bytes().all(|byte| byte.is_ascii_digit());
    match (identifier::domain(name), name.split_once('-')) {
        (Some(domain), _) => BUILT_IN_DOMAINS.contains(&domain),
        (None, Some(numbered @ ("dwm" | "umfd", _))) => is_numbered(numbered),
        (None, _) => BUILT_IN_NAMES.contains(&name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_anything_where_they_have_a_star() {
        for (pattern, text, expected) in [
            ("svc-*", "svc-backup", true),
            ("svc-*", "mysvc-backup", false),
            ("SVC-*", "svc-backup", true),
            ("*admin*", "siteadmin2", true),
            ("adm.*.x", "adm.jdoe.x", true),
            ("adm.*.x", "adm.jdoe.y", false),
            ("root", "root", true),
            ("root", "rooty", false),
            ("*", "", true),
        ] {
            assert_eq!(
                Pattern::new(pattern).fits(text),
                expected,
                "{pattern} {text}"
            );
        }
    }
}

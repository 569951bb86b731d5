//! What an account is: person, machine, local, service, admin.
//!
//! A function of what its rows say and of the names that devices ever had; the first rule that fits counts.

use std::fmt;

use crate::identifier::{self, Kind};
use crate::observation::Says;
use crate::schema::Class;

/// What tells the class of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence<'a> {
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
    /// Writes both lists, to tell whether they changed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = [&self.service, &self.admin].map(|list| {
            list.iter()
                .map(|pattern| pattern.pieces.join("*"))
                .collect::<Vec<_>>()
                .join(",")
        });
        if lists.iter().all(String::is_empty) {
            Ok(())
        } else {
            write!(f, "{}", lists.join(";"))
        }
    }
}

/// Returns the class of an account; `is_device` tells of a normal form whether any device ever had that name.
pub fn class_of<E>(
    evidence: Evidence,
    patterns: &Patterns,
    mut is_device: impl FnMut(&str) -> Result<bool, E>,
) -> Result<Class, E> {
    let sam = evidence.name.map(identifier::sam);
    if sam.is_some_and(|sam| sam.ends_with('$')) {
        return Ok(Class::Machine);
    }
    let domain = evidence
        .name
        .and_then(identifier::domain)
        .filter(|_| evidence.says == Says::Nothing);
    if evidence.says == Says::Local || domain.map_or(Ok(false), &mut is_device)? {
        return Ok(Class::Local);
    }
    if !evidence.has_person && sam.map_or(Ok(false), &mut is_device)? {
        return Ok(Class::Machine);
    }
    let is_like = |patterns: &[Pattern]| {
        sam.is_some_and(|sam| patterns.iter().any(|pattern| pattern.fits(sam)))
    };
    Ok(if is_like(&patterns.service) {
        Class::Service
    } else if is_like(&patterns.admin) {
        Class::Admin
    } else if evidence.has_person || evidence.says == Says::Domain {
        Class::Person
    } else {
        Class::Unknown
    })
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

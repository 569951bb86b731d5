//! Lookups against a brute-force oracle, on tenants made to mislead: look-alikes, reuse, shared mailboxes, values of one
//! kind that are another's of another kind, letters in every form. Belongs here: that no text ever names the wrong one.
//!
//! `tenant` makes them and the texts that are asked, `oracle` says who must be found.

#![expect(
    clippy::disallowed_methods,
    reason = "the oracle must not fold letters as the program does, and tries the spellings that others make"
)]

mod oracle;
mod tenant;

use std::collections::BTreeMap;

use identidex::Kind;
use identidex::{Flag, Found, Index, Match, Outcome, Query};

use self::tenant::Tenant;
use crate::projected;
use crate::tenant::Random;

/// Queries that the test command asks; IDENTIDEX_QUERIES asks for more.
const QUERIES: u64 = 100_000;
const QUERIES_OF_A_TENANT: u64 = 5_000;

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

/// One that shows what tells whom it found, and how they are called, since a name says something as a clue.
#[test]
fn a_projection_is_misled_no_more_than_the_whole() {
    const ALL: [(&[&str], &[&str]); 2] = [
        (&["uid", "full_name"], &["uid"]),
        (&["uid", "full_name", "upn"], &["uid", "serial"]),
    ];
    for seed in 0..6 {
        let shown = ALL[seed as usize % ALL.len()];
        let tenant = Tenant::random(&mut Random::new(seed));
        let home = tempfile::tempdir().unwrap();
        let index = tenant.publish(home.path());
        let bot = projected::projection_of(&index, shown.0, shown.1);
        let both = (&Index::open(&index).unwrap(), &Index::open(&bot).unwrap());
        let mut dice = Random::new(seed ^ 0x5a5a_5a5a);
        for _ in 0..QUERIES_OF_A_TENANT / 2 {
            let query = Asked::random(&tenant, &mut dice).query();
            projected::assert_alike(both, shown, &query, &format!("tenant {seed}"));
        }
    }
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
    assert!(
        is_expected,
        "{place}: {:?} of {found:?} {:?}",
        answer.outcome, answer.clues
    );
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

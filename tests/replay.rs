//! Random tenants taken in in any order, any batches, again and again, against the brute-force `model`. Belongs here:
//! what must hold of every sequence of runs.

use std::collections::BTreeSet;
use std::env::VarError;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use identidex::ingest::{
    self, AccountKeys, Failure, Options, Outcome, Readers, Report, SourceConfig,
};

use crate::projected;
use crate::tenant::{self, Object};
use crate::{model, state};

/// Tenants that are tried by the test command; IDENTIDEX_TENANTS asks for more.
const TENANTS: u64 = 500;
/// How long rows are kept in [`try_retention`].
const RETENTION: Duration = Duration::from_hours(95 * 24);
/// How long former values are in clear in [`try_superseded`].
const SUPERSEDED: Duration = Duration::from_hours(2 * 24);
/// Tenants of which an account is erased, and those of which old rows are not kept.
const ERASED_FROM: u64 = 100;

#[test]
fn any_order_of_a_tenant_is_the_state_that_the_rules_define() {
    each_seed(TENANTS, try_tenant);
}

/// Tenants beyond those of every day that the program once answered wrong.
#[test]
fn tenants_that_were_wrong_once_are_right() {
    // A local SID, which the row itself shows to be one, made an account older than it was, and a device its own.
    try_tenant(1165);
}

/// Tries seeds on two threads: so many, or as many as IDENTIDEX_TENANTS says.
pub(crate) fn each_seed(tenants: u64, try_seed: impl Fn(u64) + Sync) {
    let number = |text: Result<String, VarError>| text.ok().and_then(|text| text.parse().ok());
    let tenants = number(std::env::var("IDENTIDEX_TENANTS")).unwrap_or(tenants);
    let first = number(std::env::var("IDENTIDEX_FIRST_TENANT")).unwrap_or(0);
    let try_seed = &try_seed;
    std::thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || {
                for seed in (first..first + tenants).filter(|seed| seed % 2 == half) {
                    try_seed(seed);
                }
            });
        }
    });
}

fn try_tenant(seed: u64) {
    let objects = tenant::random(seed);
    let expected = model::derive(&objects);
    let in_order = replay(
        &objects,
        &Plan {
            seed,
            order: Order::AsMade,
        },
    );
    let shuffled = replay(
        &objects,
        &Plan {
            seed,
            order: Order::Shuffled,
        },
    );
    assert_same(seed, "the state", &expected, &in_order.state);
    assert_same(
        seed,
        "the state in another order",
        &expected,
        &shuffled.state,
    );
    assert_eq!(
        in_order.digest, shuffled.digest,
        "seed {seed}: the digest depends on the order"
    );
}

fn assert_same(seed: u64, what: &str, expected: &serde_json::Value, found: &serde_json::Value) {
    for part in ["accounts", "devices", "usages", "held", "waiting"] {
        assert_part(seed, what, part, expected, found);
    }
}

fn assert_part(
    seed: u64,
    what: &str,
    part: &str,
    expected: &serde_json::Value,
    found: &serde_json::Value,
) {
    let pretty =
        |value: &serde_json::Value| serde_json::to_string_pretty(&value[part]).unwrap_or_default();
    let (expected, found) = (pretty(expected), pretty(found));
    assert!(
        expected == found,
        "seed {seed}: {what} differs in {part}; expected\n{expected}\nfound\n{found}\nfrom\n{}",
        listed(&tenant::random(seed))
    );
}

fn listed(objects: &[Object]) -> String {
    let texts = objects
        .iter()
        .map(|object| format!("--- {} ({})\n{}", object.key, object.modified, object.csv()));
    texts.collect::<Vec<_>>().join("\n")
}

/// How the objects of a tenant arrive.
struct Plan {
    seed: u64,
    order: Order,
}

#[derive(PartialEq)]
enum Order {
    /// One by one, as they were made.
    AsMade,
    /// In another order, in batches, some runs publishing behind every object.
    Shuffled,
}

/// What a sequence of runs came to.
struct Replayed {
    state: serde_json::Value,
    digest: String,
}

fn replay(objects: &[Object], plan: &Plan) -> Replayed {
    let home = tempfile::tempdir().expect("a temporary folder");
    let source = home.path().join("exports");
    fs::create_dir(&source).expect("the source can be made");
    let index = home.path().join("identity.db");
    let mut random = plan.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    let mut order: Vec<&Object> = objects.iter().collect();
    if plan.order == Order::Shuffled {
        for at in (1..order.len()).rev() {
            order.swap(at, next(at + 1));
        }
    }
    let mut report = None;
    let mut keys = BTreeSet::new();
    for (at, object) in order.iter().enumerate() {
        keys.insert(object.key.as_str());
        put(&source, object);
        let overwrites_next = order
            .get(at + 1)
            .is_some_and(|next| keys.contains(next.key.as_str()));
        let is_last = at + 1 == order.len();
        if is_last || overwrites_next || plan.order == Order::AsMade || next(3) == 0 {
            let publish_every = Duration::from_secs(if next(2) == 0 { 0 } else { 300 });
            report = Some(sync(&source, &index, publish_every));
            keys.clear();
        }
    }
    let report = report.expect("a tenant has an object");
    Replayed {
        state: match index.exists() {
            true => state::read(&index),
            false => state::of_nothing(),
        },
        digest: report.digest,
    }
}

pub(crate) fn put(source: &Path, object: &Object) {
    let path: PathBuf = source.join(&object.key);
    fs::create_dir_all(path.parent().expect("a key has a folder")).expect("the folder can be made");
    fs::write(&path, object.csv()).expect("the object can be written");
    let modified = UNIX_EPOCH + Duration::from_micros(object.modified.unsigned_abs());
    File::options()
        .write(true)
        .open(&path)
        .and_then(|file| file.set_modified(modified))
        .expect("its time can be set");
}

/// Takes a folder in: no object fails but for rows that all have no key, and no row is lost.
pub(crate) fn sync(source: &Path, index: &Path, publish_every: Duration) -> Report {
    let options = options(source, index, publish_every);
    let report = ingest::run(&options, &mut |_| {}).expect("the run succeeds");
    let mut failures = report.failures.iter();
    let is_of_rows = |failure: &Failure| failure.error.contains("rows are rejected");
    assert!(failures.all(is_of_rows), "{:?}", report.failures);
    assert_ne!(report.outcome, Outcome::Failed);
    let rows = report.rows;
    assert_eq!(
        rows.read,
        rows.stored + rows.unchanged + rows.superseded + rows.rejected,
        "rows are lost in silence"
    );
    report
}

/// Who may read the indexes of these tests.
pub(crate) const READERS: Readers = Readers {
    mode: 0o640,
    group: None,
};

/// Options for a folder as the one source.
pub(crate) fn options(source: &Path, index: &Path, publish_every: Duration) -> Options {
    let source = SourceConfig::new("exports", source.display().to_string());
    Options {
        readers: READERS,
        prune_after: Duration::ZERO,
        publish_every,
        ..Options::new(index, vec![source])
    }
}

/// An account is erased when half of a tenant's objects are in; the others come later.
#[test]
fn who_is_erased_stays_so_and_nobody_else_is_touched() {
    let erased = AtomicUsize::new(0);
    each_seed(ERASED_FROM, |seed| {
        erased.fetch_add(usize::from(try_erasure(seed)), Ordering::Relaxed);
    });
    assert!(erased.into_inner() > 50);
}

/// Tells whether there was anybody to erase.
fn try_erasure(seed: u64) -> bool {
    let objects = tenant::random(seed);
    let (first, _) = objects.split_at(objects.len().div_ceil(2));
    let home = tempfile::tempdir().expect("a temporary folder");
    let (source, index) = (home.path().join("exports"), home.path().join("identity.db"));
    fs::create_dir(&source).expect("the source can be made");
    take_in(first, &source, &index);
    // Where no object has a row that can be taken in, nothing is published.
    if !index.exists() {
        return false;
    }
    let state = state::read(&index);
    let accounts = state["accounts"].as_array().expect("an array");
    if accounts.is_empty() {
        return false;
    }
    let at = seed as usize % accounts.len();
    let key = |name: &str| accounts[at]["fields"][name].as_str().map(str::to_owned);
    let keys = AccountKeys {
        sid: key("sid"),
        uid: key("uid"),
        name: key("name"),
    };
    let options = options(&source, &index, Duration::ZERO);
    ingest::forget(
        &options,
        &ingest::Whom::Account(keys),
        "asked for it",
        [7; 32],
    )
    .expect("an account can be erased");
    let expected = model::derive_without(first, first, at);
    assert_same(
        seed,
        "the state after an erasure",
        &expected,
        &state::read(&index),
    );
    take_in(&objects, &source, &index);
    let expected = model::derive_without(&objects, first, at);
    assert_same(
        seed,
        "the state after later objects",
        &expected,
        &state::read(&index),
    );
    true
}

/// Takes objects in, one that is overwritten before the one that does it.
fn take_in(objects: &[Object], source: &Path, index: &Path) {
    for object in objects {
        put(source, object);
        sync(source, index, Duration::ZERO);
    }
}

/// Rows that are too old go, in whatever order they come.
#[test]
fn what_is_too_old_is_not_kept() {
    each_seed(ERASED_FROM, try_retention);
}

fn try_retention(seed: u64) {
    let objects = tenant::random(seed);
    let expected = model::derive_kept(&objects, RETENTION);
    for is_backwards in [false, true] {
        let home = tempfile::tempdir().expect("a temporary folder");
        let (source, index) = (home.path().join("exports"), home.path().join("identity.db"));
        fs::create_dir(&source).expect("the source can be made");
        let mut order: Vec<&Object> = objects.iter().collect();
        if is_backwards {
            order.reverse();
        }
        for object in order {
            put(&source, object);
            let options = Options {
                retention: Some(RETENTION),
                ..options(&source, &index, Duration::ZERO)
            };
            ingest::run(&options, &mut |_| {}).expect("the run succeeds");
        }
        if index.exists() {
            let found = state::read(&index);
            for part in ["accounts", "devices", "usages", "waiting"] {
                assert_part(seed, "what is kept", part, &expected, &found);
            }
        }
    }
}

/// That former values are not kept in clear changes nothing that is found, in whatever order files come.
#[test]
fn what_newer_rows_replaced_is_not_kept_in_clear() {
    each_seed(ERASED_FROM, try_superseded);
}

fn try_superseded(seed: u64) {
    let objects = tenant::random(seed);
    let expected = model::derive(&objects);
    let mut digests = BTreeSet::new();
    let mut texts = BTreeSet::new();
    let mut asked: Option<(Vec<String>, Vec<serde_json::Value>)> = None;
    for (is_backwards, superseded) in [
        (false, None),
        (false, Some(SUPERSEDED)),
        (true, Some(SUPERSEDED)),
    ] {
        let home = tempfile::tempdir().expect("a temporary folder");
        let (source, index) = (home.path().join("exports"), home.path().join("identity.db"));
        fs::create_dir(&source).expect("the source can be made");
        let mut order: Vec<&Object> = objects.iter().collect();
        if is_backwards {
            order.reverse();
        }
        let mut digest = String::new();
        for object in order {
            put(&source, object);
            let options = Options {
                superseded,
                ..options(&source, &index, Duration::ZERO)
            };
            digest = ingest::run(&options, &mut |_| {})
                .expect("the run succeeds")
                .digest;
        }
        if !index.exists() {
            return;
        }
        digests.insert(digest);
        let found = state::read(&index);
        for part in ["accounts", "devices", "usages", "waiting"] {
            assert_part(seed, "what is kept", part, &expected, &found);
        }
        if superseded.is_some() {
            texts.insert(in_clear(&index));
        }
        match &asked {
            None => {
                let texts = projected::texts_of(&index);
                let answers = answers(&index, &texts);
                asked = Some((texts, answers));
            }
            // Equals stand in the order in which they came.
            Some(_) if is_backwards => {}
            Some((texts, expected)) => {
                let found = answers(&index, texts);
                let other = expected
                    .iter()
                    .zip(&found)
                    .find(|(left, right)| left != right);
                assert!(other.is_none(), "seed {seed}: {other:#?}");
            }
        }
    }
    assert_eq!(
        digests.len(),
        1,
        "seed {seed}: the digest depends on what is in clear"
    );
    assert_eq!(
        texts.len(),
        1,
        "seed {seed}: what is in clear depends on the order"
    );
}

#[test]
fn what_analysts_are_shown_is_the_same_in_any_order() {
    each_seed(ERASED_FROM, try_shown);
}

/// Views whose rows follow from the objects alone, with keys instead of ids.
const SHOWN: [&str; 3] = [
    "SELECT a.sid, a.uid, a.name, d.uid, d.name, t.first_day, t.last_day, t.is_current, t.is_primary FROM devices_over_time t \
     JOIN accounts a ON a.id = t.account JOIN devices d ON d.id = t.device ORDER BY 1, 2, 3, 4, 5",
    "SELECT a.sid, a.uid, a.name, h.kind, h.value, h.since, h.until, h.is_current FROM history h JOIN accounts a ON a.id = h.account \
     ORDER BY 1, 2, 3, 4, 5, 6, 7",
    "SELECT d.uid, d.collector_uid, d.name, h.kind, h.value, h.since, h.until, h.is_current FROM device_history h \
     JOIN devices d ON d.id = h.device ORDER BY 1, 2, 3, 4, 5, 6, 7",
];

fn try_shown(seed: u64) {
    let objects = tenant::random(seed);
    let mut first: Option<Vec<String>> = None;
    for is_backwards in [false, true] {
        let home = tempfile::tempdir().expect("a temporary folder");
        let (source, index) = (home.path().join("exports"), home.path().join("identity.db"));
        fs::create_dir(&source).expect("the source can be made");
        let mut order: Vec<&Object> = objects.iter().collect();
        if is_backwards {
            order.reverse();
        }
        for object in order {
            put(&source, object);
            let options = options(&source, &index, Duration::ZERO);
            ingest::run(&options, &mut |_| {}).expect("the run succeeds");
        }
        if !index.exists() {
            return;
        }
        let shown = shown(&index);
        match &first {
            None => first = Some(shown),
            Some(first) => {
                let lines = first
                    .iter()
                    .zip(&shown)
                    .filter(|(left, right)| left != right);
                let other: Vec<_> = lines.take(3).collect();
                assert!(first == &shown, "seed {seed}: {other:#?}");
            }
        }
    }
}

fn shown(index: &Path) -> Vec<String> {
    let index = rusqlite::Connection::open(index).expect("the index opens");
    let mut shown = Vec::new();
    for sql in SHOWN {
        let mut statement = index.prepare(sql).expect("the views are there");
        let columns = statement.column_count();
        let mut rows = statement.query([]).expect("they can be asked");
        while let Some(row) = rows.next().expect("a row") {
            let cells = (0..columns).map(|at| match row.get_ref(at).expect("a cell") {
                rusqlite::types::ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                other => format!("{other:?}"),
            });
            shown.push(cells.collect::<Vec<_>>().join(" "));
        }
    }
    // Of accounts of one name, any may be the first.
    shown.sort();
    shown
}

/// Returns all texts that claims have, however they are numbered.
fn in_clear(index: &Path) -> Vec<String> {
    let index = rusqlite::Connection::open(index).expect("the index opens");
    let mut all = Vec::new();
    for table in ["account", "device"] {
        let sql = format!("SELECT * FROM {table} WHERE length(parts) > 0");
        let mut statement = index.prepare(&sql).expect("the table is there");
        let names = statement.column_names();
        let names: Vec<String> = names.map(str::to_owned).collect();
        let mut rows = statement.query([]).expect("it can be asked");
        while let Some(row) = rows.next().expect("a row") {
            let cells = names.iter().enumerate().filter_map(|(at, name)| {
                let text = row.get_ref(at).expect("a cell").as_str().ok()?;
                Some(format!("{name}={text}"))
            });
            all.push(format!("{table} {}", cells.collect::<Vec<_>>().join(" ")));
        }
    }
    all.sort();
    all
}

/// Asks for texts, alone and two at a time; what differs from run to run, and the names of what waits, aside.
fn answers(index: &Path, texts: &[String]) -> Vec<serde_json::Value> {
    let index = identidex::Index::open(index).expect("the index opens");
    let ask = |query: identidex::Query| {
        let answer = index.find(query).expect("it answers");
        let mut answer = serde_json::to_value(&answer).expect("an answer is JSON");
        without(&mut answer, &["generation", "freshness", "usages"]);
        answer
    };
    let next = texts.iter().cycle().skip(5);
    let pairs = texts.iter().zip(next);
    let both = pairs.flat_map(|(text, other)| {
        let all = [text, other].map(|text| identidex::Query::any(text.as_str()));
        [all[0].clone(), identidex::Query::all_of(all).all_classes()]
    });
    both.map(ask).collect()
}

fn without(value: &mut serde_json::Value, names: &[&str]) {
    match value {
        serde_json::Value::Object(map) => {
            map.retain(|name, _| !names.contains(&name.as_str()));
            map.values_mut().for_each(|value| without(value, names));
        }
        serde_json::Value::Array(all) => all.iter_mut().for_each(|value| without(value, names)),
        _ => {}
    }
}

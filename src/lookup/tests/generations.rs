//! Generations: which published file answers, when another takes its place, and what is refused as no index.
//! What is found in one is left to the other tests.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::draft::{Draft, jdoes};
use crate::error::Error;
use crate::lookup::{Index, Options, Outcome};
use crate::schema::{OLDEST_VERSION, USER_VERSION};

#[test]
fn a_new_generation_is_followed_and_one_that_cannot_be_opened_is_not() {
    let (home, file) = jdoes().finish();
    let (_other_home, other) = Draft::new().finish();
    publish(home.path(), &file, 1);
    let index = open_looking_every(Duration::ZERO, home.path());
    assert_eq!(index.find("jdoe@EMEA").unwrap().generation, 1);
    let current = home.path().join("index.db.d/current");
    for broken in ["", "gen-000009-missing.db", "../../etc/passwd"] {
        fs::write(&current, broken).unwrap();
        let answer = index.find("jdoe@EMEA").unwrap();
        assert_eq!((answer.generation, answer.outcome), (1, Outcome::One));
    }
    publish(home.path(), &other, 2);
    let answer = index.find("jdoe@EMEA").unwrap();
    assert_eq!((answer.generation, answer.outcome), (2, Outcome::None));
    fs::remove_dir_all(home.path().join("index.db.d")).unwrap();
    assert_eq!(index.find("jdoe@EMEA").unwrap().generation, 2);
}

#[test]
fn between_two_looks_the_known_generation_answers() {
    let (home, file) = jdoes().finish();
    publish(home.path(), &file, 1);
    let index = open_looking_every(Duration::from_hours(1), home.path());
    publish(home.path(), &file, 2);
    assert_eq!(index.generation(), 1);
}

#[test]
fn a_generation_that_was_removed_is_read_until_somebody_looks() {
    let (home, old) = jdoes().finish();
    publish(home.path(), &old, 1);
    let index = open_looking_every(Duration::MAX, home.path());
    let (_home, new) = jdoes().finish();
    publish(home.path(), &new, 2);
    let name = format!("gen-000001-{}.db", "0".repeat(64));
    fs::remove_file(home.path().join("index.db.d").join(name)).unwrap();
    // By threads, too, that have read nothing of it yet.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let answer = index.find("jdoe@EMEA").unwrap();
                assert_eq!((answer.generation, answer.outcome), (1, Outcome::One));
            });
        }
    });
    assert_eq!(index.current().number, 1);
}

#[test]
#[cfg(target_os = "linux")]
fn the_file_of_a_former_generation_is_closed_behind_its_last_borrower() {
    let (home, file) = jdoes().finish();
    publish(home.path(), &file, 1);
    let index = open_looking_every(Duration::ZERO, home.path());
    let is_open = |number: u32| {
        let name = format!("gen-{number:06}");
        let files = fs::read_dir("/proc/self/fd").unwrap();
        let mut files = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
        files.any(|file| file.starts_with(home.path()) && file.to_string_lossy().contains(&name))
    };
    let borrowed = index.current();
    publish(home.path(), &file, 2);
    assert_eq!(index.find("jdoe@EMEA").unwrap().generation, 2);
    assert!(is_open(1) && is_open(2));
    drop(borrowed);
    assert!(!is_open(1) && is_open(2));
}

#[test]
fn threads_share_an_index() {
    let open = jdoes().open();
    let index = &open.index;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(move || {
                for _ in 0..100 {
                    assert_eq!(index.find("jdoe").unwrap().matches.len(), 2);
                }
            });
        }
    });
}

#[test]
fn opening_makes_no_file_and_needs_no_right_to_write() {
    use std::os::unix::fs::PermissionsExt as _;
    let (home, file) = jdoes().finish();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o440)).unwrap();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o550)).unwrap();
    let index = Index::open(&file).unwrap();
    assert_eq!(index.find("jdoe@EMEA").unwrap().outcome, Outcome::One);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o750)).unwrap();
}

#[test]
fn what_is_no_index_is_refused_with_what_to_do() {
    let (home, file) = jdoes().finish();
    let error = |path: &Path| Index::open(path).unwrap_err();
    let missing = error(&home.path().join("missing.db"));
    assert!(matches!(missing, Error::Missing { .. }), "{missing}");
    assert!(missing.to_string().contains("identidex sync"), "{missing}");
    assert!(matches!(error(home.path()), Error::Foreign { .. }));
    let text = home.path().join("notes.txt");
    for content in [
        "",
        "not a database, but quite a long text about one"
            .repeat(40)
            .as_str(),
    ] {
        fs::write(&text, content).unwrap();
        assert!(matches!(error(&text), Error::Foreign { .. }));
    }
    let other = home.path().join("other.db");
    let db = Connection::open(&other).unwrap();
    db.execute_batch("CREATE TABLE t (x)").unwrap();
    db.close().unwrap();
    assert!(matches!(error(&other), Error::Foreign { .. }));
    let bytes = fs::read(&file).unwrap();
    let cut = home.path().join("cut.db");
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    assert!(matches!(error(&cut), Error::Damaged { .. }));
    let set_format = |format: i32| {
        let db = Connection::open(&file).unwrap();
        db.pragma_update(None, "user_version", format).unwrap();
    };
    set_format(USER_VERSION + 1);
    assert!(matches!(error(&file), Error::Newer { .. }));
    set_format(OLDEST_VERSION - 1);
    assert!(matches!(error(&file), Error::Older { .. }));
}

#[test]
fn an_index_that_does_not_say_where_identifiers_are_is_damaged() {
    let open = jdoes().open();
    let path = open.home.path().join("identity.db");
    let db = Connection::open(&path).unwrap();
    db.execute("DELETE FROM meta WHERE key = 'identifier_bits'", [])
        .unwrap();
    assert!(matches!(Index::open(&path), Err(Error::Damaged { .. })));
}

#[test]
fn an_index_without_one_of_its_parts_is_damaged() {
    for change in [
        "DROP INDEX usage_by_device",
        "DROP INDEX crowd_by_hash",
        "DROP TABLE identifier",
        "DROP TABLE text",
        "ALTER TABLE account RENAME COLUMN upn TO upm",
        "ALTER TABLE usage RENAME COLUMN rank TO rang",
    ] {
        let open = jdoes().open();
        let path = open.home.path().join("identity.db");
        let db = Connection::open(&path).unwrap();
        let views =
            "SELECT group_concat('DROP VIEW ' || name, ';') FROM sqlite_schema WHERE type = 'view'";
        let views: Option<String> = db.query_row(views, [], |row| row.get(0)).unwrap();
        db.execute_batch(&views.unwrap_or_default()).unwrap();
        db.execute_batch(change).unwrap();
        drop(db);
        let opened = Index::open(&path);
        assert!(matches!(opened, Err(Error::Damaged { .. })), "{change}");
    }
}

#[test]
fn an_entry_without_its_row_is_damage() {
    let mut draft = jdoes();
    let device = draft.device(&[("name", "NB-0042")]);
    draft.usage(1, device, 26);
    let open = draft.open();
    let path = open.home.path().join("identity.db");
    let index = Index::open(&path).unwrap();
    assert_eq!(index.find("NB-0042").unwrap().outcome, Outcome::One);
    // The index of usages stays as it is, and its table has no rows any more.
    let db = Connection::open(&path).unwrap();
    db.execute_batch(
        "CREATE TABLE hollow (id INTEGER PRIMARY KEY);
         PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'hollow')
         WHERE name = 'usage'",
    )
    .unwrap();
    drop(db);
    let index = Index::open(&path).unwrap();
    let found = index.find("NB-0042");
    assert!(matches!(found, Err(Error::Damaged { .. })));
}

/// Publishes a file as a generation, as the writer does.
fn publish(home: &Path, file: &Path, number: u32) {
    let folder = home.join("index.db.d");
    fs::create_dir_all(&folder).unwrap();
    let name = format!("gen-{number:06}-{}.db", "0".repeat(64));
    fs::copy(file, folder.join(&name)).unwrap();
    fs::write(folder.join("current"), format!("{name}\n")).unwrap();
}

/// Opens what was published in a folder.
fn open_looking_every(refresh: Duration, home: &Path) -> Index {
    let options = Options {
        refresh,
        ..Options::default()
    };
    Index::open_with(home.join("index.db"), options).unwrap()
}

//! `publish` and `pull` as an operator has them; what they hold to is tried in `distribution`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use crate::util::{Home, fixture};

/// A home with an index, a key, and a folder to publish into.
fn ready() -> (Home, String) {
    let home = Home::new();
    home.run(&["sync", &fixture("tenant"), "-q"]).exits(0);
    fs::create_dir(home.path("shared")).unwrap();
    let made = home.run(&["publish", "--new-key", "publish.key"]).exits(0);
    (home, made.stdout.trim().to_owned())
}

#[test]
fn what_is_published_is_pulled_and_answered_from() {
    let (home, public) = ready();
    let key = ["publish", "shared", "--key-file", "publish.key"];
    let told = home.run(&key).exits(0).stdout;
    assert!(
        told.contains("generation 1") && told.contains(&public),
        "{told}"
    );
    let pull = [
        "--index",
        "there.db",
        "pull",
        "shared",
        "--public-key",
        &public,
    ];
    assert!(
        home.run(&pull)
            .exits(0)
            .stdout
            .contains("generation 1 is the current one")
    );
    assert_eq!(home.run(&pull).exits(0).stdout, "nothing new\n");
    home.run(&["--index", "there.db", "resolve", "jdoe@EMEA"])
        .exits(0);
    // The key is its owner's, and is not made over.
    home.run(&["publish", "--new-key", "publish.key"]).exits(1);
    let mode = fs::metadata(home.path("publish.key"))
        .unwrap()
        .permissions();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777,
        0o600
    );
}

#[test]
fn faults_have_their_exit_codes() {
    let (home, public) = ready();
    home.run(&["publish"]).exits(2);
    home.run(&["publish", "shared"]).exits(2);
    home.run(&["pull", "shared"]).exits(2);
    home.run(&["pull", "shared", "--public-key", "12"]).exits(2);
    let there = ["--index", "there.db", "pull", "shared", "--public-key"];
    let nothing = home.run(&[&there[..], &[&public]].concat()).exits(1);
    assert!(
        nothing.stderr.contains("nothing was published"),
        "{}",
        nothing.stderr
    );
    home.run(&["publish", "shared", "--key-file", "publish.key"])
        .exits(0);
    let other = "ab".repeat(32);
    let refused = home.run(&[&there[..], &[&other]].concat()).exits(4);
    assert!(
        refused.stderr.contains("is not signed"),
        "{}",
        refused.stderr
    );
    // An index that is made here is not pulled over.
    home.run(&["pull", "shared", "--public-key", &public])
        .exits(2);
    let none = [
        "--index",
        "none.db",
        "publish",
        "shared",
        "--key-file",
        "publish.key",
    ];
    home.run(&none).exits(1);
}

#[test]
fn a_run_publishes_and_a_reader_follows_until_it_is_ended() {
    let (home, public) = ready();
    let config = format!(
        "[[source]]\nname = \"a\"\nurl = \"in\"\n[publish]\nurl = \"shared\"\nkey_file = \"publish.key\"\n\
         [pull]\nurl = \"shared\"\npublic_key = \"{public}\"\nevery = \"1s\"\n"
    );
    fs::write(home.path("identidex.toml"), config).unwrap();
    fs::create_dir(home.path("in")).unwrap();
    let mut reader = home
        .command(&["--index", "there.db", "pull", "-q"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(reader.stdout.take().unwrap()).lines();
    for day in 1..3 {
        let file = format!("in/users-2026-11-2{day}T06-00-00Z.csv");
        fs::write(home.path(&file), format!("user.name\nann{day}@EMEA\n")).unwrap();
        home.run(&["sync", "--publish", "-q"]).exits(0);
        let line = lines.next().unwrap().unwrap();
        assert!(line.contains(&format!("generation {}", day + 1)), "{line}");
        let name = format!("ann{day}@EMEA");
        home.run(&["--index", "there.db", "resolve", &name])
            .exits(0);
    }
    let ended = Command::new("kill")
        .arg(reader.id().to_string())
        .status()
        .unwrap();
    assert!(ended.success());
    assert_eq!(reader.wait().unwrap().code(), Some(0));
}

#[test]
fn a_run_waits_for_no_other_host_that_works() {
    let home = Home::new();
    fs::create_dir(home.path("shared")).unwrap();
    let source = home.folder_of("in", &["tenant/users/2026-11-21T06-00-00Z.csv"]);
    home.run(&["publish", "--new-key", "key"]).exits(0);
    let config = format!(
        "[[source]]\nname = \"a\"\nurl = \"{source}\"\n\
         [publish]\nurl = \"shared\"\nkey_file = \"key\"\nlease = \"10m\"\n"
    );
    fs::write(home.path("identidex.toml"), config).unwrap();
    let lease = home.path("shared/lease.json");
    let held = |until: i64| format!(r#"{{"holder":"other","until":{until},"fence":7}}"#);
    fs::write(&lease, held(4_000_000_000)).unwrap();
    let refused = home.run(&["sync", "--publish", "-q"]).exits(5);
    assert!(
        refused.stderr.contains("other has the lease"),
        "{}",
        refused.stderr
    );
    assert!(!home.path("identity.db").exists());
    // Whoever publishes nothing needs none.
    home.run(&["sync", "-q"]).exits(0);
    fs::write(&lease, held(1)).unwrap();
    home.run(&["sync", "--publish", "-q"]).exits(0);
    let given_back = fs::read_to_string(&lease).unwrap();
    assert!(
        given_back.contains("\"until\":0") && given_back.contains("\"fence\":8"),
        "{given_back}"
    );
    assert!(home.path("shared/current.json").exists());
}

#[test]
fn another_key_is_tried_though_nothing_is_new() {
    let (home, public) = ready();
    home.run(&["publish", "shared", "--key-file", "publish.key"])
        .exits(0);
    let pull = |key: &str| {
        let arguments = ["--index", "there.db", "pull", "shared", "--public-key", key];
        home.run(&arguments)
    };
    pull(&public).exits(0);
    let other = home.run(&["publish", "--new-key", "other.key"]).exits(0);
    pull(other.stdout.trim()).exits(4);
    assert_eq!(pull(&public).exits(0).stdout, "nothing new\n");
}

#[test]
fn the_whole_is_not_pulled_where_a_projection_was() {
    let (home, public) = ready();
    let config = "[projection.bot]\npath = \"bot.db\"\n";
    fs::write(home.path("identidex.toml"), config).unwrap();
    home.run(&["sync", &fixture("tenant"), "-q"]).exits(0);
    let publish = |index: &str| {
        let key = ["publish", "shared", "--key-file", "publish.key"];
        home.run(&[&["--index", index], &key[..]].concat()).exits(0)
    };
    let pull = [
        "--index",
        "there.db",
        "pull",
        "shared",
        "--public-key",
        &public,
    ];
    publish("bot.db");
    home.run(&pull).exits(0);
    home.run(&["--index", "there.db", "resolve", "jdoe@EMEA"])
        .exits(0);
    home.run(&["--index", "there.db", "query", "SELECT 1"])
        .exits(1);
    publish("identity.db");
    let ended = home.run(&pull).exits(4);
    assert!(ended.stderr.contains("projection"), "{}", ended.stderr);
    home.run(&["--index", "there.db", "query", "SELECT 1"])
        .exits(1);
}

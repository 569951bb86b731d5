//! `identidex init`: a configuration that a run takes, made of where the exports lie.

use std::fs;

use crate::util::{Home, fixture};

#[test]
fn what_is_written_is_what_a_run_takes() {
    let home = Home::new();
    let url = fixture("tenant");
    let zone = "Europe/Zurich";
    let ended = home
        .run(&[
            "init",
            "--url",
            &url,
            "--name",
            "tenant-1",
            "--time-zone",
            zone,
            "--yes",
        ])
        .exits(0);
    for told in [
        "users: users/",
        "user.ad.email_address                email",
        "device.collector.local_ip            no field",
        "identidex --config identidex.toml sync",
    ] {
        assert!(ended.stdout.contains(told), "{told}: {}", ended.stdout);
    }
    assert!(!home.path("identity.db").exists(), "nothing is taken in");
    let text = fs::read_to_string(home.path("identidex.toml")).unwrap();
    assert!(
        text.contains("# drop = [\"device.collector.local_ip\"]"),
        "{text}"
    );
    home.run(&["sync", "-q"]).exits(0);
    home.run(&["resolve", "jdoe@EMEA"]).exits(0);
    let source = home.run(&[
        "query",
        "SELECT DISTINCT source FROM loads",
        "--format",
        "csv",
    ]);
    assert_eq!(source.stdout, "source\ntenant-1\n");
    // What is there is not written over.
    home.run(&["init", "--url", &url, "--yes"]).exits(2);
    assert_eq!(
        fs::read_to_string(home.path("identidex.toml")).unwrap(),
        text
    );
}

#[test]
fn what_cannot_be_read_is_told_and_writes_nothing() {
    let home = Home::new();
    let secret = [
        "init",
        "--url",
        "s3://b/",
        "--option",
        "secret_access_key=hunter2",
        "--yes",
    ];
    let ended = home.run(&secret).exits(2);
    assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
    for (arguments, code) in [
        (&["init", "--yes"][..], 2),
        (&["init", "--url", "nowhere", "--yes"], 1),
        (&["init", "--url", ".", "--name", "a b", "--yes"], 2),
        (&["init", "--url", ".", "--output", ".", "--yes"], 2),
        (&["init", "--url", ".", "--time-zone", "Mars", "--yes"], 2),
        (&["init", "--url", "s3://u:hunter2@b/", "--yes"], 2),
    ] {
        home.run(arguments).exits(code);
    }
    assert!(home.files().is_empty());
    // A file that is none of ours is said, and the rest is found all the same.
    let folder = home.folder_of("in", &["tenant/users/2026-11-21T06-00-00Z.csv"]);
    fs::write(home.path("in/letter-2026-11-22.csv"), "dear,sir\n1,2\n").unwrap();
    let ended = home.run(&["init", "--url", &folder, "--yes"]).exits(3);
    assert!(
        ended
            .stdout
            .contains("letter-2026-11-22.csv cannot be taken in"),
        "{}",
        ended.stdout
    );
    assert!(
        ended
            .stdout
            .contains("none of the newest objects has devices"),
        "{}",
        ended.stdout
    );
    assert!(home.path("identidex.toml").exists());
}

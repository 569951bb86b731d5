//! What is kept no longer than is configured.

use std::fs;

use crate::util::Home;

const UID: &str = "5d1f7a3c-0b6e-4c55-8a01-a0000000000a";

/// A home of a person who was renamed, with a device that was, too; the last exports are of a day.
fn renamed(config: &str, last: &str) -> Home {
    let home = Home::new();
    fs::create_dir(home.path("in")).unwrap();
    let config = format!("[[source]]\nname = \"a\"\nurl = \"in\"\n{config}");
    fs::write(home.path("identidex.toml"), config).unwrap();
    let users = |at: &str, name: &str, cells: &str| {
        let text = format!(
            "user.sid,user.uid,user.name,user.upn,user.ad.email_address,user.ad.full_name,user.#floor\nS-1-5-21-1-2-3-1001,{UID},{name},{cells}\n"
        );
        fs::write(home.path(&format!("in/users-{at}T06-00-00Z.csv")), text).unwrap();
        let text =
            format!("device.uid,device.name,device.serial_number\n{UID},NB-{name},{at}-0001\n");
        fs::write(home.path(&format!("in/devices-{at}T06-00-00Z.csv")), text).unwrap();
    };
    users(
        "2026-01-20",
        "amiller@EMEA",
        "ann.miller@c.example,miller@mail.example,Ann Miller,Millerfloor",
    );
    let logins = "user.name,device.uid,logins,last_seen\namiller@EMEA,UID,9,2026-01-19 05:00:00\n";
    let logins = logins.replace("UID", UID);
    fs::write(home.path("in/logins-2026-01-20T06-00-00Z.csv"), logins).unwrap();
    let now = "ann.smith@c.example,smith@mail.example,Ann Smith,Smithfloor";
    users("2026-02-20", "asmith@EMEA", now);
    users(last, "asmith@EMEA", now);
    home.run(&["sync", "-q"]).exits(0);
    home
}

/// Returns the current generation as it lies there.
fn generation(home: &Home) -> String {
    let bytes = fs::read(home.path("identity.db")).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn former_in(text: &str) -> Vec<&'static str> {
    let former = ["miller", "Miller", "2026-01-20-0001"];
    former
        .into_iter()
        .filter(|one| text.contains(one))
        .collect()
}

#[test]
fn former_values_are_in_clear_as_long_as_is_configured_and_found_by_what_stays() {
    let config = "[retention]\nsuperseded = 100\n";
    assert_eq!(former_in(&generation(&renamed("", "2026-09-20"))).len(), 3);
    // A name that moved is to be told for so long.
    assert_eq!(
        former_in(&generation(&renamed(config, "2026-04-20"))).len(),
        3
    );
    let home = renamed(config, "2026-09-20");
    assert_eq!(former_in(&generation(&home)), [""; 0]);
    // What was said under the former name is the person's all the same.
    let answer = home
        .run(&["resolve", "asmith@EMEA", "--json"])
        .exits(0)
        .json();
    let device = &answer["matches"][0]["devices"][0];
    assert_eq!(
        (&device["logins"], &device["name"]),
        (&9.into(), &"NB-asmith@EMEA".into())
    );
    home.run(&["resolve", "amiller@EMEA"]).exits(10);
    for arguments in [
        &["why", "asmith@EMEA"][..],
        &["why", "amiller@EMEA"],
        &["query", "SELECT * FROM history"],
        &["query", "SELECT * FROM device_history"],
        &["export-person", "asmith@EMEA"],
        &["resolve", "asmith@EMEA", "--json"],
    ] {
        let shown = home.run(arguments).stdout;
        let shown = shown
            .replace("amiller@", "")
            .replace("query\":\"amiller", "");
        assert_eq!(former_in(&shown), [""; 0], "{arguments:?}");
        assert!(
            !shown.contains('\u{1}') && !shown.contains("\\u0001"),
            "{arguments:?}: {shown}"
        );
    }
}

#[test]
fn a_row_of_former_values_that_comes_again_is_read_whole() {
    let home = renamed("[retention]\nsuperseded = 100\n", "2026-09-20");
    // The very bytes of the first export, a week on: she took her former name again.
    let rows = fs::read(home.path("in/users-2026-01-20T06-00-00Z.csv")).unwrap();
    fs::write(home.path("in/users-2026-09-27T06-00-00Z.csv"), rows).unwrap();
    home.run(&["sync", "-q"]).exits(0);
    let answer = home
        .run(&["resolve", "amiller@EMEA", "--json"])
        .exits(0)
        .json();
    let account = &answer["matches"][0]["account"];
    assert_eq!(account["full_name"], "Ann Miller");
    assert_eq!(account["upn"], "ann.miller@c.example");
}

#[test]
fn who_is_erased_does_not_come_back_under_a_name_that_was_not_in_clear() {
    let home = renamed("[retention]\nsuperseded = 100\n", "2026-09-20");
    home.run(&["forget", "asmith@EMEA", "--reason", "test"])
        .exits(0);
    let rows = "user.name,user.upn\namiller@EMEA,ann.miller@c.example\n";
    fs::write(home.path("in/users-2026-09-28T06-00-00Z.csv"), rows).unwrap();
    // Others' columns that name her as she was once.
    let devices = "device.uid,device.name,device.#owner,device.#mail,device.#who\n\
                   8e2b44d0-77aa-4f0e-b1c2-f0000000000b,NB-2,Ann MILLER,for miller@mail.example,ann.miller@c.example\n";
    fs::write(home.path("in/devices-2026-09-28T06-00-00Z.csv"), devices).unwrap();
    home.run(&["sync", "-q"]).exits(0);
    home.run(&["resolve", "amiller@EMEA"]).exits(10);
    home.run(&["resolve", "ann.miller@c.example"]).exits(10);
    assert_eq!(former_in(&generation(&home)), [""; 0]);
}

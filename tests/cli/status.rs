//! `status`: what it counts, and what it says where there is no index. How it came there is left to `sync`.

use crate::util::{Home, fixture};

#[test]
fn status_counts_what_the_tenant_holds() {
    let home = Home::of_tenant();
    let status = home.run(&["status", "--json"]).json();
    let accounts = &status["accounts"];
    assert_eq!(
        (&accounts["total"], &accounts["local"]),
        (&24.into(), &4.into())
    );
    assert_eq!(
        (&status["devices"], &status["upns_hashed"]),
        (&15.into(), &1.into())
    );
    // `root@MAC-0007` has the SID 0, which says nothing.
    assert_eq!(status["identifiers"]["sid"], 23);
    assert_eq!(status["objects"]["loaded"], 6);
    assert_eq!(status["coverage"]["users"], "2026-11-21T06:00:00Z");
    assert_eq!(status["runs"].as_array().unwrap().len(), 1);
    let report = home.run(&["sync", &fixture("tenant"), "--json"]).json();
    assert_eq!(status["digest"], report["digest"]);
    let text = home.run(&["status"]).stdout;
    assert!(
        text.contains("24 (18 person, 2 machine, 4 local)"),
        "{text}"
    );
}

#[test]
fn without_an_index_the_next_command_is_named() {
    let ended = Home::new().run(&["status"]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("identidex sync"), "{}", ended.stderr);
}

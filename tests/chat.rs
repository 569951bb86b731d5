//! The chatbot's turn in `examples/chat.rs`, with those who speak in `fixtures/chat`.

use std::fs;
use std::time::Duration;

use identidex::{Index, Options};
use serde_json::Value;

use crate::answers::publish;
use crate::util::fixture;

#[path = "../examples/chat.rs"]
#[expect(dead_code, unreachable_pub, reason = "it is a program of its own")]
mod example;

fn options(days: u64) -> Options {
    Options {
        fresh_for: Duration::from_hours(days * 24),
        ageing_for: Duration::from_hours(days * 24),
        ..Options::default()
    }
}

fn speaker(turn: &Value) -> example::Speaker {
    let text = |key: &str| turn[key].as_str().unwrap().to_owned();
    example::Speaker {
        upn: text("upn"),
        is_signed_in: turn["signed_in"].as_bool().unwrap(),
        account_name: text("account_name"),
        full_name: text("full_name"),
    }
}

#[test]
fn the_bot_acts_only_on_a_device_that_is_theirs() {
    let turns = fs::read_to_string(fixture("chat/turns.json")).unwrap();
    let turns: Value = serde_json::from_str(&turns).unwrap();
    let home = tempfile::tempdir().unwrap();
    let index = publish(home.path(), &turns["objects"]);
    const CENTURY: u64 = 36_525;
    let fresh = Index::open_with(&index, options(CENTURY)).unwrap();
    for turn in turns["turns"].as_array().unwrap() {
        let reply = example::reply(&fresh, &speaker(turn)).unwrap();
        assert_eq!(reply, turn["reply"], "{}", turn["about"]);
    }
    let stale = Index::open_with(&index, options(0)).unwrap();
    let reply = example::reply(&stale, &speaker(&turns["turns"][1])).unwrap();
    assert!(
        reply.starts_with("What I know of your devices is too old"),
        "{reply}"
    );
}

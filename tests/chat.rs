//! The chatbot's turn in `examples/chat.rs`, on the tenant of the fixtures.

use std::time::Duration;

use identidex::{Index, Options};

use crate::util::Home;

#[path = "../examples/chat.rs"]
#[expect(dead_code, unreachable_pub, reason = "it is a program of its own")]
mod example;

#[test]
fn the_bot_acts_only_when_it_knows_who_is_speaking() {
    let home = Home::of_tenant();
    let options = |days: u64| Options {
        fresh_for: Duration::from_secs(days * 24 * 60 * 60),
        ageing_for: Duration::from_secs(days * 24 * 60 * 60),
        ..Options::default()
    };
    let reply = |upn: &str, account_name: &str, full_name: &str, days| {
        let index = Index::open_with(home.path("identity.db"), options(days)).unwrap();
        let speaker = example::Speaker {
            upn: upn.to_owned(),
            account_name: account_name.to_owned(),
            full_name: full_name.to_owned(),
        };
        example::reply(&index, &speaker).unwrap()
    };
    const CENTURY: u64 = 36_525;
    let shown = reply("john.doe@contoso.com", "jdoe@EMEA", "John Doe", CENTURY);
    assert_eq!(shown, "Doe, John, shall I restart NB-0042?");
    assert!(
        reply("john.doe@contoso.com", "jdoe@EMEA", "Max Mueller", CENTURY)
            .starts_with("What I was told of you does not fit together")
    );
    assert!(
        reply("nobody@contoso.com", "", "No Body", CENTURY).starts_with("I do not know you yet")
    );
    assert!(
        reply("john.doe@contoso.com", "jdoe@EMEA", "John Doe", 0)
            .starts_with("What I know of your devices is too old")
    );
    let unsure = reply("john.doe@contoso.com", "", "John Doe", CENTURY);
    assert!(
        unsure.starts_with("I need your account name too"),
        "{unsure}"
    );
}

//! The resolver: when Nexthink is asked, by what, and what becomes of its answer. Whom an answer means is the affair of lookups.

use std::sync::Arc;
use std::time::Duration;

use identidex::live::nql::Shipped;
use identidex::{
    AnsweredBy, Doubt, Fault, Index, NoTarget, NotPrimary, Options, Outcome, Query, Resolved,
    Resolver, ResolverOptions, Which, ingest,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{EXECUTE, run, tenant};
use crate::answers::publish;
use crate::servers::{Reply, Scripted};

const SID: &str = "S-1-5-21-1-2-3-1101";

/// An index of one day that knows jdoe@EMEA, and a tenant that is asked.
struct Desk {
    server: Scripted,
    resolver: Resolver,
    _home: TempDir,
}

impl Desk {
    /// `now` is what the clock of the index says.
    fn new(now: fn() -> jiff::Timestamp, nobody_for: Duration) -> Desk {
        let home = tempfile::tempdir().unwrap();
        let path = publish(
            home.path(),
            &json!({
                "users/2026-11-20T06-00-00Z.csv": format!(
                    "user.name,user.sid,user.upn\njdoe@EMEA,{SID},john.doe@contoso.com\n"),
            }),
        );
        let lookup = Options {
            clock: now,
            ..Options::default()
        };
        let index = Index::open_with(&path, lookup).unwrap();
        let (server, client) = tenant(10.0);
        let options = ResolverOptions {
            ingest: ingest::Options::new(&path, Vec::new()),
            lookup: Options::default(),
            within: Duration::from_secs(10),
            nobody_for,
        };
        Desk {
            server,
            resolver: Resolver::new(Arc::new(index), client, options),
            _home: home,
        }
    }

    fn fresh() -> Desk {
        Desk::new(
            || "2026-11-20T08:00:00Z".parse().unwrap(),
            Duration::from_mins(5),
        )
    }

    fn resolve(&self, query: impl Into<Query>) -> Resolved {
        run(self.resolver.resolve(query)).unwrap()
    }

    /// Returns what was asked: ids of queries with their parameters.
    fn asked(&self) -> Vec<(String, Value)> {
        let asked = self.server.asked(EXECUTE);
        let bodies = asked
            .iter()
            .map(|asked| serde_json::from_slice(&asked.body).unwrap());
        let asked = bodies.map(|body: Value| {
            let id = body["queryId"].as_str().unwrap();
            (id.to_owned(), body["parameters"].clone())
        });
        asked.collect()
    }
}

fn rows(rows: Value) -> Reply {
    let count = rows.as_array().unwrap().len();
    Reply::of(200, json!({"rows": count, "data": rows}).to_string())
}

fn user(name: &str, sid: &str, upn: &str) -> Value {
    json!({"user.name": name, "user.sid": sid, "user.upn": upn, "user.type": "DOMAIN_USER",
        "user.ad.full_name": "Eve Doe", "user.last_seen": "2026-11-20 05:00:00"})
}

fn laptop(name: &str, number: u32) -> Value {
    json!({"device.name": name, "device.uid": format!("dddddddd-0000-4000-8000-00000000000{number}"),
        "device.collector.uid": format!("cccccccc-0000-4000-8000-00000000000{number}"),
        "device.last_seen": "2026-11-20 05:00:00"})
}

#[test]
fn whom_the_index_knows_nexthink_is_not_asked_for() {
    let desk = Desk::fresh();
    let resolved = desk.resolve("jdoe@EMEA");
    assert_eq!(
        (resolved.by, resolved.answer.outcome),
        (AnsweredBy::Index, Outcome::One)
    );
    // Nor for what cannot be asked.
    for text in ["", "j*doe@EMEA", "NB-404", "a\u{202e}b"] {
        assert_eq!(desk.resolve(Query::device_name(text)).by, AnsweredBy::Index);
    }
    assert!(desk.asked().is_empty());
}

#[test]
fn whom_it_does_not_know_is_asked_for_by_every_kind_that_it_can_be() {
    let desk = Desk::fresh();
    let eve = "S-1-5-21-1-2-3-1102";
    desk.server.answers(
        EXECUTE,
        &[
            rows(json!([])),
            rows(json!([user("eve@EMEA", eve, "eve@contoso.com")])),
            rows(json!([])),
            rows(json!([laptop("NB-7", 7), laptop("NB-8", 8)])),
        ],
    );
    let resolved = desk.resolve("Eve@contoso.com");
    assert_eq!(resolved.by, AnsweredBy::Nexthink);
    let answer = serde_json::to_value(&resolved.answer).unwrap();
    let found = &answer["matches"][0];
    assert_eq!(
        (&answer["outcome"], &found["account"]["sid"]),
        (&json!("one"), &json!(eve))
    );
    assert_eq!(found["account"]["full_name"], "Eve Doe");
    assert_eq!(found["devices"].as_array().unwrap().len(), 2);
    assert_eq!(answer["freshness"]["state"], "fresh");
    let asked = desk.asked();
    let ids: Vec<&str> = asked.iter().map(|(id, _)| id.as_str()).collect();
    let [name, upn, email] = [
        Shipped::UserByName,
        Shipped::UserByUpn,
        Shipped::UserByEmail,
    ];
    assert_eq!(
        ids,
        [name, upn, email, Shipped::DevicesOfUser].map(Shipped::id)
    );
    assert_eq!(asked[3].1, json!({"username": "eve@EMEA"}));
    // Nothing says which of the two is hers; she may name one, once more is known of her than what she typed.
    assert!(matches!(
        resolved.target(Which::Own, &[]),
        Err(NoTarget::NoneIsTheirs)
    ));
    let doubtful = resolved.target(Which::Named("NB-7"), &[]);
    assert!(
        matches!(doubtful, Err(NoTarget::Doubtful(_))),
        "{doubtful:?}"
    );
}

#[test]
fn a_sid_that_nexthink_knows_is_enough_to_act_on_a_device_that_is_named() {
    let desk = Desk::fresh();
    let eve = "S-1-5-21-1-2-3-1102";
    let replies = [
        rows(json!([user("eve@EMEA", eve, "eve@contoso.com")])),
        rows(json!([laptop("NB-7", 7)])),
    ];
    desk.server.answers(EXECUTE, &replies);
    let resolved = desk.resolve(Query::sid(eve));
    // The index does not know the device, and so not who else uses it.
    let not_ranked = Doubt::NotTheirs(NotPrimary::NotRanked);
    let doubtful = resolved.target(Which::Named("NB-7"), &[]);
    assert!(matches!(doubtful, Err(NoTarget::Doubtful(doubts)) if doubts == [not_ranked]));
    let target = resolved
        .target(Which::Named("NB-7"), &[not_ranked])
        .unwrap();
    assert!(target.because().allowed.contains(&not_ranked));
    assert_eq!(
        target.collector_uid(),
        "cccccccc-0000-4000-8000-000000000007"
    );
}

#[test]
fn rules_of_the_index_hold_for_what_nexthink_answers() {
    // Two of one UPN are two, a name without its domain is asked for in all, and what does not fit is nobody.
    let desk = Desk::fresh();
    let two = [
        user("eve@EMEA", "S-1-5-21-1-2-3-1102", "eve@contoso.com"),
        user("eve@APAC", "S-1-5-21-1-2-4-1102", "eve@contoso.com"),
    ];
    desk.server
        .answers(EXECUTE, &[rows(json!(two)), rows(json!([]))]);
    let resolved = desk.resolve(Query::account_name("eve"));
    assert_eq!(
        (resolved.by, resolved.answer.outcome),
        (AnsweredBy::Nexthink, Outcome::Several)
    );
    assert_eq!(desk.asked()[0].1, json!({"username": "eve@*"}));
    let local = json!([{"user.name": "eve@NB-7", "user.sid": "S-1-5-21-9-9-9-1001", "user.type": "LOCAL_USER"}]);
    let desk = Desk::fresh();
    desk.server
        .answers(EXECUTE, &[rows(local), rows(json!([]))]);
    let resolved = desk.resolve(Query::account_name("eve@NB-7"));
    assert_eq!(
        (resolved.by, resolved.answer.outcome),
        (AnsweredBy::Index, Outcome::None)
    );
}

/// Devices are asked for by the name, which the index knows as somebody else's.
#[test]
fn who_has_the_name_of_another_one_is_not_taken_for_that_one() {
    let desk = Desk::fresh();
    let eve = "S-1-5-21-1-2-3-1102";
    desk.server.answers(
        EXECUTE,
        &[
            rows(json!([user("jdoe@EMEA", eve, "eve@contoso.com")])),
            rows(json!([laptop("NB-1", 1)])),
        ],
    );
    let resolved = desk.resolve(Query::sid(eve).verified());
    assert_eq!(resolved.by, AnsweredBy::Nexthink);
    let answer = serde_json::to_value(&resolved.answer).unwrap();
    let found = &answer["matches"][0];
    assert_eq!(
        (&found["flags"], &found["enough_to_act"]),
        (&json!(["moved"]), &json!(false)),
        "{found}"
    );
}

#[test]
fn nobody_is_asked_for_once_in_a_while() {
    let desk = Desk::fresh();
    desk.server.answers(EXECUTE, &[rows(json!([]))]);
    for _ in 0..3 {
        let resolved = desk.resolve(Query::upn("zed@contoso.com"));
        assert_eq!(
            (resolved.by, resolved.answer.outcome),
            (AnsweredBy::Index, Outcome::None)
        );
    }
    assert_eq!(desk.asked().len(), 1);
    let forgetful = Desk::new(|| "2026-11-20T08:00:00Z".parse().unwrap(), Duration::ZERO);
    forgetful.server.answers(EXECUTE, &[rows(json!([]))]);
    forgetful.resolve(Query::upn("zed@contoso.com"));
    forgetful.resolve(Query::upn("zed@contoso.com"));
    assert_eq!(forgetful.asked().len(), 2);
}

#[test]
fn a_stale_index_asks_and_keeps_its_own_answer_where_that_fails() {
    let desk = Desk::new(
        || "2027-03-01T00:00:00Z".parse().unwrap(),
        Duration::from_mins(5),
    );
    desk.server.answers(EXECUTE, &[Reply::of(403, "")]);
    let resolved = desk.resolve(Query::sid(SID));
    assert_eq!(
        (resolved.by, resolved.answer.outcome),
        (AnsweredBy::Index, Outcome::One)
    );
    let fault = resolved.fault;
    assert!(
        matches!(&fault, Some(Fault::Live(error)) if error.status() == Some(403)),
        "{fault:?}"
    );
    let now = [
        rows(json!([user("john@EMEA", SID, "john@contoso.com")])),
        rows(json!([])),
    ];
    desk.server.answers(EXECUTE, &now);
    let resolved = desk.resolve(Query::sid(SID));
    let answer = serde_json::to_value(&resolved.answer).unwrap();
    assert_eq!(resolved.by, AnsweredBy::Nexthink);
    assert_eq!(answer["matches"][0]["account"]["account_name"], "john@EMEA");
}

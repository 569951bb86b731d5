//! `identidex sync` of saved queries, against a server that answers as it is told: what is exported, taken in, and told where
//! it is not whole.

use std::fs;
use std::io::Write as _;

use serde_json::{Value, json};

use crate::servers::{Reply, Scripted};
use crate::util::{Ended, Home};

const START: &str = "/api/v1/nql/export";
const USERS: &str =
    "user.name,user.sid\njdoe@EMEA,S-1-5-21-1-2-3-1101\neve@EMEA,S-1-5-21-1-2-3-1102\n";
const DEVICES: &str =
    "device.name,device.collector.uid\nNB-1,cccccccc-0000-4000-8000-000000000001\n";

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text).unwrap();
    packed.finish().unwrap()
}

/// A tenant that exports what it is told to, in the order in which it is asked.
struct Tenant {
    home: Home,
    server: Scripted,
}

impl Tenant {
    fn new() -> Tenant {
        let server = Scripted::start();
        let token = r#"{"token_type":"Bearer","expires_in":900,"access_token":"t"}"#;
        server.answers("/oauth2/default/v1/token", &[Reply::of(200, token)]);
        let home = Home::new();
        Tenant { home, server }
    }

    /// Has the next exports be these: the status of the last look at each, and its rows; none: the query is not known.
    fn exports(&self, exports: &[Option<(u16, &str)>]) {
        let started = exports.iter().enumerate().map(|(at, export)| match export {
            Some(_) => Reply::of(200, json!({"exportId": format!("e-{at}")}).to_string()),
            None => Reply::of(404, r#"{"code":100,"message":"unknown query"}"#),
        });
        self.server.answers(START, &started.collect::<Vec<_>>());
        for (at, export) in exports.iter().enumerate() {
            let Some((status, rows)) = export else {
                continue;
            };
            let file = format!("/file-{at}");
            let done = json!({"status": "COMPLETED", "resultsFileUrl": format!("{}{file}", self.server.address())});
            self.server.answers(
                &format!("/api/v1/nql/status/e-{at}"),
                &[Reply::of(*status, done.to_string())],
            );
            self.server
                .answers(&file, &[Reply::of(200, gzip(rows.as_bytes()))]);
        }
    }

    fn sync(&self, url: &str, arguments: &[&str]) -> Ended {
        let mut command = self.home.command(&[&["sync"], arguments].concat());
        let address = self.server.address();
        command
            .env("IDENTIDEX_SOURCE_TENANT_URL", url)
            .env("IDENTIDEX_NEXTHINK_API_URL", &address)
            .env("IDENTIDEX_NEXTHINK_LOGIN_URL", &address)
            .env("IDENTIDEX_NEXTHINK_CLIENT_ID", "bot")
            .env("IDENTIDEX_NEXTHINK_SECRET", "s3cr3t-0f-the-test");
        let ended = Ended::of(&command.output().unwrap());
        assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("s3cr3t"));
        ended
    }

    /// Returns the keys of the files that were exported.
    fn files(&self) -> Vec<String> {
        let inbox = self.home.path("identity.db.d/inbox/tenant");
        let days = fs::read_dir(&inbox).unwrap().map(|day| day.unwrap().path());
        let files = days.flat_map(|day| fs::read_dir(day).unwrap());
        let mut names: Vec<String> = files
            .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

const URL: &str = "nexthink://contoso.eu?users=all_users&devices=%23all_devices";

#[test]
fn what_queries_export_is_taken_in_as_files_are() {
    let tenant = Tenant::new();
    tenant.exports(&[Some((200, USERS)), Some((200, DEVICES))]);
    let report: Value =
        serde_json::from_str(&tenant.sync(URL, &["--json"]).exits(0).stdout).unwrap();
    assert_eq!(
        (&report["accounts"], &report["devices"]),
        (&json!(2), &json!(1))
    );
    let asked = tenant.server.asked(START);
    let ids: Vec<Value> = asked
        .iter()
        .map(|asked| serde_json::from_slice::<Value>(&asked.body).unwrap()["queryId"].clone())
        .collect();
    assert_eq!(ids, ["#all_users", "#all_devices"]);
    tenant.home.run(&["resolve", "jdoe@EMEA"]).exits(0);
    // The same again, at once: nothing is new.
    tenant.exports(&[Some((200, USERS)), Some((200, DEVICES))]);
    let again = tenant.sync(URL, &[]).exits(0);
    assert!(
        again.stdout.contains("nothing new among 2 objects"),
        "{}",
        again.stdout
    );
}

#[test]
fn an_export_that_was_cut_is_taken_in_and_told_of() {
    let tenant = Tenant::new();
    tenant.exports(&[Some((206, USERS))]);
    let ended = tenant
        .sync("nexthink://contoso.eu?users=all_users", &[])
        .exits(3);
    assert!(
        ended
            .stderr
            .contains("#all_users: Nexthink cut the export at the 2 rows"),
        "{}",
        ended.stderr
    );
    assert!(tenant.files()[0].ends_with("-truncated.csv"));
    tenant.home.run(&["resolve", "jdoe@EMEA"]).exits(0);
}

#[test]
fn a_query_that_cannot_be_exported_costs_itself() {
    let tenant = Tenant::new();
    tenant.exports(&[None, Some((200, DEVICES))]);
    let ended = tenant.sync(URL, &[]).exits(3);
    assert!(
        ended.stderr.contains("source=\"tenant\"") && ended.stderr.contains("#all_users: "),
        "{}",
        ended.stderr
    );
    tenant.home.run(&["resolve", "NB-1"]).exits(0);
    // Where there is nothing else, nothing was done.
    tenant.exports(&[None]);
    tenant
        .sync("nexthink://contoso.eu?users=all_users", &[])
        .exits(1);
    let check = tenant.home.run(&["status", "--check"]).exits(2).stdout;
    assert!(check.contains("no source gave anything"), "{check}");
}

#[test]
fn rows_of_another_dataset_are_not_taken_for_it() {
    let tenant = Tenant::new();
    tenant.exports(&[Some((200, DEVICES)), Some((200, DEVICES))]);
    let ended = tenant.sync(URL, &[]).exits(3);
    assert!(
        ended
            .stderr
            .contains("it is asked for users, and its rows are devices"),
        "{}",
        ended.stderr
    );
    assert_eq!(tenant.files().len(), 1);
}

#[test]
fn an_address_that_is_none_is_bad_usage() {
    let tenant = Tenant::new();
    let ended = tenant
        .sync("nexthink://contoso.eu?people=all_users", &[])
        .exits(2);
    assert!(
        ended
            .stderr
            .contains("source `tenant`: expected nexthink://INSTANCE.REGION?users=QUERY"),
        "{}",
        ended.stderr
    );
}

#[test]
fn another_tenant_than_the_credential_is_of_is_bad_usage() {
    let tenant = Tenant::new();
    fs::write(
        tenant.home.path("identidex.toml"),
        "[nexthink]\ninstance = \"contoso\"\nregion = \"eu\"\n",
    )
    .unwrap();
    let ended = tenant
        .sync("nexthink://fabrikam.eu?users=all_users", &[])
        .exits(2);
    assert!(ended.stderr.contains("another tenant"), "{}", ended.stderr);
    assert!(tenant.server.asked(START).is_empty());
}

#[test]
fn a_dry_run_asks_for_nothing_and_a_run_that_may_not_run_neither() {
    let tenant = Tenant::new();
    tenant.exports(&[Some((200, USERS)), Some((200, DEVICES))]);
    tenant.sync(URL, &[]).exits(0);
    let dry = tenant.sync(URL, &["--dry-run"]).exits(0);
    assert!(
        dry.stdout.contains("nothing new among 2 objects"),
        "{}",
        dry.stdout
    );
    let lock = fs::File::open(tenant.home.path("identity.db.d/lock")).unwrap();
    lock.lock().unwrap();
    tenant.sync(URL, &[]).exits(5);
    assert_eq!(tenant.server.asked(START).len(), 2);
}

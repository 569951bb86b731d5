//! The client against the stand-in for Nexthink that the demonstration has, with every fault that passes between its answers.

use std::sync::Arc;
use std::time::Duration;

use identidex::internals::demo::Tenant as MadeUp;
use identidex::internals::demo::nexthink::{CLIENT_ID, Nexthink, SECRET};
use identidex::live::act::{Campaign, RemediationPlan, RemoteAction, Status, Workflow};
use identidex::live::{Audit, Client, Credentials, Mandate, Options, Secret, Tenant, Verdict};
use identidex::{Index, Query, Which};
use tokio::net::TcpListener;

use crate::replay;

/// Has the next answers be faults.
async fn faults(address: &str, statuses: &str) {
    let client = reqwest::Client::new();
    let sent = client
        .post(format!("{address}/faults"))
        .body(statuses.to_owned())
        .send()
        .await;
    assert!(sent.unwrap().status().is_success());
}

#[test]
fn a_whole_talk_survives_the_faults_that_pass() {
    let home = tempfile::tempdir().unwrap();
    let exports = home.path().join("exports");
    for day in 2..6 {
        MadeUp::new(300, 360, 7).write_day(day, &exports).unwrap();
    }
    let path = home.path().join("identity.db");
    replay::sync(&exports, &path, Duration::from_secs(300));
    let lookup = identidex::Options {
        clock: || "2026-11-25T12:00:00Z".parse().unwrap(),
        ..identidex::Options::default()
    };
    let index = Index::open_with(&path, lookup).unwrap();
    let nexthink = Nexthink::of_exports(&exports).unwrap();
    let upns = nexthink.upns();
    let (answer, target) = upns
        .iter()
        .find_map(|upn| {
            let answer = index.find(Query::upn(upn).verified()).unwrap();
            let target = index.target(&answer, Which::Own, &[]).ok()?;
            Some((answer, target))
        })
        .unwrap();
    let person = index.recipient(&answer, &[]).unwrap();
    let audit = Audit::open(home.path().join("audit.jsonl")).unwrap();
    let mandate = Mandate {
        asked_by: "tests",
        audit: &audit,
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = Arc::clone(&nexthink).router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let credentials = Credentials {
            client_id: CLIENT_ID.to_owned(),
            secret: Secret::new(SECRET).unwrap(),
        };
        let options = Options {
            calls_per_second: 200,
            ..Options::default()
        };
        let tenant = Tenant::at(&address, &address).unwrap();
        let client = Client::new(tenant, credentials, options).unwrap();

        let checked = client.check().await.unwrap();
        assert!(
            checked
                .iter()
                .all(|one| matches!(one.verdict, Verdict::Good)),
            "{checked:?}"
        );
        faults(&address, "[503, 429, 401]").await;
        // As a server would, which asks on threads of its own.
        let (asking, of) = (client.clone(), target.clone());
        let health = tokio::spawn(async move { asking.diagnose(&of).await });
        let health = health.await.unwrap().unwrap();
        assert!(
            health.not_answered.is_empty() && health.crashes.len() == 2,
            "{health:?}"
        );
        let before = client
            .before_execution("Clear disk", &target)
            .await
            .unwrap();
        let plan = RemediationPlan::new(RemoteAction::new("#clear_disk").unwrap(), target.clone());
        faults(&address, "[429, 401]").await;
        let done = client.remediate(&plan, mandate).await.unwrap();
        assert_eq!(done.requests.len(), 1);
        faults(&address, "[503, 502]").await;
        let within = Duration::from_secs(60);
        let waited = client.wait_for_execution("Clear disk", &target, before, within, |_| {});
        let execution = waited.await.unwrap().unwrap();
        assert_eq!((execution.status, execution.others), (Status::Success, 0));
        let campaign = Campaign::new("#ask", 60).unwrap();
        let people = [person];
        let shown = client
            .show_campaign(&campaign, &people, mandate)
            .await
            .unwrap();
        assert!(shown[0].id.is_some());
        let workflow = Workflow::new("#fix").unwrap();
        let run = client
            .run_workflow(&workflow, &[target], &people, mandate)
            .await
            .unwrap();
        assert_eq!(run.executions.len(), 2);
        // What may have been done is not sent again.
        faults(&address, "[503]").await;
        let error = client.remediate(&plan, mandate).await.unwrap_err();
        assert!(error.may_be_done());
    });
    let log = std::fs::read_to_string(home.path().join("audit.jsonl")).unwrap();
    assert_eq!(log.lines().count(), 8);
}

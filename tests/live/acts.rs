//! Acts: what is sent, to which device or account, and what the audit log has of it. Which device may be acted on is the affair
//! of lookups.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use identidex::live::act::{
    Campaign, Execution, RemediationPlan, RemoteAction, Status, Trigger, Workflow,
};
use identidex::live::nql::Shipped;
use identidex::live::{Audit, Client, Error, Mandate, Verdict};
use identidex::{Index, Options, Query, Recipient, Target, Which};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{EXECUTE, run, tenant};
use crate::answers::publish;
use crate::servers::{Reply, Scripted};

const ACT: &str = "/api/v1/act/execute";
const CAMPAIGN: &str = "/api/v1/euf/campaign/trigger";
const WORKFLOW: &str = "/api/v2/workflows/execute";
const SPARK: &str = "/api/v1/spark/handoff";
const COLLECTOR: &str = "cccccccc-0000-4000-8000-000000000001";
const SID: &str = "S-1-5-21-1-2-3-1101";

/// John, his laptop, a tenant that gives tokens, and a log.
struct Desk {
    server: Scripted,
    client: Client,
    john: Recipient,
    laptop: Target,
    log: PathBuf,
    _home: TempDir,
}

impl Desk {
    fn new() -> Desk {
        let home = tempfile::tempdir().unwrap();
        let index = publish(
            home.path(),
            &json!({
                "users/2026-11-20T06-00-00Z.csv": format!(
                    "user.name,user.sid,user.upn\njdoe@EMEA,{SID},john.doe@contoso.com\n"),
                "devices/2026-11-20T06-00-00Z.csv": format!(
                    "device.name,device.collector.uid,device.last_seen\nNB-1,{COLLECTOR},2026-11-20 05:00:00\n"),
                "logins/2026-11-20T06-00-00Z.csv":
                    "user.name,device.name,logins,last_used\njdoe@EMEA,NB-1,9,2026-11-20 05:00:00\n",
            }),
        );
        let options = Options {
            clock: || "2026-11-20T08:00:00Z".parse().unwrap(),
            ..Options::default()
        };
        let index = Index::open_with(index, options).unwrap();
        let answer = index.find(Query::sid(SID)).unwrap();
        let (server, client) = tenant(10.0);
        Desk {
            server,
            client,
            john: index.recipient(&answer, &[]).unwrap(),
            laptop: index.target(&answer, Which::Own, &[]).unwrap(),
            log: home.path().join("audit.jsonl"),
            _home: home,
        }
    }

    fn audit(&self) -> Audit {
        Audit::open(&self.log).unwrap()
    }

    fn log(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn plan(&self) -> RemediationPlan {
        let action = RemoteAction::new("#clear_disk").unwrap();
        RemediationPlan::new(action.with("Drive", "C"), self.laptop.clone())
    }

    fn remediate(&self) -> Result<String, Error> {
        let audit = self.audit();
        let mandate = Mandate {
            asked_by: "john.doe@contoso.com",
            audit: &audit,
        };
        let done = run(self.client.remediate(&self.plan(), mandate))?;
        assert!(done.stopped.is_none());
        Ok(done.requests[0].id.clone())
    }
}

fn sent(server: &Scripted, path: &str) -> Vec<Value> {
    let asked = server.asked(path);
    let bodies = asked
        .iter()
        .map(|asked| serde_json::from_slice(&asked.body));
    bodies.collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_remote_action_is_logged_before_it_is_sent_and_after() {
    let desk = Desk::new();
    desk.server.answers(
        ACT,
        &[Reply::of(
            200,
            r#"{"requestId":"r1","expiresInMinutes":60}"#,
        )],
    );
    assert_eq!(desk.remediate().unwrap(), "r1");
    let expected =
        json!({"remoteActionId": "#clear_disk", "devices": [COLLECTOR], "params": {"Drive": "C"}});
    assert_eq!(sent(&desk.server, ACT), std::slice::from_ref(&expected));
    let [begun, ended] = &desk.log()[..] else {
        panic!("two lines")
    };
    assert_eq!(
        (&begun["state"], &begun["sent"]),
        (&json!("begun"), &expected)
    );
    assert_eq!(begun["asked_by"], "john.doe@contoso.com");
    assert_eq!(begun["on"][0]["device"]["name"], "NB-1");
    assert_eq!(begun["on"][0]["account"]["sid"], SID);
    assert_eq!(begun["on"][0]["because"]["generation"], 1);
    assert_eq!(
        (&ended["id"], &ended["state"]),
        (&begun["id"], &json!("sent"))
    );
    assert_eq!(ended["answer"]["requestId"], "r1");
}

#[cfg(unix)]
#[test]
fn a_log_is_its_owners_and_without_one_nothing_is_sent() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    desk.server
        .answers(ACT, &[Reply::of(200, r#"{"requestId":"r1"}"#)]);
    desk.remediate().unwrap();
    let mode = std::fs::metadata(&desk.log).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // What is no file keeps no line; a pipe that nobody reads is not waited for.
    let full = Audit::open("/dev/full").unwrap_err();
    assert!(
        matches!(full, Error::Audit { .. }) && !full.may_be_done(),
        "{full:?}"
    );
    assert_eq!(desk.server.asked(ACT).len(), 1);
    assert!(Audit::open(desk.log.join("below")).is_err());
}

#[test]
fn what_may_have_been_done_is_not_sent_again() {
    for (reply, state) in [
        (Reply::of(503, ""), "unknown"),
        (Reply::of(504, "<html>"), "unknown"),
        (Reply::of(200, "{}"), "unknown"),
        (Reply::of(200, "[]"), "unknown"),
        (
            Reply::of(400, r#"{"code":"BAD","message":"no such device"}"#),
            "not_sent",
        ),
        (Reply::of(403, ""), "not_sent"),
    ] {
        let desk = Desk::new();
        desk.server.answers(
            ACT,
            &[reply.clone(), Reply::of(200, r#"{"requestId":"r2"}"#)],
        );
        let error = desk.remediate().unwrap_err();
        assert_eq!(desk.server.asked(ACT).len(), 1, "{reply:?}");
        assert_eq!(error.may_be_done(), state == "unknown", "{error:?}");
        assert_eq!(desk.log()[1]["state"], state, "{reply:?}");
    }
}

#[test]
fn what_was_plainly_not_done_is_sent_again() {
    let desk = Desk::new();
    desk.server.answers(
        ACT,
        &[
            Reply::of(401, ""),
            Reply::of(429, "").with("Retry-After", "0"),
            Reply::of(200, r#"{"requestId":"r3"}"#),
        ],
    );
    assert_eq!(desk.remediate().unwrap(), "r3");
    assert_eq!(desk.log().len(), 2);
}

#[test]
fn a_plan_has_each_device_once() {
    let desk = Desk::new();
    let plan = desk.plan().and(desk.laptop.clone());
    let plan = plan.and_all([desk.laptop.clone(), desk.laptop.clone()]);
    assert_eq!(plan.targets().len(), 1);
}

#[test]
fn limits_of_the_reference_are_kept() {
    let action = || RemoteAction::new("#a").unwrap();
    assert!(action().expiring_in(59).is_err() && action().expiring_in(10_081).is_err());
    assert!(action().expiring_in(60).is_ok() && action().expiring_in(10_080).is_ok());
    let reason = |length| Trigger {
        reason: "é".repeat(length),
        ..Trigger::default()
    };
    assert!(action().triggered_by(reason(500)).is_ok());
    assert!(action().triggered_by(reason(501)).is_err());
    for id in ["", "a b", "a\n", &"a".repeat(301)] {
        assert!(
            RemoteAction::new(id).is_err() && Workflow::new(id).is_err(),
            "{id}"
        );
    }
    assert!(Campaign::new("#c", 0).is_err() && Campaign::new("#c", 525_601).is_err());
    let full = (0..30).try_fold(Campaign::new("#c", 1).unwrap(), |campaign, number| {
        campaign.with(&number.to_string(), "x")
    });
    assert!(full.unwrap().with("30", "x").is_err());
}

#[test]
fn campaigns_go_to_sids_and_say_whom_they_did_not_reach() {
    let desk = Desk::new();
    let reply = json!({"requests": [{"userSid": SID, "message": "unknown user"}]});
    desk.server
        .answers(CAMPAIGN, &[Reply::of(200, reply.to_string())]);
    let audit = desk.audit();
    let mandate = Mandate {
        asked_by: "ticket 7",
        audit: &audit,
    };
    let campaign = Campaign::new("#restart", 60)
        .unwrap()
        .with("when", "now")
        .unwrap();
    let shown =
        run(desk
            .client
            .show_campaign(&campaign, std::slice::from_ref(&desk.john), mandate))
        .unwrap();
    assert_eq!((&*shown[0].sid, &shown[0].id), (SID, &None));
    assert_eq!(shown[0].message.as_deref(), Some("unknown user"));
    let expected = json!({
        "campaignNqlId": "#restart", "userSid": [SID], "expiresInMinutes": 60, "parameters": {"when": "now"},
    });
    assert_eq!(sent(&desk.server, CAMPAIGN), [expected]);
    assert!(run(desk.client.show_campaign(&campaign, &[], mandate)).is_err());
    assert_eq!(desk.server.asked(CAMPAIGN).len(), 1);
}

#[test]
fn workflows_and_spark_know_people_by_the_surest_id() {
    let desk = Desk::new();
    let reply = r#"{"requestUuid":"w1","executionsUuids":["e1","e2"]}"#;
    desk.server.answers(WORKFLOW, &[Reply::of(200, reply)]);
    desk.server.answers(SPARK, &[Reply::of(204, "")]);
    let audit = desk.audit();
    let mandate = Mandate {
        asked_by: "bot",
        audit: &audit,
    };
    let workflow = Workflow::new("#onboard").unwrap().with("step", "1");
    let (laptops, people) = ([desk.laptop.clone()], [desk.john.clone()]);
    let request = run(desk
        .client
        .run_workflow(&workflow, &laptops, &people, mandate))
    .unwrap();
    assert_eq!((&*request.id, request.executions.len()), ("w1", 2));
    let expected = json!({
        "workflowId": "#onboard", "devices": [{"collectorUid": COLLECTOR}], "users": [{"sid": SID}], "params": {"step": "1"},
    });
    assert_eq!(sent(&desk.server, WORKFLOW), [expected]);
    let said = "my screen is black";
    run(desk
        .client
        .hand_to_spark(&desk.john, said, &BTreeMap::new(), mandate))
    .unwrap();
    let asked = &desk.server.asked(SPARK)[0];
    assert_eq!(asked.headers["user-principal-name"], "john.doe@contoso.com");
    let log = std::fs::read_to_string(&desk.log).unwrap();
    assert!(
        !log.contains(said) && log.contains(r#""characters":18"#),
        "{log}"
    );
}

fn executions(rows: Value) -> Reply {
    let count = rows.as_array().unwrap().len();
    Reply::of(200, json!({"rows": count, "data": rows}).to_string())
}

#[test]
fn an_execution_is_that_of_the_device_since_it_was_asked_for() {
    let desk = Desk::new();
    let now = Timestamp::now();
    let row = |seconds: i64, status: &str| {
        let time = now + SignedDuration::from_secs(seconds);
        json!({
            "remote_action.execution.time": time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            "remote_action.execution.status": status, "outputs": "{\"Freed\":12}",
            "device.collector.uid": COLLECTOR.to_ascii_uppercase(), "remote_action.name": "Clear * disk?",
        })
    };
    // Of an act of a moment ago, and of another remote action that fits the pattern of this one's name.
    let old = row(-45, "success");
    let mut other = row(2, "success");
    other["remote_action.name"] = json!("Clear the disks");
    let told = |rows: &[&Value]| executions(json!(rows));
    desk.server.answers(
        EXECUTE,
        &[
            told(&[&old]),
            told(&[&old, &other]),
            Reply::of(503, ""),
            told(&[&row(5, "pending"), &old, &other]),
            told(&[&row(5, "failure"), &old, &other]),
        ],
    );
    let name = "Clear * disk?";
    let mut looks = Vec::new();
    let execution = run(async {
        let before = desk.client.before_execution(name, &desk.laptop).await?;
        let within = Duration::from_secs(60);
        let look = |execution: Option<&Execution>| {
            looks.push(execution.map(|one| one.status.as_str().to_owned()));
        };
        let wait = desk
            .client
            .wait_for_execution(name, &desk.laptop, before, within, look);
        wait.await
    });
    let execution = execution.unwrap().unwrap();
    assert_eq!((execution.status, execution.others), (Status::Failure, 0));
    assert_eq!(execution.outputs.as_deref(), Some(r#"{"Freed":12}"#));
    assert_eq!(
        looks,
        [None, Some("pending".into()), Some("failure".into())]
    );
    let asked = &sent(&desk.server, EXECUTE)[0];
    assert_eq!(asked["queryId"], "#identidex_remote_action_executions");
    assert_eq!(
        asked["parameters"],
        json!({"remote_action": name, "collector_uid": COLLECTOR})
    );
}

#[test]
fn what_never_left_this_machine_was_not_done() {
    let desk = Desk::new();
    desk.server.answers(
        "/oauth2/default/v1/token",
        &[Reply::of(400, r#"{"error":"x"}"#)],
    );
    let error = desk.remediate().unwrap_err();
    assert!(
        matches!(error, Error::NotDone(_)) && !error.may_be_done(),
        "{error:?}"
    );
    assert_eq!(desk.log()[1]["state"], "not_sent");
    // Nor what was refused before the token was.
    let desk = Desk::new();
    let token = Reply::of(200, r#"{"access_token":"t","expires_in":900}"#);
    desk.server
        .answers("/oauth2/default/v1/token", &[token, Reply::of(403, "")]);
    desk.server.answers(ACT, &[Reply::of(401, "")]);
    let error = desk.remediate().unwrap_err();
    assert!(!error.may_be_done(), "{error:?}");
    assert_eq!(desk.log()[1]["state"], "not_sent");
}

#[test]
fn a_line_that_was_cut_short_swallows_no_other() {
    let desk = Desk::new();
    desk.server
        .answers(ACT, &[Reply::of(200, r#"{"requestId":"r1"}"#)]);
    std::fs::write(&desk.log, r#"{"act":"the remote act"#).unwrap();
    desk.remediate().unwrap();
    let text = std::fs::read_to_string(&desk.log).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    for line in &lines[1..] {
        serde_json::from_str::<Value>(line).unwrap();
    }
}

#[test]
fn a_log_that_was_moved_away_is_begun_anew() {
    let desk = Desk::new();
    desk.server
        .answers(ACT, &[Reply::of(200, r#"{"requestId":"r1"}"#)]);
    let audit = desk.audit();
    let mandate = Mandate {
        asked_by: "bot",
        audit: &audit,
    };
    run(desk.client.remediate(&desk.plan(), mandate)).unwrap();
    let moved = desk.log.with_extension("1");
    std::fs::rename(&desk.log, &moved).unwrap();
    run(desk.client.remediate(&desk.plan(), mandate)).unwrap();
    assert_eq!(
        (
            std::fs::read_to_string(&moved).unwrap().lines().count(),
            desk.log().len()
        ),
        (2, 2)
    );
}

#[test]
fn what_nexthink_does_not_take_is_not_sent() {
    let desk = Desk::new();
    let audit = desk.audit();
    let mandate = Mandate {
        asked_by: "bot",
        audit: &audit,
    };
    let people = std::slice::from_ref(&desk.john);
    // No other status than 204 is a hand-over.
    for reply in [
        Reply::of(200, "<html>log in</html>"),
        Reply::of(200, ""),
        Reply::of(202, "{}"),
    ] {
        desk.server.answers(SPARK, &[reply]);
        let handed = run(desk
            .client
            .hand_to_spark(&desk.john, "x", &BTreeMap::new(), mandate));
        assert!(
            matches!(&handed, Err(Error::MayBeDone(why)) if matches!(**why, Error::BadAnswer { .. })),
            "{handed:?}"
        );
    }
    // An answer for somebody else is none, and one that made no request is no campaign.
    let campaign = Campaign::new("#ask", 60).unwrap();
    let show = || run(desk.client.show_campaign(&campaign, people, mandate));
    let other = json!({"requests": [{"userSid": "S-1-5-21-1-2-3-9", "requestId": "c1"}]});
    desk.server
        .answers(CAMPAIGN, &[Reply::of(200, other.to_string())]);
    assert!(matches!(show(), Err(Error::MayBeDone(_))));
    let both = json!({"requests": [{"userSid": "S-1-5-21-1-2-3-9", "message": "no"},
        {"userSid": SID.to_ascii_lowercase(), "requestId": "c2"}]});
    desk.server
        .answers(CAMPAIGN, &[Reply::of(200, both.to_string())]);
    assert_eq!(show().unwrap()[0].id.as_deref(), Some("c2"));
    let refused = json!({"requests": [{"userSid": SID, "message": "unknown user"}]});
    desk.server
        .answers(CAMPAIGN, &[Reply::of(200, refused.to_string())]);
    assert_eq!(show().unwrap()[0].id, None);
    assert_eq!(desk.log().last().unwrap()["state"], "refused");
    let workflow = Workflow::new("#fix").unwrap();
    desk.server.answers(
        WORKFLOW,
        &[Reply::of(
            200,
            r#"{"requestUuid":"w1","executionsUuids":[]}"#,
        )],
    );
    let run = run(desk.client.run_workflow(&workflow, &[], people, mandate));
    assert!(matches!(run, Err(Error::MayBeDone(_))), "{run:?}");
}

#[test]
fn rows_of_another_device_are_no_answer() {
    let desk = Desk::new();
    let row = json!({"time": "2026-11-20 08:00:05", "status": "success", "device.collector.uid": "another"});
    desk.server.answers(EXECUTE, &[executions(json!([row]))]);
    let error = run(desk.client.before_execution("Clear disk", &desk.laptop)).unwrap_err();
    assert!(error.to_string().contains("another device"), "{error}");
    assert!(run(desk.client.diagnose(&desk.laptop)).is_err());
}

#[test]
fn a_diagnosis_holds_what_was_answered_and_names_what_was_not() {
    let desk = Desk::new();
    let health = json!([{
        "device.collector.uid": COLLECTOR, "device.operating_system.name": "Windows 11", "device.last_seen": null,
        "device.boot.days_since_last_full_boot": 31, "device.hardware.memory": "8GB",
    }]);
    let crashes = json!([{"application.name": "Outlook", "crashes": "7"}, {"application.name": "Teams", "crashes": 2}]);
    desk.server.answers(
        EXECUTE,
        &[executions(health), Reply::of(404, ""), executions(crashes)],
    );
    let health = run(desk.client.diagnose(&desk.laptop)).unwrap();
    assert_eq!(
        (health.os.as_deref(), health.days_since_full_boot),
        (Some("Windows 11"), Some(31.0))
    );
    assert_eq!((health.last_seen, health.score), (None, None));
    assert_eq!(
        (&*health.crashes[0].application, health.crashes[0].count),
        ("Outlook", 7.0)
    );
    let [(shipped, why)] = &health.not_answered[..] else {
        panic!("one")
    };
    assert_eq!(*shipped, Shipped::DeviceScores);
    assert!(why.contains("there is no such query"), "{why}");
}

#[test]
fn a_check_names_queries_that_are_missing_or_list_other_columns() {
    let desk = Desk::new();
    let headers = |shipped: Shipped, lacking: &str| {
        let headers = shipped.columns().filter(|column| *column != lacking);
        let headers = Vec::from_iter(headers);
        Reply::of(
            200,
            json!({"rows": 0, "headers": headers, "data": []}).to_string(),
        )
    };
    let replies = Shipped::ALL.map(|shipped| match shipped {
        Shipped::UserBySid => Reply::of(404, r#"{"code":100,"message":"unknown"}"#),
        Shipped::DeviceHealth => headers(shipped, "device.hardware.memory"),
        Shipped::DeviceScores => Reply::of(403, ""),
        _ => headers(shipped, ""),
    });
    desk.server.answers("/api/v1/nql/execute", &replies);
    desk.server
        .answers("/api/v1/act/remote-action", &[Reply::of(200, "[]")]);
    let checked = run(desk.client.check()).unwrap();
    assert_eq!(checked.len(), Shipped::ALL.len() + 1);
    for one in checked {
        let is_so = match one.what {
            "#identidex_user_by_sid" => matches!(one.verdict, Verdict::Missing),
            "#identidex_device_health" => {
                matches!(&one.verdict, Verdict::LacksColumns(lacking) if lacking == &["device.hardware.memory"])
            }
            "#identidex_device_scores" => matches!(one.verdict, Verdict::Failed(_)),
            _ => matches!(one.verdict, Verdict::Good),
        };
        assert!(is_so, "{one:?}");
    }
}

#[test]
fn the_catalog_is_read_as_the_reference_has_it() {
    let desk = Desk::new();
    let action = json!({
        "id": "#clear_disk", "uuid": "u", "name": "Clear disk", "description": "d", "origin": "o",
        "builtInContentVersion": "1", "purpose": ["DATA_COLLECTION"],
        "targeting": {"apiEnabled": true, "manualEnabled": true, "workflowEnabled": false, "manualAllowMultipleDevices": true},
        "scriptInfo": {"executionServiceDelegate": "", "runAs": "LOCAL_SYSTEM", "timeoutSeconds": 60,
            "hasScriptWindows": true, "hasScriptMacOs": false,
            "inputs": [{"id": "1", "name": "Drive", "description": "x", "usedByWindows": true, "usedByMacOs": false,
                "options": ["C", "D"], "allowCustomValue": false}],
            "outputs": [{"id": "2", "name": "Freed", "type": "SIZE", "description": "y", "usedByWindows": true, "usedByMacOs": false}]},
    });
    desk.server.answers(
        "/api/v1/act/remote-action",
        &[Reply::of(200, json!([action]).to_string())],
    );
    let details = "/api/v1/act/remote-action/details?nql-id=%23clear_disk";
    desk.server
        .answers(details, &[Reply::of(200, action.to_string())]);
    let all = run(desk.client.remote_actions()).unwrap();
    let one = run(desk.client.remote_action("#clear_disk")).unwrap();
    assert_eq!(all, std::slice::from_ref(&one));
    assert!(one.is_api_enabled && !one.is_remediation && one.has_windows && !one.has_macos);
    assert_eq!(
        (&*one.inputs[0].name, one.inputs[0].options.len()),
        ("Drive", 2)
    );
    assert_eq!(one.outputs[0].name, "Freed");
}

//! What runs leave for whoever watches them: the state, the check and the metrics, however a run ends.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::servers::Otlp;
use crate::util::{Ended, Home};

fn state(home: &Home) -> Value {
    let text = fs::read_to_string(home.path("identity.db.d/state.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn set_state(home: &Home, change: impl FnOnce(&mut Value)) {
    let mut state = state(home);
    change(&mut state);
    fs::write(home.path("identity.db.d/state.json"), state.to_string()).unwrap();
}

fn runs(home: &Home) -> Vec<Value> {
    let text = fs::read_to_string(home.path("identity.db.d/runs.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A home with an export of an hour ago.
fn recent() -> Home {
    let home = Home::new();
    let hour = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1);
    fs::create_dir(home.path("in")).unwrap();
    let name = hour.strftime("in/%Y-%m-%dT%H-%M-%SZ.csv").to_string();
    fs::write(home.path(&name), "user.name\nann@EMEA\n").unwrap();
    home
}

#[test]
fn every_run_leaves_how_it_went_under_one_id() {
    let home = recent();
    let report = home.run(&["sync", "in", "--json"]).exits(0).json();
    let told = state(&home);
    assert_eq!(
        (&told["run"], &told["outcome"], &told["running_since"]),
        (&report["run"], &json!("done"), &Value::Null)
    );
    assert_eq!(
        (&told["accounts"], &told["failures_in_a_row"]),
        (&json!(1), &json!(0))
    );
    let source = home.path("in").canonicalize().unwrap();
    assert!(
        told["newest"][source.to_str().unwrap()]["users"]["key"].is_string(),
        "{told}"
    );
    assert_eq!(runs(&home).last().unwrap()["report"]["run"], told["run"]);
    let success = told["last_success"].clone();
    for count in 1..=2 {
        let failed = home
            .run(&["sync", "nowhere", "--json", "--log-format", "json"])
            .exits(1);
        let report: Value = serde_json::from_str(failed.stdout.lines().last().unwrap()).unwrap();
        let told = state(&home);
        assert_eq!(
            (
                &told["outcome"],
                &told["failures_in_a_row"],
                &told["last_success"]
            ),
            (&json!("failed"), &json!(count), &success)
        );
        assert_eq!(
            (&told["run"], &told["generation"]),
            (&report["run"], &json!(1))
        );
        assert!(told["error"].as_str().unwrap().contains("nowhere"));
    }
    assert_eq!(runs(&home).len(), 3);
    home.run(&["sync", "in"]).exits(0);
    assert_eq!(state(&home)["failures_in_a_row"], 0);
    // A run that found another at work leaves the state to that, and a line of its own.
    let lock = fs::File::open(home.path("identity.db.d/lock")).unwrap();
    lock.lock().unwrap();
    let before = state(&home);
    home.run(&["sync", "in"]).exits(5);
    assert_eq!((state(&home), runs(&home).len()), (before, 5));
}

#[test]
fn a_run_that_was_killed_is_noted_by_the_next_one() {
    let home = recent();
    home.run(&["sync", "in", "-q"]).exits(0);
    set_state(&home, |state| {
        state["run"] = json!("killed-1");
        state["running_since"] = json!("2026-01-01T00:00:00Z");
    });
    let check = home.run(&["status", "--check"]).exits(2);
    assert!(check.stdout.contains("or was killed"), "{}", check.stdout);
    home.run(&["sync", "in", "-q"]).exits(0);
    let runs = runs(&home);
    let killed = &runs[runs.len() - 2]["report"];
    assert_eq!(
        (&killed["run"], &killed["outcome"]),
        (&json!("killed-1"), &json!("failed"))
    );
    home.run(&["status", "--check"]).exits(0);
}

#[test]
fn a_check_tells_a_monitor_by_its_exit_code() {
    let home = recent();
    let unknown = home.run(&["status", "--check"]).exits(3);
    assert!(
        unknown.stdout.starts_with("unknown: "),
        "{}",
        unknown.stdout
    );
    home.run(&["sync", "in", "-q"]).exits(0);
    let fine = home.run(&["status", "--check"]).exits(0);
    assert!(
        fine.stdout.starts_with("fine (last success "),
        "{}",
        fine.stdout
    );
    assert_eq!(
        home.run(&["status", "--check", "--json"]).exits(0).json()["check"],
        "fine"
    );
    set_state(&home, |state| {
        state["last_success"] = json!("2026-01-01T00:00:00Z")
    });
    home.run(&["status", "--check"]).exits(1);
    home.run(&["status", "--check", "--max-age", "99999d"])
        .exits(0);
    home.run(&["status", "--check", "--max-age", "soon"])
        .exits(2);
    home.run(&["sync", "nowhere", "-q"]).exits(1);
    let failing = home.run(&["status", "--check"]).exits(2);
    assert!(
        failing.stdout.contains("1 runs in a row failed"),
        "{}",
        failing.stdout
    );
    // What is old in the index is stale, though the runs go well.
    let old = Home::of_tenant();
    set_state(&old, |state| {
        state["last_success"] = json!(jiff::Timestamp::now().to_string())
    });
    let mut command = old.command(&["status", "--check", "--max-age", "1d"]);
    command
        .env("IDENTIDEX_ANSWERS_FRESH_FOR", "1h")
        .env("IDENTIDEX_ANSWERS_AGEING_FOR", "2h");
    let stale = Ended::of(&command.output().unwrap()).exits(1);
    assert!(
        stale.stdout.contains("what the index knows is of"),
        "{}",
        stale.stdout
    );
}

#[test]
fn metrics_are_left_however_a_run_ends() {
    let home = recent();
    let gateway = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = format!("http://{}/base/", gateway.local_addr().unwrap());
    let pushed = std::thread::spawn(move || {
        let mut requests = Vec::new();
        for _ in 0..2 {
            let (mut connection, _) = gateway.accept().unwrap();
            let mut text = String::new();
            let mut buffer = [0; 65_536];
            while !text.contains("# EOF") {
                let read = connection.read(&mut buffer).unwrap();
                text.push_str(&String::from_utf8_lossy(&buffer[..read]));
            }
            connection
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .unwrap();
            requests.push(text);
        }
        requests
    });
    let sync = |source: &str| {
        let mut command = home.command(&["sync", source, "-q"]);
        command
            .env("IDENTIDEX_METRICS_TEXTFILE", "metrics.prom")
            .env("IDENTIDEX_METRICS_PUSHGATEWAY", &address);
        command
            .env("NO_PROXY", "127.0.0.1")
            .output()
            .unwrap()
            .status
            .code()
    };
    assert_eq!(sync("in"), Some(0));
    let text = fs::read_to_string(home.path("metrics.prom")).unwrap();
    for line in [
        "identidex_accounts 1.0",
        "identidex_exit_code 0.0",
        "identidex_outcome{fate=\"done\"} 1.0",
        "# EOF",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert_eq!(sync("nowhere"), Some(1));
    let text = fs::read_to_string(home.path("metrics.prom")).unwrap();
    for line in [
        "identidex_exit_code 1.0",
        "identidex_failures_in_a_row 1.0",
        "identidex_accounts 1.0",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains("ann@"));
    let pushed = pushed.join().unwrap();
    assert!(
        pushed[0].starts_with("PUT /base/metrics/job/identidex HTTP/1.1"),
        "{}",
        pushed[0]
    );
    // That they cannot be left is no fault of the run.
    let mut command = home.command(&["sync", "in"]);
    command.env("IDENTIDEX_METRICS_TEXTFILE", "nowhere/metrics.prom");
    let ended = Ended::of(&command.output().unwrap()).exits(0);
    assert!(
        ended.stderr.contains("the metrics of the run are not left"),
        "{}",
        ended.stderr
    );
}

#[test]
fn bit_rot_is_found_where_nothing_is_new() {
    let home = recent();
    home.run(&["sync", "in", "-q"]).exits(0);
    let file = home
        .path("")
        .join(fs::read_link(home.path("identity.db")).unwrap());
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    let ended = home.run(&["sync", "in"]).exits(1);
    assert!(
        ended.stderr.contains("differs from what was published"),
        "{}",
        ended.stderr
    );
    home.run(&["status", "--check"]).exits(2);
}

#[test]
fn a_column_that_does_not_come_any_more_is_told_once() {
    let home = recent();
    home.run(&["sync", "in", "-q"]).exits(0);
    let export = |minutes: i64, text: &str| {
        let at = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(minutes);
        let name = at.strftime("in/%Y-%m-%dT%H-%M-%SZ.csv").to_string();
        fs::write(home.path(&name), text).unwrap();
        home.run(&["sync", "in", "--json"]).exits(0).json()["warnings"].to_string()
    };
    let upn = "user.name,user.upn\nann@EMEA,ann@example.com\n";
    assert!(!export(50, upn).contains("any more"));
    let told = export(40, "user.name\nann@EMEA\nbob@EMEA\n");
    assert!(!told.contains("any more"), "as the first one was: {told}");
    let told = export(30, "user.name,user.#desk\nann@EMEA,4\n");
    assert!(!told.contains("any more"), "as the one before: {told}");
    export(20, upn);
    let told = export(10, "user.name,user.ad.department\nann@EMEA,HR\n");
    assert!(told.contains("no column fills upn any more"), "{told}");
    let told = export(5, "user.name,user.ad.department\nann@EMEA,IT\n");
    assert!(!told.contains("any more"), "{told}");
}

/// Returns the gauges of requests, as Prometheus would show them.
fn gauges(requests: &[Value]) -> BTreeMap<String, f64> {
    let mut gauges = BTreeMap::new();
    for metric in all(requests, "resourceMetrics", "scopeMetrics", "metrics") {
        for point in metric["gauge"]["dataPoints"].as_array().unwrap() {
            let fate = attribute(point, "fate").unwrap_or_default();
            let name = format!("{}/{fate}", metric["name"].as_str().unwrap());
            gauges.insert(name, point["asDouble"].as_f64().unwrap());
        }
    }
    gauges
}

/// Returns everything of one sort in requests.
fn all<'a>(requests: &'a [Value], resource: &str, scope: &str, what: &str) -> Vec<&'a Value> {
    let list = |of: &'a Value| of.as_array().into_iter().flatten();
    let resources = requests
        .iter()
        .flat_map(|request| list(&request["message"][resource]));
    let scopes = resources.flat_map(|of| list(&of[scope]));
    scopes.flat_map(|of| list(&of[what])).collect()
}

fn attribute(of: &Value, key: &str) -> Option<String> {
    let mut attributes = of["attributes"].as_array()?.iter();
    let found = attributes.find(|attribute| attribute["key"] == key)?;
    Some(found["value"]["stringValue"].as_str()?.to_owned())
}

#[test]
fn a_collector_gets_spans_and_gauges_of_every_run() {
    const SECRET: &str = "hunter2";
    let home = recent();
    let collector = Otlp::start(&home.path(""));
    let sync = |source: &str, variables: &[(&str, &str)]| {
        let mut command = home.command(&["sync", source, "-vv"]);
        command.env("NO_PROXY", "127.0.0.1");
        command.envs(variables.iter().copied());
        Ended::of(&command.output().unwrap())
    };
    let headers = ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hunter2");
    let ended = sync("in", &[("IDENTIDEX_METRICS_OTLP", &collector.url), headers]).exits(0);
    assert!(!ended.stderr.contains(SECRET), "{}", ended.stderr);
    let requests = collector.received();
    assert!(
        requests
            .iter()
            .all(|request| request["headers"]["api-key"] == SECRET)
    );
    let gauges_of_run = gauges(&requests);
    assert_eq!(gauges_of_run["identidex_accounts/"], 1.0);
    assert_eq!(gauges_of_run["identidex_outcome/done"], 1.0);
    assert_eq!(gauges_of_run["identidex_exit_code/"], 0.0);
    let spans = all(&requests, "resourceSpans", "scopeSpans", "spans");
    let named = |name: &str| {
        let mut spans = spans.iter();
        spans
            .find(|span| span["name"] == name)
            .unwrap_or_else(|| panic!("no span {name}: {spans:?}"))
    };
    let run = named("run");
    assert_eq!(
        attribute(run, "id").as_deref(),
        state(&home)["run"].as_str()
    );
    for stage in ["list", "fold", "make", "publish"] {
        assert_eq!(named(stage)["parentSpanId"], run["spanId"], "{stage}");
    }
    assert_eq!(run["status"]["code"], Value::Null);
    let resource = &requests[0]["message"]["resourceSpans"][0]["resource"];
    let resource = match resource.is_null() {
        true => &requests[0]["message"]["resourceMetrics"][0]["resource"],
        false => resource,
    };
    assert_eq!(
        attribute(resource, "service.name").as_deref(),
        Some("identidex")
    );
    assert!(!format!("{requests:?}").contains("ann@"));

    // The variables that every program knows are enough, and a run that failed is told as one.
    sync(
        "nowhere",
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)],
    )
    .exits(1);
    let requests = collector.received();
    let gauges_of_run = gauges(&requests);
    assert_eq!(gauges_of_run["identidex_exit_code/"], 1.0);
    assert_eq!(gauges_of_run["identidex_failures_in_a_row/"], 1.0);
    let spans = all(&requests, "resourceSpans", "scopeSpans", "spans");
    let run = spans.iter().find(|span| span["name"] == "run").unwrap();
    assert_eq!(run["status"]["code"], "STATUS_CODE_ERROR");

    // They can be turned off as everywhere, in part and whole.
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str());
    sync("in", &[endpoint, ("OTEL_TRACES_EXPORTER", "none")]).exits(0);
    let paths = collector.received();
    assert!(paths.len() == 1 && paths[0]["path"] == "/v1/metrics");
    sync("in", &[endpoint, ("OTEL_SDK_DISABLED", "true")]).exits(0);
    assert!(collector.received().is_empty());

    // A collector that is not there, or none at all, is no fault of the run.
    let nobody = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    for (variable, value) in [
        ("IDENTIDEX_METRICS_OTLP", url.as_str()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "hunter2 is no address"),
    ] {
        let ended = sync("in", &[(variable, value)]).exits(0);
        assert!(
            ended.stderr.contains("OTLP"),
            "{variable}: {}",
            ended.stderr
        );
        assert!(!ended.stderr.contains(SECRET), "{}", ended.stderr);
    }
}

//! A stand-in for Nexthink on loopback: its token, NQL, remote actions, campaigns, workflows and Spark, as its API reference has
//! them, answered from the exports of a tenant. Faults come when they are asked for.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, Request, State};
use axum::http::header::{AUTHORIZATION, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Dataset;
use crate::live::nql::Shipped;

/// What the stand-in gives tokens to.
pub const CLIENT_ID: &str = "demo";
/// Its secret; of nothing.
pub const SECRET: &str = "of-a-stand-in";
/// `demo:of-a-stand-in`, as HTTP has it.
const BASIC: &str = "Basic ZGVtbzpvZi1hLXN0YW5kLWlu";
const BEARER: &str = "Bearer of-the-stand-in";
/// The remote actions it has: id, name, what it tells.
const ACTIONS: [(&str, &str, &str); 2] = [
    ("#clear_disk", "Clear disk", r#"{"FreedMB":5120}"#),
    (
        "#get_battery_status",
        "Get battery status",
        r#"{"BatteryHealth":"83 %"}"#,
    ),
];

type Row = Map<String, Value>;

/// A tenant as Nexthink has it.
pub struct Nexthink {
    users: Vec<Row>,
    devices: Vec<Row>,
    logins: Vec<Row>,
    state: Mutex<Acted>,
}

/// What was done, and what goes wrong next.
#[derive(Default)]
struct Acted {
    executions: Vec<Execution>,
    requests: usize,
    faults: VecDeque<u16>,
}

struct Execution {
    action: String,
    device: String,
    time: Timestamp,
    /// Once looked at it is done: nothing is at once.
    is_looked_at: bool,
}

impl Nexthink {
    /// Reads the newest export of each dataset below a folder.
    ///
    /// # Errors
    /// Where one is missing or cannot be read.
    pub fn of_exports(folder: &Path) -> io::Result<Arc<Nexthink>> {
        let read = |dataset: Dataset| newest(&folder.join(dataset.folder()));
        Ok(Arc::new(Nexthink {
            users: read(Dataset::Users)?,
            devices: read(Dataset::Devices)?,
            logins: read(Dataset::Logins)?,
            state: Mutex::default(),
        }))
    }

    /// Returns the UPNs of its users.
    pub fn upns(&self) -> Vec<String> {
        texts(&self.users, "user.upn")
    }

    /// Returns the names of its users.
    pub fn names(&self) -> Vec<String> {
        texts(&self.users, "user.name")
    }

    /// Returns the names of its devices.
    pub fn device_names(&self) -> Vec<String> {
        texts(&self.devices, "device.name")
    }

    /// Makes its routes.
    pub fn router(self: Arc<Nexthink>) -> Router {
        let apis = Router::new()
            .route("/api/v1/nql/execute", post(execute_first))
            .route("/api/v2/nql/execute", post(execute))
            .route("/api/v1/act/remote-action", get(actions))
            .route("/api/v1/act/remote-action/details", get(details))
            .route("/api/v1/act/execute", post(act))
            .route("/api/v1/euf/campaign/trigger", post(campaign))
            .route("/api/v2/workflows/execute", post(workflow))
            .route("/api/v1/spark/handoff", post(spark))
            .layer(middleware::from_fn_with_state(Arc::clone(&self), guarded));
        Router::new()
            .route("/oauth2/default/v1/token", post(token))
            .route("/faults", post(faults))
            .merge(apis)
            .with_state(self)
    }

    fn acted(&self) -> MutexGuard<'_, Acted> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers one of the queries that are shipped.
    fn query(&self, shipped: Shipped, parameters: &Value) -> Vec<Row> {
        let given = |name: &str| parameters[name].as_str().unwrap_or_default();
        let of_device = || {
            equal(
                &self.devices,
                "device.collector.uid",
                given("collector_uid"),
            )
        };
        let rows = match shipped {
            Shipped::UserByName => by_name(&self.users, given("username")),
            Shipped::UserBySid => equal(&self.users, "user.sid", given("sid")),
            Shipped::UserByUpn => equal(&self.users, "user.upn", given("upn")),
            Shipped::UserByEmail => equal(&self.users, "user.ad.email_address", given("email")),
            Shipped::DevicesOfUser => {
                let logins = equal(&self.logins, "user.name", given("username"));
                let names = logins
                    .iter()
                    .filter_map(|login| login["device.name"].as_str());
                names
                    .flat_map(|name| equal(&self.devices, "device.name", name))
                    .collect()
            }
            Shipped::DeviceHealth => {
                let health = json!({"device.operating_system.days_since_last_update": 12,
                    "device.boot.days_since_last_full_boot": 31, "device.hardware.memory": "16GB",
                    "device.connectivity.last_connectivity_type": "wifi"});
                with(of_device(), &health)
            }
            Shipped::DeviceScores => with(
                of_device(),
                &json!({"device_score": 41, "boot_speed": 67, "logon_speed": 72}),
            ),
            Shipped::ApplicationCrashes => {
                let crashes = |name: &str, crashes: u32| {
                    let row = json!({"application.name": name, "crashes": crashes});
                    row.as_object().cloned().unwrap_or_default()
                };
                let is_known = !of_device().is_empty();
                let all = [crashes("Outlook", 7), crashes("Teams", 2)];
                all.into_iter().filter(|_| is_known).collect()
            }
            Shipped::RemoteActionExecutions => {
                self.executions(given("remote_action"), given("collector_uid"))
            }
        };
        let listed = |row: &Row| {
            let columns = shipped.columns();
            let cells = columns.map(|column| (column.to_owned(), row.get(column).cloned()));
            cells
                .map(|(column, cell)| (column, cell.unwrap_or_default()))
                .collect()
        };
        rows.iter().map(listed).collect()
    }

    /// Tells of executions; one that was not looked at yet is pending.
    fn executions(&self, action_name: &str, device: &str) -> Vec<Row> {
        let mut acted = self.acted();
        let is_meant = |one: &&mut Execution| {
            let action = ACTIONS.iter().find(|(id, ..)| *id == one.action);
            action.is_some_and(|(_, name, _)| *name == action_name)
                && one.device.eq_ignore_ascii_case(device)
        };
        let executions = acted.executions.iter_mut().filter(is_meant);
        let rows = executions.map(|one| {
            let outputs = ACTIONS.iter().find(|(id, ..)| *id == one.action);
            let outputs = outputs.map(|(.., outputs)| *outputs).filter(|_| one.is_looked_at);
            let status = if one.is_looked_at { "success" } else { "pending" };
            one.is_looked_at = true;
            let row = json!({"time": one.time.strftime("%Y-%m-%d %H:%M:%S").to_string(), "status": status,
                "outputs": outputs, "device.collector.uid": one.device, "remote_action.name": action_name});
            row.as_object().cloned().unwrap_or_default()
        });
        rows.collect()
    }

    fn request_id(&self, of: &str) -> String {
        let mut acted = self.acted();
        acted.requests += 1;
        format!("{of}-{:04}", acted.requests)
    }
}

/// Returns the rows of the newest file of a folder.
fn newest(folder: &Path) -> io::Result<Vec<Row>> {
    let files = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let newest = files.collect::<io::Result<Vec<_>>>()?.into_iter().max();
    let newest =
        newest.ok_or_else(|| io::Error::other(format!("{} is empty", folder.display())))?;
    let mut reader = csv::Reader::from_path(newest)?;
    let header = reader.headers()?.clone();
    let rows = reader.records().map(|record| {
        let cell = |text: &str| match text {
            "" => Value::Null,
            text => json!(text),
        };
        let record = record?;
        let cells = header.iter().zip(record.iter());
        Ok(cells
            .map(|(name, text)| (name.to_owned(), cell(text)))
            .collect())
    });
    rows.collect()
}

fn texts(rows: &[Row], column: &str) -> Vec<String> {
    let texts = rows.iter().filter_map(|row| row.get(column)?.as_str());
    texts.map(str::to_owned).collect()
}

/// Returns rows with a value, in any case, as NQL compares.
fn equal(rows: &[Row], column: &str, value: &str) -> Vec<Row> {
    let is_equal = |row: &&Row| {
        let held = row.get(column).and_then(Value::as_str);
        held.is_some_and(|held| held.eq_ignore_ascii_case(value))
    };
    rows.iter().filter(is_equal).cloned().collect()
}

/// Returns users of a name, or of a name in any domain: `jdoe@*`.
fn by_name(users: &[Row], name: &str) -> Vec<Row> {
    let Some(sam) = name.strip_suffix('*') else {
        return equal(users, "user.name", name);
    };
    let begins = |row: &&Row| {
        let held = row.get("user.name").and_then(Value::as_str);
        let start = held.and_then(|held| held.get(..sam.len()));
        start.is_some_and(|start| start.eq_ignore_ascii_case(sam))
    };
    users.iter().filter(begins).cloned().collect()
}

fn with(mut rows: Vec<Row>, more: &Value) -> Vec<Row> {
    for row in &mut rows {
        row.extend(more.as_object().cloned().unwrap_or_default());
    }
    rows
}

/// Answers with a fault where one is due, and asks for a token.
async fn guarded(State(nexthink): State<Arc<Nexthink>>, request: Request, next: Next) -> Response {
    let fault = nexthink.acted().faults.pop_front();
    if let Some(status) = fault.and_then(|status| StatusCode::from_u16(status).ok()) {
        let mut response = (
            status,
            json!({"code": 1, "message": "as asked for"}).to_string(),
        )
            .into_response();
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from_static("0"));
        return response;
    }
    match request
        .headers()
        .get(AUTHORIZATION)
        .is_some_and(|given| given == BEARER)
    {
        true => next.run(request).await,
        false => StatusCode::UNAUTHORIZED.into_response(),
    }
}

async fn token(headers: HeaderMap) -> Response {
    match headers
        .get(AUTHORIZATION)
        .is_some_and(|given| given == BASIC)
    {
        true => json_of(
            &json!({"token_type": "Bearer", "expires_in": 900, "scope": "service:integration",
            "access_token": BEARER.trim_start_matches("Bearer ")}),
        ),
        false => (StatusCode::UNAUTHORIZED, r#"{"error":"invalid_client"}"#).into_response(),
    }
}

/// Takes the statuses of the next answers.
async fn faults(State(nexthink): State<Arc<Nexthink>>, body: Bytes) -> Response {
    match serde_json::from_slice::<Vec<u16>>(&body) {
        Ok(faults) => {
            nexthink.acted().faults = faults.into();
            StatusCode::NO_CONTENT.into_response()
        }
        Err(_) => refused("BAD_REQUEST", "expected a list of statuses"),
    }
}

async fn execute(State(nexthink): State<Arc<Nexthink>>, body: Bytes) -> Response {
    match asked(&nexthink, &body) {
        Some((id, rows, _)) => json_of(
            &json!({"queryId": id, "executedQuery": id, "rows": rows.len(),
            "executionDateTime": Timestamp::now().to_string(), "data": rows}),
        ),
        None => unknown_query(),
    }
}

/// The first version: lists beside their headers.
async fn execute_first(State(nexthink): State<Arc<Nexthink>>, body: Bytes) -> Response {
    match asked(&nexthink, &body) {
        Some((id, rows, shipped)) => {
            let headers: Vec<&str> = shipped.columns().collect();
            let list = |row: &Row| {
                headers
                    .iter()
                    .map(|name| row[*name].clone())
                    .collect::<Value>()
            };
            let data: Vec<Value> = rows.iter().map(list).collect();
            json_of(
                &json!({"queryId": id, "executedQuery": id, "rows": data.len(),
                "headers": headers, "data": data}),
            )
        }
        None => unknown_query(),
    }
}

fn unknown_query() -> Response {
    let said = json!({"code": 100, "message": "unknown query", "source": "nql"});
    (StatusCode::NOT_FOUND, said.to_string()).into_response()
}

fn asked(nexthink: &Nexthink, body: &[u8]) -> Option<(String, Vec<Row>, Shipped)> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let id = body["queryId"].as_str().unwrap_or_default();
    let shipped = Shipped::ALL.into_iter().find(|shipped| shipped.id() == id);
    let shipped = shipped?;
    let rows = nexthink.query(shipped, &body["parameters"]);
    Some((id.to_owned(), rows, shipped))
}

fn action(id: &str, name: &str) -> Value {
    json!({"id": id, "uuid": "00000000-0000-4000-8000-000000000000", "name": name, "description": name, "origin": "demo",
        "builtInContentVersion": "1", "purpose": ["REMEDIATION"],
        "targeting": {"apiEnabled": true, "manualEnabled": true, "workflowEnabled": true, "manualAllowMultipleDevices": true},
        "scriptInfo": {"executionServiceDelegate": "", "runAs": "LOCAL_SYSTEM", "timeoutSeconds": 60,
            "hasScriptWindows": true, "hasScriptMacOs": false, "inputs": [], "outputs": []}})
}

async fn actions() -> Response {
    json_of(
        &ACTIONS
            .map(|(id, name, _)| action(id, name))
            .into_iter()
            .collect(),
    )
}

async fn details(Query(asked): Query<BTreeMap<String, String>>) -> Response {
    let id = asked.get("nql-id").map_or("", String::as_str);
    match ACTIONS.iter().find(|(known, ..)| *known == id) {
        Some((id, name, _)) => json_of(&action(id, name)),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn act(State(nexthink): State<Arc<Nexthink>>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let id = body["remoteActionId"].as_str().unwrap_or_default();
    let devices = body["devices"].as_array().into_iter().flatten();
    let devices: Vec<&str> = devices.filter_map(Value::as_str).collect();
    let is_known =
        |device: &&str| !equal(&nexthink.devices, "device.collector.uid", device).is_empty();
    if !ACTIONS.iter().any(|(known, ..)| *known == id) {
        return refused("RA_NOT_FOUND", "there is no such remote action");
    }
    if devices.is_empty() || devices.len() > 10_000 || !devices.iter().all(is_known) {
        return refused(
            "INVALID_DEVICES",
            "expected 1 to 10000 collector ids of this tenant",
        );
    }
    let executions = devices.iter().map(|device| Execution {
        action: id.to_owned(),
        device: (*device).to_owned(),
        time: Timestamp::now(),
        is_looked_at: false,
    });
    nexthink.acted().executions.extend(executions);
    json_of(&json!({"requestId": nexthink.request_id("act"), "expiresInMinutes": 60}))
}

async fn campaign(State(nexthink): State<Arc<Nexthink>>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let sids = body["userSid"].as_array().into_iter().flatten();
    let requests = sids.filter_map(Value::as_str).map(|sid| {
        match equal(&nexthink.users, "user.sid", sid).len() {
            0 => json!({"userSid": sid, "message": "unknown user"}),
            _ => json!({"userSid": sid, "requestId": nexthink.request_id("campaign")}),
        }
    });
    let requests: Vec<Value> = requests.collect();
    match requests.is_empty() {
        true => refused("INVALID_USERS", "expected 1 to 10000 SIDs"),
        false => json_of(&json!({"requests": requests})),
    }
}

async fn workflow(State(nexthink): State<Arc<Nexthink>>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let count = |name: &str| body[name].as_array().map_or(0, Vec::len);
    let executions = 0..count("devices") + count("users");
    let executions: Vec<String> = executions
        .map(|_| nexthink.request_id("execution"))
        .collect();
    match executions.is_empty() {
        true => {
            let said = json!({"code": "INVALID", "details": "expected devices or users"});
            (StatusCode::BAD_REQUEST, said.to_string()).into_response()
        }
        false => json_of(
            &json!({"requestUuid": nexthink.request_id("workflow"), "executionsUuids": executions}),
        ),
    }
}

async fn spark(State(nexthink): State<Arc<Nexthink>>, headers: HeaderMap) -> Response {
    let upn = headers
        .get("user-principal-name")
        .and_then(|upn| upn.to_str().ok());
    let is_known = |upn: &str| !equal(&nexthink.users, "user.upn", upn).is_empty();
    match upn.is_some_and(is_known) {
        true => StatusCode::NO_CONTENT.into_response(),
        false => (StatusCode::NOT_FOUND, r#"{"message":"unknown user"}"#).into_response(),
    }
}

fn refused(code: &str, message: &str) -> Response {
    let said = json!({"code": code, "message": message});
    (StatusCode::BAD_REQUEST, said.to_string()).into_response()
}

fn json_of(value: &Value) -> Response {
    ([("content-type", "application/json")], value.to_string()).into_response()
}

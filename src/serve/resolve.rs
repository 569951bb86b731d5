//! Lookups: what requests ask, and how that is answered. An answer is 200 whatever it says; only what cannot be asked, or not
//! now, is a problem.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, Query as Parameters, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::app::{App, json as as_json};
use super::problem::Problem;
use crate::lookup::{Answer, ClueSet, Doubt, Query, Targeted, Which};

/// The most queries of one request.
const QUERIES_AT_MOST: usize = 1_000;

const OF_ONE: &str =
    "expected q=…, and perhaps kind=…, all_classes=true, ids_only=true, verified=true, each once";
const NOT_UTF8: &str = "a value is not UTF-8";

type Answered = Result<Response, Problem>;

/// What is asked of one text.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    q: String,
    kind: Option<String>,
    #[serde(default)]
    all_classes: bool,
    #[serde(default)]
    ids_only: bool,
    #[serde(default)]
    verified: bool,
}

/// One of several queries.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOf {
    Text(String),
    Clues(ClueSet),
}

/// Several queries.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Many {
    queries: Vec<OneOf>,
    #[serde(default)]
    all_classes: bool,
    #[serde(default)]
    ids_only: bool,
}

/// A device that is to be acted on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfTarget {
    pub(super) query: OneOf,
    pub(super) device: Option<String>,
    #[serde(default)]
    pub(super) allow: Vec<String>,
}

/// Devices and users that something is up with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfImpacted {
    #[serde(default)]
    devices: Vec<String>,
    #[serde(default)]
    users: Vec<String>,
}

#[derive(Serialize)]
struct Answers {
    answers: Vec<Answer>,
}

impl Asked {
    fn query(self) -> Result<Query, Problem> {
        whole(&self.q)?;
        let query = match &self.kind {
            None => Query::any(self.q),
            Some(kind) => Query::clue(kind, &self.q)
                .ok_or_else(|| Problem::bad_request("kind: there is no such kind of identifier"))?,
        };
        let query = if self.verified {
            query.verified()
        } else {
            query
        };
        Ok(shaped(query, self.all_classes, self.ids_only))
    }
}

impl OfTarget {
    /// Looks up which device may be acted on.
    pub(super) fn targeted(self, app: &App) -> Result<Targeted, Problem> {
        let allowed = Doubt::all_named(self.allow.iter().map(String::as_str));
        let allowed =
            allowed.ok_or_else(|| Problem::bad_request("allow: there is no such doubt"))?;
        let which = self.device.as_deref().map_or(Which::Own, Which::Named);
        let index = app.opened.index()?;
        let targeted = index.targeted(self.query.query()?, which, &allowed)?;
        app.metrics.count_outcome(targeted.outcome);
        Ok(targeted)
    }
}

impl OneOf {
    fn query(self) -> Result<Query, Problem> {
        match self {
            OneOf::Text(text) => Ok(Query::any(text)),
            OneOf::Clues(clues) => {
                let query = clues.query(|clue| clue);
                query.map_err(|wrong| Problem::bad_request(wrong.to_string()))
            }
        }
    }
}

/// Refuses what was no UTF-8, and was repaired on the way.
fn whole(text: &str) -> Result<(), Problem> {
    match text.contains(char::REPLACEMENT_CHARACTER) {
        true => Err(Problem::bad_request(NOT_UTF8)),
        false => Ok(()),
    }
}

fn shaped(query: Query, all_classes: bool, ids_only: bool) -> Query {
    let query = if all_classes {
        query.all_classes()
    } else {
        query
    };
    if ids_only { query.ids_only() } else { query }
}

/// `GET /v1/resolve?q=…`
pub(super) async fn one(State(app): State<Arc<App>>, uri: Uri) -> Answered {
    let query = parameters::<Asked>(&uri, OF_ONE)?.query()?;
    let answer = app.opened.index()?.find(query)?;
    app.metrics.count_answer(&answer);
    Ok(as_json(&answer))
}

/// `POST /v1/resolve`
pub(super) async fn many(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Answered {
    let many: Many = of_body(body)?;
    if many.queries.len() > QUERIES_AT_MOST {
        return Err(Problem::bad_request(format!(
            "queries: at most {QUERIES_AT_MOST} at a time"
        )));
    }
    let (all_classes, ids_only) = (many.all_classes, many.ids_only);
    let queries = many.queries.into_iter().map(OneOf::query);
    let queries = queries.collect::<Result<Vec<_>, _>>()?.into_iter();
    let queries = queries.map(|query| shaped(query, all_classes, ids_only));
    let queries: Vec<Query> = queries.collect();
    aside(move || {
        let answers = app.opened.index()?.find_all(queries)?;
        answers
            .iter()
            .for_each(|answer| app.metrics.count_answer(answer));
        Ok(as_json(&Answers { answers }))
    })
    .await
}

/// `GET /v1/devices/{value}`
pub(super) async fn device(
    State(app): State<Arc<App>>,
    value: Result<Path<String>, PathRejection>,
) -> Answered {
    let Path(value) = value.map_err(|_| Problem::bad_request(NOT_UTF8))?;
    let answer = app.opened.index()?.accounts_of(value)?;
    app.metrics.count_answer(&answer);
    Ok(as_json(&answer))
}

/// `GET /v1/why?q=…`
pub(super) async fn why(State(app): State<Arc<App>>, uri: Uri) -> Answered {
    let query = parameters::<Asked>(&uri, OF_ONE)?.query()?;
    Ok(as_json(&app.opened.index()?.why(query)?))
}

/// `POST /v1/impacted`
pub(super) async fn impacted(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Answered {
    let asked: OfImpacted = of_body(body)?;
    if asked.devices.len() + asked.users.len() > QUERIES_AT_MOST {
        return Err(Problem::bad_request(format!(
            "devices and users: at most {QUERIES_AT_MOST} at a time"
        )));
    }
    aside(move || {
        let index = app.opened.index()?;
        let impacted = index.impacted_all(asked.devices, asked.users)?;
        Ok(as_json(&json!({"impacted": impacted})))
    })
    .await
}

/// `POST /v1/target`
pub(super) async fn target(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Answered {
    Ok(as_json(&of_body::<OfTarget>(body)?.targeted(&app)?))
}
/// Does the work of many lookups where no other request waits for it.
pub(super) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Problem::broken()))
}

/// Reads what stands behind the `?`.
pub(super) fn parameters<T: DeserializeOwned>(uri: &Uri, expected: &str) -> Result<T, Problem> {
    let parameters = Parameters::<T>::try_from_uri(uri);
    let Parameters(parameters) = parameters.map_err(|_| Problem::bad_request(expected))?;
    Ok(parameters)
}

/// Returns a body that came whole.
pub(super) fn came_whole(body: Result<Bytes, BytesRejection>) -> Result<Bytes, Problem> {
    body.map_err(|rejection| {
        let status = rejection.status();
        match status {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::new(status, "a body has at most 1 MiB"),
            _ => Problem::bad_request("the body did not come whole"),
        }
    })
}

/// Returns which member is missing or too many, as a parser says it; of a value it says nothing.
fn named_in(error: &str) -> Option<&str> {
    let is_of_name = ["missing field ", "duplicate field "]
        .iter()
        .any(|begin| error.starts_with(begin));
    let what = error.split(" at line ").next();
    what.filter(|_| is_of_name)
}

pub(super) fn of_body<T: DeserializeOwned>(
    body: Result<Bytes, BytesRejection>,
) -> Result<T, Problem> {
    let body = came_whole(body)?;
    serde_json::from_slice(&body).map_err(|error| {
        let what = named_in(&error.to_string()).map_or(String::new(), |what| format!(" ({what})"));
        Problem::bad_request(format!(
            "the body is not the JSON that is expected{what}; /openapi.json says what is"
        ))
    })
}

//! Events of webhooks, with the people to tell, for whoever tells them: in order, each at least once.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::app::{App, json as as_json};
use super::problem::Problem;
use super::resolve::{aside, of_body, parameters};
use crate::error::Error;
use crate::lookup::{Impacted, Index, Recipient};
use crate::receive::{Consumer, Event};

/// Events of one answer, at the most, and where nothing is said.
const EVENTS_AT_MOST: usize = 1_000;
const EVENTS: usize = 100;
/// Devices and users of one answer, the events themselves counted: each is looked up.
const NAMED_AT_MOST: usize = 1_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfEvents {
    after: Option<i64>,
    limit: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Acknowledged {
    through: i64,
}

/// `GET /v1/events?after=…`
pub(super) async fn after(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, Problem> {
    let asked: OfEvents = parameters(
        &uri,
        "expected after=…, the number of an event, and limit=…, 1 to 1000, each once",
    )?;
    let limit = asked.limit.unwrap_or(EVENTS);
    if !(1..=EVENTS_AT_MOST).contains(&limit) {
        return Err(Problem::bad_request("limit: expected 1 to 1000"));
    }
    aside(move || {
        let events = &app.places()?.events;
        let after = match asked.after {
            Some(after) => after,
            None => events.acknowledged(Consumer::Asking)?,
        };
        is_known(after, events.last()?)?;
        let index = app.opened.index()?;
        let mut found = events.after(after, limit)?;
        found.truncate(fitting(&found));
        let next = found.last().map_or(after, |event| event.id);
        let told = found.iter().map(|event| told(event, index));
        let told = told.collect::<Result<Vec<Value>, Error>>()?;
        Ok(as_json(&json!({"events": told, "next": next})))
    })
    .await
}

/// Refuses what lies behind all events: whoever asks knows another database, and would pass over what comes here.
fn is_known(id: i64, last: i64) -> Result<(), Problem> {
    match id {
        id if id < 0 => Err(Problem::bad_request(
            "the number of an event is at least 1; 0 is before all",
        )),
        id if id > last => Err(Problem::new(
            StatusCode::CONFLICT,
            format!(
                "the last event is {last}: the database was made anew; ask without after, and begin again"
            ),
        )),
        _ => Ok(()),
    }
}

/// Returns how many events one answer has room for, by whom they name; one at least.
fn fitting(events: &[Event]) -> usize {
    let mut named = 0;
    let fit = events.iter().take_while(|event| {
        named += 1 + event.said.devices.len() + event.said.users.len();
        named <= NAMED_AT_MOST
    });
    fit.count().max(1)
}

/// `POST /v1/events/acknowledge`
pub(super) async fn acknowledge(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let Acknowledged { through } = of_body(body)?;
    aside(move || {
        is_known(through, app.places()?.events.last()?)?;
        let through =
            app.places()?
                .events
                .acknowledge(Consumer::Asking, through, Timestamp::now())?;
        Ok(as_json(&json!({"through": through})))
    })
    .await
}

/// Returns an event as it is told, with the people whom the index has now: a device may have gone to somebody else since. Where the
/// message names users, it is about them, and whose a device is that it names too is only said: that may be somebody else.
pub(super) fn told(event: &Event, index: &Index) -> Result<Value, Error> {
    let said = &event.said;
    let devices = index.impacted_all(said.devices.clone(), [])?;
    let users = index.impacted_all([], said.users.clone())?;
    let to_tell = people_of(if users.is_empty() { &devices } else { &users });
    let impacted: Vec<&Impacted> = devices.iter().chain(&users).collect();
    Ok(json!({
        "id": event.id, "webhook": event.webhook, "received_at": event.received_at.to_string(),
        "alert": said.alert, "to_tell": to_tell, "impacted": impacted, "message": event.message,
    }))
}

/// Returns the people to tell, each once.
fn people_of(impacted: &[Impacted]) -> Vec<Value> {
    let mut people: Vec<Value> = Vec::new();
    for recipient in impacted.iter().filter_map(|one| one.to_tell.as_ref()) {
        let person = json!(Recipient::with_own_ids(recipient));
        if !people.contains(&person) {
            people.push(person);
        }
    }
    people
}

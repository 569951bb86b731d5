//! The module that Node loads: an index whose answers are JSON. `lib/index.ts` makes them values, and faults errors.

use std::sync::Arc;
use std::time::Duration;

use identidex::{ClueSet, Doubt, Error, Index, Options, Query, Which};
use napi::bindgen_prelude::AsyncTask;
use napi::{Env, Result, Task};
use napi_derive::napi;
use serde_json::Value;

/// How an index is opened; what is not said is as the library has it.
#[napi(object)]
pub struct Opening {
    pub refresh_ms: Option<u32>,
    pub max_holders: Option<u32>,
    pub fresh_for_hours: Option<u32>,
    pub ageing_for_hours: Option<u32>,
    pub quiet_after_days: Option<u32>,
}

/// How a text is looked up.
#[napi(object)]
#[derive(Clone)]
pub struct Asking {
    pub kind: Option<String>,
    pub all_classes: Option<bool>,
    pub ids_only: Option<bool>,
    pub verified: Option<bool>,
}

/// An error by its code, which `lib/index.ts` takes off the text again.
fn fault(code: &str, text: &str) -> napi::Error {
    napi::Error::from_reason(format!("{code}\n{text}"))
}

fn raised(error: Error) -> napi::Error {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    let code = match error {
        Error::Missing { .. } => "missing",
        Error::Foreign { .. } => "foreign",
        Error::Newer { .. } => "newer",
        Error::Older { .. } => "older",
        Error::NotPermitted { .. } => "not_permitted",
        Error::Damaged { .. } => "damaged",
        _ => "other",
    };
    fault(code, &text)
}

fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| fault("other", &error.to_string()))
}

impl Asking {
    fn query(&self, text: String) -> Result<Query> {
        let query = match &self.kind {
            None => Query::any(text),
            Some(kind) => Query::named(kind, text).ok_or_else(|| unknown_kind(&Query::NAMES))?,
        };
        let query = self.shaped(query);
        Ok(if self.verified == Some(true) {
            query.verified()
        } else {
            query
        })
    }

    fn shaped(&self, query: Query) -> Query {
        let query = if self.all_classes == Some(true) {
            query.all_classes()
        } else {
            query
        };
        if self.ids_only == Some(true) {
            query.ids_only()
        } else {
            query
        }
    }
}

fn unknown_kind(known: &[&str]) -> napi::Error {
    let known = known.join(", ");
    fault(
        "usage",
        &format!("no kind of identifier is called that; known: {known}"),
    )
}

/// Reads clues as they stand in JSON: `{"upn": …, "verified": ["upn"]}`, a list of `{"kind": …, "text": …}`, or a text.
fn query_of(clues: &str) -> Result<Query> {
    match serde_json::from_str(clues) {
        Ok(Value::String(text)) => return Ok(Query::any(text)),
        Ok(Value::Array(list)) => {
            return Ok(Query::all_of(
                list.iter().map(clue).collect::<Result<Vec<_>>>()?,
            ));
        }
        _ => {}
    }
    let clues: std::result::Result<ClueSet, _> = serde_json::from_str(clues);
    let clues =
        clues.map_err(|_| fault("usage", "clues are a text, or an object of kinds and texts"))?;
    clues
        .query(|clue| clue)
        .map_err(|wrong| fault("usage", &wrong.to_string()))
}

fn clue(one: &Value) -> Result<Query> {
    let text = one["text"]
        .as_str()
        .ok_or_else(|| fault("usage", "a clue has a text"))?;
    let query = match &one["kind"] {
        Value::Null => Query::any(text),
        Value::String(kind) => {
            Query::clue(kind, text).ok_or_else(|| unknown_kind(&Query::NAMES))?
        }
        _ => return Err(fault("usage", "the kind of a clue is a text")),
    };
    Ok(if one["verified"] == true {
        query.verified()
    } else {
        query
    })
}

/// Work on an index, away from the thread that runs JavaScript.
type Work = Box<dyn FnOnce(&Index) -> Result<String> + Send>;

pub struct Aside {
    index: Arc<Index>,
    work: Option<Work>,
}

impl Task for Aside {
    type Output = String;
    type JsValue = String;

    fn compute(&mut self) -> Result<String> {
        match self.work.take() {
            Some(work) => work(&self.index),
            None => Err(fault("other", "work is done once")),
        }
    }

    fn resolve(&mut self, _: Env, done: String) -> Result<String> {
        Ok(done)
    }
}

/// A published index, open for lookups.
#[napi]
pub struct NativeIndex {
    index: Arc<Index>,
}

#[napi]
impl NativeIndex {
    #[napi(constructor)]
    pub fn new(path: String, opening: Opening) -> Result<NativeIndex> {
        let default = Options::default();
        let hours = |hours: u32| Duration::from_secs(u64::from(hours) * 60 * 60);
        let options = Options {
            refresh: opening
                .refresh_ms
                .map_or(default.refresh, |ms| Duration::from_millis(ms.into())),
            max_holders: opening.max_holders.unwrap_or(default.max_holders),
            fresh_for: opening.fresh_for_hours.map_or(default.fresh_for, hours),
            ageing_for: opening.ageing_for_hours.map_or(default.ageing_for, hours),
            quiet_after: opening
                .quiet_after_days
                .map_or(default.quiet_after, |days| hours(24) * days),
            ..default
        };
        let index = Index::open_with(path, options).map_err(raised)?;
        Ok(NativeIndex {
            index: Arc::new(index),
        })
    }

    #[napi]
    pub fn find(&self, text: String, asking: Asking) -> Result<String> {
        json(&self.index.find(asking.query(text)?).map_err(raised)?)
    }

    #[napi]
    pub fn devices_of(&self, account: String, asking: Asking) -> Result<String> {
        json(
            &self
                .index
                .devices_of(asking.query(account)?)
                .map_err(raised)?,
        )
    }

    #[napi]
    pub fn accounts_of(&self, device: String, asking: Asking) -> Result<String> {
        json(
            &self
                .index
                .accounts_of(asking.query(device)?)
                .map_err(raised)?,
        )
    }

    #[napi]
    pub fn find_together(&self, clues: String, asking: Asking) -> Result<String> {
        let query = asking.shaped(query_of(&clues)?);
        json(&self.index.find(query).map_err(raised)?)
    }

    #[napi]
    pub fn target(
        &self,
        clues: String,
        device: Option<String>,
        allow: Vec<String>,
    ) -> Result<String> {
        let allowed = Doubt::all_named(allow.iter().map(String::as_str));
        let allowed = allowed.ok_or_else(|| fault("usage", "allow: there is no such doubt"))?;
        let which = device.as_deref().map_or(Which::Own, Which::Named);
        json(
            &self
                .index
                .targeted(query_of(&clues)?, which, &allowed)
                .map_err(raised)?,
        )
    }

    #[napi]
    pub fn find_all(&self, texts: Vec<String>, asking: Asking) -> Result<AsyncTask<Aside>> {
        let queries = texts.into_iter().map(|text| asking.query(text));
        let queries = queries.collect::<Result<Vec<Query>>>()?;
        Ok(self.aside(move |index| json(&index.find_all(queries).map_err(raised)?)))
    }

    #[napi]
    pub fn impacted(&self, devices: Vec<String>, users: Vec<String>) -> AsyncTask<Aside> {
        self.aside(move |index| {
            let impacted = index.impacted_all(devices, users);
            json(&impacted.map_err(raised)?)
        })
    }

    #[napi]
    pub fn why(&self, text: String, asking: Asking) -> Result<AsyncTask<Aside>> {
        let query = asking.query(text)?;
        Ok(self.aside(move |index| json(&index.why(query).map_err(raised)?)))
    }

    #[napi]
    pub fn suggest(&self, text: String) -> AsyncTask<Aside> {
        self.aside(move |index| json(&index.suggest(&text).map_err(raised)?))
    }

    #[napi]
    pub fn verify(&self) -> AsyncTask<Aside> {
        self.aside(|index| json(&index.verify().map_err(raised)?))
    }

    #[napi]
    pub fn freshness(&self) -> Result<String> {
        json(&self.index.freshness())
    }

    #[napi]
    pub fn coverage(&self) -> Result<String> {
        json(&self.index.coverage())
    }

    #[napi(getter)]
    pub fn generation(&self) -> i64 {
        self.index.generation().cast_signed()
    }

    fn aside(
        &self,
        work: impl FnOnce(&Index) -> Result<String> + Send + 'static,
    ) -> AsyncTask<Aside> {
        AsyncTask::new(Aside {
            index: Arc::clone(&self.index),
            work: Some(Box::new(work)),
        })
    }
}

//! Executing: a query's rows at once.

use serde_json::{Map, Value};
use tracing::debug;

use super::Query;
use crate::live::client::{Answer, Call, Deadline};
use crate::live::{Client, Error};

const CALL: &str = "the query";
/// What Nexthink answers with at the most, without a word (observed by its users).
const CAP: usize = 1_000;

/// A row: values by the whole names of columns, such as `device.collector.uid`.
pub type Row = Map<String, Value>;

/// What a query came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// The query as it was run, with its parameters: a saved query can be changed without anybody being told. Holds what was
    /// asked for; logs have its hash alone.
    pub executed_query: String,
    /// When it was run, as Nexthink writes it.
    pub executed_at: Option<String>,
    /// Its rows.
    pub rows: Vec<Row>,
}

impl Rows {
    /// Tells whether rows are probably missing: there are exactly as many as Nexthink answers with at the most.
    pub fn is_probably_cut(&self) -> bool {
        self.rows.len() == CAP
    }
}

impl Client {
    /// Runs a query, and returns its rows; times in them are UTC.
    ///
    /// # Errors
    /// [`Error::Refused`] with status 404 where the tenant has no such query; [`Error::BadAnswer`] where the answer counts other
    /// rows than it has; and what may go wrong with every call.
    pub async fn execute(&self, query: &Query) -> Result<Rows, Error> {
        self.execute_until(query, self.deadline()).await
    }

    /// The same, to be over by a deadline that other calls share.
    pub(in crate::live) async fn execute_until(
        &self,
        query: &Query,
        deadline: Deadline,
    ) -> Result<Rows, Error> {
        let answer = self.ask(query, "api/v2/nql/execute", deadline).await?;
        let rows = read(&answer.body)?;
        let hash = blake3::hash(rows.executed_query.as_bytes());
        debug!(query = %query.id, rows = rows.rows.len(), executed = %hash.to_hex(), "query run");
        Ok(rows)
    }

    /// Runs a query, and returns the names of its columns, also where it has no rows.
    pub(crate) async fn columns_of(&self, query: &Query) -> Result<Vec<String>, Error> {
        // Version 2 names columns in rows alone.
        let deadline = self.deadline();
        let answer = self.ask(query, "api/v1/nql/execute", deadline).await?;
        let headers: Option<Vec<String>> =
            serde_json::from_slice(&answer.body)
                .ok()
                .and_then(|answer: Value| {
                    let headers = answer["headers"].as_array()?;
                    let headers = headers.iter().map(|header| header.as_str());
                    headers.map(|header| header.map(str::to_owned)).collect()
                });
        headers.ok_or(Error::BadAnswer {
            call: CALL,
            reason: "it has no list `headers`",
        })
    }

    async fn ask(&self, query: &Query, path: &str, deadline: Deadline) -> Result<Answer, Error> {
        let call = Call {
            headers: &[("x-utc-times", "true")],
            is_repeatable: true,
            ..Call::post(CALL, path, query.body(&[]))
        };
        let answer = self.send(&call, deadline).await?;
        match answer.status {
            206 => Err(Error::BadAnswer {
                call: CALL,
                reason: "it is a part of the rows (status 206); ask for less",
            }),
            _ => Ok(answer),
        }
    }
}

/// Reads an answer: rows as objects (version 2), or as lists beside their headers (version 1).
fn read(body: &[u8]) -> Result<Rows, Error> {
    let bad = |reason| Error::BadAnswer { call: CALL, reason };
    let answer: Value = serde_json::from_slice(body).map_err(|_| bad("it is no JSON"))?;
    let data = answer["data"]
        .as_array()
        .ok_or_else(|| bad("it has no list `data`"))?;
    let headers = answer["headers"].as_array();
    let rows = data.iter().map(|row| match (row, headers) {
        (Value::Object(row), _) => Ok(row.clone()),
        (Value::Array(cells), Some(headers)) => row_of(headers, cells),
        _ => Err("a row is no object, and no list beside headers"),
    });
    let rows: Vec<Row> = rows.collect::<Result<_, _>>().map_err(bad)?;
    if answer["rows"]
        .as_u64()
        .is_some_and(|count| count != rows.len() as u64)
    {
        return Err(bad("it counts other rows than it has"));
    }
    Ok(Rows {
        executed_query: answer["executedQuery"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        executed_at: executed_at(&answer["executionDateTime"]),
        rows,
    })
}

fn row_of(headers: &[Value], cells: &[Value]) -> Result<Row, &'static str> {
    if headers.len() != cells.len() {
        return Err("a row has other cells than there are headers");
    }
    let mut row = Row::new();
    for (header, cell) in headers.iter().zip(cells) {
        let header = header.as_str().ok_or("a header is no text")?;
        if row.insert(header.to_owned(), cell.clone()).is_some() {
            return Err("a header stands twice");
        }
    }
    Ok(row)
}

/// Reads a time: a text (version 2), or its parts (version 1).
fn executed_at(value: &Value) -> Option<String> {
    if let Some(text) = value.as_str() {
        return Some(text.to_owned());
    }
    let part = |name: &str| value[name].as_u64();
    let (year, month, day) = (part("year")?, part("month")?, part("day")?);
    let clock = ["hour", "minute", "second"].map(|name| part(name).unwrap_or(0));
    let [hour, minute, second] = clock;
    Some(format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_versions_of_an_answer_are_the_same_rows() {
        let first = json!({"queryId": "#q1", "executedQuery": "users", "rows": 1,
            "executionDateTime": {"year": 2026, "month": 11, "day": 3, "hour": 4, "minute": 5, "second": 6},
            "headers": ["device.name", "device.last_seen"], "data": [["NB-1", null]]});
        let second = json!({"queryId": "#q1", "executedQuery": "users", "rows": 1, "executionDateTime": "2026-11-03T04:05:06",
            "data": [{"device.name": "NB-1", "device.last_seen": null}]});
        let read = |answer: Value| read(answer.to_string().as_bytes()).unwrap();
        assert_eq!(read(first), read(second));
    }

    #[test]
    fn an_answer_that_does_not_add_up_is_none() {
        for answer in [
            json!({"rows": 2, "data": [{"a": 1}]}),
            json!({"rows": 1}),
            json!({"data": [["a"]]}),
            json!({"headers": ["a"], "data": [["a", "b"]]}),
            json!({"headers": ["a", "a"], "data": [["a", "b"]]}),
            json!([]),
        ] {
            assert!(read(answer.to_string().as_bytes()).is_err(), "{answer}");
        }
        assert!(read(b"<html>").is_err());
    }
}

//! Executions: what became of a remote action on a device.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, civil};
use serde_json::{Value, json};

use crate::live::client::Deadline;
use crate::live::diagnose::rows_of;
use crate::live::nql::{Row, Shipped, text_of};
use crate::live::wait::now;
use crate::live::{Client, Error};
use crate::lookup::Target;

const CALL: &str = "the outcome of a remote action";
/// So much may clocks differ.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(2);
/// Between two looks: at first, and at the most.
const FIRST_LOOK: Duration = Duration::from_secs(2);
const LOOKS_APART: Duration = Duration::from_secs(30);

/// An execution of a remote action on one device.
///
/// Nexthink documents no field of NQL that has the id of a request: it is the one of this remote action, on this device, since
/// it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Execution {
    /// How it stands.
    pub status: Status,
    /// When it was, as Nexthink has it.
    pub time: Timestamp,
    /// What the script told, as it told it: mostly a JSON object, by the names that its author chose.
    pub outputs: Option<String>,
    /// How many more there are since then that it might be as well.
    pub others: usize,
}

/// How an execution stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Done.
    Success,
    /// The script failed.
    Failure,
    /// It will not be done any more: `expired`, `cancelled`.
    Dropped(String),
    /// Any other word, such as `pending`: it may still be done.
    UnderWay(String),
}

impl Status {
    fn of(text: &str) -> Status {
        match text.to_ascii_lowercase().as_str() {
            "success" => Status::Success,
            "failure" => Status::Failure,
            "expired" | "cancelled" | "canceled" => Status::Dropped(text.to_owned()),
            _ => Status::UnderWay(text.to_owned()),
        }
    }

    /// Tells whether it stands like this for good.
    pub fn is_final(&self) -> bool {
        !matches!(self, Status::UnderWay(_))
    }

    /// Returns it as Nexthink writes it.
    pub fn as_str(&self) -> &str {
        match self {
            Status::Success => "success",
            Status::Failure => "failure",
            Status::Dropped(text) | Status::UnderWay(text) => text,
        }
    }
}

/// How things stood before a remote action was asked for: what was executed until then is not what it comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    at: Timestamp,
    /// Of the newest execution that there was.
    newest: Option<Timestamp>,
}

/// Written so that it can be handed on: two times, the second of which may be absent.
impl fmt::Display for Before {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}", self.at)?;
        self.newest.map_or(Ok(()), |newest| write!(to, "/{newest}"))
    }
}

impl FromStr for Before {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Before, jiff::Error> {
        let (at, newest) = match text.split_once('/') {
            Some((at, newest)) => (at, Some(newest.parse()?)),
            None => (text, None),
        };
        Ok(Before {
            at: at.parse()?,
            newest,
        })
    }
}

impl Client {
    /// Looks how things stand with a remote action, by its name (not its id), on a device: before it is asked for.
    ///
    /// # Errors
    /// What may go wrong with every query.
    pub async fn before_execution(
        &self,
        action_name: &str,
        target: &Target,
    ) -> Result<Before, Error> {
        let executions = self.executions(action_name, target.collector_uid()).await?;
        Ok(Before {
            at: now(),
            newest: executions.iter().map(|one| one.time).max(),
        })
    }

    /// Returns the execution of a remote action on a device that came since it was looked at; none where Nexthink tells of none
    /// yet.
    ///
    /// # Errors
    /// What may go wrong with every query.
    pub async fn execution(
        &self,
        action_name: &str,
        target: &Target,
        before: Before,
    ) -> Result<Option<Execution>, Error> {
        self.execution_on(action_name, target.collector_uid(), before)
            .await
    }

    /// As [`Client::execution`], on the device that something was done to, whoever has it by now.
    pub(crate) async fn execution_on(
        &self,
        action_name: &str,
        collector_uid: &str,
        before: Before,
    ) -> Result<Option<Execution>, Error> {
        let mut executions = self.executions(action_name, collector_uid).await?;
        let from = before.at.checked_sub(CLOCKS_DIFFER).unwrap_or(before.at);
        executions
            .retain(|one| one.time >= from && before.newest.is_none_or(|newest| one.time > newest));
        let others = executions.len().saturating_sub(1);
        let first = executions.into_iter().min_by_key(|one| one.time);
        Ok(first.map(|first| Execution { others, ..first }))
    }

    /// Waits, `within` at the most, until a remote action was executed on a device; `look` is told of each look. Returns how it
    /// stands at the end, also where it is under way or not told of yet. What may pass is looked over.
    ///
    /// # Errors
    /// As [`Client::execution`], where nothing was told at the last look.
    pub async fn wait_for_execution(
        &self,
        action_name: &str,
        target: &Target,
        before: Before,
        within: Duration,
        mut look: impl FnMut(Option<&Execution>),
    ) -> Result<Option<Execution>, Error> {
        let deadline = Deadline::after(within);
        let mut pause = FIRST_LOOK;
        loop {
            let looked = self.execution(action_name, target, before).await;
            if let Ok(execution) = &looked {
                look(execution.as_ref());
            }
            let is_final = match &looked {
                Ok(execution) => execution.as_ref().is_some_and(|one| one.status.is_final()),
                Err(error) => !error.is_transient(),
            };
            if is_final || !deadline.wait_at_most(pause).await {
                return looked;
            }
            pause = (pause * 2).min(LOOKS_APART);
        }
    }

    async fn executions(
        &self,
        action_name: &str,
        collector_uid: &str,
    ) -> Result<Vec<Execution>, Error> {
        // A name may have * and ? in it; rows of other ones are left out below.
        let query = Shipped::RemoteActionExecutions.query(&["name", collector_uid])?;
        let query = query.with_pattern("remote_action", action_name);
        let shipped = Shipped::RemoteActionExecutions;
        let rows = rows_of(shipped, collector_uid, self.execute(&query).await?.rows)?;
        let is_its = |row: &&Row| {
            let name = text_of(row, "remote_action.name");
            name.is_some_and(|name| name == action_name.trim())
        };
        rows.iter().filter(is_its).map(read).collect()
    }
}

impl Execution {
    /// Returns it as JSON: the names are those of the fields.
    pub fn json(&self) -> Value {
        json!({"status": self.status.as_str(), "is_final": self.status.is_final(), "time": self.time.to_string(),
            "outputs": self.outputs, "matched_by": "remote action, device and time", "others": self.others})
    }
}

fn read(row: &Row) -> Result<Execution, Error> {
    let bad = |reason| Error::BadAnswer { call: CALL, reason };
    let time = text_of(row, "time").and_then(|text| time_of(&text));
    let status = text_of(row, "status");
    Ok(Execution {
        status: Status::of(&status.ok_or_else(|| bad("an execution has no status"))?),
        time: time.ok_or_else(|| bad("an execution has no time"))?,
        outputs: text_of(row, "outputs"),
        others: 0,
    })
}

/// Reads a time; one without a zone is UTC, which is what is asked for.
pub(crate) fn time_of(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| {
        let civil: civil::DateTime = text.parse().ok()?;
        Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_things_stood_can_be_handed_on() {
        let at: Timestamp = "2026-11-20T06:00:00Z".parse().unwrap();
        for newest in [None, Some(at)] {
            let before = Before { at, newest };
            assert_eq!(before.to_string().parse::<Before>().unwrap(), before);
        }
        assert!("soon".parse::<Before>().is_err());
    }
}

//! The catalog: which remote actions a tenant has, and what they take and tell.

use serde_json::Value;

use super::checked_id;
use crate::live::client::Call;
use crate::live::{Client, Error};

const LIST: &str = "the list of remote actions";
const DETAILS: &str = "the details of a remote action";

/// A remote action that a tenant has.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoteActionInfo {
    /// What it is run by.
    pub id: String,
    /// What it is called, and what NQL knows it by.
    pub name: String,
    /// What it does.
    pub description: String,
    /// It can be run through the API, or it is not said whether.
    pub is_api_enabled: bool,
    /// It changes something, and not only collects data.
    pub is_remediation: bool,
    /// It has a script for Windows.
    pub has_windows: bool,
    /// It has a script for macOS.
    pub has_macos: bool,
    /// What its script takes.
    pub inputs: Vec<Input>,
    /// What its script tells.
    pub outputs: Vec<Output>,
}

/// A parameter of a remote action.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Input {
    /// The name it is set by.
    pub name: String,
    /// What it means.
    pub description: String,
    /// Values to choose from; none: any.
    pub options: Vec<String>,
    /// Other values than the options are taken, too.
    pub allows_others: bool,
}

/// What the script of a remote action tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Output {
    /// Its name in the outputs of an execution.
    pub name: String,
    /// What it means.
    pub description: String,
}

impl Client {
    /// Returns the remote actions of the tenant.
    ///
    /// # Errors
    /// What may go wrong with every call.
    pub async fn remote_actions(&self) -> Result<Vec<RemoteActionInfo>, Error> {
        let call = Call::get(LIST, "api/v1/act/remote-action");
        let answer = self.send(&call, self.deadline()).await?;
        let answer: Option<Vec<Value>> = serde_json::from_slice(&answer.body).ok();
        let all = answer.as_deref().and_then(|all| {
            let all = all.iter().map(RemoteActionInfo::of);
            all.collect::<Option<Vec<_>>>()
        });
        all.ok_or(Error::BadAnswer {
            call: LIST,
            reason: "it is no list of remote actions with ids and names",
        })
    }

    /// Returns what is known of one remote action.
    ///
    /// # Errors
    /// [`Error::Refused`] with status 404 where there is none of this id, and what may go wrong with every call.
    pub async fn remote_action(&self, id: &str) -> Result<RemoteActionInfo, Error> {
        let id = checked_id("remote action", id)?;
        let call = Call {
            parameters: &[("nql-id", &id)],
            ..Call::get(DETAILS, "api/v1/act/remote-action/details")
        };
        let answer = self.send(&call, self.deadline()).await?;
        let answer: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let info = answer.as_ref().and_then(RemoteActionInfo::of);
        info.ok_or(Error::BadAnswer {
            call: DETAILS,
            reason: "it is no remote action with an id and a name",
        })
    }
}

impl RemoteActionInfo {
    fn of(said: &Value) -> Option<RemoteActionInfo> {
        let script = &said["scriptInfo"];
        let purposes = said["purpose"].as_array();
        Some(RemoteActionInfo {
            id: said["id"].as_str()?.to_owned(),
            name: said["name"].as_str()?.to_owned(),
            description: text(&said["description"]),
            is_api_enabled: said["targeting"]["apiEnabled"].as_bool() != Some(false),
            is_remediation: purposes.is_none_or(|all| all.iter().any(|one| one == "REMEDIATION")),
            has_windows: script["hasScriptWindows"].as_bool() == Some(true),
            has_macos: script["hasScriptMacOs"].as_bool() == Some(true),
            inputs: list(&script["inputs"], |input| Input {
                name: text(&input["name"]),
                description: text(&input["description"]),
                options: list(&input["options"], text),
                allows_others: input["allowCustomValue"].as_bool() == Some(true),
            }),
            outputs: list(&script["outputs"], |output| Output {
                name: text(&output["name"]),
                description: text(&output["description"]),
            }),
        })
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list<T>(value: &Value, of: impl Fn(&Value) -> T) -> Vec<T> {
    let values = value.as_array().into_iter().flatten();
    values.map(of).collect()
}

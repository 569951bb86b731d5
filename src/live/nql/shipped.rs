//! The queries that this program asks: an administrator saves each under its id, with the text of `schemas/nql`.
//!
//! What a query takes and lists is read from its text, so that there is one place that says it. Names of fields and tables
//! are those of Nexthink's documentation and of others who use them; `identidex nexthink check` tries each on a tenant.

use serde_json::Value;

use super::{Query, QueryId, Row};
use crate::live::Error;

/// A query that this program asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Shipped {
    /// Accounts of a name, as `jdoe@EMEA`.
    UserByName,
    /// Accounts of a SID.
    UserBySid,
    /// Accounts of a UPN.
    UserByUpn,
    /// Accounts of a mail address.
    UserByEmail,
    /// Devices on which an account had a session within a week.
    DevicesOfUser,
    /// How a device is: its system, its memory, when it was restarted.
    DeviceHealth,
    /// How a device does by Nexthink's scores.
    DeviceScores,
    /// What crashed on a device within a week.
    ApplicationCrashes,
    /// What became of a remote action on a device within a week, with what its script told.
    RemoteActionExecutions,
}

impl Shipped {
    /// All of them.
    pub const ALL: [Shipped; 9] = [
        Shipped::UserByName,
        Shipped::UserBySid,
        Shipped::UserByUpn,
        Shipped::UserByEmail,
        Shipped::DevicesOfUser,
        Shipped::DeviceHealth,
        Shipped::DeviceScores,
        Shipped::ApplicationCrashes,
        Shipped::RemoteActionExecutions,
    ];

    /// Returns the id under which it is to be saved.
    pub fn id(self) -> &'static str {
        match self {
            Shipped::UserByName => "#identidex_user_by_name",
            Shipped::UserBySid => "#identidex_user_by_sid",
            Shipped::UserByUpn => "#identidex_user_by_upn",
            Shipped::UserByEmail => "#identidex_user_by_email",
            Shipped::DevicesOfUser => "#identidex_devices_of_user",
            Shipped::DeviceHealth => "#identidex_device_health",
            Shipped::DeviceScores => "#identidex_device_scores",
            Shipped::ApplicationCrashes => "#identidex_application_crashes",
            Shipped::RemoteActionExecutions => "#identidex_remote_action_executions",
        }
    }

    /// Returns its text, as it is to be saved.
    pub fn text(self) -> &'static str {
        macro_rules! text {
            ($name:literal) => {
                include_str!(concat!("../../../schemas/nql/identidex_", $name, ".nql"))
            };
        }
        match self {
            Shipped::UserByName => text!("user_by_name"),
            Shipped::UserBySid => text!("user_by_sid"),
            Shipped::UserByUpn => text!("user_by_upn"),
            Shipped::UserByEmail => text!("user_by_email"),
            Shipped::DevicesOfUser => text!("devices_of_user"),
            Shipped::DeviceHealth => text!("device_health"),
            Shipped::DeviceScores => text!("device_scores"),
            Shipped::ApplicationCrashes => text!("application_crashes"),
            Shipped::RemoteActionExecutions => text!("remote_action_executions"),
        }
    }

    /// Returns the names of what it takes, without `$`.
    pub fn parameters(self) -> impl Iterator<Item = &'static str> {
        let after = self.text().split('$').skip(1);
        after.map(|rest| {
            let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
            &rest[..end.unwrap_or(rest.len())]
        })
    }

    /// Returns the columns that it lists.
    pub fn columns(self) -> impl Iterator<Item = &'static str> {
        let lines = self.text().lines();
        let lists = lines.filter_map(|line| line.strip_prefix("| list "));
        lists.flat_map(|list| list.split(", "))
    }

    /// Returns the query with values for what it takes, in the order of [`Shipped::parameters`].
    ///
    /// # Errors
    /// As [`Query::with`].
    pub fn query(self, values: &[&str]) -> Result<Query, Error> {
        let query = Query::new(QueryId::new(self.id())?);
        let named = self.parameters().zip(values);
        named
            .into_iter()
            .try_fold(query, |query, (name, value)| query.with(name, value))
    }
}

/// Tells whether a column of an answer is the one that a query lists. What is computed or has a short name may come back with
/// the names before it.
pub(crate) fn is_column(column: &str, listed: &str) -> bool {
    let before = column.strip_suffix(listed);
    before
        .is_some_and(|before| before.is_empty() || (!listed.contains('.') && before.ends_with('.')))
}

/// Returns what a row has in a column that a query lists, as text.
pub(crate) fn text_of(row: &Row, listed: &str) -> Option<String> {
    let (_, value) = row.iter().find(|(column, _)| is_column(column, listed))?;
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        other => Some(other.to_string()),
    }
}

/// Returns a number that a row has in a column.
pub(crate) fn number_of(row: &Row, listed: &str) -> Option<f64> {
    text_of(row, listed)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_saved_under_the_name_of_its_file_and_takes_and_lists_something() {
        for shipped in Shipped::ALL {
            assert!(QueryId::new(shipped.id()).is_ok());
            assert!(shipped.parameters().count() > 0, "{shipped:?}");
            assert!(shipped.columns().count() > 1, "{shipped:?}");
        }
        let folder =
            std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/nql")).unwrap();
        assert_eq!(folder.count(), Shipped::ALL.len());
        let executions = Shipped::RemoteActionExecutions;
        assert_eq!(
            Vec::from_iter(executions.parameters()),
            ["remote_action", "collector_uid"]
        );
        assert_eq!(executions.columns().next(), Some("time"));
    }

    #[test]
    fn a_short_name_may_come_back_long_and_a_long_one_not() {
        assert!(is_column("remote_action.execution.status", "status"));
        assert!(is_column("status", "status"));
        assert!(is_column("device.name", "device.name"));
        assert!(!is_column("other.device.name", "device.name"));
        assert!(!is_column("exit_status", "status"));
    }
}

//! Diagnosing: how a device is and does, asked of Nexthink right now.

use serde_json::{Value, json};

use super::nql::{Row, Shipped, number_of, text_of};
use super::{Client, Error};
use crate::lookup::Target;

/// How a device is. What Nexthink does not say is none.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Health {
    /// Its operating system.
    pub os: Option<String>,
    /// Days since the operating system was updated.
    pub days_since_update: Option<f64>,
    /// Days since it was started from off.
    pub days_since_full_boot: Option<f64>,
    /// Its memory, as Nexthink writes it.
    pub memory: Option<String>,
    /// How it was connected last.
    pub connectivity: Option<String>,
    /// When Nexthink saw it last, in UTC.
    pub last_seen: Option<String>,
    /// Nexthink's score of the device, 0 to 100.
    pub score: Option<f64>,
    /// Its score of how fast it starts.
    pub boot_speed: Option<f64>,
    /// Its score of how fast people are logged on.
    pub logon_speed: Option<f64>,
    /// What crashed within a week, the most often first.
    pub crashes: Vec<Crashes>,
    /// Which of the queries were not answered, and why: the rest holds.
    pub not_answered: Vec<(Shipped, String)>,
}

/// How often an application crashed within a week.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Crashes {
    /// The application.
    pub application: String,
    /// How often.
    pub count: f64,
}

impl Client {
    /// Returns how a device is and does. A query that the tenant does not have leaves its part out, and is named.
    ///
    /// # Errors
    /// Where no query is answered, what went wrong with the first.
    pub async fn diagnose(&self, target: &Target) -> Result<Health, Error> {
        let mut health = Health::default();
        let mut first = None;
        let queries = [
            Shipped::DeviceHealth,
            Shipped::DeviceScores,
            Shipped::ApplicationCrashes,
        ];
        // Whoever waits in a talk waits for all of them as long as for one.
        let deadline = self.deadline();
        for shipped in queries {
            let query = shipped.query(&[target.collector_uid()])?;
            let answer = self.execute_until(&query, deadline).await;
            match answer.and_then(|answer| rows_of(shipped, target.collector_uid(), answer.rows)) {
                Ok(rows) => health.take(shipped, &rows),
                Err(error) => {
                    health.not_answered.push((shipped, error.to_string()));
                    first.get_or_insert(error);
                }
            }
        }
        match first {
            Some(error) if health.not_answered.len() == queries.len() => Err(error),
            _ => Ok(health),
        }
    }
}

/// Returns rows, all of one device: what a query lists of that is there, and right.
pub(super) fn rows_of(
    shipped: Shipped,
    collector_uid: &str,
    rows: Vec<Row>,
) -> Result<Vec<Row>, Error> {
    const DEVICE: &str = "device.collector.uid";
    let is_listed = shipped.columns().any(|column| column == DEVICE);
    let is_of = |row: &Row| match text_of(row, DEVICE) {
        Some(uid) => uid.eq_ignore_ascii_case(collector_uid),
        None => !is_listed,
    };
    match rows.iter().all(is_of) {
        true => Ok(rows),
        false => Err(Error::BadAnswer {
            call: "a query of one device",
            reason: "it tells of another device, or does not say of which; check that the query is saved as shipped",
        }),
    }
}

impl Health {
    /// Returns it as JSON: the names are those of the fields.
    pub fn json(&self) -> Value {
        let crashes = self.crashes.iter();
        let crashes =
            crashes.map(|one| json!({"application": one.application, "count": one.count}));
        let not_answered = self.not_answered.iter();
        let not_answered =
            not_answered.map(|(shipped, why)| json!({"query": shipped.id(), "error": why}));
        json!({
            "os": self.os, "days_since_update": self.days_since_update,
            "days_since_full_boot": self.days_since_full_boot, "memory": self.memory,
            "connectivity": self.connectivity, "last_seen": self.last_seen, "score": self.score,
            "boot_speed": self.boot_speed, "logon_speed": self.logon_speed,
            "crashes": Vec::from_iter(crashes), "not_answered": Vec::from_iter(not_answered),
        })
    }

    fn take(&mut self, shipped: Shipped, rows: &[Row]) {
        let Some(row) = rows.first() else {
            return;
        };
        match shipped {
            Shipped::DeviceHealth => {
                self.os = text_of(row, "device.operating_system.name");
                self.days_since_update =
                    number_of(row, "device.operating_system.days_since_last_update");
                self.days_since_full_boot = number_of(row, "device.boot.days_since_last_full_boot");
                self.memory = text_of(row, "device.hardware.memory");
                self.connectivity = text_of(row, "device.connectivity.last_connectivity_type");
                self.last_seen = text_of(row, "device.last_seen");
            }
            Shipped::DeviceScores => {
                self.score = number_of(row, "device_score");
                self.boot_speed = number_of(row, "boot_speed");
                self.logon_speed = number_of(row, "logon_speed");
            }
            _ => self.crashes = rows.iter().filter_map(crashes).collect(),
        }
    }
}

fn crashes(row: &Row) -> Option<Crashes> {
    Some(Crashes {
        application: text_of(row, "application.name")?,
        count: number_of(row, "crashes")?,
    })
}

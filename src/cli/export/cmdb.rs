//! Devices as a CMDB takes them in.

use crate::identifier::{Kind, normal_form};
use crate::sql::Sql;

/// Defines what the statement needs, and returns it: a row for each device that is not gone, columns named as the fields of
/// ServiceNow's table cmdb_ci_computer, so that they are mapped by name.
///
/// A serial number stands only where it is one device's alone: an import joins what has the same one. An owner stands only
/// where one is certain.
pub(super) fn servicenow(sql: &mut Sql) -> anyhow::Result<String> {
    sql.define("serial", |text| {
        normal_form(Kind::SerialNumber, text)
            .ok()
            .map(|normal| normal.into_owned())
    })?;
    Ok(SERVICENOW.to_owned())
}

const SERVICENOW: &str = "
WITH held AS (
  SELECT id, serial(serial) AS normal FROM devices WHERE NOT is_gone
), alone AS (
  SELECT id FROM held WHERE normal IS NOT NULL GROUP BY normal HAVING count(*) = 1
)
SELECT coalesce(d.collector_uid, d.uid) AS correlation_id, d.name,
  iif(d.id IN (SELECT id FROM alone), d.serial, NULL) AS serial_number,
  d.manufacturer, d.model AS model_id, d.os, d.type AS form_factor,
  a.upn AS assigned_to, a.email AS assigned_to_email, a.name AS assigned_to_account,
  replace(replace(d.first_seen, 'T', ' '), 'Z', '') AS first_discovered,
  replace(replace(d.last_seen, 'T', ' '), 'Z', '') AS last_discovered
FROM devices d LEFT JOIN accounts a ON a.id = d.primary_account
WHERE NOT d.is_gone ORDER BY d.id";

//! A source that is queried: saved queries of a tenant, each exported as a file into an inbox, which a run then takes in as it
//! does any folder. For tenants without a Data Exporter.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing::info;
use url::Url;

use crate::identifier::NotSaid;
use crate::ingest::{Mapping, Unfit, examine};
use crate::live::nql::{Compression, Query, QueryId};
use crate::live::{Client, Error};
use crate::receive::{About, Fate, Inbox};
use crate::schema::Dataset;

/// What the URL of such a source begins with.
pub const SCHEME: &str = "nexthink";

/// How long Nexthink may work on one export, and how long its file may take to come. How long a large tenant's takes is not
/// documented; a million rows are some hundred megabytes.
const WITHIN: Duration = Duration::from_mins(30);

const EXPECTED: &str = "expected nexthink://INSTANCE.REGION?users=QUERY&devices=QUERY&logins=QUERY, one or more of these, \
     each with the id of a saved query, without its #";

/// Which queries of which tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queried {
    instance: String,
    region: String,
    queries: Vec<(Dataset, QueryId)>,
}

/// The URL of a source is none that can be queried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{EXPECTED}")]
pub struct BadUrl;

/// An export that is in the inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Its file.
    pub fate: Fate,
    /// How many rows it has.
    pub rows: u64,
    /// Nexthink cut it at what the licence allows.
    pub is_truncated: bool,
}

impl Queried {
    /// Reads the URL of a source; none where it begins otherwise.
    ///
    /// # Errors
    /// [`BadUrl`].
    pub fn parse(url: &str) -> Result<Option<Queried>, BadUrl> {
        let begin = url.split("://").next().unwrap_or_default();
        if begin != SCHEME || begin.len() == url.len() {
            return Ok(None);
        }
        let url = Url::parse(url).map_err(|_| BadUrl)?;
        let has_more =
            !matches!(url.path(), "" | "/") || url.port().is_some() || url.fragment().is_some();
        let host = url
            .host_str()
            .filter(|_| !has_more && url.username().is_empty());
        let (instance, region) = host.and_then(|host| host.split_once('.')).ok_or(BadUrl)?;
        let queries = url.query_pairs().map(|(dataset, id)| {
            let known = Dataset::ALL
                .into_iter()
                .find(|known| known.as_str() == dataset);
            let id = QueryId::new(&format!("#{}", id.trim_start_matches('#')));
            Ok((known.ok_or(BadUrl)?, id.map_err(|_| BadUrl)?))
        });
        let queries = queries.collect::<Result<Vec<_>, _>>()?;
        let is_whole =
            !queries.is_empty() && ![instance, region].contains(&"") && !region.contains('.');
        is_whole
            .then(|| Queried {
                instance: instance.to_owned(),
                region: region.to_owned(),
                queries,
            })
            .ok_or(BadUrl)
            .map(Some)
    }

    /// Returns the name of the tenant in addresses.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// Returns the region that it is in.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Has each query exported, one after the other, and puts what comes into the inbox; says for each how that went. What
    /// another dataset than the one that it is for comes of is refused.
    pub async fn export(
        &self,
        client: &Client,
        inbox: &Inbox,
        meaning: (&Mapping, &NotSaid),
    ) -> Vec<(QueryId, Result<Exported, String>)> {
        let mut ended = Vec::new();
        for (dataset, id) in &self.queries {
            let exported = export(client, (*dataset, id), inbox, meaning).await;
            ended.push((id.clone(), exported));
        }
        ended
    }
}

async fn export(
    client: &Client,
    (dataset, id): (Dataset, &QueryId),
    inbox: &Inbox,
    (mapping, not_said): (&Mapping, &NotSaid),
) -> Result<Exported, String> {
    let told = |error: Error| error.to_string();
    // Rows are at least as new as when they were asked for.
    let at = Timestamp::now();
    let query = Query::new(id.clone());
    info!(query = %id, "an export is asked for");
    let export = client
        .export(&query, Compression::Gzip, WITHIN)
        .await
        .map_err(told)?;
    let mut delivery = inbox.begin().map_err(|error| error.to_string())?;
    client
        .download(&export, &mut delivery, WITHIN)
        .await
        .map_err(told)?;
    let examined =
        examine(delivery.path(), TimeZone::UTC, mapping, not_said).map_err(
            |unfit| match unfit {
                Unfit::Content(reason) | Unfit::Machine(reason) => reason,
                Unfit::Empty => {
                    "the export is empty: it does not even say which columns it has".to_owned()
                }
            },
        )?;
    if examined.dataset != dataset {
        let (found, dataset) = (examined.dataset.as_str(), dataset.as_str());
        return Err(format!(
            "it is asked for {dataset}, and its rows are {found}; check the query"
        ));
    }
    // A name that says so, since a file that lists everything would say that all others are gone.
    let end = if export.is_truncated {
        "-truncated.csv"
    } else {
        ".csv"
    };
    let about = About {
        at,
        dataset: dataset.as_str(),
        rows: examined.rows,
        end,
    };
    // What is asked for is no test.
    let fate = delivery.keep(about, 0);
    Ok(Exported {
        fate: fate.map_err(|error| error.to_string())?,
        rows: examined.rows,
        is_truncated: export.is_truncated,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_a_tenant_and_its_queries() {
        let url = "nexthink://contoso.eu?users=%23all_users&devices=all_devices&users=more_users";
        let queried = Queried::parse(url).unwrap().unwrap();
        assert_eq!((queried.instance(), queried.region()), ("contoso", "eu"));
        let queries: Vec<(&str, &str)> = queried
            .queries
            .iter()
            .map(|(dataset, id)| (dataset.as_str(), id.as_str()))
            .collect();
        assert_eq!(
            queries,
            [
                ("users", "#all_users"),
                ("devices", "#all_devices"),
                ("users", "#more_users")
            ]
        );
        for other in ["s3://bucket", "/folder", "nexthink"] {
            assert_eq!(Queried::parse(other), Ok(None), "{other}");
        }
        for wrong in [
            "nexthink://",
            "nexthink://contoso?users=abc",
            "nexthink://contoso.eu",
            "nexthink://contoso.eu?people=abc",
            "nexthink://contoso.eu?users=A",
            "nexthink://contoso.eu/x?users=abc",
            "nexthink://me@contoso.eu?users=abc",
            "nexthink://contoso.eu.x?users=abc",
        ] {
            assert_eq!(Queried::parse(wrong), Err(BadUrl), "{wrong}");
        }
    }
}

//! Checking: whether a tenant has the queries that this program asks, and lets this credential run them and remote actions.

use super::nql::{Shipped, is_column};
use super::{Client, Error};

/// Something that was checked.
#[derive(Debug)]
pub struct Checked {
    /// The id of a query, or what else is needed.
    pub what: &'static str,
    /// How it is.
    pub verdict: Verdict,
}

/// How something that was checked is.
#[derive(Debug)]
pub enum Verdict {
    /// As it has to be.
    Good,
    /// The tenant has no such query: an administrator saves it, with the text that is shipped.
    Missing,
    /// The query lists other columns.
    LacksColumns(Vec<&'static str>),
    /// It cannot be told, or is not allowed.
    Failed(Error),
}

impl Client {
    /// Checks what this program asks of a tenant: each query is run for nobody and nothing.
    ///
    /// # Errors
    /// Where no token is given, or Nexthink cannot be reached: then nothing else can be told.
    pub async fn check(&self) -> Result<Vec<Checked>, Error> {
        let mut checked = Vec::with_capacity(Shipped::ALL.len() + 1);
        for shipped in Shipped::ALL {
            checked.push(Checked {
                what: shipped.id(),
                verdict: self.check_query(shipped).await?,
            });
        }
        let actions = self.remote_actions().await;
        checked.push(Checked {
            what: "remote actions",
            verdict: actions.map_or_else(Verdict::Failed, |_| Verdict::Good),
        });
        Ok(checked)
    }

    async fn check_query(&self, shipped: Shipped) -> Result<Verdict, Error> {
        /// What nobody and nothing is called.
        const NOBODY: &str = "00000000-0000-0000-0000-000000000000";
        let values: Vec<&str> = shipped.parameters().map(|_| NOBODY).collect();
        let columns = match self.columns_of(&shipped.query(&values)?).await {
            Ok(columns) => columns,
            Err(error @ (Error::Credentials { .. } | Error::Unreachable { .. })) => {
                return Err(error);
            }
            Err(error) if error.status() == Some(404) => return Ok(Verdict::Missing),
            Err(error) => return Ok(Verdict::Failed(error)),
        };
        let is_there = |listed: &str| columns.iter().any(|column| is_column(column, listed));
        let lacking: Vec<&str> = shipped.columns().filter(|one| !is_there(one)).collect();
        Ok(match lacking.is_empty() {
            true => Verdict::Good,
            false => Verdict::LacksColumns(lacking),
        })
    }
}

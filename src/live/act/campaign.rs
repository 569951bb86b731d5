//! Campaigns: a question or a message that Nexthink shows to people.

use std::time::Instant;

use serde_json::{Value, json};

use super::{Act, MOST, Parameters, Read, checked_id, distinct, object, of_recipient, still_good};
use crate::live::client::Answer;
use crate::live::{Client, Error, Mandate};
use crate::lookup::Recipient;

const CALL: &str = "the campaign";

/// A campaign with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    id: String,
    parameters: Parameters,
    expires_in_minutes: u32,
}

impl Campaign {
    /// A campaign by its id, which is shown for so many minutes from now on: 1 to 525,600, a year.
    ///
    /// # Errors
    /// Where the id or the time is none.
    pub fn new(id: &str, expires_in_minutes: u32) -> Result<Campaign, Error> {
        if !(1..=525_600).contains(&expires_in_minutes) {
            return Err(Error::Configuration {
                what: "a campaign expires in 1 to 525600 minutes".to_owned(),
            });
        }
        Ok(Campaign {
            id: checked_id("campaign", id)?,
            parameters: Parameters::new(),
            expires_in_minutes,
        })
    }

    /// Sets a parameter; a campaign has 30 at the most.
    ///
    /// # Errors
    /// Where it would be one more.
    pub fn with(mut self, name: &str, value: &str) -> Result<Campaign, Error> {
        self.parameters.insert(name.to_owned(), value.to_owned());
        match self.parameters.len() <= 30 {
            true => Ok(self),
            false => Err(Error::Configuration {
                what: "a campaign has at most 30 parameters".to_owned(),
            }),
        }
    }

    /// Returns what is sent for accounts of these SIDs: for people to look at before it is.
    pub fn body(&self, sids: &[&str]) -> Value {
        json!({
            "campaignNqlId": self.id, "userSid": sids, "expiresInMinutes": self.expires_in_minutes,
            "parameters": self.parameters,
        })
    }
}

/// What became of a campaign for one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignRequest {
    /// The account.
    pub sid: String,
    /// The id of the request; none where Nexthink made none for this account.
    pub id: Option<String>,
    /// Why it made none.
    pub message: Option<String>,
}

impl Client {
    /// Shows a campaign to people, at most 10,000 at a time; it is written to the audit log first.
    ///
    /// # Errors
    /// Where one has no SID of its own or they are none or too many, nothing is sent; then what may go wrong with every call.
    pub async fn show_campaign(
        &self,
        campaign: &Campaign,
        recipients: &[Recipient],
        mandate: Mandate<'_>,
    ) -> Result<Vec<CampaignRequest>, Error> {
        if !(1..=MOST).contains(&recipients.len()) {
            return Err(Error::Configuration {
                what: "a campaign is shown to 1 to 10000 accounts at a time".to_owned(),
            });
        }
        still_good(recipients.iter().map(Recipient::because), Instant::now())?;
        // Who is listed twice is shown it once.
        let recipients = distinct(recipients, |one| one.sid().map(str::to_owned).ok());
        let sids = recipients.iter().map(Recipient::sid);
        let sids: Vec<&str> = sids.collect::<Result<_, _>>().map_err(Error::no_target)?;
        let act = Act {
            name: CALL,
            path: "api/v1/euf/campaign/trigger",
            headers: &[],
            on: recipients.iter().map(of_recipient).collect(),
            body: campaign.body(&sids),
            logged: None,
        };
        self.act(act, mandate, |answer| read(answer, &sids)).await
    }
}

/// Reads what became of it for each account, in the order in which they were asked for.
fn read(answer: &Answer, sids: &[&str]) -> Result<Read<Vec<CampaignRequest>>, Error> {
    let bad = |reason| Error::BadAnswer { call: CALL, reason };
    let answer = object(CALL, answer)?;
    let requests = answer["requests"].as_array();
    let requests = requests.ok_or_else(|| bad("it has no list `requests`"))?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let of = |sid: &&str| {
        let is_its = |request: &&Value| {
            let of = request["userSid"].as_str();
            of.is_some_and(|of| of.eq_ignore_ascii_case(sid))
        };
        let request = requests.iter().find(is_its)?;
        Some(CampaignRequest {
            sid: (*sid).to_owned(),
            id: text(&request["requestId"]).filter(|id| !id.is_empty()),
            message: text(&request["message"]),
        })
    };
    let made: Option<Vec<CampaignRequest>> = sids.iter().map(of).collect();
    let made = made.ok_or_else(|| bad("it says nothing of an account that was asked for"))?;
    Ok(Read {
        is_taken: made.iter().any(|request| request.id.is_some()),
        made,
        answer,
    })
}

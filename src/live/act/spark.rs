//! Spark: a talk that is handed over to Nexthink's own agent, which goes on with it in Microsoft Teams.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::{Value, json};

use super::{Act, Read, of_recipient, still_good};
use crate::live::client::Answer;
use crate::live::{Client, Error, Mandate};
use crate::lookup::Recipient;

const CALL: &str = "the hand-over to Spark";

impl Client {
    /// Hands a talk over to Spark, with what the person wrote; it answers them in Teams, and not here. The log has how long
    /// the text is, and not the text.
    ///
    /// # Errors
    /// Where the account has no UPN in clear or the text is empty, nothing is sent; then what may go wrong with every call.
    pub async fn hand_to_spark(
        &self,
        recipient: &Recipient,
        text: &str,
        metadata: &BTreeMap<String, String>,
        mandate: Mandate<'_>,
    ) -> Result<(), Error> {
        still_good([recipient.because()].into_iter(), Instant::now())?;
        let upn = recipient.upn().map_err(Error::no_target)?;
        let is_header = upn.bytes().all(|byte| byte.is_ascii_graphic());
        if text.trim().is_empty() || !is_header {
            return Err(Error::Configuration {
                what: "Spark takes a text that is not empty, and a UPN of ASCII letters".to_owned(),
            });
        }
        let mut body = json!({"message": {"parts": [{"type": "TEXT", "text": text}]}});
        if !metadata.is_empty() {
            body["metadata"] = json!(metadata);
        }
        let act = Act {
            name: CALL,
            path: "api/v1/spark/handoff",
            headers: &[("User-Principal-Name", upn)],
            on: vec![of_recipient(recipient)],
            body,
            logged: Some(json!({"upn": upn, "characters": text.chars().count()})),
        };
        self.act(act, mandate, read).await
    }
}

/// It is taken when the answer is status 204, without a body (Nexthink's API reference).
fn read(answer: &Answer) -> Result<Read<()>, Error> {
    match answer.status {
        204 => Ok(Read {
            made: (),
            answer: Value::Null,
            is_taken: true,
        }),
        _ => Err(Error::BadAnswer {
            call: CALL,
            reason: "its status is not 204",
        }),
    }
}

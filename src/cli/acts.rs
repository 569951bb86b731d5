//! The log of acts, read.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::identifier::Naming;

/// Returns the lines of the log that name a person; there is none where nothing was ever done.
pub(super) fn naming(log: &Path, naming: &Naming) -> anyhow::Result<Vec<Value>> {
    let file = match File::open(log) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| cannot_read(log)),
    };
    let mut acts = Vec::new();
    for line in BufReader::new(file).split(b'\n') {
        let line = line.with_context(|| cannot_read(log))?;
        let text = String::from_utf8_lossy(&line);
        // One that was cut when the disk was full is text all the same.
        let act = serde_json::from_str(&text).unwrap_or_else(|_| json!(text));
        if naming.is_in_json(&act) {
            acts.push(act);
        }
    }
    Ok(acts)
}

fn cannot_read(log: &Path) -> String {
    format!("cannot read {}", log.display())
}

//! The program as a user meets it. Belongs here: commands, what they print and their exit codes, on small fixtures.
//! Each command has a file; what a run promises whatever starts it is left to `runs`, a killed one to `crash`.

mod changes;
mod demo;
mod distribution;
mod doctor;
mod export;
mod forget;
mod impacted;
mod init;
mod nexthink;
mod odd;
mod projection;
mod queried;
mod query;
mod rejects;
mod report;
mod resolve;
mod retention;
mod rollback;
mod status;
mod sync;
mod watched;
mod why;

use serde_json::Value;

/// Returns the names of an object's keys, sorted.
fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}

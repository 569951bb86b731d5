//! Lookups on small indexes that are written by hand: what the writer makes of export files is tested elsewhere.
//!
//! `draft` writes them; the tests are grouped by what they show.

mod answers;
mod draft;
mod generations;
mod holders;
mod identifiers;
mod targets;
mod usages;

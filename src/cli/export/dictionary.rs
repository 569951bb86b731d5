//! The data dictionary of the views, `schemas/views.toml`.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde::Deserialize;

use crate::cli::rows::Kind;

/// The views, by name.
pub(super) type Views = BTreeMap<String, View>;

/// What a view holds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct View {
    /// What a row of it is.
    #[serde(rename = "row")]
    _row: String,
    pub(super) columns: BTreeMap<String, Column>,
}

/// What a column of a view holds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Column {
    #[serde(rename = "type")]
    kind: Type,
    /// Whether it tells who somebody is, or which device something is.
    #[serde(default, rename = "identifying")]
    pub(super) is_identifying: bool,
    /// Of an id: the view of whose rows it is one.
    #[serde(default)]
    pub(super) refers: Option<String>,
    #[serde(rename = "means")]
    _means: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Type {
    Integer,
    Text,
    Time,
    Boolean,
    /// An object, that may hold anything.
    Json,
}

impl Column {
    /// Returns what its cells are in a file that knows kinds.
    pub(super) fn kind(&self) -> Kind {
        match self.kind {
            Type::Integer => Kind::Whole,
            Type::Text | Type::Json => Kind::Text,
            Type::Time => Kind::Time,
            Type::Boolean => Kind::Truth,
        }
    }

    /// Says whether it may hold anything at all.
    pub(super) fn is_open(&self) -> bool {
        self.kind == Type::Json
    }
}

/// Reads the dictionary.
///
/// # Errors
/// Never: a test reads it.
pub(super) fn views() -> anyhow::Result<Views> {
    toml::from_str(include_str!("../../../schemas/views.toml")).context("schemas/views.toml")
}

//! A sample: a configuration of a text and variables, without file and process, for the tests of this folder.
//! What is expected of it is left to them.

use std::path::Path;

use super::draft::Draft;
use super::{Config, Error};

/// A value that no error and no `Debug` text may show.
pub(super) const SECRET: &str = "hunter2hunter2";

pub(super) fn parse(text: &str, env: &[(&str, &str)]) -> Result<Config, Error> {
    let env = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let mut draft = Draft::default();
    draft.read_text(text, Path::new("c.toml"))?;
    draft.read_environment(env)?;
    draft.finish()
}

#[track_caller]
pub(super) fn error(text: &str, env: &[(&str, &str)]) -> String {
    let error = parse(text, env).expect_err("a mistake");
    let shown = error.to_string();
    assert!(
        !shown.contains(SECRET) && !format!("{error:?}").contains(SECRET),
        "{shown}"
    );
    shown
}

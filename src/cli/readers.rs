//! Who may read the index, by the configuration.

use anyhow::Context as _;

use super::BadUsage;
use crate::config::Config;
use crate::publish::Readers;

/// Says who may read the index.
pub(super) fn readers(config: &Config) -> anyhow::Result<Readers> {
    let group = config.index.group.as_deref().map(group_id).transpose()?;
    Ok(Readers {
        mode: config.index.mode,
        group,
    })
}

/// Returns the number of a group of this machine.
fn group_id(group: &str) -> anyhow::Result<u32> {
    if let Ok(id) = group.parse() {
        return Ok(id);
    }
    let groups = std::fs::read_to_string("/etc/group").context("cannot read /etc/group")?;
    let ids = groups.lines().filter_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(group)).then(|| fields.nth(1)?.parse().ok())?
    });
    let unknown = || {
        BadUsage(format!(
            "index.group: there is no group `{group}` in /etc/group; give its number"
        ))
    };
    Ok(ids.into_iter().next().ok_or_else(unknown)?)
}

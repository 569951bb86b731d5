//! Who may read the index, and what of it, by the configuration.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::BadUsage;
use crate::config::Config;
use crate::generation::folder_of;
use crate::ingest::{Projection, ShownFields};
use crate::publish::Readers;
use crate::schema::Subject;

/// Says who may read the index.
pub(super) fn readers(config: &Config) -> anyhow::Result<Readers> {
    let group = config.index.group.as_deref();
    Ok(Readers {
        mode: config.index.mode,
        group: group.map(|group| group_id("index", group)).transpose()?,
    })
}

/// Returns the files beside the index that only some may read, and what they show.
pub(super) fn projections(config: &Config) -> anyhow::Result<Vec<Projection>> {
    let of_index = readers(config)?;
    let mut taken = BTreeSet::from([whole(&config.index.path)]);
    let made = config.projections.iter().map(|(name, of)| {
        let mut shown = ShownFields::of_a_bot();
        for (subject, names) in [
            (Subject::Account, &of.accounts),
            (Subject::Device, &of.devices),
        ] {
            if let Some(names) = names {
                let names = names.iter().map(String::as_str);
                let known = shown.show(subject, names);
                known.map_err(|name| BadUsage(format!("projection: there is no field {name}")))?;
            }
        }
        let section = format!("projection.{name}");
        let group = of.group.as_deref();
        let group = group.map(|group| group_id(&section, group)).transpose()?;
        let path = of.path.clone().unwrap_or_default();
        let parent = whole(&path).parent().map(Path::to_owned);
        if parent == Some(folder_of(&whole(&config.index.path))) {
            return Err(BadUsage(format!("{section}.path lies in the folder of the index")).into());
        }
        if !taken.insert(whole(&path)) {
            let why = "is that of the index itself, or of another projection";
            return Err(BadUsage(format!("{section}.path {why}")).into());
        }
        Ok(Projection {
            name: name.clone(),
            path,
            readers: Readers {
                mode: of.mode.unwrap_or(of_index.mode),
                group: group.or(of_index.group),
            },
            shown,
        })
    });
    made.collect()
}

/// Returns a path as it is however it is written, its last part aside: that may be a link.
fn whole(path: &Path) -> PathBuf {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let parent = parent.canonicalize().unwrap_or_else(|_| parent.to_owned());
    parent.join(path.file_name().unwrap_or_default())
}

/// Returns the number of a group of this machine.
fn group_id(section: &str, group: &str) -> anyhow::Result<u32> {
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
            "{section}.group: there is no group `{group}` in /etc/group; give its number"
        ))
    };
    Ok(ids.into_iter().next().ok_or_else(unknown)?)
}

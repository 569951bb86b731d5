//! `identidex publish`: puts the current generation where other machines get it.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use indicatif::HumanBytes;
use serde_json::json;

use super::readers::readers;
use super::{BadUsage, Context, Exit, print, print_json};
use crate::distribute::{Lease, Pushed, Pushing, SigningKey, push};
use crate::ingest::PublishedState;
use crate::publish::Folder;
use crate::source::Remote;

/// Put the current generation where other machines get it, packed and signed
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  identidex publish --new-key publish.key\n  identidex publish s3://identidex/contoso/ --key-file publish.key"
)]
pub(super) struct Args {
    /// A folder, or the URL of a bucket or container with a prefix [default: publish.url]
    #[arg(value_name = "URL or FOLDER")]
    url: Option<String>,
    /// Sign with the key in this file [default: publish.key_file]
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Make a key to sign with, in a file that is not there yet, and print the public key that readers need
    #[arg(long, value_name = "FILE", conflicts_with_all = ["url", "key_file", "again"])]
    new_key: Option<PathBuf>,
    /// Put the file there once more, where what is there under its name is damaged
    #[arg(long)]
    again: bool,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    if let Some(path) = &args.new_key {
        let key = new_key(path)?;
        print(key.public())?;
        return Ok(Exit::Done);
    }
    let (pushed, key, place) = put_as(
        args.url.as_ref(),
        args.key_file.as_ref(),
        (args.again, None),
        context,
    )?;
    match args.json {
        true => print_json(&json!({
            "manifest": pushed.manifest, "was_there": pushed.was_there, "removed": pushed.removed,
            "public_key": key.public().to_string(),
        }))?,
        false => print(text_of(&pushed, &key, &place))?,
    }
    Ok(Exit::Done)
}

/// Puts the current generation where the configuration says.
pub(super) fn put(context: &Context, lease: Option<&Lease>) -> anyhow::Result<()> {
    put_as(None, None, (false, lease), context).map(|_| ())
}

/// Takes the lease for a run, where the configuration asks for one.
pub(super) fn lease(context: &Context, run: &str) -> anyhow::Result<Option<Lease>> {
    let config = &context.config.publish;
    let (Some(lasts), Some(url)) = (config.lease, &config.url) else {
        return Ok(None);
    };
    let remote = Remote::open("publish", url, &config.options);
    let remote = remote.map_err(crate::distribute::Error::from)?;
    let remote = remote.with_mode(context.config.index.mode);
    Ok(Some(Lease::take(remote, run, lasts)?))
}

fn put_as(
    url: Option<&String>,
    key: Option<&PathBuf>,
    (is_again, lease): (bool, Option<&Lease>),
    context: &Context,
) -> anyhow::Result<(Pushed, SigningKey, String)> {
    let config = &context.config.publish;
    let url = url.or(config.url.as_ref());
    let url = url.ok_or_else(|| {
        BadUsage("where to? name a folder or a URL, or set publish.url".to_owned())
    })?;
    let key = key.or(config.key_file.as_ref());
    let key = key.ok_or_else(|| {
        BadUsage(
            "what to sign with? name --key-file, or set publish.key_file; `identidex publish --new-key FILE` makes one".to_owned(),
        )
    })?;
    let key = read_key(key)?;
    let folder = Folder::open(&context.config.index.path, readers(&context.config)?)?;
    let after = PublishedState::load(&folder).unwrap_or_default().sequence;
    let pushing = Pushing {
        keep: config.keep,
        is_again,
        after,
    };
    let remote = Remote::open("publish", url, &config.options);
    let remote = remote
        .map_err(crate::distribute::Error::from)
        .map(|remote| {
            // In a folder, who may read the index may read what is published of it.
            remote.with_mode(context.config.index.mode)
        });
    let pushed = remote.and_then(|remote| {
        let pushed = push(&folder, &remote, &key, pushing, lease)?;
        Ok((pushed, remote.place().to_owned()))
    });
    if folder.path().is_dir() {
        let ended = match &pushed {
            Ok((pushed, _)) => Ok(pushed.manifest.sequence),
            Err(error) => Err(error.to_string()),
        };
        PublishedState::note(&folder, ended);
    }
    let (pushed, place) = pushed?;
    Ok((pushed, key, place))
}

fn text_of(pushed: &Pushed, key: &SigningKey, place: &str) -> String {
    let manifest = &pushed.manifest;
    let was_there = if pushed.was_there { " already" } else { "" };
    let removed = match pushed.removed.len() {
        0 => String::new(),
        count => format!("; {count} older removed"),
    };
    format!(
        "generation {} is the current one at {place}{was_there}, {} of {}{removed}\npublic key: {}",
        manifest.generation,
        HumanBytes(manifest.stored_bytes),
        HumanBytes(manifest.size_bytes),
        key.public()
    )
}

/// Makes a key by chance, its owner's alone.
fn new_key(path: &Path) -> anyhow::Result<SigningKey> {
    let seed = super::by_chance()?;
    let text = crate::generation::hex(&seed);
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let mut file = made.with_context(|| format!("cannot make {}", path.display()))?;
    writeln!(file, "{text}")
        .and_then(|()| file.sync_all())
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(SigningKey::parse(&text)?)
}

fn read_key(path: &Path) -> anyhow::Result<SigningKey> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(SigningKey::parse(&text)?)
}

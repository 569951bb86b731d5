//! Files: who may read them, and whether there is room on the disk.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use indicatif::HumanBytes;

use super::Finding;
use crate::cli::{Context, names_secret};
use crate::generation::folder_of;

pub(super) fn look(context: &Context) -> Vec<Finding> {
    let mut findings: Vec<Finding> = private(context)
        .iter()
        .filter_map(|(path, what)| of_private(path, what))
        .collect();
    findings.extend(context.config.file.as_deref().and_then(of_configuration));
    findings.extend(of_folder(context));
    findings.extend(of_disk(context));
    findings
}

/// Files that are their owner's alone.
fn private(context: &Context) -> Vec<(PathBuf, &'static str)> {
    let config = &context.config;
    let secret = "a secret";
    let secrets = [
        (&config.nexthink.secret_file, secret),
        (&config.serve.token_file, secret),
        (&config.receive.token_file, secret),
        (&config.receive.forward_token_file, secret),
        (&config.publish.key_file, "what generations are signed with"),
    ];
    let secrets = secrets
        .into_iter()
        .filter_map(|(path, what)| Some((path.clone()?, what)));
    let erased = folder_of(&config.index.path).join("erased.json");
    secrets
        .chain([
            (context.audit(), "who had what done to whom"),
            (context.events(), "messages about people"),
            (erased, "by what people are told who were erased"),
        ])
        .collect()
}

fn of_private(path: &Path, what: &str) -> Option<Finding> {
    let found = fs::metadata(path).ok()?;
    // A file that Kubernetes mounts is its group's: that of the pod.
    let is_open = found.mode() & 0o007 != 0;
    let about = format!("file {}", path.display());
    is_open.then(|| {
        let fix = format!("chmod o= {}", path.display());
        Finding::problem(
            about,
            format!("it holds {what}, and everybody on this machine may read it"),
            fix,
        )
    })
}

/// A configuration that everybody may write says whom an index is made of; one with a secret is not to be read by all.
fn of_configuration(path: &Path) -> Option<Finding> {
    let mode = fs::metadata(path).ok()?.mode();
    let is_secret = |line: &str| {
        let key = line.split('=').next().unwrap_or_default().trim();
        let key = key.trim_matches('"').to_ascii_lowercase();
        line.contains('=') && !key.starts_with('#') && names_secret(&key)
    };
    let holds_secret = || fs::read_to_string(path).is_ok_and(|text| text.lines().any(is_secret));
    let found = match mode {
        mode if mode & 0o002 != 0 => "everybody on this machine may change it",
        mode if mode & 0o004 != 0 && holds_secret() => {
            "it holds a secret, and everybody on this machine may read it"
        }
        _ => return None,
    };
    let fix = format!(
        "chmod o= {0}; better, put secrets into files or variables",
        path.display()
    );
    Some(Finding::problem(
        format!("file {}", path.display()),
        found,
        fix,
    ))
}

fn of_folder(context: &Context) -> Vec<Finding> {
    let index = &context.config.index;
    let folder = folder_of(&index.path);
    let Ok(entries) = fs::read_dir(&folder) else {
        return Vec::new();
    };
    let about = format!("folder {}", folder.display());
    let generations = entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("gen-"));
    let wide = generations.filter(|entry| {
        entry
            .metadata()
            .is_ok_and(|found| found.mode() & 0o777 & !index.mode != 0)
    });
    let wide = wide.count();
    if wide > 0 {
        let found = format!(
            "{wide} generations may be read by more than index.mode ({:04o}) says",
            index.mode
        );
        return vec![Finding::warning(
            about,
            found,
            "the next run that publishes gives its own the mode; chmod the others, or wait until they are pruned",
        )];
    }
    vec![Finding::fine(
        about,
        format!("generations have at most the mode {:04o}", index.mode),
    )]
}

/// A run needs room for one generation more, and for what it fetches.
fn of_disk(context: &Context) -> Option<Finding> {
    let folder = folder_of(&context.config.index.path);
    let place = if folder.is_dir() {
        folder.clone()
    } else {
        parent_of(&folder)
    };
    let stat = rustix::fs::statvfs(&place).ok()?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
    let sizes = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("gen-"));
    let largest = sizes
        .filter_map(|entry| Some(entry.metadata().ok()?.len()))
        .max()
        .unwrap_or(0);
    let about = format!("disk of {}", place.display());
    let found = format!(
        "{} are free; the index has {}",
        HumanBytes(free),
        HumanBytes(largest)
    );
    let fix = "make room: a run writes a whole generation beside the last, and fetches up to index.spool_bytes of what is new";
    Some(match free {
        free if free < largest.saturating_mul(12) / 10 => Finding::problem(about, found, fix),
        free if free < largest.saturating_mul(3) => Finding::warning(about, found, fix),
        _ => Finding::fine(about, found),
    })
}

fn parent_of(folder: &Path) -> PathBuf {
    let parent = folder
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new(".")).to_owned()
}

//! What only a folder has: names that are no keys, links, and files that are written in place.

use std::os::unix::ffi::OsStrExt;

use identidex::internals::source::Error;

use super::{PLENTY, keys, list, open};
use crate::servers::{Folder, Server, source};

#[test]
fn a_file_whose_name_cannot_be_a_key_costs_only_itself() {
    let folder = Folder::start();
    folder.put("a.csv", b"a");
    folder.put("deep/z.csv", b"z");
    let odd = [&b"not-utf8-\xff.csv"[..], b"line\nfeed.csv"];
    for name in odd {
        std::fs::write(folder.path().join(std::ffi::OsStr::from_bytes(name)), b"x").unwrap();
    }
    std::os::unix::fs::symlink("nowhere", folder.path().join("dangling.csv")).unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("deep/circle")).unwrap();
    let listing = list(folder.config("")).unwrap();
    assert_eq!(keys(&listing), ["a.csv", "deep/z.csv"]);
    assert_eq!(listing.odd_keys.len(), 3);
    let said: Vec<_> = listing.odd_keys.iter().map(ToString::to_string).collect();
    assert!(said.iter().all(|text| !text.contains('\n')), "{said:?}");
}

#[test]
fn a_folder_that_cannot_be_read_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::start();
    folder.put("a.csv", b"a");
    folder.put("deep/er/z.csv", b"z");
    let closed = folder.path().join("deep/er");
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o000)).unwrap();
    let is_superuser = std::fs::read_dir(&closed).is_ok();
    let listed = list(folder.config(""));
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).unwrap();
    if is_superuser {
        return; // Who may read everything.
    }
    let error = listed.unwrap_err().to_string();
    assert!(error.contains("the folder deep/er in "), "{error}");
}

#[test]
fn a_folder_that_is_never_taken_need_not_be_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::start();
    folder.put("a.csv", b"a");
    let closed = ["lost+found", ".snap", "old"];
    for name in closed {
        folder.put(&format!("{name}/z.csv"), b"z");
        let mode = std::fs::Permissions::from_mode(0o000);
        std::fs::set_permissions(folder.path().join(name), mode).unwrap();
    }
    let mut config = folder.config("");
    config.exclude = vec!["old/".to_owned()];
    let listed = list(config);
    for name in closed {
        let mode = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(folder.path().join(name), mode).unwrap();
    }
    assert_eq!(keys(&listed.unwrap()), ["a.csv"]);
}

#[test]
fn a_folder_is_read_whole_inside_a_runtime_too() {
    let folder = Folder::start();
    folder.put("a.csv", b"a");
    let config = folder.config("");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listed = runtime.block_on(async { tokio::task::spawn_blocking(|| list(config)).await });
    assert_eq!(keys(&listed.unwrap().unwrap()), ["a.csv"]);
}

#[test]
fn a_file_url_is_a_folder() {
    let folder = Folder::start();
    folder.put("with space/a.csv", b"a");
    let url = url::Url::from_directory_path(folder.path().join("with space")).unwrap();
    assert_eq!(keys(&list(source("url", url.as_str())).unwrap()), ["a.csv"]);
}

#[test]
fn a_file_written_in_place_while_it_is_read_is_not_taken() {
    let folder = Folder::start();
    folder.put("a.csv", b"one");
    let sources = open(folder.config("")).unwrap();
    let objects = sources.list().unwrap().objects;
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(folder.path().join("a.csv"));
    std::io::Write::write_all(&mut file.unwrap(), b"two").unwrap();
    let spool = tempfile::tempdir().unwrap();
    let results: Vec<_> = sources.fetch(objects, spool.path(), PLENTY).collect();
    assert!(matches!(results[0].1, Err(Error::Changed { .. })));
}

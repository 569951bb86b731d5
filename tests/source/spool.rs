//! The spool: how much of the disk it takes, what it leaves behind, and what it says when it cannot be written.

use std::path::Path;

use identidex::internals::source::Error;

use super::{each, fetch_all, open};
use crate::servers::{S3, Server};

#[test]
fn the_spool_keeps_to_its_share_of_the_disk() {
    each("share", |server, prefix| {
        const SMALL: usize = 64 << 10;
        let sizes = [SMALL, SMALL, 5 * SMALL, SMALL, 1, SMALL, 2 * SMALL];
        for (number, size) in sizes.into_iter().enumerate() {
            server.put(&format!("{prefix}/{number}.csv"), &vec![b'x'; size]);
        }
        let sources = open(server.config(prefix)).unwrap();
        let objects = sources.list().unwrap().objects;
        let spool = tempfile::tempdir().unwrap();
        let mut seen = 0;
        for (_, result) in sources.fetch(objects, spool.path(), 2 * SMALL as u64) {
            let spooled = result.unwrap();
            let on_disk = bytes_in(spool.path());
            let own = spooled.object.size_bytes;
            assert!(on_disk <= own.max(2 * SMALL as u64), "{on_disk} with {own}");
            seen += 1;
        }
        assert_eq!(seen, sizes.len());
    });
}

fn bytes_in(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).unwrap().flatten();
    files
        .filter_map(|file| Some(file.metadata().ok()?.len()))
        .sum()
}

#[test]
fn dropping_a_fetch_half_way_leaves_nothing_behind() {
    each("dropped", |server, prefix| {
        for number in 0..20 {
            server.put(&format!("{prefix}/{number}.csv"), &vec![b'x'; 200_000]);
        }
        let spool = tempfile::tempdir().unwrap();
        let sources = open(server.config(prefix)).unwrap();
        let objects = sources.list().unwrap().objects;
        let mut fetch = sources.fetch(objects, spool.path(), 1_000_000);
        assert!(fetch.next().unwrap().1.is_ok());
        drop(fetch);
        let is_empty = || std::fs::read_dir(spool.path()).unwrap().count() == 0;
        let patience = 1_000_000;
        assert!((0..patience).any(|_| is_empty()));
    });
}

#[test]
fn a_spool_that_cannot_be_written_says_so() {
    let server = S3::start();
    server.put("no-spool/a.csv", b"a");
    let sources = open(server.config("no-spool")).unwrap();
    let results = fetch_all(&sources, Path::new("/proc/no-such-spool"));
    assert!(matches!(results[0].1, Err(Error::Spool { .. })));
}

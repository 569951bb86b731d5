//! Generations on their way to other machines, through S3, Azure and a folder. Belongs here: what publishing and pulling hold to,
//! whatever is at the other end.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use identidex::distribute::{self, Error, Lease, PublicKey, Pulled, Pushing, SigningKey};
use identidex::ingest::{self, AccountKeys, Options, Whom};
use identidex::internals::publish::{Folder, roll_back};
use identidex::internals::source::{Looked, Remote};
use identidex::{Index, Outcome};

use crate::replay::READERS;
use crate::servers::{Azure, Folder as FolderServer, S3, Server};

/// How generations are pushed here.
const PUSHING: Pushing = Pushing {
    keep: 2,
    is_again: false,
    after: 0,
};
const SID: &str = "S-1-5-21-1-2-3-1104";

/// An index that is made here, and one that follows it elsewhere.
struct Site {
    home: tempfile::TempDir,
    day: u32,
    key: SigningKey,
}

impl Site {
    fn new() -> Site {
        let mut site = Site {
            home: tempfile::tempdir().unwrap(),
            day: 0,
            key: SigningKey::parse(&"07".repeat(32)).unwrap(),
        };
        fs::create_dir(site.path("in")).unwrap();
        site.sync("ann@EMEA");
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn options(&self) -> Options {
        let source = ingest::SourceConfig::new("a", self.path("in").display().to_string());
        Options {
            readers: READERS,
            ..Options::new(self.path("here.db"), vec![source])
        }
    }

    /// Takes in that there is somebody, and somebody who is always there.
    fn sync(&mut self, name: &str) {
        self.day += 1;
        let file = format!("in/users-2026-11-{:02}T06-00-00Z.csv", self.day);
        let text = format!("user.name,user.sid\n{name},\njdoe@EMEA,{SID}\n");
        fs::write(self.path(&file), text).unwrap();
        ingest::run(&self.options(), &mut |_| {}).unwrap();
    }

    fn folder(&self, name: &str) -> Folder {
        Folder::open(&self.path(name), READERS).unwrap()
    }

    fn push(&self, remote: &Remote) -> Result<distribute::Pushed, Error> {
        distribute::push(&self.folder("here.db"), remote, &self.key, PUSHING, None)
    }

    fn pull_with(&self, remote: &Remote, key: &PublicKey) -> Result<Pulled, Error> {
        let keep = (2, Duration::ZERO);
        distribute::pull(&self.folder("there.db"), remote, key, keep)
    }

    fn pull(&self, remote: &Remote) -> Result<Pulled, Error> {
        self.pull_with(remote, &self.key.public())
    }

    /// Asks the index that follows.
    fn finds(&self, name: &str) -> bool {
        let index = Index::open(self.path("there.db")).unwrap();
        assert!(index.verify().unwrap());
        index.find(name).unwrap().outcome == Outcome::One
    }
}

/// Tries it with each kind of store, below a prefix of its own.
fn each(prefix: &str, test: impl Fn(&Remote, &dyn Server, &str)) {
    let folder = FolderServer::start();
    let servers: [&dyn Server; 3] = [S3::start(), Azure::start(), &folder];
    for server in servers {
        // A folder is there, or cannot be opened.
        server.put(&format!("{prefix}/.there"), b"");
        let config = server.config(prefix);
        let remote = Remote::open("remote", &config.url, &config.options).unwrap();
        test(&remote, server, prefix);
    }
}

fn is_new(pulled: Result<Pulled, Error>, number: u64) {
    match pulled {
        Ok(Pulled::New { generation, .. }) => assert_eq!(generation, number),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_published_is_read_elsewhere_and_nothing_is_fetched_twice() {
    each("published", |remote, _, _| {
        let mut site = Site::new();
        assert!(matches!(site.pull(remote), Err(Error::Nothing { .. })));
        let pushed = site.push(remote).unwrap();
        assert_eq!((pushed.manifest.generation, pushed.was_there), (1, false));
        is_new(site.pull(remote), 1);
        assert!(site.finds("ann@EMEA"));
        assert_eq!(site.pull(remote).unwrap(), Pulled::Same);
        assert!(site.push(remote).unwrap().was_there);
        assert_eq!(site.pull(remote).unwrap(), Pulled::Same);
        site.sync("bob@EMEA");
        site.push(remote).unwrap();
        is_new(site.pull(remote), 2);
        assert!(site.finds("bob@EMEA"));
        // Going back is published, too; that generation is there still.
        let folder = site.folder("here.db");
        let lock = folder.lock().unwrap();
        roll_back(&folder, None).unwrap();
        drop(lock);
        site.push(remote).unwrap();
        assert_eq!(
            site.pull(remote).unwrap(),
            Pulled::New {
                generation: 1,
                bytes: 0
            }
        );
        assert!(!site.finds("bob@EMEA"));
    });
}

#[test]
fn older_generations_go_and_all_of_them_where_somebody_was_erased() {
    each("pruned", |remote, _, _| {
        let mut site = Site::new();
        for name in ["bob@EMEA", "eve@EMEA"] {
            site.push(remote).unwrap();
            site.pull(remote).unwrap();
            site.sync(name);
        }
        site.push(remote).unwrap();
        site.pull(remote).unwrap();
        let count = |remote: &Remote| {
            let names = remote.names().unwrap();
            names.keys().filter(|name| name.starts_with("gen-")).count()
        };
        let here = |site: &Site| {
            let files = fs::read_dir(site.path("there.db.d")).unwrap();
            let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
            names.filter(|name| name.starts_with("gen-")).count()
        };
        assert_eq!((count(remote), here(&site)), (2, 2));
        let keys = AccountKeys {
            sid: Some(SID.into()),
            uid: None,
            name: Some("jdoe@EMEA".into()),
        };
        ingest::forget(
            &site.options(),
            &Whom::Account(keys),
            "asked for it",
            [1; 32],
        )
        .unwrap();
        site.push(remote).unwrap();
        is_new(site.pull(remote), 4);
        assert_eq!((count(remote), here(&site)), (1, 1));
        assert!(!site.finds(SID) && site.finds("eve@EMEA"));
    });
}

#[test]
fn what_is_signed_by_another_or_older_is_refused_and_what_is_here_stays() {
    each("refused", |remote, server, prefix| {
        let mut site = Site::new();
        site.push(remote).unwrap();
        site.pull(remote).unwrap();
        let Looked::Found(old) = remote.pointer("current.json", None).unwrap() else {
            panic!("it was published");
        };
        let other = SigningKey::parse(&"08".repeat(32)).unwrap();
        let folder = site.folder("here.db");
        // Whoever has another key can neither publish over it nor be believed.
        let pushed = distribute::push(&folder, remote, &other, PUSHING, None);
        assert!(matches!(pushed, Err(Error::Unsigned { .. })), "{pushed:?}");
        site.sync("bob@EMEA");
        site.push(remote).unwrap();
        let pulled = site.pull_with(remote, &other.public());
        assert!(matches!(pulled, Err(Error::Unsigned { .. })), "{pulled:?}");
        is_new(site.pull(remote), 2);
        server.put(&format!("{prefix}/current.json"), &old.bytes);
        let pulled = site.pull(remote);
        assert!(
            matches!(
                pulled,
                Err(Error::Replayed {
                    found: 1,
                    known: 2,
                    ..
                })
            ),
            "{pulled:?}"
        );
        server.put(&format!("{prefix}/current.json"), b"{}");
        let pulled = site.pull(remote);
        assert!(
            matches!(pulled, Err(Error::BadManifest { .. })),
            "{pulled:?}"
        );
        assert!(site.finds("bob@EMEA"));
    });
}

#[test]
fn a_torn_file_is_refused_and_a_download_goes_on_where_it_was_cut() {
    each("torn", |remote, server, prefix| {
        let mut site = Site::new();
        site.push(remote).unwrap();
        site.pull(remote).unwrap();
        site.sync("bob@EMEA");
        let pushed = site.push(remote).unwrap();
        let name = format!("{prefix}/{}", pushed.manifest.file);
        let mut whole = Vec::new();
        remote
            .download(
                &pushed.manifest.file,
                0..pushed.manifest.stored_bytes,
                &mut whole,
            )
            .unwrap();
        for at in [10, whole.len() / 2, whole.len() - 1] {
            let mut torn = whole.clone();
            torn[at] ^= 1;
            server.put(&name, &torn);
            let pulled = site.pull(remote);
            assert!(
                matches!(pulled, Err(Error::Torn { .. })),
                "{at}: {pulled:?}"
            );
        }
        server.put(&name, &whole[..whole.len() / 2]);
        let pulled = site.pull(remote);
        assert!(matches!(pulled, Err(Error::Torn { .. })), "{pulled:?}");
        assert!(site.finds("ann@EMEA") && !site.finds("bob@EMEA"));
        // As a kill leaves it.
        let part = site.path("there.db.d/building-pulled.zst");
        fs::write(part, &whole[..whole.len() / 3]).unwrap();
        server.put(&name, &whole);
        let Ok(Pulled::New { bytes, .. }) = site.pull(remote) else {
            panic!("it is whole again");
        };
        assert_eq!(bytes as usize, whole.len() - whole.len() / 3);
        assert!(site.finds("bob@EMEA"));
        let left = fs::read_dir(site.path("there.db.d")).unwrap();
        let mut left = left.map(|file| file.unwrap().file_name().into_string().unwrap());
        assert!(!left.any(|name| name.starts_with("building")));
    });
}

#[test]
fn of_two_who_publish_one_is_told_that_the_other_did() {
    each("race", |remote, _, _| {
        let mut site = Site::new();
        site.push(remote).unwrap();
        let Looked::Found(read) = remote.pointer("current.json", None).unwrap() else {
            panic!("it was published");
        };
        site.sync("bob@EMEA");
        site.push(remote).unwrap();
        let late = remote.replace("current.json", b"{}".to_vec(), Some(&read));
        assert!(late.is_err(), "replaced by who read what was there before");
        let made = remote.replace("current.json", b"{}".to_vec(), None);
        assert!(made.is_err(), "made by who saw none");
        is_new(site.pull(remote), 2);
    });
}

#[test]
fn an_index_that_is_made_here_is_not_pulled_over() {
    let folder = FolderServer::start();
    folder.put("x/.there", b"");
    let config = folder.config("x");
    let remote = Remote::open("remote", &config.url, &config.options).unwrap();
    let site = Site::new();
    site.push(&remote).unwrap();
    let pulled = distribute::pull(
        &site.folder("here.db"),
        &remote,
        &site.key.public(),
        (2, Duration::ZERO),
    );
    assert!(matches!(pulled, Err(Error::MadeHere { .. })), "{pulled:?}");
    let away = Remote::open("remote", "/nowhere/at/all", &config.options);
    assert!(away.is_err());
    assert!(Path::new(&site.path("here.db")).exists());
}

#[test]
fn what_is_not_erased_here_is_not_published_and_nothing_is_done_to_what_is_pulled() {
    each("erased", |remote, _, _| {
        let mut site = Site::new();
        site.push(remote).unwrap();
        site.pull(remote).unwrap();
        let forgotten = |site: &Site| {
            let keys = AccountKeys {
                sid: Some(SID.into()),
                uid: None,
                name: Some("jdoe@EMEA".into()),
            };
            ingest::forget(&site.options(), &Whom::Account(keys), "asked", [1; 32])
        };
        let generation = fs::read(site.path("here.db.d/current")).unwrap();
        let name = String::from_utf8(generation.clone()).unwrap();
        let old = site.path("here.db.d").join(name.trim());
        let bytes = fs::read(&old).unwrap();
        forgotten(&site).unwrap();
        let current = fs::read(site.path("here.db.d/current")).unwrap();
        // As a restore of a backup leaves it: the list knows more than the generation.
        fs::write(&old, bytes).unwrap();
        fs::write(site.path("here.db.d/current"), &generation).unwrap();
        let pushed = site.push(remote);
        assert!(matches!(pushed, Err(Error::NotErased)), "{pushed:?}");
        fs::write(site.path("here.db.d/current"), &current).unwrap();
        site.push(remote).unwrap();
        site.pull(remote).unwrap();
        assert!(!site.finds(SID));
        // The list is lost, and what is there knows better.
        let list = site.path("here.db.d/erased.json");
        let kept = fs::read(&list).unwrap();
        fs::remove_file(&list).unwrap();
        assert!(site.push(remote).is_err());
        fs::write(&list, kept).unwrap();
        // A run at a reader would be undone by the next pull.
        let mut there = site.options();
        there.index = site.path("there.db");
        let run = ingest::run(&there, &mut |_| {});
        assert!(run.is_err_and(|error| error.to_string().contains("pulled")));
        site.sync("bob@EMEA");
        site.push(remote).unwrap();
        site.pull(remote).unwrap();
        assert!(site.finds("bob@EMEA"));
        fs::write(site.path("there.db.d/pulled.json"), "{").unwrap();
        let damaged = site.pull(remote);
        assert!(matches!(damaged, Err(Error::Damaged { .. })), "{damaged:?}");
    });
}

#[test]
fn one_host_works_at_a_time_and_one_that_died_is_waited_for() {
    each("lease", |remote, server, prefix| {
        let config = server.config(prefix);
        let open = || Remote::open("lease", &config.url, &config.options).unwrap();
        let minute = Duration::from_secs(60);
        let first = Lease::take(open(), "run-1", minute).unwrap();
        let second = Lease::take(open(), "run-2", minute);
        assert!(matches!(&second, Err(Error::Leased { holder, .. }) if holder == "run-1"));
        first.renew().unwrap();
        first.give_back().unwrap();
        let second = Lease::take(open(), "run-2", Duration::from_secs(1)).unwrap();
        // Whoever gave it back, or lost it, can neither renew it nor publish.
        assert!(first.renew().is_err() && first.give_back().is_err());
        let site = Site::new();
        let push = |lease: &Lease| {
            let folder = site.folder("here.db");
            distribute::push(&folder, remote, &site.key, PUSHING, Some(lease))
        };
        assert!(matches!(push(&first), Err(Error::Leased { .. })));
        push(&second).unwrap();
        // It ends by itself.
        let end = std::time::Instant::now() + Duration::from_secs(20);
        let third = loop {
            match Lease::take(open(), "run-3", minute) {
                Ok(lease) => break lease,
                Err(Error::Leased { .. }) if std::time::Instant::now() < end => {}
                Err(error) => panic!("{error}"),
            }
        };
        assert!(second.renew().is_err());
        third.give_back().unwrap();
    });
}

//! What tests of the program share: a folder of its own, and commands that run in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A folder for one test, in which the program runs without any variable of ours.
pub(crate) struct Home {
    folder: tempfile::TempDir,
}

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Home {
    pub(crate) fn new() -> Home {
        Home {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Returns a home whose index holds the fixture `tenant`.
    pub(crate) fn of_tenant() -> Home {
        let home = Home::new();
        let ended = home.run(&["sync", &fixture("tenant")]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        home
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Copies fixtures into a folder of the home, and returns it.
    pub(crate) fn folder_of(&self, name: &str, fixtures: &[&str]) -> String {
        let folder = self.path(name);
        fs::create_dir_all(&folder).unwrap();
        for fixture_name in fixtures {
            let from = PathBuf::from(fixture(fixture_name));
            fs::copy(&from, folder.join(from.file_name().unwrap())).unwrap();
        }
        folder.display().to_string()
    }

    /// Returns a command of the program in this home.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_identidex"));
        command.args(arguments).current_dir(self.folder.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("IDENTIDEX_") {
                command.env_remove(name);
            }
        }
        command
    }

    /// Runs the program in this home.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(&self.command(arguments).output().unwrap())
    }

    /// Returns every file of the home by its path below it, with its content.
    pub(crate) fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(self.folder.path()).unwrap();
                    files.push((name.display().to_string(), fs::read(&path).unwrap()));
                }
            }
        }
        files.sort();
        files
    }
}

impl Ended {
    pub(crate) fn of(output: &Output) -> Ended {
        Ended {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout.clone()).unwrap(),
            stderr: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    /// Checks the exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Ended {
        assert_eq!(self.code, code, "{}{}", self.stdout, self.stderr);
        self
    }

    /// Reads the one line of JSON that was printed.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(
            self.stdout.lines().count(),
            1,
            "{}{}",
            self.stdout,
            self.stderr
        );
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// Returns the path of a fixture.
pub(crate) fn fixture(name: &str) -> String {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    fixtures.join(name).display().to_string()
}

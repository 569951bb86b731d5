//! The process of a server, and where the tools are that it is started with.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A server process. It ends when the pipe to its standard input closes: on drop, or with this process.
pub(super) struct Process(Child);

impl Process {
    /// Starts a server, and returns the line with which it says that it is ready.
    pub(super) fn start(command: &mut Command) -> (Process, String) {
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = started.expect("the test servers are installed: run tests/setup first");
        let mut ready = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut ready).unwrap();
        assert!(!ready.is_empty(), "{command:?} ended before it was ready");
        (Process(child), ready)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn tool(path: &str) -> PathBuf {
    let tools = std::env::var_os("IDENTIDEX_TEST_TOOLS").map(PathBuf::from);
    let cache = || {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let home = || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache");
        cache.unwrap_or_else(home).join("identidex-tests")
    };
    tools.unwrap_or_else(cache).join(path)
}

pub(super) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/servers")
        .join(name)
}

pub(super) fn words<const N: usize>(line: &str) -> [String; N] {
    let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
    words.try_into().unwrap()
}

//! Runs that are killed. Belongs here: what must hold of the index whatever instant a run ends at.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use identidex::internals::demo::Tenant;
use identidex::internals::publish::Folder;
use serde_json::Value;

use crate::replay;

/// Kills in one test run; IDENTIDEX_KILLS asks for more.
const KILLS: u64 = 100;

/// A run over two days of a small tenant, published behind every object, so that there is much to be killed in.
fn sync(source: &Path, index: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_identidex"));
    command
        .arg("--index")
        .arg(index)
        .args(["sync", "--json"])
        .arg(source);
    // No setting of whoever runs the tests counts.
    let variables = std::env::vars_os().map(|(name, _)| name);
    for name in variables.filter(|name| name.as_encoded_bytes().starts_with(b"IDENTIDEX_")) {
        command.env_remove(name);
    }
    command
        .env("IDENTIDEX_INDEX_PUBLISH_EVERY", "0s")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn report(child: Child) -> Value {
    let output = child.wait_with_output().expect("the run ends");
    assert!(
        output.status.success(),
        "{}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("the report is JSON")
}

#[test]
fn a_run_killed_at_any_instant_is_made_good_by_the_next_one() {
    let kills = std::env::var("IDENTIDEX_KILLS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(KILLS);
    let home = tempfile::tempdir().expect("a temporary folder");
    let source = home.path().join("exports");
    let tenant = Tenant::new(1_000, 1_200, 7);
    for day in 0..2 {
        tenant
            .write_day(day, &source)
            .expect("the tenant can be written");
    }
    // The shortest of three: the first run also reads the program and the exports from the disk.
    let unkilled: Vec<(Duration, Value)> = (0..3)
        .map(|run| {
            let start = Instant::now();
            let index = home.path().join(format!("unkilled-{run}.db"));
            let report = report(sync(&source, &index).spawn().expect("the program starts"));
            (start.elapsed(), report)
        })
        .collect();
    let length = unkilled
        .iter()
        .map(|(length, _)| *length)
        .min()
        .unwrap_or_default();
    let unkilled = &unkilled[0].1;
    let mut killed = 0;
    for kill in 0..kills {
        let index = home.path().join("identity.db");
        let mut child = sync(&source, &index).spawn().expect("the program starts");
        // Spread over the whole run and a little beyond: the golden ratio never hits the same instant twice.
        let share = (kill as f64 * 0.618_033_988_75).fract() * 1.1;
        std::thread::park_timeout(Duration::from_secs_f64(length.as_secs_f64() * share));
        child.kill().expect("the run can be killed");
        let status = child.wait().expect("the run ends");
        killed += u64::from(!status.success());
        let folder = Folder::open(&index, replay::READERS).expect("the path is still ours");
        if let Some(current) = folder.current().expect("`current` names a generation") {
            current.verify().expect("the current generation is intact");
        }
        let next = report(sync(&source, &index).spawn().expect("the program starts"));
        assert_eq!(next["digest"], unkilled["digest"], "after kill {kill}");
        std::fs::remove_file(&index).expect("the link can be removed");
        std::fs::remove_dir_all(folder.path()).expect("the folder can be removed");
    }
    assert!(
        killed * 2 > kills,
        "only {killed} of {kills} runs were killed before they ended"
    );
}

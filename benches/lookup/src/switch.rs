//! What a caller feels when a new generation is published: the longest call there is.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use identidex::{Index, Options, Query};

use crate::{Result, print_row};

const SWITCHES: u64 = 200;
/// How long is looked up after each switch: the index looks for a new generation every millisecond meanwhile.
const WINDOW: Duration = Duration::from_millis(20);
const REFRESH: Duration = Duration::from_millis(1);

/// Publishes the same file over and over under new names, and looks up all the time.
pub(crate) fn run(index: &Path, folder: &Path, upns: &[String]) -> Result<()> {
    let home = folder.join(format!("switch-{}", std::process::id()));
    let generations = home.join("identity.db.d");
    fs::create_dir_all(&generations)?;
    let file = fs::canonicalize(index)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let hash = name.rsplit('-').next().unwrap_or_default();
    let publish = |number: u64| -> Result<()> {
        let name = format!("gen-{number:06}-{hash}");
        let path = generations.join(&name);
        fs::hard_link(&file, &path).or_else(|_| fs::copy(&file, &path).map(|_| ()))?;
        fs::write(generations.join("next"), name)?;
        fs::rename(generations.join("next"), generations.join("current"))?;
        Ok(())
    };
    publish(1)?;
    let options = Options {
        refresh: REFRESH,
        ..Options::default()
    };
    let index = Index::open_with(home.join("identity.db"), options)?;
    let mut upns = upns.iter().cycle();
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for number in 2..SWITCHES + 2 {
        without.push(longest(&index, &mut upns));
        publish(number)?;
        with.push(longest(&index, &mut upns));
        assert_eq!(index.generation(), number, "the new generation answers");
        fs::remove_file(generations.join(format!("gen-{:06}-{hash}", number - 1)))?;
    }
    print_row(
        "identidex, longest call of 20 ms, after a switch of generation",
        with,
    );
    print_row("identidex, longest call of 20 ms, without one", without);
    fs::remove_dir_all(home)?;
    Ok(())
}

fn longest<'t>(index: &Index, upns: &mut impl Iterator<Item = &'t String>) -> Duration {
    let mut longest = Duration::ZERO;
    let begin = Instant::now();
    while begin.elapsed() < WINDOW {
        let Some(upn) = upns.next() else { break };
        let start = Instant::now();
        drop(black_box(index.find(Query::upn(upn).ids_only())));
        longest = longest.max(start.elapsed());
    }
    longest
}

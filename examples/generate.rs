//! Writes a day of a made-up tenant's exports: `generate --users N --devices N --seed S --out DIR [--day K] [--gzip yes]`.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use flate2::{Compression, GzBuilder};
use identidex::internals::demo::Tenant;

struct Options {
    users: u32,
    devices: u32,
    seed: u64,
    day: u32,
    out: PathBuf,
    gzip: bool,
}

fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("generate: {error}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("generate: {}: {error}", options.out.display());
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> io::Result<()> {
    let tenant = Tenant::new(options.users, options.devices, options.seed);
    for path in tenant.write_day(options.day, &options.out)? {
        let path = if options.gzip { compress(&path)? } else { path };
        eprintln!("{} {} bytes", path.display(), fs::metadata(&path)?.len());
    }
    Ok(())
}

/// Replaces a file by its gzip form, with no time in it: the same tenant gives the same bytes.
fn compress(path: &Path) -> io::Result<PathBuf> {
    let compressed = path.with_extension("csv.gz");
    let mut encoder = GzBuilder::new().write(File::create(&compressed)?, Compression::default());
    io::copy(&mut File::open(path)?, &mut encoder)?;
    encoder.finish()?;
    fs::remove_file(path)?;
    Ok(compressed)
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        users: 1_000_000,
        devices: 1_200_000,
        seed: 1,
        day: 0,
        out: PathBuf::new(),
        gzip: false,
    };
    while let Some(name) = words.next() {
        let value = words.next().ok_or(format!("{name} needs a value"))?;
        match name.as_str() {
            "--users" => options.users = number(&name, &value)?,
            "--devices" => options.devices = number(&name, &value)?,
            "--seed" => options.seed = number(&name, &value)?,
            "--day" => options.day = number(&name, &value)?,
            "--out" => options.out = value.into(),
            "--gzip" => options.gzip = value == "yes",
            _ => return Err(format!("unknown option {name}")),
        }
    }
    if options.out.as_os_str().is_empty() {
        return Err("--out DIR is required".to_owned());
    }
    Ok(options)
}

fn number<T: FromStr>(name: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{name} needs a number"))
}

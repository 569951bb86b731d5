//! Sizes: texts, lines and batches at their limits, and the memory that they take. Headers have limits of their own.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use identidex::internals::decode;

use super::headers::HEADER;
use super::taken::{Fate, GOOD, GOOD_KEY, KEY, Taken};
use super::{batches, decoded, lines_of};
use crate::forms::{Tenant, fixture};

#[test]
fn a_gzip_or_zstd_bomb_fails_its_object() {
    let text = [HEADER.as_bytes(), &[b'a'; 65 << 20]].concat();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&text).unwrap();
    for packed in [
        gzip.finish().unwrap(),
        zstd::encode_all(text.as_slice(), 3).unwrap(),
    ] {
        Taken::of(&packed).assert(
            "a bomb",
            &Fate::Fails(
                "the text, for what its compressed size is, is over the limit of 64 MiB; an export does not compress \
                 that well: check that the object is one",
            ),
        );
    }
}

#[test]
fn a_plain_file_over_the_limit_fails_before_any_row_is_taken() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), HEADER).unwrap();
    file.as_file().set_len(decode::MAX_TEXT_BYTES + 1).unwrap();
    let error = decode::check(file.path(), None, &HashSet::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the text is over the limit of 65536 MiB; split the export into smaller files"
    );
}

#[test]
fn a_line_of_100_mb_costs_a_row_and_no_memory() {
    if std::env::var_os("IDENTIDEX_TEST_LONG_LINE").is_none() {
        // In a process of its own, whose peak of memory is this test's alone.
        let name = "bad::sizes::a_line_of_100_mb_costs_a_row_and_no_memory";
        let child = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact"])
            .env("IDENTIDEX_TEST_LONG_LINE", "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout);
        // Of a name that is no test's, none would run and nothing fail.
        let is_one = said.contains("test result: ok. 1 passed; 0 failed");
        assert!(child.status.success() && is_one, "{said}");
        return;
    }
    let tenant = Tenant::of(&[(GOOD_KEY, GOOD)]);
    let path = tenant.put(KEY, &[]);
    let mut file = BufWriter::new(File::create(path).unwrap());
    file.write_all(&fixture("forms/plain.csv")).unwrap();
    for _ in 0..100 {
        file.write_all(&[b'x'; 1 << 20]).unwrap();
    }
    file.write_all(b"\n\"last@EMEA\",\"\",\"\",\"\",\"\",\"\"\n")
        .unwrap();
    file.into_inner().unwrap();
    let taken = Taken::after(tenant);
    taken.assert(
        "a long line",
        &Fate::Keeps(4, vec![(5, "", "the line is longer than 1048576 bytes")]),
    );
    let peak = peak_memory_kib();
    assert!(peak.is_none_or(|peak| peak < 64 << 10), "{peak:?} KiB");
}

#[test]
fn the_limit_of_a_line_does_not_depend_on_how_the_text_is_read() {
    let at_most = decode::MAX_LINE_BYTES;
    let line = |length: usize| format!("a,{}\n", "x".repeat(length - 2));
    // The buffer holds more than one long line at once, from one place or another.
    for before in [0, 1, 100_000, 200_000] {
        let text = format!(
            "c0,c1\n{}{}{}b,y\n",
            "p,q\n".repeat(before),
            line(at_most),
            line(at_most + 1)
        );
        let (rows, rejects) = decoded(text.as_bytes());
        assert_eq!(rows.len(), before + 2, "{before}");
        assert_eq!(lines_of(&rejects), [before as u64 + 3], "{before}");
    }
}

#[test]
fn a_batch_of_long_rows_is_cut_short() {
    let row = format!("a,{}\n", "x".repeat(1_000_000));
    let mut rows = 0;
    for batch in batches(format!("c0,c1\n{}", row.repeat(30)).as_bytes()) {
        assert!(
            batch.records.get_array_memory_size() < 16 << 20,
            "{}",
            batch.records.get_array_memory_size()
        );
        rows += batch.rows.len();
    }
    assert_eq!(rows, 30);
}

/// The most memory this process ever had, where the system tells.
fn peak_memory_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

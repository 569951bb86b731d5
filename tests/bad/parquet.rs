//! Parquet that is cut or damaged: it fails or is read, and nothing else is lost.

use std::collections::HashSet;
use std::fs;

use arrow_array::ArrayRef;
use identidex::identifier::NotSaid;
use identidex::internals::decode;
use parquet::basic::Compression;

use super::taken::{GOOD, GOOD_KEY, KEY, Taken};
use crate::forms::{Tenant, cells_of, of_columns};

fn file(rows: usize) -> Vec<u8> {
    let names: ArrayRef = std::sync::Arc::new(
        (0..rows)
            .map(|at| Some(format!("user{at}@EMEA")))
            .collect::<arrow_array::StringArray>(),
    );
    let uids: ArrayRef = std::sync::Arc::new(
        (0..rows)
            .map(|at| Some(format!("aaaaaaaa-0000-4000-8000-{at:012}")))
            .collect::<arrow_array::StringArray>(),
    );
    let columns = vec![
        ("user.name".to_owned(), names),
        ("user.uid".to_owned(), uids),
    ];
    of_columns(columns, false, Compression::SNAPPY)
}

#[test]
fn a_cut_file_fails() {
    let whole = file(100);
    for length in [
        4,
        8,
        11,
        12,
        100,
        whole.len() / 2,
        whole.len() - 9,
        whole.len() - 1,
    ] {
        let taken = Taken::of(&whole[..length]);
        let failures = &taken.report.failures;
        assert_eq!(failures.len(), 1, "{length}");
        assert!(
            failures[0].error.starts_with("the Parquet file "),
            "{}",
            failures[0].error
        );
        taken.assert_tells_no_cell("cut", &whole[..length], 0);
    }
}

#[test]
fn a_damaged_byte_costs_at_most_its_file() {
    let whole = file(40);
    for at in (0..whole.len()).step_by(7) {
        for bits in [0xff, 0x01, 0x80] {
            let mut damaged = whole.clone();
            damaged[at] ^= bits;
            // `of` has the good object taken in.
            Taken::of(&damaged);
        }
    }
}

/// People whose values differ in more than a bit from one another's.
const PEOPLE: [&str; 4] = ["anna", "bertil", "cornelius", "theodora"];

fn people() -> Vec<u8> {
    let column = |of: fn(&str) -> String| -> ArrayRef {
        let cells = PEOPLE.iter().map(|name| Some(of(name)));
        std::sync::Arc::new(cells.collect::<arrow_array::StringArray>())
    };
    let columns = vec![
        (
            "user.name".to_owned(),
            column(|name| format!("{name}@EMEA")),
        ),
        (
            "user.upn".to_owned(),
            column(|name| format!("{name}@contoso.com")),
        ),
        (
            "user.ad.email_address".to_owned(),
            column(|name| format!("{name}@mail.example")),
        ),
    ];
    of_columns(columns, false, Compression::UNCOMPRESSED)
}

/// Reads rows, of a file that can be read; what was read before a fault counts too.
fn rows_of(content: &[u8]) -> Vec<Vec<String>> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), content).unwrap();
    let (not_said, names) = (NotSaid::default(), HashSet::new());
    let Ok(form) = decode::check(file.path(), None, &names) else {
        return Vec::new();
    };
    let reading = decode::Reading {
        columns: &[],
        not_said: &not_said,
        names: &names,
    };
    let batches = decode::batches(file.path(), &form, reading, None);
    let batches = batches.into_iter().flatten().map_while(Result::ok);
    let expected = ["user.name", "user.upn", "user.ad.email_address"];
    batches
        .flat_map(|batch| {
            let rows = cells_of(&batch);
            // Under other names, values would be other columns'.
            assert_eq!(form.header, expected, "{rows:?}");
            rows
        })
        .collect()
}

/// Only a page can have a checksum: what says where pages are and how they are read is told by saying it twice.
#[test]
fn a_damaged_byte_of_the_footer_puts_no_value_into_another_row_or_column() {
    let whole = people();
    assert_eq!(rows_of(&whole).len(), 4);
    let suffixes = ["@EMEA", "@contoso.com", "@mail.example"];
    let length = whole.len() - 8;
    let footer = u32::from_le_bytes(*whole[length..].first_chunk().unwrap());
    for at in length - footer as usize..whole.len() {
        for bits in [0x01, 0x02, 0x04, 0x80, 0xff] {
            let mut damaged = whole.clone();
            damaged[at] ^= bits;
            for row in rows_of(&damaged) {
                // Whose each cell is; a damaged cell is nobody's.
                let whose = |(cell, suffix): (&String, &str)| {
                    let name = cell.strip_suffix(suffix)?;
                    PEOPLE.iter().position(|known| *known == name)
                };
                let whose: HashSet<usize> = row.iter().zip(suffixes).filter_map(whose).collect();
                assert!(
                    whose.len() <= 1,
                    "byte {at} of {}, bits {bits:#x}: {row:?}",
                    whole.len()
                );
            }
        }
    }
}

#[test]
fn a_file_behind_another_one_is_not_passed_over() {
    let (first, second) = (file(3), people());
    for both in [[first.clone(), second.clone()], [second, first]] {
        let taken = Taken::of(&both.concat());
        assert!(
            taken.report.failures[0]
                .error
                .starts_with("the Parquet file "),
            "{:?}",
            taken.report.failures
        );
    }
}

#[test]
fn what_unpacks_to_more_than_its_size_lets_expect_fails() {
    let long = "x".repeat(1_000_000);
    let column: ArrayRef = std::sync::Arc::new(
        (0..2_000)
            .map(|_| Some(long.as_str()))
            .collect::<arrow_array::DictionaryArray<arrow_array::types::Int32Type>>(),
    );
    let names: ArrayRef = std::sync::Arc::new(
        (0..2_000)
            .map(|at| Some(format!("user{at}@EMEA")))
            .collect::<arrow_array::StringArray>(),
    );
    let columns = vec![
        ("user.name".to_owned(), names),
        ("user.x".to_owned(), column),
    ];
    let taken = Taken::of(&of_columns(columns, false, Compression::SNAPPY));
    let error = &taken.report.failures[0].error;
    assert!(
        error.starts_with("the data, for what the file's size is, is over the limit of 64 MiB"),
        "{error}"
    );
}

#[test]
fn damage_behind_rows_that_were_folded_is_remembered() {
    let mut damaged = file(21_000);
    // Within the pages of the last row group: what is before it can be read.
    let at = damaged.len() * 3 / 4;
    damaged[at..at + 2_000].fill(0xff);
    let tenant = Tenant::of(&[(KEY, &damaged), (GOOD_KEY, GOOD)]);
    let first = tenant.sync();
    assert_eq!((first.objects.failed, first.accounts), (1, 1), "{first:?}");
    let second = tenant.sync();
    assert_eq!(second.objects.failed, 0, "{second:?}");
}

#[test]
fn a_parquet_file_that_is_compressed_once_more_is_named() {
    let packed = zstd::encode_all(file(3).as_slice(), 3).unwrap();
    let taken = Taken::of(&packed);
    assert_eq!(
        taken.report.failures[0].error,
        "the file is a Parquet file that was compressed once more; expected an export in CSV, JSON or Parquet"
    );
}

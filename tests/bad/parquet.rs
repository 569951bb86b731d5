//! Parquet that is cut or damaged: it fails or is read, and nothing else is lost.

use arrow_array::ArrayRef;
use parquet::basic::Compression;

use super::taken::{GOOD, GOOD_KEY, KEY, Taken};
use crate::forms::{Tenant, of_columns};

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

//! The files of `fixtures/bad`, and what each must cost. Files that are made here are left to the other tests.

use super::taken::{Fate, Taken};
use crate::forms::{fixture, names_of_fixtures};

#[test]
fn every_bad_fixture_costs_what_it_must_and_no_more() {
    for name in names_of_fixtures("bad") {
        let content = fixture(&format!("bad/{name}"));
        let taken = Taken::of(&content);
        taken.assert(&name, &fate_of(&name));
        taken.assert_tells_no_cell(&name, &content, 1);
    }
}

fn fate_of(name: &str) -> Fate {
    use Fate::{Fails, Keeps, Waits};
    const NO_KEY: &str = "no key: every key column is empty, a placeholder, in quotes or no key";
    const BAD_TIME: &str = "not a time: expected 2026-08-14 12:16:03 or RFC 3339, not before 1970";
    const UNCLOSED: &str = "a quote is opened and not closed where the row should end";
    const NO_HEADER: &str =
        "the file has no header line; expected comma-separated column names such as \"user.sid\"";
    match name {
        "ragged-row.csv" => Keeps(
            2,
            vec![
                (3, "", "the row has 2 cells, the header 6"),
                (5, "", "the row has 7 cells, the header 6"),
            ],
        ),
        "bad-time.csv" => Keeps(
            2,
            vec![
                (3, "user.last_seen", BAD_TIME),
                (5, "user.last_seen", BAD_TIME),
            ],
        ),
        "utf-8.csv" => Keeps(2, vec![(3, "user.ad.full_name", "it is not UTF-8")]),
        "no-key.csv" => Keeps(1, vec![(3, "", NO_KEY), (4, "", NO_KEY)]),
        // It costs the row only where no other key stands.
        "bad-key.csv" => Keeps(3, vec![]),
        "nul-in-name.csv" | "bidi-in-name.csv" | "long-name.csv" => Keeps(3, vec![]),
        "unbalanced-quote.csv" => Keeps(101, vec![(3, "", UNCLOSED)]),
        "missing-quote.csv" => Keeps(3, vec![(3, "", UNCLOSED)]),
        "inner-quotes.csv" => Keeps(
            2,
            vec![
                (3, "", "a quote inside a cell is not doubled"),
                (4, "", UNCLOSED),
            ],
        ),
        "cr-only.csv" => Fails("lines end with a carriage return alone; expected LF or CRLF"),
        "duplicate-header.csv" => {
            Fails("columns \"user.sid\" and \"user.sid\" both fill \"sid\"; export it once")
        }
        "no-key-column.csv" => Fails(
            "a users file needs one of \"user.sid\", \"user.uid\", \"user.name\": found \"user.ad.full_name\", \
             \"user.upn\", \"user.last_seen\"; add it to the query's list",
        ),
        "misspelt-header.csv" => Fails(
            "a users file needs one of \"user.sid\", \"user.uid\", \"user.name\": found \"user.nmae\", \"user.siid\", \
             \"user.ad.full_name\"; \"user.siid\" is close to \"user.sid\"; add it to the query's list",
        ),
        "no-dataset.csv" => Fails(
            "the header fits no dataset: found \"application.name\", \"application.version\", \"binary.count\"; \
             expected columns such as \"user.sid\" and \"user.name\", or \"device.uid\" and \"device.name\"",
        ),
        "ambiguous-short-names.csv" => Fails(
            "the header fits users and devices alike: found \"name\", \"last_seen\"; list full names (\"user.name\", \
             \"device.name\") in the query",
        ),
        "blank-lines.csv" | "gzip-of-nothing.csv.gz" => Fails(NO_HEADER),
        "empty.csv" => Waits,
        "header-only.csv" => Keeps(0, vec![]),
        "gzip-crc.csv.gz" => Fails(
            "damaged gzip data: corrupt gzip stream does not have a matching checksum; export or upload the object again",
        ),
        "gzip-cut.csv.gz" => {
            Fails("damaged gzip data: incomplete deflate stream; export or upload the object again")
        }
        "zstd-cut.csv.zst" => {
            Fails("damaged zstd data: incomplete frame; export or upload the object again")
        }
        "gzip-twice.csv.gz" => {
            Fails("the file is compressed twice; expected one level of gzip or zstd")
        }
        other => panic!("fixtures/bad/{other} has no fate here"),
    }
}

//! Headers: none, and those over a bound. Which columns a dataset needs is left to `fixtures`.

use super::taken::{Fate, Taken};
use crate::forms::fixture;

pub(super) const HEADER: &str =
    "user.name,user.uid,user.sid,user.upn,user.ad.full_name,user.last_seen\n";

#[test]
fn a_file_without_a_header_is_refused_and_its_first_row_not_told() {
    let rows = HEADER.len()..;
    let content = &fixture("forms/unquoted.csv")[rows];
    let taken = Taken::of(content);
    taken.assert(
        "no header",
        &Fate::Fails(
            "the header fits no dataset: found no column names in the first line, which has 6 cells; expected columns \
             such as \"user.sid\" and \"user.name\", or \"device.uid\" and \"device.name\"",
        ),
    );
    taken.assert_tells_no_cell("no header", content, 0);
}

#[test]
fn a_first_row_is_not_told_though_it_has_dots() {
    let alike = "the header fits users and devices alike: found \"name\" and 2 more; list full names (\"user.name\", \"device.name\") \
                 in the query";
    for (text, error) in [
        (
            "jane.doe,NB-1\nann.roe,NB-2\n",
            "found no column names in the first line, which has 2 cells",
        ),
        (
            "{\"users\": {\"jane.doe\": {\"upn\": \"a@b.ch\"}}}",
            "found no column names in the first line, which has 1 cells",
        ),
        (
            "{\"Jane Doe\": {\"login\": \"jdoe\"}}",
            "found no column names in the first line, which has 1 cells",
        ),
        ("name,Jane,Doe\nx,y,z\n", alike),
        (
            "user.sid^user.name\nx^y\n",
            "a users file needs one of \"user.sid\", \"user.uid\", \"user.name\": found one cell in the first line, which is to be cut \
             at commas, semicolons, tabs or |; add it to the query's list",
        ),
    ] {
        let failures = Taken::of(text.as_bytes()).report.failures;
        assert!(failures[0].error.contains(error), "{failures:?}");
    }
}

#[test]
fn a_header_over_a_bound_fails_its_object() {
    let too_long = "the header line is over the limit of 1048576 bytes; expected a CSV export with column names on its \
                    first line";
    let utf_16 = |text: &str| -> Vec<u8> {
        std::iter::once(0xfeff)
            .chain(text.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect()
    };
    // Cut in the middle of a character, at one of these ends or the other.
    let letters = [
        format!("user.name,{}\n", "ő".repeat(600_000)),
        format!("user.name,x{}\n", "ő".repeat(600_000)),
    ];
    let headers: [(&str, Vec<u8>, &str); 7] = [
        (
            "5 M columns",
            format!("user.name{}\nx\n", ",c".repeat(5_000_000)).into_bytes(),
            too_long,
        ),
        ("letters", letters[0].clone().into_bytes(), too_long),
        ("other letters", letters[1].clone().into_bytes(), too_long),
        ("UTF-16", utf_16(&letters[0]), too_long),
        (
            "2,001 columns",
            format!("user.name{}\njdoe@EMEA\n", ",c".repeat(2_000)).into_bytes(),
            "the number of columns is over the limit of 2000; list fewer columns in the query",
        ),
        (
            "a long name",
            format!("user.name,{}\njdoe@EMEA,x\n", "c".repeat(513)).into_bytes(),
            "a column name is over the limit of 512 bytes; expected column names such as \"user.sid\", in CSV on the first line",
        ),
        (
            "a stray quote",
            b"\"user.name\",\"user.sid,\"user.upn\"\n\"jdoe@EMEA\",\"\",\"\"\n".to_vec(),
            "the header line has a stray quote; expected column names such as \"user.sid\" on one line",
        ),
    ];
    for (what, content, error) in headers {
        Taken::of(&content).assert(what, &Fate::Fails(error));
    }
}

#[test]
fn two_thousand_columns_are_not_too_many() {
    let columns: String = (1..2_000).map(|at| format!(",c{at}")).collect();
    let content = format!("user.name{columns}\njdoe@EMEA{}\n", ",1".repeat(1_999));
    Taken::of(content.as_bytes()).assert("2,000 columns", &Fate::Keeps(1, vec![]));
}

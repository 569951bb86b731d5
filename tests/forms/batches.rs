//! A table of many batches and read buffers, in every form, compared cell by cell.

use std::path::Path;

use identidex::ingest::Outcome;

use super::written::{self, Shape, Texts, codecs};
use super::{KEY, Tenant, gzip};
use crate::state;

const ROWS: usize = 20_000;
const HEADER: [&str; 7] = [
    "user.name",
    "user.uid",
    "user.sid",
    "user.upn",
    "user.ad.full_name",
    "user.last_seen",
    "user.ad.office",
];

fn row(at: usize) -> [String; 7] {
    let full_name = match at % 5 {
        0 => format!("Doe, John {at}"),
        1 => format!("Ősz; \"Bö\" {at}"),
        2 => format!("李小龍 {at}"),
        // Two units in UTF-16, which fall on either side of a buffer's end somewhere.
        3 => format!("𝔘𝔫𝔦 {at}"),
        _ => format!("O'Brien\tPat {at}"),
    };
    let office = match at % 7 {
        0 => format!("Rue du Lac {at}\n1003 Lausanne"),
        3 => format!("{at}\n\n\"B\",\n;"),
        5 => String::new(),
        _ => format!("Floor {at}"),
    };
    [
        format!("user{at:05}@EMEA"),
        format!("aaaaaaaa-0000-4000-8000-{at:012}"),
        format!("S-1-5-21-1-2-3-{}", at + 1_000),
        format!("user{at:05}@contoso.com"),
        full_name,
        format!("2026-08-14 12:{:02}:{:02}", at / 60 % 60, at % 60),
        office,
    ]
}

fn written(delimiter: &str, line_end: &str, is_quoted: bool) -> String {
    let cell = |text: &str| {
        let is_quoted = is_quoted || text.contains(['"', '\n', '\r', ',', ';', '\t']);
        if is_quoted {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text.to_owned()
        }
    };
    let mut text = HEADER.map(cell).join(delimiter) + line_end;
    for at in 0..ROWS {
        text += &row(at).map(|text| cell(&text)).join(delimiter);
        text += line_end;
    }
    text
}

/// Members of odd lengths: they end inside lines, cells and characters.
fn gzip_members(text: &[u8]) -> Vec<u8> {
    let ends = [1, 2, 3, 700_001, 700_002, 1_500_003];
    let begins = std::iter::once(0).chain(ends);
    let members = begins.zip(ends.into_iter().chain([text.len()]));
    members
        .flat_map(|(begin, end)| gzip(&text[begin..end]))
        .collect()
}

fn utf_16(text: &str, unit: impl Fn(u16) -> [u8; 2]) -> Vec<u8> {
    std::iter::once(0xfeff)
        .chain(text.encode_utf16())
        .flat_map(unit)
        .collect()
}

#[test]
fn twenty_thousand_rows_are_the_same_in_every_form() {
    let quoted = written(",", "\n", true);
    assert!(quoted.len() > 3 << 20, "the text spans read buffers");
    let rows: Vec<Vec<String>> = (0..ROWS).map(|at| row(at).to_vec()).collect();
    let json = |shape, is_nested| written::json(&HEADER, &rows, shape, is_nested);
    let parquet =
        |texts, is_nested, codec| written::parquet(&HEADER, &rows, texts, is_nested, codec);
    let [plain, snappy, .., zstd] = codecs();
    let forms: [(&str, Vec<u8>); 19] = [
        ("plain", quoted.clone().into_bytes()),
        ("unquoted", written(",", "\n", false).into_bytes()),
        ("CRLF", written(",", "\r\n", true).into_bytes()),
        ("CRLF, unquoted", written(",", "\r\n", false).into_bytes()),
        ("BOM", [b"\xef\xbb\xbf", quoted.as_bytes()].concat()),
        ("UTF-16LE", utf_16(&quoted, u16::to_le_bytes)),
        ("UTF-16BE", utf_16(&quoted, u16::to_be_bytes)),
        ("gzip of several members", gzip_members(quoted.as_bytes())),
        ("zstd", zstd::encode_all(quoted.as_bytes(), 3).unwrap()),
        ("semicolon", written(";", "\n", true).into_bytes()),
        ("tab", written("\t", "\n", false).into_bytes()),
        ("JSON lines", json(Shape::Lines, false).into_bytes()),
        ("JSON rows", json(Shape::Rows, true).into_bytes()),
        (
            "JSON list",
            gzip_members(json(Shape::List, false).as_bytes()),
        ),
        (
            "JSON wrapped",
            utf_16(&json(Shape::Wrapped, true), u16::to_le_bytes),
        ),
        ("Parquet", parquet(Texts::Plain, false, plain)),
        ("Parquet, nested", parquet(Texts::Dictionary, true, snappy)),
        ("Parquet, large", parquet(Texts::Large, false, zstd)),
        ("Parquet of bytes", parquet(Texts::Bytes, true, plain)),
    ];
    let mut digest = None;
    for (form, content) in forms {
        let tenant = Tenant::of(&[(KEY, &content)]);
        let report = tenant.sync();
        assert_eq!(
            (report.outcome, report.rows.read, report.rows.stored),
            (Outcome::Done, 20_000, 20_000),
            "{form}"
        );
        assert_eq!(report.accounts, 20_000, "{form}");
        let digest = digest.get_or_insert_with(|| report.digest.clone());
        assert_eq!(report.digest, *digest, "{form}");
        assert_rows(form, &tenant.index());
    }
}

/// Compares what the index has with what was written, cell by cell.
fn assert_rows(form: &str, index: &Path) {
    let connection = state::open(index);
    let sql = "SELECT name, uid, sid, upn, full_name, replace(replace(last_seen, 'T', ' '), 'Z', ''), office
               FROM accounts ORDER BY name";
    let mut select = connection.prepare(sql).unwrap();
    let mut rows = select.query([]).unwrap();
    for at in 0..ROWS {
        let found = rows
            .next()
            .unwrap()
            .unwrap_or_else(|| panic!("{form}: {at} rows only"));
        let cells: [Option<String>; 7] = std::array::from_fn(|column| found.get(column).unwrap());
        assert_eq!(
            cells,
            row(at).map(|text| Some(text).filter(|text| !text.is_empty())),
            "{form}: row {at}"
        );
    }
}

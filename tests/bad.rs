//! Bad input: a bad row costs a row, a bad object costs an object, and nothing is printed that stands in a cell.
//! Belongs here: files that cannot be right, and what is said of them.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of a test may panic as the test itself may"
)]

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use identidex::decode;
use identidex::ingest::{Outcome, Progress, Report};
use identidex::observation::{Decoded, Reject};

use crate::forms::{Tenant, cells_of, fixture, names_of_fixtures};
use crate::state;

const KEY: &str = "users/2026-11-20T06-00-00Z.csv";
/// An object of the same run with which nothing is wrong; it is taken in last.
const GOOD_KEY: &str = "users/2026-11-19T06-00-00Z.csv";
const GOOD: &[u8] =
    b"user.name,user.sid\ngood@EMEA,S-1-5-21-1085031214-1563985344-725345543-9999\n";

const HEADER: &str = "user.name,user.uid,user.sid,user.upn,user.ad.full_name,user.last_seen\n";

/// What must become of an object.
enum Fate {
    /// It fails with this error, and leaves nothing.
    Fails(&'static str),
    /// So many rows are taken; the rejects are these (line, field, reason).
    Keeps(u64, Vec<(i64, &'static str, &'static str)>),
    /// It is left for the next run.
    Waits,
}

/// What became of one object beside a good one.
struct Taken {
    tenant: Tenant,
    report: Report,
    rejects: Vec<(i64, String, String)>,
}

impl Taken {
    /// Takes in `content` and the good object.
    fn of(content: &[u8]) -> Taken {
        Taken::after(Tenant::of(&[(KEY, content), (GOOD_KEY, GOOD)]))
    }

    fn after(tenant: Tenant) -> Taken {
        let report = tenant.sync();
        let connection = state::open(&tenant.index());
        let mut select = connection
            .prepare("SELECT line, field, reason FROM rejects ORDER BY line")
            .unwrap();
        let rows = select
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap();
        let rejects = rows.collect::<Result<_, _>>().unwrap();
        drop(select);
        let taken = Taken {
            tenant,
            report,
            rejects,
        };
        assert_eq!(
            taken.count("SELECT count(*) FROM accounts WHERE name = 'good@EMEA'"),
            1,
            "the good object is in"
        );
        taken
    }

    fn count(&self, sql: &str) -> i64 {
        state::open(&self.tenant.index())
            .query_row(sql, [], |row| row.get(0))
            .unwrap()
    }

    fn names(&self) -> Vec<String> {
        let connection = state::open(&self.tenant.index());
        let sql = "SELECT name FROM accounts WHERE name <> 'good@EMEA' ORDER BY name";
        let mut select = connection.prepare(sql).unwrap();
        let names = select.query_map([], |row| row.get(0)).unwrap();
        names.collect::<Result<_, _>>().unwrap()
    }

    fn assert(&self, what: &str, fate: &Fate) {
        let rows = &self.report.rows;
        match fate {
            Fate::Fails(error) => {
                assert_eq!(self.report.outcome, Outcome::Partial, "{what}");
                let failures: Vec<_> = self
                    .report
                    .failures
                    .iter()
                    .map(|failure| (failure.object.as_str(), failure.error.as_str()))
                    .collect();
                assert_eq!(
                    failures,
                    [("exports/users/2026-11-20T06-00-00Z.csv", *error)],
                    "{what}"
                );
                assert_eq!(
                    (
                        self.report.objects.failed,
                        self.report.objects.loaded,
                        rows.read
                    ),
                    (1, 1, 1),
                    "{what}"
                );
                assert_eq!(self.names(), [""; 0], "{what}");
            }
            Fate::Keeps(kept, rejects) => {
                assert_eq!(
                    (self.report.outcome, self.report.objects.loaded),
                    (Outcome::Done, 2),
                    "{what}: {:?}",
                    self.report
                );
                let found: Vec<_> = self
                    .rejects
                    .iter()
                    .map(|(line, field, reason)| (*line, field.as_str(), reason.as_str()))
                    .collect();
                assert_eq!(&found, rejects, "{what}");
                assert_eq!(rows.read, kept + rejects.len() as u64 + 1, "{what}");
                assert_eq!(
                    (rows.stored, rows.rejected),
                    (kept + 1, rejects.len() as u64),
                    "{what}"
                );
                assert_eq!(
                    self.names().len() as u64,
                    *kept,
                    "{what}: {:?}",
                    self.names()
                );
            }
            Fate::Waits => {
                assert_eq!(
                    (self.report.outcome, self.report.objects.new),
                    (Outcome::Done, 1),
                    "{what}"
                );
            }
        }
    }

    /// Everything that a person gets to read about the run.
    fn messages(&self) -> Vec<&str> {
        let failures = self
            .report
            .failures
            .iter()
            .map(|failure| failure.error.as_str());
        let warnings = self.report.warnings.iter().map(String::as_str);
        let rejects = self
            .rejects
            .iter()
            .flat_map(|(_, field, reason)| [field.as_str(), reason.as_str()]);
        failures.chain(warnings).chain(rejects).collect()
    }

    /// The first `header_lines` of `content` are column names, which may be told.
    fn assert_tells_no_cell(&self, what: &str, content: &[u8], header_lines: usize) {
        /// A time that messages give as an example, and that the fixtures have too.
        const EXAMPLE: &str = "expected 2026-08-14 12:16:03 or";
        let text = String::from_utf8_lossy(content);
        let rows = text
            .split(['\n', '\r'])
            .filter(|line| !line.is_empty())
            .skip(header_lines);
        let cells = rows
            .flat_map(|row| row.split([',', ';', '\t', '"']))
            .map(str::trim)
            .filter(|cell| cell.len() > 3);
        let messages: Vec<String> = self
            .messages()
            .into_iter()
            .map(|message| message.replace(EXAMPLE, ""))
            .collect();
        for cell in cells {
            assert!(
                !messages.iter().any(|message| message.contains(cell)),
                "{what} tells {cell:?}: {messages:#?}"
            );
        }
    }
}

fn fate_of(name: &str) -> Fate {
    use Fate::{Fails, Keeps, Waits};
    const NO_KEY: &str = "no key: every key column is empty, a placeholder or no key";
    const BAD_TIME: &str = "not a time: expected 2026-08-14 12:16:03 or RFC 3339, not before 1970";
    const CHARACTER: &str = "holds a character that identifiers must not have";
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
        "utf-8.csv" => Keeps(2, vec![(3, "user.ad.full_name", "the cell is not UTF-8")]),
        "nul-in-name.csv" | "bidi-in-name.csv" => Keeps(2, vec![(3, "user.name", CHARACTER)]),
        "long-name.csv" => Keeps(2, vec![(3, "user.name", "longer than 256 bytes")]),
        "no-key.csv" => Keeps(1, vec![(3, "", NO_KEY), (4, "", NO_KEY)]),
        "bad-key.csv" => Keeps(
            1,
            vec![
                (3, "user.sid", "not of the form S-1-5-21-…"),
                (4, "user.uid", "not of the form a UUID"),
            ],
        ),
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

#[test]
fn every_bad_fixture_costs_what_it_must_and_no_more() {
    for name in names_of_fixtures("bad") {
        let content = fixture(&format!("bad/{name}"));
        let taken = Taken::of(&content);
        taken.assert(&name, &fate_of(&name));
        taken.assert_tells_no_cell(&name, &content, 1);
    }
}

// Headers.

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
            "a column name is over the limit of 512 bytes; expected column names such as \"user.sid\" on the first line",
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

// Sizes.

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
                "the text, for what its compressed size is, is over the limit of 64 MiB; a CSV export does not compress \
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
    let error = decode::check(file.path()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the text is over the limit of 65536 MiB; split the export into smaller files"
    );
}

#[test]
fn a_line_of_100_mb_costs_a_row_and_no_memory() {
    const CHILD: &str = "IDENTIDEX_TEST_LONG_LINE";
    if std::env::var_os(CHILD).is_none() {
        // In a process of its own, whose peak of memory is this test's alone.
        let name = "bad::a_line_of_100_mb_costs_a_row_and_no_memory";
        let child = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        assert!(
            child.status.success(),
            "{}",
            String::from_utf8_lossy(&child.stdout)
        );
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

/// The most memory this process ever had, where the system tells.
fn peak_memory_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
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

// Quotes.

fn batches(content: &[u8]) -> Vec<Decoded> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), content).unwrap();
    let form = decode::check(file.path()).unwrap();
    decode::batches(file.path(), &form, vec![0])
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

/// The rows of `content`, whose first column is an identifier, and its rejects.
fn decoded(content: &[u8]) -> (Vec<Vec<String>>, Vec<Reject>) {
    let (mut rows, mut rejects) = (Vec::new(), Vec::new());
    for batch in batches(content) {
        rows.extend(cells_of(&batch));
        rejects.extend(batch.rejects);
    }
    (rows, rejects)
}

fn lines_of(rejects: &[Reject]) -> Vec<u64> {
    rejects.iter().map(|reject| reject.line).collect()
}

#[test]
fn a_stray_quote_among_5000_rows_costs_one_row() {
    let cells = |at: usize| {
        [
            format!("u{at}@EMEA"),
            format!("{at}"),
            format!("Floor {at}"),
        ]
    };
    for is_quoted in [false, true] {
        for (column, at_begin) in [
            (0, true),
            (0, false),
            (1, true),
            (1, false),
            (2, true),
            (2, false),
        ] {
            let mut text = "user.name,c1,c2\n".to_owned();
            for at in 0..5_000 {
                let mut row = cells(at).map(|cell| {
                    if is_quoted {
                        format!("\"{cell}\"")
                    } else {
                        cell
                    }
                });
                if at == 2_500 {
                    let cell = row[column].trim_matches('"').to_owned();
                    row[column] = if at_begin {
                        format!("\"{cell}")
                    } else {
                        format!("{cell}\"")
                    };
                }
                text += &format!("{}\n", row.join(","));
            }
            let what = format!("quoted {is_quoted}, column {column}, at its begin {at_begin}");
            let (rows, rejects) = decoded(text.as_bytes());
            assert_eq!(lines_of(&rejects), [2_502], "{what}");
            let others = (0..5_000).filter(|at| *at != 2_500).map(cells);
            assert!(rows.iter().eq(others.collect::<Vec<_>>().iter()), "{what}");
        }
    }
}

#[test]
fn a_stray_quote_is_rejected_by_line_and_the_others_are_in() {
    let mut text = "user.name,user.ad.office\n".to_owned();
    for at in 0..5_000 {
        let quote = if at == 2_500 { "\"" } else { "" };
        text += &format!("user{at}@EMEA,{quote}Floor {at}\n");
    }
    let reason = "a quote is opened and not closed where the row should end";
    Taken::of(text.as_bytes()).assert(
        "a stray quote",
        &Fate::Keeps(4_999, vec![(2_502, "", reason)]),
    );
}

#[test]
fn unescaped_quotes_never_move_text_into_the_next_cell() {
    // As many cells as the header, each read without an error by the csv crate, and with the wrong borders.
    let slips = [
        r#""pquinn@EMEA","Quinn "Pat,","Sales""#,
        r#""pquinn@EMEA","Quinn "Pat","Sales""#,
        r#""pquinn@EMEA","Quinn ,"Pat,", Sales""#,
        r#""pquinn@EMEA","Quinn "Pat","#,
        r#""pquinn@EMEA",""Pat" Quinn","Sales""#,
        r#""pquinn"@EMEA,Quinn,Sales"#,
        r#""pquinn"@EMEA,"Quinn","Sales""#,
    ];
    for slip in slips {
        let text = format!("user.name,c1,c2\n\"a\",\"b\",\"c\"\n{slip}\n\"d\",\"e\",\"f\"\n");
        let (rows, rejects) = decoded(text.as_bytes());
        assert_eq!(rows, [["a", "b", "c"], ["d", "e", "f"]], "{slip}");
        assert_eq!(lines_of(&rejects), [3], "{slip}");
    }
}

#[test]
fn quotes_inside_an_unquoted_cell_are_text() {
    let (rows, rejects) = decoded(b"user.name,c1,c2\na,Robert \"Bob\" Smith,c\n");
    assert_eq!(
        (rows, rejects),
        (
            vec![vec!["a".into(), "Robert \"Bob\" Smith".into(), "c".into()]],
            vec![]
        )
    );
}

#[test]
fn escaped_quotes_at_the_borders_of_cells_are_text() {
    let text = "user.name,c1,c2\n\"a\",\"\"\"b\"\"\",\"\"\"\"\n\"\"\"\",\"\",\"\"\",\"\"\"\n";
    let (rows, rejects) = decoded(text.as_bytes());
    assert_eq!(rows, [["a", "\"b\"", "\""], ["\"", "", "\",\""]]);
    assert_eq!(rejects, []);
}

#[test]
fn a_record_of_too_many_lines_is_no_record() {
    let text = |lines: usize| format!("user.name,c1\na,\"{}\"\nb,c\n", vec!["x"; lines].join("\n"));
    let (rows, rejects) = decoded(text(decode::MAX_RECORD_LINES).as_bytes());
    assert_eq!((rows.len(), rejects), (2, vec![]));
    let (rows, rejects) = decoded(text(decode::MAX_RECORD_LINES + 1).as_bytes());
    assert_eq!(rows, [["b", "c"]]);
    assert_eq!(rejects.len(), 1, "one row, whatever its lines look like");
}

#[test]
fn a_line_of_a_long_cell_is_never_taken_for_a_row() {
    let lines = |line: &str| vec![line; 3 * decode::MAX_RECORD_LINES].join("\n");
    for made_up in ["evil@EMEA,x", "\"\"evil@EMEA\"\",\"\"x\"\""] {
        let text = format!(
            "user.name,c1\na,\"free text\n{}\nend\"\nb,c\n",
            lines(made_up)
        );
        let (rows, rejects) = decoded(text.as_bytes());
        assert_eq!(rows, [["b", "c"]], "{made_up}");
        assert_eq!(rejects.len(), 1, "{made_up}");
    }
    // A quote that never closes costs its line, and the rows behind it are rows.
    let text = format!("user.name,c1\na,\"stray\n{}\n", lines("b,c"));
    let (rows, _) = decoded(text.as_bytes());
    assert_eq!(rows.len(), 3 * decode::MAX_RECORD_LINES);
}

#[test]
fn a_record_is_not_cut_where_the_buffer_ends() {
    // Behind an open quote, a line so long that the buffer ends within it, where the quotes happen to be even.
    let long = "y".repeat(decode::MAX_LINE_BYTES - 10);
    let text = format!("user.name,c1\na,\"x\nb\",\"z{long}\"\nc,d\n");
    let (rows, rejects) = decoded(text.as_bytes());
    assert_eq!(rows, [["c", "d"]]);
    assert_eq!(lines_of(&rejects), [2, 3]);
}

// Lines.

#[test]
fn blank_lines_are_no_rows_and_are_counted_as_lines() {
    for line_end in ["\n", "\r\n"] {
        let text = "\n\nuser.name,c1\n\na,\"x\ny\"\n\n\nragged\n\nb,\n\n".replace('\n', line_end);
        let (rows, rejects) = decoded(text.as_bytes());
        assert_eq!(
            rows,
            [
                vec!["a".to_owned(), format!("x{line_end}y")],
                vec!["b".to_owned(), String::new()]
            ]
        );
        assert_eq!(lines_of(&rejects), [9], "{line_end:?}");
    }
    let mut text = "user.name,c1\n".to_owned();
    for at in 0..10_000 {
        text += &format!("\n{at},x\n");
    }
    let read = batches(text.as_bytes());
    let numbers: Vec<u32> = read.iter().flat_map(|batch| batch.rows.clone()).collect();
    let lines: Vec<u64> = read.iter().flat_map(|batch| batch.lines.clone()).collect();
    assert!(numbers.into_iter().eq(1..=10_000));
    assert!(lines.into_iter().eq((1..=10_000).map(|at| at * 2 + 1)));
}

#[test]
fn rows_that_end_in_carriage_returns_share_a_line() {
    let content = b"user.name,user.sid\na\ra\rgood@APAC,\rb,c,d\n";
    let taken = Taken::of(content);
    let rows = taken.report.rows;
    assert_eq!(
        (rows.read, rows.stored, rows.rejected),
        (5, 2, 3),
        "{:?}",
        taken.report
    );
    assert!(
        taken.rejects.iter().all(|(line, ..)| *line == 2),
        "{:?}",
        taken.rejects
    );
}

#[test]
fn a_header_that_was_appended_with_its_file_is_no_account() {
    let content = b"user.name,user.ad.office\na@EMEA,x\nuser.name,user.ad.office\nb@EMEA,y\n";
    Taken::of(content).assert(
        "appended",
        &Fate::Keeps(2, vec![(3, "", "the row repeats the header")]),
    );
    let content = b"user.name,user.ad.office\na@EMEA,x\n\xef\xbb\xbf\"user.name\",\"user.ad.office\"\nb@EMEA,y\n";
    let reason = "a byte-order mark stands before the row";
    Taken::of(content).assert(
        "appended with a mark",
        &Fate::Keeps(2, vec![(3, "", reason)]),
    );
}

#[test]
fn a_byte_order_mark_before_a_row_is_refused_wherever_it_is_read() {
    for before in 0..3 {
        let text = format!(
            "user.name,c1\n{}\u{feff}a,b\nc,d\n",
            "x,\"y\nz\"\n".repeat(before)
        );
        let (rows, rejects) = decoded(text.as_bytes());
        assert_eq!(
            (rows.len(), lines_of(&rejects)),
            (before + 1, vec![2 + 2 * before as u64])
        );
    }
}

// Objects that are no files, or not the ones that were listed.

#[test]
fn a_folder_under_the_name_of_a_file_is_a_folder() {
    let tenant = Tenant::of(&[
        (GOOD_KEY, GOOD),
        (
            "users/2026-11-20T06-00-00Z.csv/part.csv",
            &fixture("forms/plain.csv"),
        ),
    ]);
    fs::create_dir(tenant.source().join("empty.csv")).unwrap();
    Taken::after(tenant).assert("a folder", &Fate::Keeps(3, vec![]));
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_opened_fails_alone() {
    use std::os::unix::fs::PermissionsExt;
    let tenant = Tenant::of(&[(GOOD_KEY, GOOD), (KEY, &fixture("forms/plain.csv"))]);
    let path = tenant.source().join(KEY);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if File::open(&path).is_ok() {
        return; // The superuser may read everything.
    }
    Taken::after(tenant).assert("not permitted", &Fate::Fails(
        "not permitted to read object `users/2026-11-20T06-00-00Z.csv` of source `exports`; check the credentials and \
         their right to list and to read",
    ));
}

/// What happens to a file between listing and fetching.
type Change = fn(&Path);

#[test]
fn a_file_that_changes_after_it_was_listed_is_left_for_the_next_run() {
    let cut = &fixture("forms/plain.csv")[..300];
    const CHANGED: &str = "object `users/2026-11-20T06-00-00Z.csv` of source `exports` changed after it was listed; the \
                           next run takes it as it is then";
    const GONE: &str = "object `users/2026-11-20T06-00-00Z.csv` of source `exports` was not found; check its \
                        name, or run again if it was removed meanwhile";
    let changes: [(&str, Change, &str); 3] = [
        (
            "grown",
            |path| {
                let mut file = File::options().append(true).open(path).unwrap();
                file.write_all(&fixture("forms/plain.csv")[300..]).unwrap();
            },
            CHANGED,
        ),
        (
            "replaced",
            |path| {
                let next = path.with_extension("tmp");
                fs::write(&next, fixture("forms/plain.csv")).unwrap();
                fs::rename(next, path).unwrap();
            },
            CHANGED,
        ),
        ("gone", |path| fs::remove_file(path).unwrap(), GONE),
    ];
    for (what, change, error) in changes {
        let tenant = Tenant::of(&[(GOOD_KEY, GOOD), (KEY, cut)]);
        let path = tenant.source().join(KEY);
        let report = tenant.sync_telling(&mut |progress| {
            if matches!(progress, Progress::Listed { .. }) {
                change(&path);
            }
        });
        let errors: Vec<&str> = report
            .failures
            .iter()
            .map(|failure| failure.error.as_str())
            .collect();
        assert_eq!(errors, [error], "{what}");
        assert_eq!(
            (report.outcome, report.objects.loaded),
            (Outcome::Partial, 1),
            "{what}"
        );
        let next = tenant.sync();
        let is_there = usize::from(path.exists());
        assert_eq!(
            (next.outcome, next.objects.loaded),
            (Outcome::Done, is_there as u64),
            "{what}"
        );
        assert_eq!(
            (next.rows.read, next.rows.rejected),
            (3 * is_there as u64, 0),
            "{what}"
        );
    }
}

//! One table in many forms: whatever the file looks like, the index knows the same. Belongs here: forms that must be
//! read, and the fixtures of `fixtures/forms` and `fixtures/pair`.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of a test may panic as the test itself may"
)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use arrow_array::{Array, StringArray};
use flate2::Compression;
use flate2::write::GzEncoder;
use identidex::ingest::{self, Outcome, Report};
use identidex::internals::decode;
use identidex::internals::observation::Decoded;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::{model, replay, state};

/// A key that says when its rows were observed; its extension must mean nothing.
const KEY: &str = "users/2026-11-20T06-00-00Z.csv";
const LATER: &str = "users/2026-11-21T06-00-00Z.csv";

/// Fixtures of `forms` that are not another form of `plain.csv`.
const OTHER_TABLES: [&str; 5] = [
    "quoted-newline.csv",
    "unknown-columns.csv",
    "column-missing.csv",
    "clears.csv",
    "logins-counted.csv",
];

/// A source and an index in a folder that goes with this.
pub(crate) struct Tenant {
    home: tempfile::TempDir,
}

impl Tenant {
    pub(crate) fn new() -> Tenant {
        let home = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(home.path().join("exports")).expect("the source can be made");
        Tenant { home }
    }

    /// A tenant of these objects.
    pub(crate) fn of(objects: &[(&str, &[u8])]) -> Tenant {
        let tenant = Tenant::new();
        for (key, content) in objects {
            tenant.put(key, content);
        }
        tenant
    }

    pub(crate) fn put(&self, key: &str, content: &[u8]) -> PathBuf {
        let path = self.source().join(key);
        fs::create_dir_all(path.parent().expect("a key has a folder"))
            .expect("the folder can be made");
        fs::write(&path, content).expect("the object can be written");
        // All at one time: of two objects observed at once, the one modified last counts.
        let file = fs::File::options()
            .write(true)
            .open(&path)
            .expect("the object can be opened");
        let modified = UNIX_EPOCH + Duration::from_secs(1_795_000_000);
        file.set_modified(modified).expect("its time can be set");
        path
    }

    pub(crate) fn source(&self) -> PathBuf {
        self.home.path().join("exports")
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.home.path().join("identity.db")
    }

    /// Runs once; no row may be lost in silence.
    pub(crate) fn sync(&self) -> Report {
        self.sync_telling(&mut |_| {})
    }

    pub(crate) fn sync_telling(&self, progress: &mut dyn FnMut(ingest::Progress)) -> Report {
        let options = replay::options(&self.source(), &self.index(), Duration::from_secs(300));
        let report = ingest::run(&options, progress).expect("the run succeeds");
        let rows = report.rows;
        assert_eq!(
            rows.read,
            rows.stored + rows.unchanged + rows.superseded + rows.rejected,
            "{report:?}"
        );
        report
    }

    /// Takes in everything, which must succeed.
    fn taken(self) -> Tenant {
        let report = self.sync();
        assert_eq!(
            (report.outcome, report.rows.rejected),
            (Outcome::Done, 0),
            "{report:?}"
        );
        self
    }

    /// What the index knows, but for who held what when: that is no matter of a file's form.
    fn state(&self) -> Value {
        let mut state = state::read(&self.index());
        state.as_object_mut().unwrap().remove("held");
        state
    }
}

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn names_of_fixtures(folder: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(folder);
    let entries = fs::read_dir(path).expect("the fixtures are there");
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect();
    names.sort();
    names
}

fn plain() -> Value {
    Tenant::of(&[(KEY, &fixture("forms/plain.csv"))])
        .taken()
        .state()
}

#[test]
fn every_fixture_is_in_the_readme() {
    let readme = String::from_utf8(fixture("README.md")).unwrap();
    for folder in ["forms", "pair", "bad"] {
        for name in names_of_fixtures(folder) {
            assert!(readme.contains(&format!("`{name}`")), "{folder}/{name}");
        }
    }
}

#[test]
fn the_plain_form_is_read_as_it_stands() {
    let accounts = plain()["accounts"].clone();
    assert_eq!(accounts.as_array().map(Vec::len), Some(3));
    let john = json!({
        "subject": "sid:s-1-5-21-1085031214-1563985344-725345543-1101",
        "class": "person",
        "fields": {
            "name": "jdoe@EMEA",
            "uid": "aaaaaaaa-0000-4000-8000-000000000001",
            "sid": "S-1-5-21-1085031214-1563985344-725345543-1101",
            "upn": "john.doe@contoso.com",
            "full_name": "Doe, John",
            "last_seen": 1_786_709_763_000_000_i64,
        },
    });
    assert!(accounts.as_array().unwrap().contains(&john), "{accounts:#}");
}

#[test]
fn every_form_of_the_plain_table_leads_to_its_state() {
    let plain = plain();
    let forms = names_of_fixtures("forms")
        .into_iter()
        .filter(|name| !OTHER_TABLES.contains(&name.as_str()));
    for name in forms {
        let state = Tenant::of(&[(KEY, &fixture(&format!("forms/{name}")))])
            .taken()
            .state();
        assert_eq!(state, plain, "{name}");
    }
}

#[test]
fn the_plain_table_can_be_compressed_by_us_too() {
    let text = fixture("forms/plain.csv");
    for packed in [gzip(&text), zstd::encode_all(text.as_slice(), 3).unwrap()] {
        assert_eq!(Tenant::of(&[(KEY, &packed)]).taken().state(), plain());
    }
    // Frames that were appended are one text, as members are.
    let (first, second) = text.split_at(200);
    let frames = [
        zstd::encode_all(first, 3).unwrap(),
        zstd::encode_all(second, 3).unwrap(),
    ]
    .concat();
    assert_eq!(Tenant::of(&[(KEY, &frames)]).taken().state(), plain());
}

#[test]
fn utf_16_is_recognised_without_a_mark() {
    for name in ["forms/utf-16le.csv", "forms/utf-16be.csv"] {
        assert_eq!(
            Tenant::of(&[(KEY, &fixture(name)[2..])]).taken().state(),
            plain(),
            "{name}"
        );
    }
}

#[test]
fn unknown_columns_are_kept_beside_the_known_ones() {
    let mut expected = plain();
    let extras = [
        (
            "jdoe@EMEA",
            json!({"user.#cost_centre": "4711", "user.days_since_last_seen": "98", "user.organization.#team": "Blue"}),
        ),
        (
            "mpalotas@EMEA",
            json!({"user.days_since_last_seen": "98", "user.organization.#team": "Red"}),
        ),
        (
            "sobrien@EMEA",
            json!({"user.#cost_centre": "0815", "user.days_since_last_seen": "99"}),
        ),
    ];
    for (name, extra) in extras {
        fields_of(&mut expected, name)["extra"] = extra;
    }
    assert_eq!(
        Tenant::of(&[(KEY, &fixture("forms/unknown-columns.csv"))])
            .taken()
            .state(),
        in_order(expected)
    );
}

#[test]
fn a_new_line_in_a_cell_belongs_to_the_cell() {
    let mut expected = plain();
    fields_of(&mut expected, "jdoe@EMEA")["office"] = json!("Rue du Lac 1\n1003 Lausanne");
    fields_of(&mut expected, "mpalotas@EMEA")["office"] = json!("Fő utca 1, \"B\"");
    assert_eq!(
        Tenant::of(&[(KEY, &fixture("forms/quoted-newline.csv"))])
            .taken()
            .state(),
        in_order(expected)
    );
}

#[test]
fn a_missing_column_clears_nothing() {
    let missing = fixture("forms/column-missing.csv");
    let both = [(KEY, fixture("forms/plain.csv")), (LATER, missing.clone())];
    in_either_order(&both, &plain());

    let mut alone = plain();
    for name in ["jdoe@EMEA", "mpalotas@EMEA", "sobrien@EMEA"] {
        fields_of(&mut alone, name)
            .as_object_mut()
            .unwrap()
            .remove("upn");
    }
    assert_eq!(
        Tenant::of(&[(KEY, &missing)]).taken().state(),
        in_order(alone)
    );
}

#[test]
fn an_empty_cell_clears_what_is_no_key() {
    let mut expected = plain();
    let john = account(&mut expected, "jdoe@EMEA");
    // Nothing tells any more that this is a person.
    john["class"] = json!("unknown");
    let fields = john["fields"].as_object_mut().unwrap();
    fields.remove("upn");
    fields.remove("full_name");
    fields.insert("last_seen".to_owned(), json!(1_786_796_163_000_000_i64));
    in_either_order(
        &[
            (KEY, fixture("forms/plain.csv")),
            (LATER, fixture("forms/clears.csv")),
        ],
        &expected,
    );
}

#[test]
fn counted_logins_wait_until_both_sides_are_known() {
    let logins = fixture("forms/logins-counted.csv");
    let alone = Tenant::of(&[("logins/2026-11-20T07-00-00Z.csv", &logins)]).taken();
    assert_eq!(
        alone.state(),
        json!({"accounts": [], "devices": [], "usages": [], "waiting": {"unknown": 2, "ambiguous": 0}})
    );
    alone.put(
        "users/2026-11-20T06-00-00Z.csv",
        &fixture("tenant/users/2026-11-20T06-00-00Z.csv"),
    );
    alone.put(
        "devices/2026-11-20T06-00-00Z.csv",
        &fixture("tenant/devices/2026-11-20T06-00-00Z.csv"),
    );
    let state = alone.taken().state();
    let of_two = [
        ("1101", "42", 1_786_709_763_000_000_i64),
        ("1104", "43", 1_786_705_200_000_000),
    ];
    for (rid, device, last_used) in of_two {
        let account = format!("sid:s-1-5-21-1085031214-1563985344-725345543-{rid}");
        let device = format!("uid:dddddddd-0000-4000-8000-0000000000{device}");
        let usages = state["usages"].as_array().unwrap();
        let usage = usages.iter().find(|usage| {
            usage["account"] == account.as_str() && usage["device"] == device.as_str()
        });
        let usage =
            usage.unwrap_or_else(|| panic!("no usage of {account} on {device} in {usages:#?}"));
        assert_eq!(
            (&usage["logins"], &usage["last_used"]),
            (&json!(26), &json!(last_used))
        );
    }
}

#[test]
fn names_here_and_ids_there_end_as_one_account() {
    let names = (
        "users/2026-11-20T06-00-00Z-names.csv",
        fixture("pair/names.csv"),
    );
    let ids = (
        "users/2026-11-20T06-00-00Z-ids.csv",
        fixture("pair/ids.csv"),
    );
    let both = Tenant::of(&[(names.0, &names.1), (ids.0, &ids.1)])
        .taken()
        .state();
    let accounts = both["accounts"].as_array().unwrap();
    assert_eq!(accounts.len(), 3, "{accounts:#?}");
    let john = accounts
        .iter()
        .find(|account| account["fields"]["email"] == "John.Doe@contoso.com")
        .unwrap();
    assert_eq!(
        john["fields"]["sid"],
        "S-1-5-21-1085031214-1563985344-725345543-1101"
    );
    in_either_order(&[names, ids], &both);
}

/// Accounts stand in an order of their values: changed ones move.
fn in_order(mut state: Value) -> Value {
    let accounts = state["accounts"].as_array().cloned().unwrap_or_default();
    state["accounts"] = json!(model::sorted(accounts));
    state
}

/// Takes in the one, publishes, then the other; and the other way round.
fn in_either_order(objects: &[(&str, Vec<u8>); 2], expected: &Value) {
    for order in [[0, 1], [1, 0]] {
        let tenant = Tenant::new();
        for at in order {
            tenant.put(objects[at].0, &objects[at].1);
            let report = tenant.sync();
            assert_eq!(
                (report.outcome, report.rows.rejected),
                (Outcome::Done, 0),
                "{report:?}"
            );
        }
        assert_eq!(
            tenant.state(),
            in_order(expected.clone()),
            "order {order:?}"
        );
    }
}

fn account<'a>(state: &'a mut Value, name: &str) -> &'a mut Value {
    let accounts = state["accounts"]
        .as_array_mut()
        .expect("accounts are a list");
    let account = accounts
        .iter_mut()
        .find(|account| account["fields"]["name"] == name);
    account.unwrap_or_else(|| panic!("no account {name}"))
}

fn fields_of<'a>(state: &'a mut Value, name: &str) -> &'a mut Value {
    &mut account(state, name)["fields"]
}

// A table of many batches and read buffers.

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

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
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
    let forms: [(&str, Vec<u8>); 11] = [
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
    ];
    for (form, content) in forms {
        let tenant = Tenant::of(&[(KEY, &content)]);
        let report = tenant.sync();
        assert_eq!(
            (report.outcome, report.rows.read, report.rows.stored),
            (Outcome::Done, 20_000, 20_000),
            "{form}"
        );
        assert_eq!(report.accounts, 20_000, "{form}");
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

// Any table.

/// How a table is written.
#[derive(Debug, Clone)]
struct Style {
    delimiter: char,
    line_end: &'static str,
    quotes_all: bool,
    ends_last_line: bool,
    /// Where gzip members end, in hundredths of the text; none means plain.
    members: Vec<usize>,
}

fn styles() -> impl Strategy<Value = Style> {
    let delimiter = prop_oneof![Just(','), Just(';'), Just('\t')];
    let line_end = prop_oneof![Just("\n"), Just("\r\n")];
    (
        delimiter,
        line_end,
        any::<bool>(),
        any::<bool>(),
        prop::collection::vec(0..100_usize, 0..6),
    )
        .prop_map(
            |(delimiter, line_end, quotes_all, ends_last_line, mut members)| {
                members.sort_unstable();
                Style {
                    delimiter,
                    line_end,
                    quotes_all,
                    ends_last_line,
                    members,
                }
            },
        )
}

/// Cells of everything that means something to a CSV reader; new lines in the last column only, as in free text.
fn tables() -> impl Strategy<Value = Vec<Vec<String>>> {
    let pieces = [
        "\"", "\"\"", ",", ";", "\t", "a", "Ő", "𝔘", " ", "x1", "'", "\\",
    ];
    let lines = [&pieces[..], &["\n", "\r\n", "\r", "\n\n", "\u{feff}"]].concat();
    let text = |pieces: Vec<&'static str>| {
        prop::collection::vec(prop::sample::select(pieces), 0..7).prop_map(|pieces| pieces.concat())
    };
    (2..5_usize).prop_flat_map(move |width| {
        let last = text(lines.clone());
        let row = (
            prop::collection::vec(text(pieces.to_vec()), width - 1),
            last,
        )
            .prop_map(|(mut row, last)| {
                row.push(last);
                row
            });
        prop::collection::vec(row, 0..12)
    })
}

fn write_table(table: &[Vec<String>], style: &Style) -> Vec<u8> {
    let cell = |text: &String| {
        if style.quotes_all || text.contains(['"', '\n', '\r', style.delimiter]) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text.clone()
        }
    };
    let width = table.first().map_or(2, Vec::len);
    let header: Vec<String> = (0..width).map(|at| format!("c{at}")).collect();
    let line = |row: &Vec<String>| {
        row.iter()
            .map(cell)
            .collect::<Vec<_>>()
            .join(&style.delimiter.to_string())
    };
    let lines: Vec<String> = std::iter::once(&header).chain(table).map(line).collect();
    let mut text = lines.join(style.line_end);
    if style.ends_last_line {
        text += style.line_end;
    }
    let mut begin = 0;
    let ends = style
        .members
        .iter()
        .map(|hundredths| text.len() * hundredths / 100)
        .chain([text.len()]);
    if style.members.is_empty() {
        return text.into_bytes();
    }
    let mut packed = Vec::new();
    for end in ends {
        packed.extend(gzip(&text.as_bytes()[begin..end]));
        begin = end;
    }
    packed
}

/// The cells of a batch; none is an empty text, since an empty cell is null.
pub(crate) fn cells_of(decoded: &Decoded) -> Vec<Vec<String>> {
    let columns = decoded
        .records
        .columns()
        .iter()
        .map(|column| column.as_any().downcast_ref::<StringArray>());
    let columns: Vec<&StringArray> = columns
        .map(|column| column.expect("every column is text"))
        .collect();
    let cell = |column: &StringArray, at| {
        assert!(
            column.is_null(at) || !column.value(at).is_empty(),
            "an empty cell is null"
        );
        column.value(at).to_owned()
    };
    (0..decoded.records.num_rows())
        .map(|at| columns.iter().map(|column| cell(column, at)).collect())
        .collect()
}

fn read_table(content: &[u8]) -> Vec<Vec<String>> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), content).unwrap();
    let form = decode::check(file.path()).unwrap();
    let mut table = Vec::new();
    for decoded in decode::batches(file.path(), &form, vec![0]).unwrap() {
        let decoded = decoded.unwrap();
        assert_eq!(decoded.rejects, []);
        assert_eq!(decoded.rows.first(), Some(&(table.len() as u32 + 1)));
        table.extend(cells_of(&decoded));
    }
    table
}

#[test]
fn any_table_is_read_back_as_it_was_written() {
    let config = Config {
        cases: 2_000,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
        .run(&(tables(), styles()), |(table, style)| {
            prop_assert_eq!(read_table(&write_table(&table, &style)), table);
            Ok(())
        })
        .unwrap();
}

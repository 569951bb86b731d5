//! Values that are no texts: numbers, times, lists and the like, as JSON and Parquet have them, beside what CSV has for them.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Decimal128Array, FixedSizeBinaryArray, Float64Array, Int64Array,
    StringArray, TimestampMicrosecondArray,
};
use arrow_schema::extension::Uuid;
use arrow_schema::{Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use serde_json::Value;

use super::written::{lists, of_columns};
use super::{KEY, Tenant};

const LOGINS_KEY: &str = "logins/2026-11-20T06-00-00Z.csv";
const DEVICES: &str = "\"device.uid\",\"device.name\",\"device.os\",\"device.memory\",\"device.vm\",\"device.last_seen\"\n\
    \"dddddddd-0000-4000-8000-000000000001\",\"NB-1\",\"[22631, 4169]\",\"16.5\",\"true\",\"2026-11-19T10:00:00Z\"\n\
    \"dddddddd-0000-4000-8000-000000000002\",\"NB-2\",\"\",\"\",\"\",\"2026-11-18T10:00:00Z\"\n";

fn state_of(content: &[u8]) -> Value {
    Tenant::of(&[(KEY, content)]).taken().state()
}

#[test]
fn json_has_numbers_lists_and_truths() {
    let text = r#"[{"device": {"uid": "dddddddd-0000-4000-8000-000000000001", "name": "NB-1", "os": [22631, 4169],
        "memory": 16.5, "vm": true, "last_seen": "2026-11-19T10:00:00Z"}},
        {"device": {"uid": "dddddddd-0000-4000-8000-000000000002", "name": "NB-2", "memory": null,
        "last_seen": "2026-11-18T10:00:00Z"}}]"#;
    assert_eq!(state_of(text.as_bytes()), state_of(DEVICES.as_bytes()));
}

#[test]
fn parquet_has_uuids_times_lists_and_truths() {
    let uid = |last: u8| {
        [
            0xdd, 0xdd, 0xdd, 0xdd, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, last,
        ]
    };
    let times = [1_795_082_400_000_000, 1_794_996_000_000_000];
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "device.uid",
            Arc::new(FixedSizeBinaryArray::try_from_iter([uid(1), uid(2)].into_iter()).unwrap()),
        ),
        (
            "device.name",
            Arc::new(StringArray::from(vec!["NB-1", "NB-2"])),
        ),
        (
            "device.os",
            Arc::new(StringArray::from(vec![Some("[22631, 4169]"), None])),
        ),
        (
            "device.memory",
            Arc::new(Float64Array::from(vec![Some(16.5), None])),
        ),
        (
            "device.vm",
            Arc::new(BooleanArray::from(vec![Some(true), None])),
        ),
        (
            "device.last_seen",
            Arc::new(
                TimestampMicrosecondArray::from(times.to_vec()).with_timezone("Europe/Zurich"),
            ),
        ),
    ];
    let fields = columns.iter().map(|(name, array)| {
        let field = Field::new(*name, array.data_type().clone(), true);
        match *name {
            "device.uid" => field.with_extension_type(Uuid),
            _ => field,
        }
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let arrays = columns.iter().map(|(_, array)| Arc::clone(array)).collect();
    let records = arrow_array::RecordBatch::try_new(schema.clone(), arrays).unwrap();
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, schema, None).unwrap();
    writer.write(&records).unwrap();
    writer.close().unwrap();
    assert_eq!(state_of(&file), state_of(DEVICES.as_bytes()));
}

#[test]
fn lists_of_texts_are_what_csv_has_for_them() {
    let columns: Vec<(String, ArrayRef)> = vec![
        (
            "device.name".into(),
            Arc::new(StringArray::from(vec!["NB-1", "NB-2"])),
        ),
        ("device.disks".into(), lists(&[&["C:", "D:"], &["C:"]])),
        (
            "device.cost".into(),
            Arc::new(
                Decimal128Array::from(vec![1_250, 700])
                    .with_precision_and_scale(9, 2)
                    .unwrap(),
            ),
        ),
    ];
    let csv = "\"device.name\",\"device.disks\",\"device.cost\"\n\"NB-1\",\"[C:, D:]\",\"12.50\"\n\"NB-2\",\"[C:]\",\"7.00\"\n";
    for is_nested in [false, true] {
        let file = of_columns(columns.clone(), is_nested, Compression::SNAPPY);
        assert_eq!(state_of(&file), state_of(csv.as_bytes()));
    }
}

#[test]
fn counts_are_counts_however_they_are_typed() {
    let users = "\"user.name\"\n\"jdoe@EMEA\"\n";
    let devices = "\"device.name\"\n\"NB-1\"\n";
    let state_of = |logins: &[u8]| {
        let objects: [(&str, &[u8]); 3] = [
            (KEY, users.as_bytes()),
            ("devices/2026-11-20T06-00-00Z.csv", devices.as_bytes()),
            (LOGINS_KEY, logins),
        ];
        Tenant::of(&objects).taken().state()
    };
    let csv = "\"user.name\",\"device.name\",\"logins\"\n\"jdoe@EMEA\",\"NB-1\",\"26\"\n";
    let named = |counts: ArrayRef| -> Vec<(String, ArrayRef)> {
        vec![
            (
                "user.name".into(),
                Arc::new(StringArray::from(vec!["jdoe@EMEA"])),
            ),
            (
                "device.name".into(),
                Arc::new(StringArray::from(vec!["NB-1"])),
            ),
            ("logins".into(), counts),
        ]
    };
    let expected = state_of(csv.as_bytes());
    for counts in [
        Arc::new(Int64Array::from(vec![26])) as ArrayRef,
        Arc::new(Float64Array::from(vec![26.0])),
    ] {
        let file = of_columns(named(counts), true, Compression::UNCOMPRESSED);
        assert_eq!(state_of(&file), expected);
    }
    for count in ["26", "26.0", "\"26\""] {
        let text =
            format!(r#"{{"user.name": "jdoe@EMEA", "device.name": "NB-1", "logins": {count}}}"#);
        assert_eq!(state_of(text.as_bytes()), expected);
    }
}

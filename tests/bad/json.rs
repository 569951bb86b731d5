//! JSON that is broken, or no rows: what costs a row, what the file, and what is said of it.

use super::taken::Taken;
use super::{decoded, lines_of};

/// Takes a text in beside a good object, and returns why it failed.
fn failure_of(text: &str) -> String {
    let taken = Taken::of(text.as_bytes());
    match taken.report.failures.as_slice() {
        [failure] => failure.error.clone(),
        failures => panic!("{failures:?}"),
    }
}

fn rows_of(text: &str) -> Vec<Vec<String>> {
    decoded(text.as_bytes()).0
}

#[test]
fn a_line_that_is_no_object_costs_a_row() {
    for broken in [
        r#"{"user.name": "b", "user.sid""#,
        r#"{"user.name": "b" "user.sid": 1}"#,
        "an error of a receiver",
        r#"{"user.name": "b"#,
        "null",
        r#"["b"]"#,
        r#"{"user.name": NaN}"#,
    ] {
        let text = format!("{{\"user.name\": \"a\"}}\n{broken}\n{{\"user.name\": \"c\"}}\n");
        let (rows, rejects) = decoded(text.as_bytes());
        assert_eq!(rows, [["a"], ["c"]], "{broken}");
        assert_eq!(lines_of(&rejects), [2], "{broken}");
    }
}

#[test]
fn a_row_that_contradicts_itself_is_left_out() {
    let text = r#"{"user": {"name": "a"}, "n": 1}
{"user": {"name": "b"}, "user.name": "c", "n": 2}
{"user": {"name": "d", "name": "d"}, "n": 3}
{"user": {"name": "\ud800"}, "n": 4}
{"user": {"name": "e"}, "n": 5}
"#;
    let (rows, rejects) = decoded(text.as_bytes());
    assert_eq!(rows, [["a", "1"], ["e", "5"]]);
    let twice = "the property stands twice in the row";
    let reasons = rejects.iter();
    let reasons: Vec<_> = reasons
        .map(|it| (it.line, &*it.field, &*it.reason))
        .collect();
    assert_eq!(
        reasons,
        [
            (2, "user.name", twice),
            (3, "user.name", twice),
            (
                4,
                "user.name",
                "a text of the row cannot be read: expected UTF-8 and valid escapes"
            ),
        ]
    );
}

#[test]
fn what_is_no_rows_fails_its_object() {
    let row = r#"{"user.name": "jdoe@EMEA"}"#;
    let row_at = |line: u64, what: &str| format!("line {line} is no JSON that holds rows: {what}");
    let cut = "the text ends within a row or list; export or upload the object again";
    let fault = "a fault of syntax; export or upload the object again";
    for (text, expected) in [
        (format!("[{row},\n{row}"), row_at(2, cut)),
        (format!("[{row},\n{row},"), row_at(2, cut)),
        (
            format!("[{row},\n{row},]"),
            row_at(2, "expected an object that is a row"),
        ),
        (
            format!("[{row}\n{row}]"),
            row_at(2, "expected a comma or the end of the list"),
        ),
        (format!("[{row},\n{{\"user.name\" 1}}]"), row_at(2, fault)),
        (
            format!("[{row},\n1]"),
            row_at(2, "expected an object that is a row"),
        ),
        (format!("{row}\n{{\"user.name\": \"x"), row_at(2, cut)),
        (format!("{row} {row}\n]"), row_at(2, fault)),
        (
            format!("{{\"a\": [{row}], \"b\": [{row}]}}"),
            row_at(
                1,
                "several lists of objects within one; expected one list, of rows",
            ),
        ),
        (
            format!("{{\"a\": [{row}],\n\"b\": 1"),
            row_at(2, "the text ends within its first object"),
        ),
        (
            format!("{{\"a\": [{row}]}}\n{row}"),
            row_at(2, "a row, where objects around lists of rows stand"),
        ),
        (
            "{\"user.name\": tru}".to_owned(),
            row_at(1, "a fault of syntax in its first object"),
        ),
        (
            "{\"user.name\": \"x\"".to_owned(),
            row_at(1, "the text ends within its first object"),
        ),
    ] {
        assert_eq!(failure_of(&text), expected, "{text}");
    }
}

#[test]
fn a_text_without_rows_is_left_out_and_no_failure() {
    for text in ["[]", r#"{"value": []}"#, "[ ]\n[]"] {
        let report = Taken::of(text.as_bytes()).report;
        assert_eq!(
            (report.objects.failed, report.failures.len()),
            (0, 0),
            "{report:?}"
        );
        let told = "is left out: it has no rows, and so does not say which columns it has";
        assert!(
            report
                .warnings
                .iter()
                .any(|warning| warning.ends_with(told)),
            "{report:?}"
        );
    }
}

#[test]
fn what_wraps_rows_is_told_from_a_row_with_a_list() {
    let rows = rows_of(r#"{"user.name": "a", "user.groups": [{"id": 1}, {"id": 2}]}"#);
    assert_eq!(rows, [["a", r#"[{"id": 1}, {"id": 2}]"#]]);
    let rows = rows_of(r#"{"user": {"name": "a"}, "groups": [{"id": 1}]}"#);
    assert_eq!(rows, [["a", r#"[{"id": 1}]"#]]);
    let rows = rows_of(r#"{"name": "daily", "data": [{"user.name": "a"}]}"#);
    assert_eq!(rows, [["a"]]);
    let rows = rows_of(r#"{"device.name": "a", "device.monitors": [{"name": "b"}]}"#);
    assert_eq!(rows, [["a", r#"[{"name": "b"}]"#]]);
    let wrapped = r#"{"id": "x", "value": [{"user.name": "a"}], "next": null} {"value": []} {"value": [{"user.name": "b"}]}"#;
    assert_eq!(rows_of(wrapped), [["a"], ["b"]]);
    assert_eq!(
        rows_of("[{\"user.name\": \"a\"}]\n[] [{\"user.name\": \"b\"}]"),
        [["a"], ["b"]]
    );
}

#[test]
fn rows_that_hold_rows_are_never_one_row() {
    let row = r#"{"user.name": "a"}"#;
    let many = format!("[{}]", [row; 500].join(","));
    for text in [
        format!("{row}\n{many}\n"),
        format!("{row}\n{{\"data\": {many}}}\n"),
        format!("{{\"data\": {many}, \"user\": {{\"name\": \"admin\"}}}}"),
        format!("{{\"user.name\": \"admin\", \"data\": {many}}}"),
        format!("{{\"data\": {many}}}\n{{\"user\": {{\"name\": \"b\"}}, \"data\": {many}}}"),
        format!("{{\"data\": {many}}}\n{{\"user.sid\": \"S\", \"user.groups\": []}}"),
        format!(
            "{{\"data\": [{}], \"user\": {{\"name\": \"admin\"}}}}",
            [row; 60_000].join(",")
        ),
    ] {
        let error = failure_of(&text);
        assert!(error.contains("is no JSON that holds rows"), "{error}");
    }
}

#[test]
fn keys_that_are_values_are_not_shown() {
    let text = r#"{"user.name": "a@E", "user.groups": {"jane.doe@secret.com": true, "S-1-5-21-1-1-1-1": 1, "x": 2}}"#;
    let warnings = Taken::of(text.as_bytes()).report.warnings;
    let told = "columns that no field takes are kept in `extra`: (a name that looks like a value), user.groups.x (first";
    assert!(warnings[0].starts_with(told), "{warnings:?}");
    // Nor where they are why rows are left out, or hold what says nothing.
    let row = r#"{"user.name": "a@E", "user.groups": {"jane.doe@secret.com": "n/a", "jane.doe@secret.com": "n/a"}}"#;
    let error = failure_of(row);
    assert!(
        error.contains("(a name that looks like a value)") && !error.contains("secret"),
        "{error}"
    );
    let report = Taken::of(
        row.replace(r#", "jane.doe@secret.com": "n/a"}"#, "}")
            .as_bytes(),
    )
    .report;
    assert!(!format!("{report:?}").contains("secret"), "{report:?}");
}

#[test]
fn a_text_without_bounds_takes_no_memory() {
    let row = r#"{"user.name": "jdoe@EMEA"}"#;
    let long = "x".repeat(2 << 20);
    for (text, what) in [
        (
            format!("{{\"user.name\": \"{long}\"}}"),
            "the first object of the JSON text",
        ),
        (
            format!("{row}\n{{\"user.name\": \"{long}\"}}"),
            "an object of the JSON text",
        ),
        (
            format!("[{row}, {{\"user.name\": {}", "[".repeat(2 << 20)),
            "an object of the JSON text",
        ),
    ] {
        let expected = format!(
            "{what} is over the limit of 1048576 bytes; expected objects that are rows, or one list of them"
        );
        assert_eq!(failure_of(&text), expected);
    }
}

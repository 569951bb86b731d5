//! Lines: blank ones, odd ends, headers and byte-order marks between rows. Their length is left to `sizes`.

use super::taken::{Fate, Taken};
use super::{batches, decoded, lines_of};

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
fn a_hole_of_zeros_joins_no_rows() {
    for text in [
        "user.name,user.ad.department,user.upn\nann@EMEA,Sa…les,bob@contoso.com\n",
        "user.name\nann@EMEA…\n",
        "user.name\nann@EMEA\n…",
        "{\"user.name\": \"ann@EMEA\"}\n{\"user.name\": \"b…@EMEA\"}\n",
    ] {
        let text = text.replace('…', &"\0".repeat(4096));
        let report = Taken::of(text.as_bytes()).report;
        let error = report.failures.first().map(|failure| &*failure.error);
        assert!(
            error.is_some_and(|error| error.starts_with("the text has a hole of zero bytes")),
            "{report:?}"
        );
    }
}

#[test]
fn a_header_that_was_appended_with_its_file_is_no_account() {
    let content = b"user.name,user.ad.office\na@EMEA,x\nuser.name,user.ad.office\nb@EMEA,y\n";
    Taken::of(content).assert(
        "appended",
        &Fate::Keeps(2, vec![(3, "", "the row repeats the header")]),
    );
    let content = b"user.name,user.ad.office\na@EMEA,x\n\xef\xbb\xbf\"user.name\",\"user.ad.office\"\nb@EMEA,y\n";
    let reason = "the row repeats the header";
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

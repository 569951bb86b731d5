//! Quotes: a stray one costs its row, and never moves text into another cell. Lines without any are left to `lines`.

use identidex::internals::decode;

use super::taken::{Fate, Taken};
use super::{decoded, lines_of};

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
fn two_stray_quotes_never_join_two_rows() {
    for (begin, end) in [(2, 3), (2, 4), (3, 9)] {
        let row = |at: usize| match at {
            _ if at == begin => format!("u{at}@EMEA,\"Floor {at},Sales,S{at}\n"),
            _ if at == end => format!("u{at}@EMEA,Floor {at}\",Sales,S{at}\n"),
            _ => format!("u{at}@EMEA,Floor {at},Sales,S{at}\n"),
        };
        let rows: String = (2..12).map(row).collect();
        let (rows, rejects) = decoded(format!("user.name,c1,c2,c3\n{rows}").as_bytes());
        let lost: Vec<u64> = (begin as u64..=end as u64).collect();
        assert_eq!(lines_of(&rejects), lost, "{begin} to {end}");
        assert_eq!(rows.len(), 10 - (end - begin + 1), "{begin} to {end}");
    }
    // Lines of a text are no rows.
    for text in [
        "user.name,c1,c2,c3\na,\"1 Road, Town\nZH, CH\",b,c\n",
        "user.name,note\na,\"Lent to Ann, Bern\nback in May\"\n",
        "user.name,c1,c2\na,\"1 Road, 8000 Town\nZH, CH\",b\n",
        "user.name,c1,c2,c3\n\"a\",\"1 Road, Town\nZH, CH, EU\",\"b\",\"c\"\n",
    ] {
        let (rows, rejects) = decoded(text.as_bytes());
        assert_eq!((rows.len(), rejects), (1, vec![]), "{text}");
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

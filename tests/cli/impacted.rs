//! `identidex impacted`: lists of devices in every form, and whom to tell of them.

use std::fs;

use serde_json::Value;

use crate::util::Home;

#[test]
fn whom_to_tell_is_said_and_so_is_who_is_not() {
    let home = Home::of_tenant();
    let of = |list: &str, code: i32| -> Vec<Value> {
        fs::write(home.path("list"), list).unwrap();
        let ended = home
            .run(&["impacted", "--devices", "list", "--json"])
            .exits(code);
        let lines = ended.stdout.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().unwrap()
    };
    let all = of("NB-0042\n\nVDI-POOL-01\r\nnb-9999\n", 0);
    let [own, shared, unknown] = &all[..] else {
        panic!("{all:?}")
    };
    assert_eq!(own["to_tell"]["account_name"], "jdoe@EMEA");
    assert_eq!(
        (&shared["to_tell"], &shared["nobody"][0]),
        (&Value::Null, &Value::from("not_owned"))
    );
    assert!(
        shared["left_out"]
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["reason"].is_string())
    );
    assert_eq!(
        (&unknown["device"], &unknown["nobody"][0]),
        (&Value::Null, &Value::from("none"))
    );
    // As exports have it: the surest column is taken.
    let uid = "cccccccc-0000-4000-8000-000000000042";
    let csv =
        format!("\u{feff}\"device.name\";\"device.collector.uid\"\n\"VDI-POOL-01\";\"{uid}\"\n;\n");
    let all = of(&csv, 0);
    assert_eq!(
        (all.len(), &all[0]["device"]["name"]),
        (1, &Value::from("NB-0042"))
    );
    assert!(of("nobody's\n", 10)[0]["to_tell"].is_null());
    let text = home
        .run(&["impacted", "--devices", "list"])
        .exits(10)
        .stdout;
    assert!(text.contains("nobody (none)"), "{text}");
    home.run(&["impacted", "--devices", "nowhere"]).exits(1);
}

//! Answers as a whole: what each rests on, and its JSON against the design and `schemas/answer.schema.json`.
//! What it finds is left to the other tests.

use std::time::Duration;

use serde_json::Value;

use super::draft::{jdoes, uuid};
use crate::identifier::Kind;
use crate::lookup::{FreshnessState, Query};

#[test]
fn an_answer_says_what_it_rests_on() {
    let open = jdoes().open();
    let answer = open.find("nobody@EMEA");
    assert_eq!(answer.generation, 7);
    let users = answer.coverage.users.map(|time| time.to_string());
    assert_eq!(users.as_deref(), Some("2026-11-21T06:00:00Z"));
    assert_eq!(answer.coverage.logins, None);
    assert_eq!(answer.freshness.state, FreshnessState::Fresh);
    assert_eq!(answer.freshness.age, Some(Duration::from_secs(7200)));
    let answer = open.find("jdoe@EMEA");
    let [evidence] = &answer.one().unwrap().evidence[..] else {
        panic!("one kind agrees")
    };
    assert_eq!(evidence.object, "users/2026-11-21.csv");
    assert_eq!((evidence.row, evidence.kind), (1, Kind::AccountName));
}

#[test]
fn the_json_of_an_account_is_that_of_the_design() {
    let mut draft = jdoes();
    let device = draft.device(&[
        ("uid", &uuid('d', 42)),
        ("collector_uid", &uuid('c', 42)),
        ("name", "NB-0042"),
        ("type", "laptop"),
        ("os", "Windows 11"),
    ]);
    draft.usage(1, device, 26);
    let answer = draft.open().find(r"EMEA\jdoe");
    let expected = r#"{"query":"EMEA\\jdoe","outcome":"one","matches":[{"type":"account","level":"folded","strength":1,"evidence":[{"kind":"account_name","value":"jdoe@EMEA","observed_at":"2026-11-21T06:00:00Z","object":"users/2026-11-21.csv","row":1}],"account":{"uid":"aaaaaaaa-0000-4000-8000-000000000001","account_name":"jdoe@EMEA","sid":"S-1-5-21-1085031214-1563985344-725345543-1101","upn":"john.doe@contoso.com","email":"John.Doe@contoso.com","full_name":null,"department":null,"job_title":null,"class":"person","first_seen":null,"last_seen":"2026-11-20T12:00:00Z"},"devices":[{"uid":"dddddddd-0000-4000-8000-000000000042","collector_uid":"cccccccc-0000-4000-8000-000000000042","name":"NB-0042","serial_number":null,"type":"laptop","manufacturer":null,"model":null,"os":"Windows 11","entity":null,"first_seen":null,"last_seen":"2026-11-20T12:00:00Z","logins":26,"logins_observed":null,"last_used":null,"current":true,"shared":false,"primary":true}],"flags":[],"enough_to_act":false,"not_enough":"too_little"}],"skipped":{"machine":0,"local":0},"coverage":{"users":"2026-11-21T06:00:00Z","devices":"2026-11-21T06:00:00Z","logins":null},"generation":7,"freshness":{"state":"fresh","as_of":"2026-11-21T06:00:00Z","age_seconds":7200}}"#;
    assert_eq!(serde_json::to_string(&answer).unwrap(), expected);
}

/// The keys of an answer as the design shows them, with those that `schemas/answer.schema.json` adds.
#[test]
fn every_key_of_an_answer_is_in_its_schema() {
    let mut draft = jdoes();
    let device = draft.device(&[("uid", &uuid('d', 1)), ("name", "NB-0042")]);
    draft.usage(1, device, 26);
    for at in 10..110 {
        let (uid, name) = (uuid('d', at), format!("SCAN-{at}"));
        let id = draft.device(&[("uid", &uid), ("name", &name), ("serial", "SAME")]);
        draft.usage(2, id, 1);
        let user = draft.account(&[("email", "all@contoso.com")]);
        draft.usage(user, device, 1);
    }
    let open = draft.open();
    let schema: Value =
        serde_json::from_str(include_str!("../../../schemas/answer.schema.json")).unwrap();
    for text in ["jdoe", "NB-0042", "all@contoso.com", "nobody", "SAME", ""] {
        for query in [Query::any(text), Query::any(text).ids_only()] {
            let answer = serde_json::to_value(open.find(query)).unwrap();
            conforms(&answer, &schema, &schema, "answer");
        }
    }
}

/// Checks keys, required ones and unknown ones, and words of enumerations: the part of JSON Schema that the file uses.
#[track_caller]
fn conforms(value: &Value, schema: &Value, root: &Value, place: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.strip_prefix("#/$defs/").unwrap();
        return conforms(value, &root["$defs"][name], root, place);
    }
    if let Some(either) = schema["oneOf"].as_array() {
        let kind = |schema: &Value| schema["properties"]["type"]["const"].clone();
        let fitting = either
            .iter()
            .find(|one| kind(&root["$defs"][reference_in(one)]) == value["type"]);
        return conforms(value, fitting.unwrap(), root, place);
    }
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{place}: {value}");
    }
    match value {
        Value::Object(fields) => {
            for key in schema["required"].as_array().unwrap() {
                assert!(
                    fields.contains_key(key.as_str().unwrap()),
                    "{place}: no {key}"
                );
            }
            for (key, value) in fields {
                let known = &schema["properties"][key];
                assert!(known.is_object(), "{place}: unknown key {key}");
                conforms(value, known, root, &format!("{place}.{key}"));
            }
        }
        Value::Array(list) => {
            for one in list {
                conforms(one, &schema["items"], root, place);
            }
        }
        value => {
            let name = match value {
                Value::String(_) => "string",
                Value::Number(_) => "integer",
                Value::Bool(_) => "boolean",
                _ => "null",
            };
            let types = &schema["type"];
            let is_listed = types
                .as_array()
                .is_some_and(|list| list.contains(&name.into()));
            let is_fixed = schema.get("const").is_some_and(|fixed| fixed == value);
            assert!(
                is_fixed || is_listed || types == name || schema.get("enum").is_some(),
                "{place}: {value} is no {types}"
            );
        }
    }
}

fn reference_in(schema: &Value) -> &str {
    schema["$ref"].as_str().unwrap().rsplit('/').next().unwrap()
}

//! The description of the API (OpenAPI 3.1), made of the schema of answers; `schemas/openapi.json` is a copy.

use serde_json::{Map, Value, json};

use crate::lookup::{Query, clue_names};

/// Returns the description.
pub fn document() -> Value {
    let mut schemas = answer_schemas();
    schemas.insert("Clues".to_owned(), clues());
    schemas.insert(
        "Query".to_owned(),
        json!({"anyOf": [{"type": "string"}, reference("Clues")]}),
    );
    schemas.insert("Problem".to_owned(), problem());
    schemas.insert("Target".to_owned(), target());
    schemas.insert("Event".to_owned(), event());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "identidex",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Who an identifier belongs to, which devices are theirs, and which may be acted on.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "http://127.0.0.1:7878"}],
        "security": [{"token": []}, {}],
        "paths": paths(),
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "sends": {"type": "http", "scheme": "bearer", "description": "The token of what Nexthink sends (receive.token)."},
                "sendsBasic": {"type": "http", "scheme": "basic", "description": "The same, as the password."},
            },
            "schemas": schemas,
        },
    })
}

fn paths() -> Value {
    let answer = || reference("answer");
    json!({
        "/v1/resolve": {
            "get": operation("resolve", "Look one text up", answer(), asked()),
            "post": with_body(
                operation("resolveMany", "Look several texts or sets of clues up, all in one state of the index",
                    object(json!({"answers": {"type": "array", "items": answer()}})), json!([])),
                json!({
                    "type": "object", "required": ["queries"], "additionalProperties": false,
                    "properties": {
                        "queries": {"type": "array", "maxItems": 1_000, "items": reference("Query")},
                        "all_classes": {"type": "boolean", "default": false},
                        "ids_only": {"type": "boolean", "default": false},
                    },
                }),
            ),
        },
        "/v1/devices/{value}": {
            "get": operation("device", "Look a device up, with the accounts that use it", answer(),
                json!([{"name": "value", "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}}])),
        },
        "/v1/why": {
            "get": operation("why", "Say how an answer comes about", json!({"type": "object"}), asked()),
        },
        "/v1/target": {
            "post": with_body(
                operation("target", "Say which device may be acted on, or what speaks against it", reference("Target"), json!([])),
                of_target(json!({}), &[]),
            ),
        },
        "/v1/diagnose": {
            "post": with_body(
                operation("diagnose", "Say how a device that may be acted on fares right now, asked of Nexthink", reference("Target"), json!([])),
                of_target(json!({}), &[]),
            ),
        },
        "/v1/act": {
            "post": with_body(
                operation("act", "Run a remote action on a device that may be acted on, written to the audit log", reference("Target"), json!([])),
                of_target(json!({
                    "action": {"type": "string", "description": "Its id, one of those that are configured."},
                    "parameters": {"type": "object", "additionalProperties": {"type": "string"}},
                    "expires_in_minutes": {"type": ["integer", "null"], "minimum": 60, "maximum": 10_080},
                    "reason": {"type": "string", "maxLength": 500}, "reference": {"type": "string"},
                    "asked_by": {"type": "string", "minLength": 1, "description": "Who answers for it, for the log."},
                }), &["action", "asked_by"]),
            ),
        },
        "/v1/act/outcome": {
            "post": with_body(
                operation("outcome", "Say what became of a remote action, on the device that it was sent to",
                    object(json!({"execution": {"type": ["object", "null"], "description": "Null where Nexthink tells of none yet."}})), json!([])),
                json!({
                    "type": "object", "required": ["action", "collector_uid", "before"], "additionalProperties": false,
                    "properties": {
                        "action": {"type": "string"},
                        "collector_uid": {"type": "string", "description": "That of the target of the act."},
                        "before": {"type": "string", "description": "What the answer to the act had as before."},
                    },
                }),
            ),
        },
        "/v1/impacted": {
            "post": with_body(
                operation("impacted", "Say whom to tell of devices and users, and who is left out, and why",
                    object(json!({"impacted": objects()})), json!([])),
                json!({
                    "type": "object", "additionalProperties": false,
                    "properties": {
                        "devices": {"type": "array", "maxItems": 1_000, "items": {"type": "string"}},
                        "users": {"type": "array", "maxItems": 1_000, "items": {"type": "string"}},
                    },
                }),
            ),
        },
        "/v1/exports/{source}": {
            "post": receiving("receiveExport", "Take an export of Nexthink's HTTP API exporter; the next run takes it in", kept(), "source"),
            "put": receiving("putExport", "The same", kept(), "source"),
        },
        "/v1/webhooks/{name}": {
            "post": receiving("receiveWebhook", "Take a message of a webhook of Nexthink", stored(), "name"),
            "put": receiving("putWebhook", "The same", stored(), "name"),
            "patch": receiving("patchWebhook", "The same", stored(), "name"),
        },
        "/v1/events": {
            "get": operation("events", "Hand over events of webhooks, with the people to tell, those first that came first",
                object(json!({"events": {"type": "array", "items": reference("Event")}, "next": {"type": "integer"}})),
                json!([
                    {"name": "after", "in": "query", "description": "The number of an event; else the last that is acknowledged.",
                        "schema": {"type": "integer", "format": "int64"}},
                    {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 1_000, "default": 100}},
                ])),
        },
        "/v1/events/acknowledge": {
            "post": with_body(
                operation("acknowledge", "Say that all events through one need not be handed over again",
                    object(json!({"through": {"type": "integer"}})), json!([])),
                json!({
                    "type": "object", "required": ["through"], "additionalProperties": false,
                    "properties": {"through": {"type": "integer", "format": "int64"}},
                }),
            ),
        },
        "/healthz": {"get": plain("healthz", "Tell that it is alive", "text/plain")},
        "/readyz": {"get": plain("readyz", "Tell whether an index is open", "text/plain")},
        "/metrics": {"get": plain("metrics", "What was asked, as OpenMetrics", "application/openmetrics-text")},
        "/openapi.json": {"get": plain("openapi", "This description", "application/json")},
    })
}

fn operation(id: &str, summary: &str, answer: Value, parameters: Value) -> Value {
    let mut responses = problems();
    responses["200"] =
        json!({"description": "The answer", "content": {"application/json": {"schema": answer}}});
    json!({"operationId": id, "summary": summary, "parameters": parameters, "responses": responses})
}

/// A device that is to be acted on, and what else is asked.
fn of_target(more: Value, required: &[&str]) -> Value {
    let mut properties = json!({
        "query": reference("Query"),
        "device": {"type": ["string", "null"], "description": "One of the account's devices; else the primary one."},
        "allow": {"type": "array", "items": {"type": "string"}, "description": "Doubts to go on in spite of."},
    });
    for (name, of) in more.as_object().into_iter().flatten() {
        properties[name] = of.clone();
    }
    let required = [&["query"], required].concat();
    json!({"type": "object", "required": required, "additionalProperties": false, "properties": properties})
}

/// What Nexthink sends: any JSON that its administrator wrote.
fn receiving(id: &str, summary: &str, answer: Value, name: &str) -> Value {
    let name = json!([{"name": name, "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}}]);
    let mut operation = with_body(operation(id, summary, answer, name), json!({}));
    operation["security"] = json!([{"sends": []}, {"sendsBasic": []}]);
    operation
}

fn kept() -> Value {
    object(json!({
        "kept": {"enum": ["new", "repeated", "test"], "description": "test: no run takes it in."},
        "object": {"type": "string"}, "dataset": {"enum": ["users", "devices", "logins"]},
        "rows": {"type": "integer"}, "rejected": {"type": "integer"}, "reason": {"type": "string"},
    }))
}

fn stored() -> Value {
    object(json!({"event": {"type": "integer"}, "repeated": {"type": "boolean"}}))
}

fn event() -> Value {
    json!({
        "type": "object", "required": ["id", "webhook", "received_at", "alert", "to_tell", "impacted", "message"],
        "properties": {
            "id": {"type": "integer"}, "webhook": {"type": "string"}, "received_at": {"type": "string", "format": "date-time"},
            "alert": {"type": ["string", "null"]}, "to_tell": objects(), "impacted": objects(),
            "message": {"description": "As it came."},
        },
    })
}

fn objects() -> Value {
    json!({"type": "array", "items": {"type": "object"}})
}

fn with_body(mut operation: Value, schema: Value) -> Value {
    operation["requestBody"] =
        json!({"required": true, "content": {"application/json": {"schema": schema}}});
    operation
}

fn plain(id: &str, summary: &str, kind: &str) -> Value {
    let mut responses = problems();
    responses["200"] = json!({"description": "As text", "content": {kind: {}}});
    json!({"operationId": id, "summary": summary, "responses": responses})
}

fn problems() -> Value {
    let content = json!({"application/problem+json": {"schema": reference("Problem")}});
    json!({"default": {"description": "Why it is not answered", "content": content}})
}

/// What is asked of one text.
fn asked() -> Value {
    let switch = |name: &str| json!({"name": name, "in": "query", "schema": {"type": "boolean", "default": false}});
    json!([
        {"name": "q", "in": "query", "required": true, "schema": {"type": "string"}},
        {"name": "kind", "in": "query", "schema": {"enum": Query::NAMES}},
        switch("all_classes"), switch("ids_only"), switch("verified"),
    ])
}

fn clues() -> Value {
    let kinds = clue_names().map(|kind| (kind.to_owned(), json!({"type": ["string", "null"]})));
    let mut properties: Map<String, Value> = kinds.collect();
    let verified = "The kinds that the channel vouches for.";
    properties.insert(
        "verified".to_owned(),
        json!({"type": "array", "items": {"type": "string"}, "description": verified}),
    );
    json!({
        "description": "What is known of one account or device, by kinds: all must agree.",
        "type": "object", "additionalProperties": false, "properties": properties,
    })
}

fn problem() -> Value {
    json!({
        "description": "RFC 9457.", "type": "object", "required": ["type", "title", "status", "detail"],
        "properties": {"type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
            "detail": {"type": "string"},
            "may_be_done": {"type": "boolean", "description": "Of /v1/act: it may have been done all the same."}},
    })
}

fn target() -> Value {
    let found = json!({
        "type": ["object", "null"], "required": ["device", "collector_uid", "account", "query", "generation", "allowed"],
        "properties": {"device": {"type": "object"}, "collector_uid": {"type": "string"}, "account": {"type": ["object", "null"]},
            "query": {"type": "string"}, "generation": {"type": "integer"},
            "allowed": {"type": "array", "items": {"type": "string"}}},
    });
    json!({
        "type": "object", "required": ["target"],
        "properties": {"target": found, "refused": {"type": "string"}, "doubts": {"type": "array", "items": {"type": "string"}},
            "outcome": {"enum": ["one", "several", "none", "unparseable"]},
            "health": {"type": "object", "description": "Of /v1/diagnose."},
            "sent": {"type": "boolean", "description": "Of /v1/act."},
            "request": {"type": ["object", "null"], "description": "Of /v1/act: its id in Nexthink."},
            "before": {"type": "string", "description": "Of /v1/act, for /v1/act/outcome."}},
    })
}

fn object(properties: Value) -> Value {
    json!({"type": "object", "properties": properties})
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// The schema of answers and its parts, each by its name.
fn answer_schemas() -> Map<String, Value> {
    let text = include_str!("../../schemas/answer.schema.json");
    let renamed = text.replace("#/$defs/", "#/components/schemas/");
    // A test reads the same text.
    let schema: Value = serde_json::from_str(&renamed).unwrap_or_default();
    let parts = schema["$defs"].as_object().cloned().unwrap_or_default();
    parts.into_iter().collect()
}

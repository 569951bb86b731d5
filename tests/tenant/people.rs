//! People and machines: whom and what a tenant's rows can be about, as the export names them while nothing changes.
//! How their values are spelt in a cell, and whose stands there, is left to `cells`.

/// The machine SID that two cloned machines share, with the RID of their first local account.
pub(super) const CLONED_SID: &str = "S-1-5-21-2025429265-492894223-1708537768-1001";

pub(super) const PEOPLE: [Person; 11] = [
    Person {
        sid: "S-1-5-21-1004336348-1177238915-682003330-1104",
        uid: "5d1f7a3c-0b6e-4c55-8a01-a0000000000a",
        name: "jdoe@EMEA",
        kind: Kind::Domain,
        full_name: "Doe, Jane",
    },
    Person {
        sid: "S-1-5-21-1004336348-1177238915-682003330-1105",
        uid: "5d1f7a3c-0b6e-4c55-8a01-a0000000000b",
        name: "asmith@EMEA",
        kind: Kind::Domain,
        full_name: "Smith, Alex",
    },
    Person {
        sid: "S-1-5-21-1004336348-1177238915-682003330-1106",
        uid: "5d1f7a3c-0b6e-4c55-8a01-a0000000000c",
        name: "jdoe@APAC",
        kind: Kind::Domain,
        full_name: "Doe, Jane",
    },
    Person {
        sid: "S-1-12-1-1943430372-1249052806-2496021943-3034400218",
        uid: "5d1f7a3c-0b6e-4c55-8a01-a0000000000d",
        name: "kovacs@AzureAD",
        kind: Kind::Domain,
        full_name: "Kovacs, Monika",
    },
    Person {
        sid: CLONED_SID,
        uid: "5d1f7a3c-0b6e-4c55-8a01-b0000000000a",
        name: "admin@HOST1",
        kind: Kind::Local,
        full_name: "",
    },
    Person {
        sid: CLONED_SID,
        uid: "5d1f7a3c-0b6e-4c55-8a01-b0000000000b",
        name: "admin@HOST2",
        kind: Kind::Local,
        full_name: "",
    },
    Person {
        sid: "S-1-5-21-1004336348-1177238915-682003330-1131",
        uid: "5d1f7a3c-0b6e-4c55-8a01-c0000000000a",
        name: "HOST1$@EMEA",
        kind: Kind::Untyped,
        full_name: "",
    },
    Person {
        sid: "S-1-5-21-1004336348-1177238915-682003330-1131",
        uid: "5d1f7a3c-0b6e-4c55-8a01-c0000000000b",
        name: "HOST1@EMEA",
        kind: Kind::Untyped,
        full_name: "",
    },
    Person {
        sid: "S-1-5-18",
        uid: "5d1f7a3c-0b6e-4c55-8a01-d0000000000a",
        name: "SYSTEM",
        kind: Kind::Untyped,
        full_name: "",
    },
    Person {
        sid: "S-1-5-21-1004336348-1177238915-682003330-500",
        uid: "5d1f7a3c-0b6e-4c55-8a01-d0000000000b",
        name: "Administrator@HOST2",
        kind: Kind::Local,
        full_name: "",
    },
    Person {
        sid: "0",
        uid: "5d1f7a3c-0b6e-4c55-8a01-e0000000000a",
        name: "kiosk",
        kind: Kind::Untyped,
        full_name: "",
    },
];

pub(super) const MACHINES: [Machine; 4] = [
    Machine {
        uid: "8e2b44d0-77aa-4f0e-b1c2-f0000000000a",
        collector_uid: "c0ffee00-77aa-4f0e-b1c2-f0000000000a",
        name: "HOST1",
    },
    Machine {
        uid: "8e2b44d0-77aa-4f0e-b1c2-f0000000000b",
        collector_uid: "c0ffee00-77aa-4f0e-b1c2-f0000000000b",
        name: "HOST2",
    },
    Machine {
        uid: "8e2b44d0-77aa-4f0e-b1c2-f0000000000c",
        collector_uid: "c0ffee00-77aa-4f0e-b1c2-f0000000000c",
        name: "HOST1",
    },
    Machine {
        uid: "8e2b44d0-77aa-4f0e-b1c2-f0000000000d",
        collector_uid: "c0ffee00-77aa-4f0e-b1c2-f0000000000d",
        name: "NB-0042",
    },
];

/// A user object as the export would name it if nothing ever changed.
#[derive(Clone, Copy)]
pub(super) struct Person {
    pub(super) sid: &'static str,
    pub(super) uid: &'static str,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) full_name: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Domain,
    Local,
    Untyped,
}

#[derive(Clone, Copy)]
pub(super) struct Machine {
    pub(super) uid: &'static str,
    pub(super) collector_uid: &'static str,
    pub(super) name: &'static str,
}

//! What the library answers: takes the objects of a month in, and asks which machine is everybody's.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use identidex::ingest::{self, Options, Outcome, Patterns};
use identidex::{DeviceUse, Found, Index, Query};

use super::kinds::Kind;
use super::objects::Object;
use super::office::{AccountId, MachineId, Office};
use crate::replay;

/// A device that is said to be an account's, or why it is not.
pub(super) struct Said {
    pub(super) machine: MachineId,
    pub(super) is_primary: bool,
    /// Why it is not; of the one that is, nothing.
    pub(super) why_not: String,
    /// The usage, for whoever has to find out why.
    pub(super) usage: String,
}

/// Returns what is said of each account.
pub(super) fn ask(
    office: &Office,
    kind: Kind,
    objects: &[Object],
) -> BTreeMap<AccountId, Vec<Said>> {
    let home = tempfile::tempdir().expect("a temporary folder");
    let source = home.path().join("exports");
    put(&source, objects);
    let index = home.path().join("identity.db");
    let report = ingest::run(&options(&source, &index, kind), &mut |_| {});
    let report = report.expect("the run succeeds");
    assert_eq!(report.outcome, Outcome::Done, "{:?}", report.failures);
    assert_eq!(report.rows.rejected, 0, "a row of an exporter is rejected");
    let index = Index::open(&index).expect("the index opens");
    let machines: BTreeMap<&str, MachineId> = office
        .machines
        .iter()
        .enumerate()
        .map(|(number, machine)| (machine.uid.as_str(), MachineId(number)))
        .collect();
    let accounts = (0..office.accounts.len()).map(AccountId);
    accounts
        .map(|account| (account, said_of(office, &index, &machines, account)))
        .collect()
}

/// Writes objects into a folder.
pub(super) fn put(source: &Path, objects: &[Object]) {
    for dataset in ["users", "devices", "logins"] {
        fs::create_dir_all(source.join(dataset)).expect("the folder can be made");
    }
    for object in objects {
        fs::write(source.join(&object.key), &object.csv).expect("the object can be written");
    }
}

fn said_of(
    office: &Office,
    index: &Index,
    machines: &BTreeMap<&str, MachineId>,
    account: AccountId,
) -> Vec<Said> {
    let sid = &office.accounts[account.0].sid;
    let answer = index
        .find(Query::sid(sid.as_str()))
        .expect("the index answers");
    let devices = answer.matches.iter().filter_map(|one| match &one.subject {
        Found::Account { devices, .. } => Some(devices),
        Found::Device { .. } => None,
    });
    devices
        .flatten()
        .map(|device| said(machines, device))
        .collect()
}

fn said(machines: &BTreeMap<&str, MachineId>, device: &DeviceUse) -> Said {
    let uid = device
        .device
        .uid
        .as_deref()
        .expect("every device was exported with a uid");
    let usage = &device.usage;
    Said {
        machine: *machines.get(uid).expect("a device of the office"),
        is_primary: usage.is_primary(),
        why_not: usage.not_primary.map_or("", |why| why.as_str()).to_owned(),
        usage: format!(
            "logins {:?}, observed {:?}, last_used {:?}, time of use {:?}, current {}, shared {}, not primary {:?}, through {:?}",
            usage.logins,
            usage.logins_observed.map(|at| at.to_string()),
            usage.last_used.map(|at| at.to_string()),
            usage.time_of_use.map(|at| at.to_string()),
            usage.is_current,
            device.is_shared,
            usage.not_primary,
            usage.through,
        ),
    }
}

fn options(source: &Path, index: &Path, kind: Kind) -> Options {
    Options {
        login_window: kind.login_window(),
        patterns: Patterns::new(&["svc-*".to_owned()], &["adm-*".to_owned()]),
        ..replay::options(source, index, Duration::from_secs(300))
    }
}

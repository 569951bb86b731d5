//! Stores: one tenant in a folder, S3 and Azure.

use identidex::ingest::Outcome;
use serde_json::Value;

use super::{run, tenant};
use crate::servers::{Azure, Folder, S3, Server};
use crate::state;

#[test]
fn a_folder_s3_and_azure_lead_to_one_index() {
    let folder = Folder::start();
    let stores: [&dyn Server; 3] = [&folder, S3::start(), Azure::start()];
    let mut reached: Vec<(Value, String)> = Vec::new();
    for store in stores {
        for (key, bytes) in tenant() {
            store.put(&format!("whole-runs/{key}"), &bytes);
        }
        let home = tempfile::tempdir().unwrap();
        let index = home.path().join("identity.db");
        let first = run(store.config("whole-runs"), &index).unwrap();
        assert_eq!(first.outcome, Outcome::Done, "{:?}", first.failures);
        assert_eq!(first.objects.loaded, 6);
        let second = run(store.config("whole-runs"), &index).unwrap();
        assert_eq!((second.objects.new, second.bytes_fetched), (0, 0));
        assert_eq!(
            (second.digest, second.generation),
            (first.digest.clone(), first.generation)
        );
        reached.push((state::read(&index), first.digest));
    }
    assert_eq!(reached[0], reached[1], "S3 differs from the folder");
    assert_eq!(reached[0], reached[2], "Azure differs from the folder");
}

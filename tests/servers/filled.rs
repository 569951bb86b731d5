//! A store that is filled through a client of its own, and the server that holds it.

use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use tokio::runtime::Runtime;

use super::process::Process;

/// A store to put objects into, and the server that holds it.
pub(super) struct Filled {
    store: Box<dyn ObjectStore>,
    runtime: Runtime,
    _server: Process,
}

impl Filled {
    pub(super) fn new(store: impl ObjectStore, server: Process) -> Filled {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        Filled {
            store: Box::new(store),
            runtime: runtime.unwrap(),
            _server: server,
        }
    }

    pub(super) fn put(&self, key: &str, bytes: &[u8]) {
        let (key, bytes) = (Path::parse(key).unwrap(), PutPayload::from(bytes.to_vec()));
        self.runtime.block_on(self.store.put(&key, bytes)).unwrap();
    }

    pub(super) fn delete(&self, key: &str) {
        let key = Path::parse(key).unwrap();
        self.runtime.block_on(self.store.delete(&key)).unwrap();
    }
}

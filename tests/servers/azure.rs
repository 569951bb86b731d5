//! An Azure Blob server: Azurite, as `azure.js` starts it.

use std::process::Command;
use std::sync::OnceLock;

use identidex::ingest::SourceConfig;
use object_store::azure::MicrosoftAzureBuilder;

use super::filled::Filled;
use super::process::{Process, script, tool, words};
use super::{BUCKET, Server, source, with_options};

/// The account and key of the Azure emulator, as Microsoft publishes them.
const AZURE_ACCOUNT: &str = "devstoreaccount1";
const AZURE_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// An Azure Blob server with the container [`BUCKET`].
pub(crate) struct Azure {
    store: Filled,
    endpoint: String,
}

impl Azure {
    /// Returns the server of this test binary, started by whoever asks first.
    pub(crate) fn start() -> &'static Azure {
        static AZURE: OnceLock<Azure> = OnceLock::new();
        AZURE.get_or_init(|| {
            let mut node = Command::new("node");
            node.env("NODE_PATH", tool("node/node_modules"));
            let (server, ready) = Process::start(node.arg(script("azure.js")));
            let [port] = words(&ready);
            let endpoint = format!("http://127.0.0.1:{port}/{AZURE_ACCOUNT}");
            let store = MicrosoftAzureBuilder::new()
                .with_account(AZURE_ACCOUNT)
                .with_access_key(AZURE_KEY)
                .with_container_name(BUCKET)
                .with_endpoint(endpoint.clone())
                .with_allow_http(true);
            Azure {
                store: Filled::new(store.build().unwrap(), server),
                endpoint,
            }
        })
    }

    fn source(&self, url: &str, key: &str) -> SourceConfig {
        let options = [
            ("account_name", AZURE_ACCOUNT),
            ("account_key", key),
            ("endpoint", &self.endpoint),
            ("allow_http", "true"),
        ];
        with_options(source("azure", url), &options)
    }
}

impl Server for Azure {
    fn put(&self, key: &str, bytes: &[u8]) {
        self.store.put(key, bytes);
    }

    fn delete(&self, key: &str) {
        self.store.delete(key);
    }

    fn config(&self, prefix: &str) -> SourceConfig {
        self.source(&format!("az://{BUCKET}/{prefix}"), AZURE_KEY)
    }

    fn config_of_a_stranger(&self, prefix: &str) -> Option<SourceConfig> {
        let key = "bm90IHRoZSBrZXk=";
        Some(self.source(&format!("abfss://{BUCKET}/{prefix}"), key))
    }

    fn config_elsewhere(&self) -> SourceConfig {
        self.source("az://no-such-container/", AZURE_KEY)
    }
}

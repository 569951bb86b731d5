//! An S3 server: moto, as `s3.py` starts it.

use std::process::Command;
use std::sync::OnceLock;

use identidex::ingest::SourceConfig;
use object_store::aws::AmazonS3Builder;

use super::filled::Filled;
use super::process::{Process, script, tool, words};
use super::{BUCKET, Server, source, with_options};

/// An S3 server with the bucket [`BUCKET`].
pub(crate) struct S3 {
    store: Filled,
    endpoint: String,
    key_id: String,
    secret: String,
}

impl S3 {
    /// Returns the server of this test binary, started by whoever asks first.
    pub(crate) fn start() -> &'static S3 {
        static S3: OnceLock<S3> = OnceLock::new();
        S3.get_or_init(|| {
            let mut python = Command::new(tool("python/bin/python"));
            let (server, ready) = Process::start(python.arg(script("s3.py")));
            let [port, key_id, secret] = words(&ready);
            let endpoint = format!("http://127.0.0.1:{port}");
            let store = AmazonS3Builder::new()
                .with_bucket_name(BUCKET)
                .with_region("us-east-1")
                .with_endpoint(&endpoint)
                .with_allow_http(true)
                .with_access_key_id(&key_id)
                .with_secret_access_key(&secret);
            S3 {
                store: Filled::new(store.build().unwrap(), server),
                endpoint,
                key_id,
                secret,
            }
        })
    }

    fn source(&self, url: &str, secret: &str) -> SourceConfig {
        let options = [
            ("region", "us-east-1"),
            ("endpoint", &self.endpoint),
            ("allow_http", "true"),
            ("access_key_id", &self.key_id),
            ("secret_access_key", secret),
        ];
        with_options(source("s3", url), &options)
    }
}

impl Server for S3 {
    fn put(&self, key: &str, bytes: &[u8]) {
        self.store.put(key, bytes);
    }

    fn delete(&self, key: &str) {
        self.store.delete(key);
    }

    fn config(&self, prefix: &str) -> SourceConfig {
        self.source(&format!("s3://{BUCKET}/{prefix}"), &self.secret)
    }

    fn config_of_a_stranger(&self, prefix: &str) -> Option<SourceConfig> {
        Some(self.source(&format!("s3://{BUCKET}/{prefix}"), "not-the-secret"))
    }

    fn config_elsewhere(&self) -> SourceConfig {
        self.source("s3://no-such-bucket/", &self.secret)
    }
}

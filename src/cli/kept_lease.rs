//! A lease while a run works: renewed again and again, and given back at its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tracing::{error, warn};

use crate::distribute::{self, Lease};

/// How soon the end of the run is noticed.
const POLL: Duration = Duration::from_millis(100);

/// A lease that is renewed until it is dropped, and given back then.
pub(super) struct KeptLease {
    lease: Arc<Lease>,
    is_done: Arc<AtomicBool>,
}

impl KeptLease {
    /// Sets `stop` when it is lost: another host works then.
    pub(super) fn keep(lease: Lease, stop: Arc<AtomicBool>) -> KeptLease {
        let kept = KeptLease {
            lease: Arc::new(lease),
            is_done: Arc::default(),
        };
        let (lease, is_done) = (Arc::clone(&kept.lease), Arc::clone(&kept.is_done));
        thread::spawn(move || {
            let mut next = Instant::now() + lease.lasts() / 3;
            while !is_done.load(Ordering::Relaxed) {
                thread::sleep(POLL);
                if Instant::now() < next {
                    continue;
                }
                next = Instant::now() + lease.lasts() / 3;
                match lease.renew() {
                    Ok(()) => {}
                    Err(
                        error @ (distribute::Error::Leased { .. }
                        | distribute::Error::Conflict { .. }),
                    ) => {
                        error!("the lease is lost: {error}");
                        stop.store(true, Ordering::Relaxed);
                        return;
                    }
                    // It lasts for as long as it did, and the next time may be better.
                    Err(error) => warn!("the lease cannot be renewed: {error}"),
                }
            }
        });
        kept
    }

    pub(super) fn lease(&self) -> &Lease {
        &self.lease
    }
}

impl Drop for KeptLease {
    fn drop(&mut self) {
        self.is_done.store(true, Ordering::Relaxed);
        if let Err(error) = self.lease.give_back() {
            warn!("the lease cannot be given back, and ends by itself: {error}");
        }
    }
}

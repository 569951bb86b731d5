//! Listening: connections as they come, as many at once as there is room for, and how they end.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::app::App;
use super::forward::forward;
use super::routes::router;
use super::{Address, Error, Options};

/// How long the head of a request may take to come; so long, too, a connection may say nothing between two.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// The longest head.
const HEAD_BYTES: usize = 32 << 10;
/// How long requests that are under way may go on once it is to end.
const END_WITHIN: Duration = Duration::from_secs(4);
/// After a connection could not be taken, for want of file handles say.
const AFTER_FAULT: Duration = Duration::from_millis(100);

/// A sidecar that listens.
pub struct Server {
    listener: Listener,
    router: Router,
    app: Arc<App>,
    connections: Arc<Semaphore>,
}

#[derive(Debug)]
enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// What bytes come and go by.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl fmt::Debug for Server {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Server")
            .field("listener", &self.listener)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Begins to listen; nothing is answered before [`Server::run`].
    ///
    /// # Errors
    /// [`Error::Open`] and its like where others than those who are meant could ask, [`Error::Listen`] where the address cannot
    /// be listened on, [`Error::Receive`] where what is received could not be kept.
    pub async fn bind(options: &Options) -> Result<Server, Error> {
        check(options)?;
        let listener = match &options.address {
            Address::Tcp(address) => {
                let bound = TcpListener::bind(address).await;
                let bound = bound.map_err(|source| Error::Listen {
                    address: address.to_string(),
                    source,
                });
                Listener::Tcp(bound?)
            }
            Address::Unix(path) => {
                let bound = unix_listener(path);
                let bound = bound.map_err(|source| Error::Listen {
                    address: path.display().to_string(),
                    source,
                });
                Listener::Unix(bound?)
            }
        };
        // Nothing is made or opened where there is nowhere to listen.
        let app = Arc::new(App::new(options)?);
        Ok(Server {
            listener,
            router: router(&app),
            app,
            connections: Arc::new(Semaphore::new(options.connections.max(1) as usize)),
        })
    }

    /// Returns the address that is listened on: with port 0 asked for, the one that was free.
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.listener {
            Listener::Tcp(listener) => listener.local_addr().ok(),
            Listener::Unix(_) => None,
        }
    }

    /// Answers requests until `end` is done; those that are under way then have 4 seconds.
    pub async fn run(self, end: impl Future<Output = ()>) {
        let graceful = GracefulShutdown::new();
        let forwarding = tokio::spawn(forward(Arc::clone(&self.app)));
        let mut end = std::pin::pin!(end);
        loop {
            let (stream, room) = tokio::select! {
                accepted = self.accept() => accepted,
                () = &mut end => break,
            };
            let service = TowerToHyperService::new(self.router.clone());
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_WITHIN)
                .max_buf_size(HEAD_BYTES)
                .serve_connection(TokioIo::new(stream), service);
            let connection = graceful.watch(connection);
            tokio::spawn(async move {
                let ended = connection.await;
                debug!(is_fault = ended.is_err(), "a connection ended");
                drop(room);
            });
        }
        if let Listener::Unix(listener) = &self.listener {
            remove(listener);
        }
        // What is not on its way yet is sent on by the next one.
        forwarding.abort();
        if timeout(END_WITHIN, graceful.shutdown()).await.is_err() {
            warn!("connections were cut off that took too long to end");
        }
    }

    async fn accept(&self) -> (Box<dyn Stream>, OwnedSemaphorePermit) {
        loop {
            // Room first: who waits is kept by the system.
            let Ok(room) = Arc::clone(&self.connections).acquire_owned().await else {
                // Never closed.
                std::future::pending().await
            };
            let accepted: io::Result<Box<dyn Stream>> = match &self.listener {
                Listener::Tcp(listener) => listener.accept().await.map(|(stream, _)| {
                    // Answers are written at once and whole.
                    let _ = stream.set_nodelay(true);
                    Box::new(stream) as Box<dyn Stream>
                }),
                Listener::Unix(listener) => {
                    let accepted = listener.accept().await;
                    accepted.map(|(stream, _)| Box::new(stream) as Box<dyn Stream>)
                }
            };
            match accepted {
                Ok(stream) => return (stream, room),
                Err(error) => {
                    warn!(%error, "a connection could not be taken");
                    sleep(AFTER_FAULT).await;
                }
            }
        }
    }
}

/// Refuses what would be open to whom it is not meant for.
fn check(options: &Options) -> Result<(), Error> {
    let has_token = options.token.is_some();
    let sent_with = options.receiving.as_ref().map(|receiving| &receiving.token);
    match &options.address {
        Address::Tcp(address) if !address.ip().is_loopback() && !has_token => {
            Err(Error::Open { address: *address })
        }
        _ if options.acting.is_some() && !has_token => Err(Error::OpenActions),
        // What passes requests of Nexthink on from outside is on this machine.
        Address::Tcp(_) if sent_with.is_some() && !has_token => Err(Error::OpenReceiving),
        _ if sent_with.is_some() && sent_with == options.token.as_ref() => Err(Error::OneToken),
        _ => Ok(()),
    }
}

/// Listens on a socket in the file system, in the place of one that nobody listens on any more.
fn unix_listener(path: &std::path::Path) -> io::Result<UnixListener> {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    let is_socket =
        std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    let connected = std::os::unix::net::UnixStream::connect(path);
    let is_left = connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
    if is_socket && is_left {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

fn remove(listener: &UnixListener) {
    let address = listener.local_addr();
    if let Some(path) = address
        .ok()
        .as_ref()
        .and_then(|address| address.as_pathname())
    {
        let _ = std::fs::remove_file(path);
    }
}

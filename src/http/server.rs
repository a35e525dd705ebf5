//! Takes connections and holds them to their limits.
//!
//! Whoever connects is hostile until shown otherwise: there are so many connections and no more, from one peer a
//! part of them, a handshake and a header must arrive in time and fit, an answer must be made in time and taken in
//! time. When a bound is hit it is the newcomer or the sluggard who loses, never the probing.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::crowd::{Crowd, Guest, Pace};
use super::guard::layer::Gate;
use super::guard::{Access, Peer};
use super::live::driver::Hub;
use super::patience::Impatient;
use super::routes;
use super::source::Source;
use crate::config::web::{Clients, Tls};

/// A request's header must fit into so many bytes.
const MAX_HEADER_BYTES: usize = 16 * 1024;
/// After the stop is asked for, or another web configuration holds, answers under way have so long.
const DRAIN: Duration = Duration::from_secs(5);
/// After a failed `accept` (no file descriptors left, say) the next one waits so long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// So many handshakes begin at once, then one every [`HANDSHAKE_STEP`]: signing with RSA takes up to 5 ms of a core.
const HANDSHAKE_BURST: u32 = 256;
/// See there.
const HANDSHAKE_STEP: Duration = Duration::from_millis(10);
/// The first byte of a TLS handshake (RFC 8446 §5.1).
const HANDSHAKE: u8 = 0x16;
/// What somebody gets who speaks HTTP where HTTPS is spoken.
const WRONG_SCHEME: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n\
    \r\nthis address speaks https, not http\n";

/// What holds for connections; tests are less patient.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// At most so many connections at a time; further ones wait in the kernel's queue.
    pub connections: usize,
    /// So many of them from one peer, loopback apart; a further one is closed.
    pub connections_per_peer: usize,
    /// So many TLS handshakes at a time; a further one is closed.
    pub handshakes: usize,
    /// A handshake must be over within this.
    pub handshake: Duration,
    /// A request's header must arrive within this; a connection without a request ends after as long.
    pub header: Duration,
    /// A peer that has not taken enough of its answer for so long is cut off.
    pub write: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            connections_per_peer: 128,
            handshakes: 128,
            handshake: Duration::from_secs(10),
            header: Duration::from_secs(10),
            write: Duration::from_secs(30),
        }
    }
}

/// Serves as [`serve_as`] does, to everybody, without encryption and without evidence packs.
pub async fn serve(listener: TcpListener, source: Source, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let (_access, open) = watch::channel(Arc::default());
    serve_as(listener, source, open, Limits::default(), shutdown).await
}

/// Serves until `shutdown` resolves, then lets answers under way finish for five seconds.
///
/// Another `access` holds from the next request on; when it differs in TLS or passwords, connections that were made
/// under the one before are ended. Connections are tasks of this future: dropping it ends them all. `Err` only when
/// the listener itself cannot be used.
pub async fn serve_as(
    listener: TcpListener,
    source: Source,
    access: watch::Receiver<Arc<Access>>,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let inside = listener.local_addr()?.ip().is_loopback();
    let hub = Arc::new(Hub::new(source.clone()));
    let router = routes::router(source, Arc::clone(&hub), Gate::new(access.clone()));
    let mut telling = pin!(hub.run());
    let places = Arc::new(Semaphore::new(limits.connections));
    let (stop, stopping) = watch::channel(());
    let shared = Arc::new(Shared {
        service: TowerToHyperService::new(router),
        limits,
        inside,
        crowd: Crowd::new(limits.connections_per_peer),
        handshakes: Arc::new(Semaphore::new(limits.handshakes)),
        pace: Mutex::new(Pace::new(HANDSHAKE_STEP, HANDSHAKE_BURST)),
    });
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            () = &mut telling => continue, // it never ends
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &places) => accepted,
        };
        let (stream, address, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Some(guest) = shared.crowd.enter(address.ip()) else { continue };
        let (access, stopping) = (access.clone(), stopping.clone());
        connections.spawn(Arc::clone(&shared).attend(stream, address, access, stopping, (place, guest)));
    }
    drop(stop);
    hub.close();
    if timeout(DRAIN, async { while connections.join_next().await.is_some() {} }).await.is_err() {
        tracing::warn!(left = connections.len(), "connections did not end in time and are cut off");
    }
    connections.shutdown().await;
    Ok(())
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.expect("the semaphore is never closed");
    let (stream, address) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, address, place))
}

/// What all connections of a server share.
struct Shared {
    service: TowerToHyperService<Router>,
    limits: Limits,
    inside: bool,
    crowd: Arc<Crowd>,
    handshakes: Arc<Semaphore>,
    pace: Mutex<Pace>,
}

impl Shared {
    /// A connection from its beginning to its end.
    async fn attend(
        self: Arc<Self>,
        stream: TcpStream,
        address: SocketAddr,
        mut access: watch::Receiver<Arc<Access>>,
        stopping: watch::Receiver<()>,
        _place: (OwnedSemaphorePermit, Guest),
    ) {
        let web = Arc::clone(&access.borrow_and_update().web);
        let mut peer = Peer { address: address.ip(), certified: false, inside: self.inside };
        let stream = Impatient::new(stream, self.limits.write);
        let replaced = replaced(access, web.fingerprint);
        let Some(tls) = &web.tls else { return self.talk(stream, peer, replaced, stopping).await };
        match timeout(self.limits.handshake, self.greet(stream, tls)).await {
            Ok(Ok(Some(stream))) => {
                let shown = stream.get_ref().1.peer_certificates().is_some_and(|chain| !chain.is_empty());
                peer.certified = tls.clients != Clients::NotAsked && shown;
                self.talk(stream, peer, replaced, stopping).await;
            }
            Ok(Ok(None)) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a handshake failed"),
            Err(_) => tracing::debug!("a handshake did not end in time"),
        }
    }

    /// The handshake; `None` when there is none to be had at present, or the peer speaks plain HTTP.
    async fn greet(
        &self,
        mut stream: Impatient<TcpStream>,
        tls: &Tls,
    ) -> io::Result<Option<TlsStream<Impatient<TcpStream>>>> {
        let Ok(_place) = Arc::clone(&self.handshakes).try_acquire_owned() else { return Ok(None) };
        let mut first = [0];
        if stream.get_ref().peek(&mut first).await? == 0 {
            return Ok(None);
        }
        if first[0] != HANDSHAKE {
            if first[0].is_ascii_uppercase() {
                // What is left unread would make the kernel throw away what we say.
                let _ = stream.read(&mut [0; 4096]).await?;
                stream.write_all(WRONG_SCHEME).await?;
                stream.shutdown().await?;
            }
            return Ok(None);
        }
        let turn = {
            let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
            pace.turn(Instant::now(), self.limits.handshake / 2)
        };
        let Some(turn) = turn else { return Ok(None) };
        sleep_until(turn).await;
        TlsAcceptor::from(Arc::clone(&tls.config)).accept(stream).await.map(Some)
    }

    /// Requests and answers, until either side has enough.
    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        peer: Peer,
        replaced: impl Future<Output = ()>,
        mut stopping: watch::Receiver<()>,
    ) {
        let service = Introduced { service: self.service.clone(), peer };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header)
            .max_buf_size(MAX_HEADER_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => Some(ended),
            _ = stopping.changed() => None,
            () = replaced => None,
        };
        let ended = match ended {
            Some(ended) => ended,
            None => {
                connection.as_mut().graceful_shutdown();
                // A stream of events would go on for ever: it is cut off.
                timeout(DRAIN, connection).await.unwrap_or(Ok(()))
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended badly");
        }
    }
}

/// Resolves when TLS or passwords are no longer those that a connection was made under.
async fn replaced(mut access: watch::Receiver<Arc<Access>>, fingerprint: [u8; 32]) {
    // An error says that nobody can change anything any more.
    if access.wait_for(|access| access.web.fingerprint != fingerprint).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The routes, told who asks.
struct Introduced {
    service: TowerToHyperService<Router>,
    peer: Peer,
}

impl hyper::service::Service<Request<Incoming>> for Introduced {
    type Response = <TowerToHyperService<Router> as hyper::service::Service<Request<Incoming>>>::Response;
    type Error = <TowerToHyperService<Router> as hyper::service::Service<Request<Incoming>>>::Error;
    type Future = <TowerToHyperService<Router> as hyper::service::Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        self.service.call(request)
    }
}

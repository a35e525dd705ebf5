//! Takes connections and holds them to their limits.
//!
//! Whoever connects is hostile until shown otherwise: there are so many connections and no
//! more, a header must arrive in time and fit, an answer must be made in time and taken in
//! time. When a bound is hit it is the newcomer or the sluggard who loses, never the probing.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::live::driver::Hub;
use super::routes;
use super::source::Source;

/// At most so many connections at a time; further ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 512;
/// A request's header must arrive within this.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// A request's header must fit into so many bytes.
const MAX_HEADER_BYTES: usize = 16 * 1024;
/// A peer that has not taken a byte of its answer for so long is cut off.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// After the stop is asked for, answers under way have so long.
const DRAIN: Duration = Duration::from_secs(5);
/// After a failed `accept` (no file descriptors left, say) the next one waits so long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown` resolves, then lets answers under way finish for five seconds.
///
/// Connections are tasks of this future: dropping it ends them all. `Err` only when the
/// listener itself cannot be used.
pub async fn serve(listener: TcpListener, source: Source, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    listener.local_addr()?;
    let hub = Arc::new(Hub::new(source.clone()));
    let service = TowerToHyperService::new(routes::router(source, Arc::clone(&hub)));
    let mut telling = pin!(hub.run());
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let (stop, stopping) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            () = &mut telling => continue, // it never ends
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &places) => accepted,
        };
        let (stream, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (service, mut stopping) = (service.clone(), stopping.clone());
        connections.spawn(async move {
            let _place = place;
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .max_buf_size(MAX_HEADER_BYTES)
                .serve_connection(TokioIo::new(Impatient::new(stream)), service);
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                _ = stopping.changed() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended badly");
            }
        });
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
) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.expect("the semaphore is never closed");
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, place))
}

/// A stream that fails when its peer takes nothing for [`WRITE_TIMEOUT`].
struct Impatient {
    stream: TcpStream,
    /// Runs only while a write waits.
    patience: Pin<Box<Sleep>>,
    waiting: bool,
}

impl Impatient {
    fn new(stream: TcpStream) -> Self {
        Self { stream, patience: Box::pin(sleep(WRITE_TIMEOUT)), waiting: false }
    }

    fn judge<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = false;
            return written;
        }
        if !self.waiting {
            self.waiting = true;
            self.patience.as_mut().reset(Instant::now() + WRITE_TIMEOUT);
        }
        match self.patience.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Impatient {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Impatient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.judge(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.judge(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.judge(cx, shut)
    }
}

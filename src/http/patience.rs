//! A stream that fails when its peer takes what is sent too slowly, however much of it there is.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// So much has to be taken in each stretch of patience, unless there is less: about 9 KB/s at 30 s.
const LEAST: usize = 256 * 1024;

/// Wraps a stream.
pub struct Impatient<S> {
    stream: S,
    patience: Duration,
    /// Counts only while a write waits.
    clock: Pin<Box<Sleep>>,
    taking: Taking,
}

/// How the peer gets on with what it was sent.
#[derive(Debug, Default)]
struct Taking {
    waiting: bool,
    /// Taken since we wait, bytes.
    taken: usize,
}

impl Taking {
    /// Has to wait; whether that begins now.
    fn waits(&mut self) -> bool {
        let begins = !self.waiting;
        if begins {
            *self = Self { waiting: true, taken: 0 };
        }
        begins
    }

    /// Took `n` of the bytes that were offered: all of it, or enough of it, and what comes next has its own time.
    fn took(&mut self, offered: usize, n: usize) {
        self.taken = self.taken.saturating_add(n);
        if n >= offered || self.taken >= LEAST {
            self.waiting = false;
        }
    }
}

impl<S> Impatient<S> {
    /// Waits so long for 256 KiB to be taken, or for all there is.
    #[must_use]
    pub fn new(stream: S, patience: Duration) -> Self {
        Self { stream, patience, clock: Box::pin(sleep(patience)), taking: Taking::default() }
    }

    /// The stream inside.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    fn wait<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if self.taking.waits() {
            self.clock.set(sleep(self.patience));
        }
        match self.clock.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Judges a write of `offered` bytes.
    fn wrote(
        &mut self,
        cx: &mut Context<'_>,
        offered: usize,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => self.wait(cx),
            Poll::Ready(Ok(n)) => {
                self.taking.took(offered, n);
                Poll::Ready(Ok(n))
            }
            failed => failed,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Impatient<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Impatient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(cx, bytes.len(), written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.wrote(cx, bytes.iter().map(|b| b.len()).sum(), written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Pending => self.wait(cx),
            flushed => flushed,
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_shutdown(cx) {
            Poll::Pending => self.wait(cx),
            shut => shut,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[test]
    fn enough_or_the_rest_begins_a_new_stretch_and_a_trickle_does_not() {
        let mut taking = Taking::default();
        assert!(taking.waits() && !taking.waits(), "one stretch at a time");
        taking.took(LEAST * 4, LEAST - 1);
        assert!(!taking.waits(), "a trickle");
        taking.took(LEAST * 4, 1);
        assert!(taking.waits(), "enough of much");
        taking.took(LEAST, 1);
        taking.took(10, 10);
        assert!(taking.waits(), "all of little");
        taking.took(usize::MAX, usize::MAX - 1);
        assert!(taking.waits());
    }

    /// Sends much to somebody who takes so much at once, again and again.
    async fn send(at_once: usize) -> io::Result<()> {
        let (here, mut there) = tokio::io::duplex(64);
        let taking = tokio::spawn(async move {
            let mut taken = vec![0; at_once];
            while there.read_exact(&mut taken).await.is_ok() {
                sleep(Duration::from_millis(20)).await;
            }
        });
        let sent = Impatient::new(here, Duration::from_millis(200)).write_all(&[7; 100_000]).await;
        taking.abort();
        sent
    }

    #[tokio::test]
    async fn who_takes_nothing_or_a_trickle_is_cut_off_and_who_reads_is_not() {
        assert_eq!(send(1).await.expect_err("a trickle").kind(), io::ErrorKind::TimedOut);
        let (here, nobody) = tokio::io::duplex(64);
        let sent = Impatient::new(here, Duration::from_millis(200)).write_all(&[7; 65]).await;
        assert_eq!(sent.expect_err("nothing is taken").kind(), io::ErrorKind::TimedOut);
        drop(nobody);
        let (here, mut there) = tokio::io::duplex(64);
        let mut stream = Impatient::new(here, Duration::from_secs(30));
        let mut got = vec![0; LEAST * 2];
        let (sent, read) = tokio::join!(stream.write_all(&[7; LEAST * 2]), there.read_exact(&mut got));
        assert!(sent.is_ok() && read.is_ok());
    }
}

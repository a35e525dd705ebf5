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
    /// Runs only while a write waits.
    clock: Pin<Box<Sleep>>,
    waiting: bool,
    /// Taken since it runs, bytes.
    taken: usize,
}

impl<S> Impatient<S> {
    /// Waits so long for [`LEAST`] to be taken.
    #[must_use]
    pub fn new(stream: S, patience: Duration) -> Self {
        Self { stream, patience, clock: Box::pin(sleep(patience)), waiting: false, taken: 0 }
    }

    /// The stream inside.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    fn wait<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if !self.waiting {
            (self.waiting, self.taken) = (true, 0);
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
                self.taken = self.taken.saturating_add(n);
                // All of it, or enough of it: what comes next has its own time.
                if n >= offered || self.taken >= LEAST {
                    self.waiting = false;
                }
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

    const PATIENCE: Duration = Duration::from_secs(30);

    /// Sends `bytes` to somebody who takes `at_once` of them every ten seconds; gives how that ended.
    async fn send(bytes: usize, at_once: usize) -> io::Result<()> {
        let (here, mut there) = tokio::io::duplex(1024);
        let taking = tokio::spawn(async move {
            let mut taken = vec![0; at_once];
            loop {
                sleep(Duration::from_secs(10)).await;
                if there.read_exact(&mut taken).await.is_err() {
                    return;
                }
            }
        });
        let sent = Impatient::new(here, PATIENCE).write_all(&vec![7; bytes]).await;
        taking.abort();
        sent
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_or_a_trickle_is_cut_off_and_who_takes_enough_is_not() {
        assert_eq!(send(4096, 0).await.expect_err("nothing is taken").kind(), io::ErrorKind::TimedOut);
        assert_eq!(send(LEAST * 2, 1024).await.expect_err("a trickle").kind(), io::ErrorKind::TimedOut);
        send(LEAST * 4, LEAST / 2).await.expect("slow, and fast enough");
        send(1024, 0).await.expect("it fits into what lies between");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_between_two_answers_is_no_slowness() {
        let (here, mut there) = tokio::io::duplex(64);
        let mut stream = Impatient::new(here, PATIENCE);
        for _ in 0..4 {
            let mut got = [0; 128];
            let (sent, read) = tokio::join!(stream.write_all(&[7; 128]), there.read_exact(&mut got));
            sent.expect("taken");
            read.expect("sent");
            sleep(PATIENCE * 3).await;
        }
    }
}

//! What several tests of the surfaces share.
#![allow(dead_code, reason = "each test uses its part")]

pub mod estate;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use assured::http::{Access, Ask, Limits, Source};
use assured::snapshot::Snapshot;
use tokio::sync::watch;

/// A server on a free port that shows what `make` makes for the nth question.
pub struct Served {
    pub address: std::net::SocketAddr,
    pub reloads: Arc<AtomicU64>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    ended: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Served {
    /// Stops it as a signal would and waits for its end.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        self.ended.await.expect("the server does not panic").expect("the server ends well");
    }
}

/// Serves snapshots until stopped.
pub async fn serve(make: impl Fn(u64) -> Arc<Snapshot> + Send + 'static) -> Served {
    // Whoever holds the other end could change it; nobody does.
    let (_access, open) = watch::channel(Arc::default());
    serve_as(make, open, Limits::default()).await
}

/// The same behind a door, and with limits of its own.
pub async fn serve_as(
    make: impl Fn(u64) -> Arc<Snapshot> + Send + 'static,
    access: watch::Receiver<Arc<Access>>,
    limits: Limits,
) -> Served {
    let (source, questions) = Source::new();
    let reloads = Arc::new(AtomicU64::new(0));
    tokio::spawn(answer(questions, Arc::clone(&reloads), make));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let ended = tokio::spawn(assured::http::serve_as(listener, source, access, limits, async {
        let _ = stopped.await;
    }));
    Served { address, reloads, stop: Some(stop), ended }
}

/// Answers as a daemon would: the first reload succeeds, later ones find a fault.
pub async fn answer(
    mut questions: tokio::sync::mpsc::Receiver<Ask>,
    reloads: Arc<AtomicU64>,
    make: impl Fn(u64) -> Arc<Snapshot> + Send + 'static,
) {
    let mut asked = 0;
    while let Some(question) = questions.recv().await {
        // Whoever asked may have gone; then there is nobody to tell.
        match question {
            Ask::Snapshot(answer) | Ask::Brief(answer) => {
                let _ = answer.send(make(asked));
                asked += 1;
            }
            Ask::Reload(answer) => {
                let nth = reloads.fetch_add(1, Ordering::Relaxed);
                let _ = answer.send(if nth == 0 { Ok(()) } else { Err("services.x: no such site".into()) });
            }
            Ask::Ready(answer) => {
                let _ = answer.send(Ok(()));
            }
        }
    }
}

//! How handlers ask the daemon: bounded questions, each with a one-shot answer.
//!
//! The daemon's driver owns the state and answers when it comes round to it; a handler whose
//! question is not answered in time gives up, and nothing is left behind.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::snapshot::Snapshot;

/// More questions than this do not wait at the same time; further ones are told that the daemon is busy.
pub const MAX_WAITING: usize = 64;

/// A question to the daemon. An answer nobody waits for any more may be dropped.
#[derive(Debug)]
pub enum Ask {
    /// The picture of now.
    Snapshot(oneshot::Sender<Arc<Snapshot>>),
    /// The same without what each class measures, which is most of its cost; a full one may serve.
    Brief(oneshot::Sender<Arc<Snapshot>>),
    /// Read the configuration again; `Err` says for the operator what is wrong with it.
    Reload(oneshot::Sender<Result<(), String>>),
    /// Whether it is ready to be counted on; `Err` says what is still missing.
    Ready(oneshot::Sender<Result<(), String>>),
}

/// Why a question got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Too many questions wait already.
    #[error("the daemon is busy, try again")]
    Busy,
    /// The daemon is stopping.
    #[error("the daemon is stopping")]
    Stopping,
}

/// The asking end.
#[derive(Debug, Clone)]
pub struct Source {
    questions: mpsc::Sender<Ask>,
}

impl Source {
    /// An asking end and the end at which the daemon's driver takes the questions.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Ask>) {
        let (questions, taken) = mpsc::channel(MAX_WAITING);
        (Self { questions }, taken)
    }

    /// The picture of now.
    pub async fn snapshot(&self) -> Result<Arc<Snapshot>, SourceError> {
        self.ask(Ask::Snapshot).await
    }

    /// The picture of now without what each class measures.
    pub async fn brief(&self) -> Result<Arc<Snapshot>, SourceError> {
        self.ask(Ask::Brief).await
    }

    /// Has the configuration read again.
    pub async fn reload(&self) -> Result<Result<(), String>, SourceError> {
        self.ask(Ask::Reload).await
    }

    /// Whether the daemon is ready to be counted on.
    pub async fn ready(&self) -> Result<Result<(), String>, SourceError> {
        self.ask(Ask::Ready).await
    }

    async fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Result<T, SourceError> {
        let (answer, answered) = oneshot::channel();
        self.questions.try_send(question(answer)).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => SourceError::Busy,
            mpsc::error::TrySendError::Closed(_) => SourceError::Stopping,
        })?;
        answered.await.map_err(|_| SourceError::Stopping)
    }
}

//! Answers that wait for their readers, bounded in all: slow readers of large answers must not fill the memory.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many KiB of answers may wait at a time, all together; the largest scrape without gzip is some 100 MB.
pub const MAX_KIB: u32 = 256 * 1024;
/// What is smaller is not counted: there are only so many connections.
const SMALL: u64 = 64 * 1024;
/// So much of an answer is handed on at a time; the rest stays here, where it is counted.
const PIECE: usize = 64 * 1024;

/// The answer with its size held against the bound until it is sent; `None` when too much waits already.
pub fn hold(answer: Response, room: &Arc<Semaphore>) -> Option<Response> {
    let Some(size) = hyper::body::Body::size_hint(answer.body()).exact().filter(|size| *size > SMALL) else {
        return Some(answer);
    };
    let kib = u32::try_from(size / 1024).unwrap_or(MAX_KIB).clamp(1, MAX_KIB);
    let place = Arc::clone(room).try_acquire_many_owned(kib).ok()?;
    Some(answer.map(|body| Body::new(Held { body, rest: Bytes::new(), left: size, _place: place })))
}

struct Held {
    body: Body,
    rest: Bytes,
    /// Bytes that are still to come, those of `rest` included.
    left: u64,
    _place: OwnedSemaphorePermit,
}

impl hyper::body::Body for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match std::task::ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                other => return Poll::Ready(other),
            }
        }
        let most = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(most);
        self.left = self.left.saturating_sub(piece.len() as u64);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    #[tokio::test]
    async fn large_answers_share_the_room_and_give_it_back_when_they_are_sent() {
        let room = Arc::new(Semaphore::new(300));
        let large = || Response::new(Body::from(vec![7; 200 * 1024]));
        let mut first = hold(large(), &room).expect("there is room");
        assert_eq!(hyper::body::Body::size_hint(first.body()).exact(), Some(200 * 1024));
        assert!(hold(large(), &room).is_none());
        assert!(hold(Response::new(Body::from("small")), &room).is_some());
        let piece = first.body_mut().frame().await.expect("a frame").expect("data").into_data().expect("data");
        assert_eq!(piece.len(), PIECE);
        assert!(hold(large(), &room).is_none(), "what waits is counted until it is gone");
        assert_eq!(first.into_body().collect().await.expect("the rest").to_bytes().len(), 200 * 1024 - PIECE);
        assert!(hold(large(), &room).is_some());
    }

    #[tokio::test]
    async fn one_larger_than_all_the_room_is_served_alone() {
        let room = Arc::new(Semaphore::new(MAX_KIB as usize));
        let size = (MAX_KIB as usize + 1) * 1024;
        assert!(hold(Response::new(Body::from(vec![0; size])), &room).is_some());
    }
}

//! Bodies that end: a request's within its size and time, a response's with its connection's idleness.

use axum::BoxError;
use bytes::Bytes;
use http_body_util::Limited;
use hyper::body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Sleep;

/// Longest body of a request: the longest form has a few thousand bytes.
pub(super) const LONGEST: usize = 64 << 10;

/// The body did not come in time.
#[derive(Debug, thiserror::Error)]
#[error("the body of the request did not come in time")]
pub(super) struct TooSlow;

/// A request's body.
pub(super) struct Bounded<B> {
    body: Limited<B>,
    deadline: Pin<Box<Sleep>>,
    /// One of the few bodies that a connection may send at a time.
    _turn: OwnedSemaphorePermit,
}

impl<B> Bounded<B> {
    pub(super) fn new(body: B, time: Duration, turn: OwnedSemaphorePermit) -> Self {
        Self { body: Limited::new(body, LONGEST), deadline: Box::pin(tokio::time::sleep(time)), _turn: turn }
    }
}

impl<B> Body for Bounded<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        ready!(self.deadline.as_mut().poll(cx));
        Poll::Ready(Some(Err(TooSlow.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Counts the requests of a connection that are being answered.
#[derive(Clone)]
pub(super) struct Activity(watch::Sender<usize>);

/// One request that is being answered.
pub(super) struct Busy(watch::Sender<usize>);

impl Activity {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    pub(super) fn begin(&self) -> Busy {
        self.0.send_modify(|count| *count += 1);
        Busy(self.0.clone())
    }

    /// Returns once nothing was answered for so long.
    pub(super) async fn ceased(&self, pause: Duration) {
        let mut changes = self.0.subscribe();
        loop {
            if *changes.borrow_and_update() > 0 {
                let _ = changes.changed().await;
            } else if tokio::time::timeout(pause, changes.changed()).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// A response's body: while it lasts, an event stream for hours, its connection is not idle.
pub(super) struct Held {
    body: axum::body::Body,
    _busy: Busy,
}

impl Held {
    pub(super) fn new(body: axum::body::Body, busy: Busy) -> Self {
        Self { body, _busy: busy }
    }
}

impl Body for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

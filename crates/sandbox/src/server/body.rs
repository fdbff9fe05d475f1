//! A response body that is sent whole, or breaks off on purpose.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};

/// The connection is to be closed as it is.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed on purpose")]
pub(super) struct Closed;

/// A response body, and where the connection is closed.
pub(super) struct Outgoing {
    data: Option<Bytes>,
    /// What comes after the data.
    end: End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    /// Once the data is on its way.
    Cut,
    CutNow,
}

impl Outgoing {
    /// These bytes, and then a regular end.
    pub(super) const fn whole(data: Bytes) -> Self {
        Self {
            data: Some(data),
            end: End::Whole,
        }
    }

    /// These bytes, and then the connection is closed.
    pub(super) const fn cut(data: Bytes) -> Self {
        Self {
            data: Some(data),
            end: End::Cut,
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Closed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Closed>>> {
        if let Some(data) = self.data.take().filter(|data| !data.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        match self.end {
            End::Whole => Poll::Ready(None),
            End::Cut => {
                // An error now would also drop what is not flushed yet: the connection flushes while it waits.
                self.end = End::CutNow;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            End::CutNow => Poll::Ready(Some(Err(Closed))),
        }
    }
}

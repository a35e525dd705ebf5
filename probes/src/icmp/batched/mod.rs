//! The engine for Linux: one thread, few system calls, the kernel's own time stamps.
//!
//! ```text
//! send() ─► inbox ─► thread: ┌ send     64 per call, slot and token reserved first
//!                            │ receive  everything queued, transmit stamps and ICMP errors first
//!                            │ expire   deadlines before the moment the receive queue was last seen empty
//!                            └ flush ─► events
//! ```
//!
//! A request is lost only when its answer had not arrived in the socket by the deadline, whatever this
//! thread was doing at that time. Where that cannot be known it is not measured.

mod client;
mod driver;
mod flight;
mod side {
    pub(super) mod driver;
}
mod stamp;
mod wheel;

use std::time::Duration;

pub use client::BatchedEngine;
pub use stamp::Sample;

/// Bounds of a [`BatchedEngine`].
#[derive(Debug, Clone, Copy)]
pub struct Config {
    /// TTL or hop limit of every request; `None` leaves it to the system.
    pub ttl: Option<u8>,
    /// Requests that may wait to be sent; what is above comes back as overload.
    pub queue_max: usize,
    /// Decided requests that are remembered, to tell late answers and duplicates; the oldest are forgotten first.
    pub remember_max: usize,
    /// Events held back while the receiver is not reading; the newest are thrown away and counted.
    pub outbox_max: usize,
    /// Not running for longer than this is a stall: what is then unanswered was not measured.
    pub stall: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ttl: None,
            queue_max: 262_144,
            remember_max: 262_144,
            outbox_max: 262_144,
            stall: Duration::from_millis(500),
        }
    }
}

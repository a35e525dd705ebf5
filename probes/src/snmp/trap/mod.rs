//! Traps and informs: hints that something happened, and a reason to poll now. Never a state.
//!
//! ```text
//! UDP ─► server::Receiver ─► Hint ─► hint::Desk ─► Verdict::Poll ─► the caller polls
//! ```

pub mod hint;
pub mod server;

pub use hint::{About, Bounds, Desk, Hint, Verdict};
pub use server::{Options, Receiver, ReceiverError};

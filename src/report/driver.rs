//! A second thread for what does not wait for each other.

use std::thread;

/// Does both at once. What comes out does not depend on the threads.
///
/// # Panics
/// When one of them does.
pub(super) fn both<A: Send, B>(one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B) -> (A, B) {
    thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        match one.join() {
            Ok(one) => (one, other),
            Err(panicked) => std::panic::resume_unwind(panicked),
        }
    })
}

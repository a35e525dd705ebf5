//! The engine for systems other than Linux, and the second opinion of a differential test: `surge-ping`, a task
//! for every request.
//!
//! It knows less than the batched engine, and says so rather than guess: no code points (a request with one
//! is not measured), no token in the payload, no late answers or duplicates, no count of strays, and an RTT that
//! includes this process's own waiting. It costs about three times the CPU time per probe.

mod driver;

pub use driver::PortableEngine;

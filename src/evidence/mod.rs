//! What is kept: chained, append-only, replayable.
//!
//! ```text
//! minutes of rounds ─► blob ─┐
//! what happened ─► record ───┴─► chain ─► store ─► recover ─► the same accounts again
//!                                   └─► rollup (hours, days; they name what they cover)
//! ```
//!
//! `docs/evidence.md` describes the files so that somebody else can write a reader.

pub mod audit;
pub mod blob;
pub mod canonical;
pub mod chain;
pub mod client;
pub mod driver;
pub mod exclusion;
pub mod fault;
pub mod file;
pub mod import;
pub mod merkle;
pub mod names;
pub mod record;
pub mod recover;
pub mod retention;
pub mod rollup;
pub mod store;

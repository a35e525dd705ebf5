//! The monthly evidence pack: from the complete data of a month to signed files, and back.
//!
//! ```text
//! model ─┬─► json ─────────────────────┐
//!        ├─► csv, xlsx ────────────────┤
//!        └─► document ─┬─► html ───────┼─► pack ─► store        (assured report)
//!                      └─► layout, pdf ┤
//! journal ─────────────────────────────┘
//! store ─► verify: signature, hashes, chain, then all of the above once more   (assured verify)
//! ```
//!
//! Everything but `store` is a function of its arguments: the same evidence gives the same bytes.

pub mod model;

pub mod chapters;
pub mod document;
pub mod words;

pub mod build;
pub mod collect;
pub mod csv;
mod driver;
mod fault;
pub mod html;
pub mod json;
pub mod layout;
pub mod pdf;
pub mod xlsx;

pub mod journal;
pub mod pack;
pub mod revision;
pub mod sign;
pub mod store;
pub mod verify;

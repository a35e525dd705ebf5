//! The product's heart, pure: from rounds to seconds, from seconds to verdicts.
//!
//! ```text
//! rounds ─► state ─► (link) ─► ledger ─► figures ─► credit
//!                      calendar, exclusion ─┘ tree
//! ```
//!
//! [`fold::Fold`] is the one way through it: the daemon feeds it live, a restart feeds it
//! the journal, a report feeds it the journal up to an end. `docs/accounting.md` says in
//! words what these files do.

pub mod account;
mod book;
pub mod calendar;
pub mod credit;
pub mod estate;
pub mod exclusion;
pub mod figures;
pub mod fold;
pub mod ledger;
pub mod link;
pub mod mef;
pub mod objective;
pub mod pool;
pub mod ratio;
pub mod restore;
pub mod state;
mod track;
pub mod tree;

//! What runs: the core that turns rounds into states, and the drivers around it.
//!
//! ```text
//!            clock ─► schedule::pace ─► plan ─► core::due ─► engine
//! engine events ─► core::event ─► rounds ─► isolation ─► machine ─► ledger
//!              core ─► keeper ─► evidence writer;  evidence ─► replay ─► core, at start and when terms change
//!         core::poll_due ─► poll::driver ─► core::polled;  notifications ─► core::poll_hinted
//! reader asks ─► core::snapshot
//! ```

pub mod core;
pub mod driver;
pub mod isolation;
pub mod keeper;
pub mod poll;
pub mod replay;
pub mod resolve;
pub mod signal;
pub mod supervisor;

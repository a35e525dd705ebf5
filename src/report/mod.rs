//! The monthly evidence pack: from the complete data of a month to signed files, and back.
//!
//! ```text
//! model ─┬─► json ───────────────┐
//!        ├─► csv                 ├─► pack ─► store        (assured report)
//!        └─► document ─► html    │
//!                     ├► pdf     │
//!                     └► xlsx ───┘
//! journal ──────────────────────►┘
//! store ─► verify: signature, hashes, chain, then all of the above once more
//! ```
pub mod csv;
pub mod journal;
pub mod json;
pub mod model;
pub mod sign;

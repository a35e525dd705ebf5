//! Who is due when: spread evenly over the interval, aligned to wall time, never a burst.

pub mod pace;
pub mod plan;

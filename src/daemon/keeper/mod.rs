//! Keeps what the core found out: minutes and facts on their way to the evidence, and the past on its way back.

pub mod driver;

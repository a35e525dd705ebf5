//! Probes: addresses, bytes and deadlines. Nothing in here can name a service or a contract.
//!
//! ```text
//! Request ─► Engine::send ─► sockets ─► wire ─► sockets ─► Event ─► channel
//! ```
//!
//! Everything that arrives is hostile: length, type and identity are checked before use,
//! nothing panics, nothing grows without a bound.

#![deny(unsafe_code)]

pub mod icmp;
pub mod snmp;

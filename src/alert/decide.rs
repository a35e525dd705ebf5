//! stub
use super::message::Labels;
use super::queue::Decided;
use crate::clock::Now;
use crate::snapshot::Snapshot;
use crate::units::Sec;
/// m
#[derive(Debug, Default)]
pub struct Memory {}
/// d
pub fn decide(_s: &Snapshot, _m: &mut Memory, _now: Now, _since: impl Fn(&Labels) -> Option<Sec>) -> Vec<Decided> { Vec::new() }

//! What a full audit checks, and what it says.

use std::collections::BTreeMap;

use super::chain::{Hash, Head};
use super::record::{Body, RollUp, Totals};
use super::recover::Damage;
use super::rollup::{Part, covers};

mod client;

/// The outcome of re-reading everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audit {
    /// What the first record that is still there follows; zero when nothing was let go.
    pub from: Head,
    /// The newest record.
    pub head: Head,
    /// Records read.
    pub records: u64,
    /// Blobs read and hashed.
    pub blobs: u64,
    /// What adds up in the minutes' blobs.
    pub totals: Totals,
    /// What is right but worth telling: files set aside, let go or emptied of minutes.
    pub notes: Vec<String>,
    /// What is wrong, first things first; empty when all is well.
    pub problems: Vec<Damage>,
}

/// Parts that a roll-up may name, with what adds up in them.
#[derive(Debug, Default)]
struct Parts(BTreeMap<u64, (Hash, Totals)>);

impl Parts {
    fn add(&mut self, seq: u64, body: &Body) {
        let known = match body {
            Body::Minute(rows) => (rows.sha256, rows.totals),
            Body::Hour(roll) | Body::Day(roll) => (roll.sha256, roll.totals),
            _ => return,
        };
        self.0.insert(seq, known);
    }

    /// Whether a roll-up is right about the parts that are filed under it; they are used up.
    fn settle(&mut self, roll: &RollUp, filed: &[u64]) -> Result<(), String> {
        let mut parts = Vec::new();
        let mut sum = Totals::default();
        for &seq in filed {
            let (sha256, totals) =
                self.0.remove(&seq).ok_or(format!("it covers record {seq}, which is not before it"))?;
            parts.push(Part { seq, sha256 });
            sum.rounds += totals.rounds;
            sum.lost += totals.lost;
            sum.not_measured += totals.not_measured;
        }
        if covers(&parts) != roll.covers {
            return Err("the records filed under it are not those that it covers".to_owned());
        }
        let sum = Totals { rows: roll.totals.rows, ..sum };
        if sum == roll.totals { Ok(()) } else { Err("its rounds do not add up to those that it covers".to_owned()) }
    }
}

//! Re-reading every record and every blob.

use std::collections::BTreeSet;

use super::{Audit, Parts};
use crate::evidence::blob;
use crate::evidence::chain::{Hash, Head, Verifier};
use crate::evidence::client::{EvidenceFile, Reader};
use crate::evidence::file::store::{blob_hash, hash_column};
use crate::evidence::record::{Body, Record, Totals};
use crate::evidence::recover::Damage;

/// Most problems that are told one by one.
const MAX_PROBLEMS: usize = 1_000;

/// Blobs checked at once; some 10 MB for 10,000 components.
const BATCH: usize = 64;

impl Reader {
    /// Checks everything: the chain over all files, every blob against its record, every roll-up against what it covers.
    #[must_use]
    pub fn audit(&self) -> Audit {
        let mut audit = Audit { problems: self.damages(), ..Audit::default() };
        let mut stripped = BTreeSet::new();
        let mut gone: Option<Head> = None;
        self.facts(|stored| {
            if let Body::Retention { file, scope, last, last_hash, .. } = stored.record.body {
                if scope == "all" {
                    gone = gone.max_by_sequence(Head { sequence: last, hash: last_hash });
                    audit.notes.push(format!("{file} was let go as configured; record {last} was its last"));
                } else {
                    audit.notes.push(format!("{file} keeps its hours and days; its minutes were let go as configured"));
                    stripped.insert(file);
                }
            }
        });
        let mut before: Option<Head> = None;
        for file in &self.files {
            audit.join(file, before, gone);
            let known = audit.problems.len();
            before = Some(audit.read(file, stripped.contains(&file.name.to_string())).unwrap_or_else(|e| {
                audit.problem(file, None, e.to_string());
                audit.head
            }));
            if file.name.is_aside() && audit.problems.len() > known {
                audit.notes.push(format!("{} was set aside because it is damaged", file.name));
            }
        }
        audit
    }

    /// The hash of a record, as it is filed.
    #[must_use]
    pub fn hash_of(&self, seq: u64) -> Option<Hash> {
        self.files.iter().rev().find_map(|f| Some(f.stored(seq).ok()?.hash))
    }
}

trait Later {
    fn max_by_sequence(self, other: Head) -> Option<Head>;
}

impl Later for Option<Head> {
    fn max_by_sequence(self, other: Head) -> Option<Head> {
        match self {
            Some(head) if head.sequence >= other.sequence => self,
            _ => Some(other),
        }
    }
}

impl Audit {
    fn problem(&mut self, file: &EvidenceFile, seq: Option<u64>, problem: String) {
        let damage = Damage { file: file.name.to_string(), seq, span: None, problem };
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(damage);
        }
    }

    /// Checks that a file begins where the one before it ended.
    fn join(&mut self, file: &EvidenceFile, before: Option<Head>, gone: Option<Head>) {
        let anchor = file.anchor;
        let Some(before) = before else {
            self.from = anchor;
            if anchor != Head::default() && gone != Some(anchor) {
                let n = anchor.sequence;
                self.problem(
                    file,
                    None,
                    format!("the records up to {n} are missing, and no record says that they were let go"),
                );
            }
            return;
        };
        if anchor == before {
            return;
        }
        match file.stored(anchor.sequence + 1).map(|s| s.record.body) {
            Ok(Body::Recovered { file: damaged, problem, last_good, last_good_hash })
                if last_good_hash == anchor.hash =>
            {
                self.notes.push(format!(
                    "after {damaged} was set aside ({problem}) the chain goes on from record {last_good}"
                ));
            }
            _ => self.problem(
                file,
                None,
                format!(
                    "it does not follow from record {} before it: a file is missing or was changed",
                    before.sequence
                ),
            ),
        }
    }

    fn read(&mut self, file: &EvidenceFile, stripped: bool) -> rusqlite::Result<Head> {
        let mut verifier = Verifier::after(file.anchor);
        let mut parts = Parts::default();
        let mut filed = file.conn.prepare("SELECT seq FROM part WHERE rolled = ?1 ORDER BY seq")?;
        let sql =
            "SELECT r.seq, r.hash, r.kind, r.body, b.data FROM record r LEFT JOIN blob b USING (seq) ORDER BY r.seq";
        let mut query = file.conn.prepare(sql)?;
        let mut rows = query.query([])?;
        let mut batch = Vec::new();
        while let Some(row) = rows.next()? {
            let (seq, hash, kind): (u64, _, String) = (row.get(0)?, hash_column(row, 1)?, row.get(2)?);
            let text: String = row.get(3)?;
            self.records += 1;
            if let Err(broken) = verifier.check(seq, &text, &hash) {
                self.problem(file, Some(seq), broken.to_string());
                verifier = Verifier::after(Head { sequence: seq, hash });
            }
            self.head = verifier.head();
            let record = match Record::parse(&text) {
                Ok(record) if record.seq == seq && record.body.kind() == kind => record,
                Ok(_) => {
                    self.problem(file, Some(seq), "it is filed under another number or kind than its text says".into());
                    continue;
                }
                Err(e) => {
                    self.problem(file, Some(seq), e.to_string());
                    continue;
                }
            };
            parts.add(seq, &record.body);
            if let Body::Hour(roll) | Body::Day(roll) = &record.body {
                let under = filed.query_map([seq], |r| r.get(0))?.collect::<Result<Vec<u64>, _>>()?;
                if let Err(problem) = parts.settle(roll, &under) {
                    self.problem(file, Some(seq), problem);
                }
            }
            if blob_hash(&record.body).is_some() {
                match row.get_ref(4)?.as_blob_or_null().unwrap_or(None) {
                    None if stripped && matches!(record.body, Body::Minute(_)) => {}
                    None => self.problem(file, Some(seq), "its rounds are not there".into()),
                    Some(data) => batch.push((seq, record.body, data.to_vec())),
                }
            }
            if batch.len() >= BATCH {
                self.blobs(file, std::mem::take(&mut batch));
            }
        }
        self.blobs(file, batch);
        Ok(verifier.head())
    }

    /// Checks a batch of blobs, each by itself, on as many threads as there are processors.
    fn blobs(&mut self, file: &EvidenceFile, batch: Vec<(u64, Body, Vec<u8>)>) {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let mut found = Vec::with_capacity(batch.len());
        std::thread::scope(|scope| {
            let check = |share: &[(u64, Body, Vec<u8>)]| -> Vec<_> {
                share.iter().map(|(seq, body, data)| (*seq, check_blob(body, data))).collect()
            };
            let shares = batch.chunks(batch.len().div_ceil(threads).max(1));
            let workers: Vec<_> = shares.map(|share| scope.spawn(move || check(share))).collect();
            for worker in workers {
                found.extend(worker.join().expect("checking a blob does not panic"));
            }
        });
        for (seq, checked) in found {
            self.blobs += 1;
            match checked {
                Ok(Totals { rows, rounds, lost, not_measured }) => {
                    self.totals.rows += rows;
                    self.totals.rounds += rounds;
                    self.totals.lost += lost;
                    self.totals.not_measured += not_measured;
                }
                Err(problem) => self.problem(file, Some(seq), problem),
            }
        }
    }
}

/// What a minute's blob adds to the totals, nothing for a roll-up's; else what is wrong with it.
fn check_blob(body: &Body, data: &[u8]) -> Result<Totals, String> {
    if blob_hash(body) != Some(Hash::of(data)) {
        return Err("its rounds were changed".to_owned());
    }
    let (start, totals) = blob::totals(data).map_err(|e| format!("its rounds are unreadable: {e}"))?;
    let (said_start, said) = match body {
        Body::Minute(rows) => (rows.start, rows.totals),
        Body::Hour(roll) | Body::Day(roll) => (roll.start, roll.totals),
        _ => return Ok(Totals::default()),
    };
    if (start, totals) != (said_start, said) {
        return Err("its rounds are not those that it names".to_owned());
    }
    Ok(if matches!(body, Body::Minute(_)) { totals } else { Totals::default() })
}

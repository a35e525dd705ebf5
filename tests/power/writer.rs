// Shared by the crash and the power tests: a writer that tells what was acknowledged, and the check afterwards.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use assured::evidence::chain::{Hash, Head};
use assured::evidence::client::{Query, Reader};
use assured::evidence::names::Names;
use assured::evidence::rollup::Grain;
use assured::evidence::store::{Entry, Store};
use assured::measurement::minute::{Minute, MinuteAggregator};
use assured::measurement::{Outcome, Round};
use assured::names::{ClassIx, ComponentIx};
use assured::units::{Micros, Sec, Span};

/// 2026-11-30T22:00:00Z: hours, days and a new file within some hundred minutes.
pub const START: i64 = 1_796_076_000;
const COMPONENTS: u32 = 20;

fn names() -> Arc<Names> {
    let components: Vec<_> = (0..COMPONENTS).map(|n| format!("r{n}")).collect();
    Arc::new(Names::new(components.iter().map(String::as_str), ["default"]))
}

/// The minute that starts at `start`: a function of its start, so that the check can make it again.
fn minute(start: Sec) -> Minute {
    let mut aggregator = MinuteAggregator::new();
    for at in (start.0..start.0 + 60).step_by(5) {
        for component in 0..COMPONENTS {
            let mix = (at as u64 ^ u64::from(component) << 40).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
            let outcome = match mix % 50 {
                0 => Outcome::Lost,
                _ => Outcome::Reply { rtt: Micros(u32::try_from(mix % 90_000).expect("small")) },
            };
            let round = Round { at: Sec(at), component: ComponentIx(component), outcomes: vec![(ClassIx(0), outcome)] };
            aggregator.add(&round, 5).expect("in order");
        }
    }
    aggregator.take_all().remove(0)
}

/// What the writer told: this minute is on the disk, and the chain's head with it.
#[derive(Debug, Clone, Copy)]
pub struct Acknowledged {
    pub minute: Sec,
    pub head: Head,
}

impl Acknowledged {
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_once("ack ")?.1.split(' ');
        let minute = Sec(words.next()?.parse().ok()?);
        let sequence = words.next()?.parse().ok()?;
        let hash = Hash::parse(words.next()?)?;
        Some(Self { minute, head: Head { sequence, hash } })
    }
}

/// Opens the store as the daemon does, goes on after the last minute, and tells of each when it is on the disk.
pub fn write_for_ever(dir: &Path) {
    let (mut store, opened) = Store::open_as_daemon(dir, Sec(START)).expect("start is clean");
    assert!(opened.set_aside.is_empty(), "{:?}", opened.set_aside);
    let next = Reader::open(dir).expect("readable").extent().map_or(Sec(START), |e| e.to);
    let names = names();
    for n in 0.. {
        let start = next.plus(n * 60);
        let head = store.append(start.plus(60), &[Entry::Minute(minute(start), names.clone())]).expect("written");
        let mut out = std::io::stdout().lock();
        writeln!(out, "ack {} {} {}", start.0, head.sequence, head.hash).and_then(|()| out.flush()).expect("told");
        drop(out);
        store.roll_up(start.plus(60), start).expect("rolled up");
    }
}

/// Everything acknowledged is there as it was written, at every grain, and the chain holds with the heads told.
pub fn check(dir: &Path, acknowledged: &[Acknowledged]) {
    let (store, opened) = Store::open_as_daemon(dir, Sec(START)).expect("start is clean");
    assert!(opened.set_aside.is_empty(), "{:?}", opened.set_aside);
    drop(store);
    let reader = Reader::open(dir).expect("readable");
    let audit = reader.audit();
    assert_eq!(audit.problems, Vec::<assured::evidence::recover::Damage>::new());
    for ack in acknowledged {
        assert_eq!(reader.hash_of(ack.head.sequence), Some(ack.head.hash), "record {}", ack.head.sequence);
    }
    let names = names();
    let Some(span) = reader.extent() else { return assert!(acknowledged.is_empty()) };
    let mut found = BTreeMap::new();
    reader.rows(Query { span, coarsest: Grain::Minute, names: &names, only: None }, |chunk| {
        found.insert(chunk.span.from, chunk.rows);
    });
    for ack in acknowledged {
        assert_eq!(found.get(&ack.minute), Some(&minute(ack.minute).rows), "minute {}", ack.minute);
    }
    let total = |coarsest| {
        let mut rounds = 0;
        let whole = Span::new(Sec(span.from.0 - span.from.0.rem_euclid(86_400)), span.to);
        reader.rows(Query { span: whole, coarsest, names: &names, only: None }, |chunk| {
            rounds += chunk.rows.iter().map(|r| u64::from(r.tally.rounds.count())).sum::<u64>();
        });
        rounds
    };
    assert_eq!(total(Grain::Day), total(Grain::Minute));
    assert_eq!(reader.damages(), []);
}

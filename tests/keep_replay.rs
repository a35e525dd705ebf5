//! The month read back from the evidence is the month as it was lived: accounts, outages, causes, objectives.

use std::path::Path;
use std::sync::Arc;

use assured::clock::Now;
use assured::config::{Config, Mode, load};
use assured::daemon::core::Core;
use assured::daemon::replay::Wanted;
use assured::daemon::replay::client::read;
use assured::evidence::names::Names;
use assured::evidence::record::Body;
use assured::evidence::store::{Entry, Store};
use assured::measurement::minute::MinuteAggregator;
use assured::measurement::{Cause, Outcome, Round, Verdict};
use assured::names::{ClassIx, ComponentIx, ServiceIx};
use assured::sla::account::Entered;
use assured::sla::calendar::Month;
use assured::sla::fold::{Fold, Source};
use assured::sla::ledger::Limits;
use assured::units::{Micros, Sec, Span};
use tokio_util::sync::CancellationToken;

const CONFIG: &str = r#"
[monitor]
vantage = "test"
time_zone = "Asia/Kolkata"
[probing]
icmp = { interval = "60s", timeout = "1s" }
[contracts.c]
title = "C"
provider = "P"
customer = "Q"
starts = 2000-01-01
ends = 2099-12-31
[slas.s]
availability = "99.9%"
objectives = [{ class = "default", measure = "loss", limit = "1%" }, { class = "default", measure = "rtt_mean", limit = "30ms" }]
[sites.x]
title = "X"
[devices.r1]
site = "x"
address = "192.0.2.1"
[devices.r2]
site = "x"
address = "192.0.2.2"
[services.both]
site = "x"
contract = "c"
sla = "s"
requires = { all = ["r1", "r2"] }
[services.either]
site = "x"
contract = "c"
sla = "s"
requires = { any = ["r1", "r2"] }
"#;

/// 2026-10-31T18:30:00Z: midnight in Kolkata.
const NOVEMBER: Sec = Sec(1_793_471_400);
const MINUTES: i64 = 3 * 1440;
/// Rounds are this far into their minute.
const OFFSET: i64 = 17;

fn config() -> Config {
    load::parse_str(CONFIG, Path::new(""), Mode::Run).expect("a sound configuration").config
}

/// Numbers without a pattern, always the same.
struct Chance(u64);

impl Chance {
    fn one_in(&mut self, n: u64) -> bool {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33).is_multiple_of(n)
    }
}

/// Rounds of one device, minute by minute: mostly replies, single losses, outages, nothing measured, no rounds at all.
fn history(seed: u64) -> Vec<Option<Outcome>> {
    let mut chance = Chance(seed);
    let mut all = Vec::new();
    while all.len() < usize::try_from(MINUTES).expect("small") {
        let (outcome, length) = match () {
            () if chance.one_in(200) => (Some(Outcome::Lost), 40),
            () if chance.one_in(300) => (Some(Outcome::NotMeasured(Cause::Isolated)), 7),
            () if chance.one_in(400) => (None, 5),
            () if chance.one_in(30) => (Some(Outcome::Lost), 1),
            () => (Some(Outcome::Reply { rtt: Micros(20_000 + u32::try_from(all.len()).expect("small")) }), 1),
        };
        all.extend(std::iter::repeat_n(outcome, length));
    }
    all
}

/// The monitor does not run in these minutes; it starts again at the end of each.
const STOPPED: [(i64, i64); 3] = [(900, 950), (1_500, 1_502), (2_000, 2_200)];

struct Lived {
    fold: Fold,
    rounds: Vec<Vec<(Sec, Outcome)>>,
    end: Sec,
}

/// Lives through the history round by round, and writes it down as the daemon does.
fn live(config: &Config, dir: &Path) -> Lived {
    let begin = NOVEMBER.plus(-1200 * 60);
    let histories = [history(1), history(2)];
    let names = Arc::new(Names::of(config));
    let (mut store, _) = Store::open_as_daemon(dir, begin).expect("opened");
    let start = Entry::Fact(Body::Start { version: "1".into(), vantage: "test".into() });
    store.append(begin, std::slice::from_ref(&start)).expect("written");
    let mut lived = Lived {
        fold: Fold::new(config, &[], begin, Limits::LIVE),
        rounds: vec![Vec::new(), Vec::new()],
        end: begin.plus(MINUTES * 60),
    };
    let mut waiting = Vec::new();
    let mut minutes = MinuteAggregator::new();
    for n in 0..MINUTES {
        let at = begin.plus(n * 60 + OFFSET);
        if STOPPED.iter().any(|(from, to)| (*from..*to).contains(&n)) {
            continue;
        }
        if STOPPED.iter().any(|(_, to)| *to == n) {
            lived.fold.explain_gaps(Cause::Stopped);
            waiting.push(start.clone());
            store.append(at, &std::mem::take(&mut waiting)).expect("written");
        }
        for (c, history) in (0..).zip(&histories) {
            let Some(outcome) = history[usize::try_from(n).expect("small")] else { continue };
            let component = ComponentIx(c);
            minutes.add(&Round { at, component, outcomes: vec![(ClassIx(0), outcome)] }, 60).expect("in order");
            assert!(lived.fold.round(component, Source::Address, at, Verdict::of([outcome])));
            lived.rounds[c as usize].push((at, outcome));
        }
        waiting.extend(minutes.take_all().into_iter().map(|m| Entry::Minute(m, names.clone())));
        if n % 60 == 59 {
            store.append(at, &std::mem::take(&mut waiting)).expect("written");
        }
        // The last day has no roll-ups yet.
        if n == MINUTES - 1440 {
            store.roll_up(at, at).expect("rolled up");
        }
    }
    store.append(lived.end, &waiting).expect("written");
    lived.fold.explain_gaps(Cause::Stopped);
    lived.fold.expire(lived.end.plus(3_600));
    lived.fold.advance();
    lived
}

const RESTART: Wanted = Wanted { restart: true, objectives: true };
const SERVICES: [ServiceIx; 2] = [ServiceIx(0), ServiceIx(1)];

#[test]
fn accounts_outages_and_causes_after_a_restart_are_as_they_were_lived() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = config();
    let lived = live(&config, dir.path());
    let now = lived.end.plus(3_600);
    let month = Month::of(now, &config.monitor.time_zone);
    assert_eq!(month.span(&config.monitor.time_zone).from, NOVEMBER);
    let wanted = [RESTART, Wanted { objectives: false, ..RESTART }];
    let pasts = wanted.map(|wanted| read(dir.path(), &config, now, wanted, &CancellationToken::new()).expect("read"));
    for (past, service) in pasts.iter().flat_map(|past| SERVICES.map(|service| (past, service))) {
        assert_eq!(past.damages, Vec::<String>::new());
        let book = |fold: &Fold| fold.ledger().month(service, month).expect("this month").clone();
        let (was, is) = (book(&lived.fold), book(&past.fold));
        assert_eq!(was.tally(), is.tally());
        assert!(was.tally().accounts.down > 1_000 && was.tally().accounts.unknown > 1_000, "{:?}", was.tally());
        let list = |r: &assured::sla::account::Register| r.iter().cloned().collect::<Vec<_>>();
        assert_eq!(list(was.outages()), list(is.outages()));
        assert_eq!(list(was.unknown()), list(is.unknown()));
        assert_eq!(was.unknown_by_cause().collect::<Vec<_>>(), is.unknown_by_cause().collect::<Vec<_>>());
        assert!(was.unknown_by_cause().any(|(cause, _)| cause == Cause::Stopped));
        assert_eq!(lived.fold.now(service, now), past.fold.now(service, now));
        for component in [ComponentIx(0), ComponentIx(1)] {
            assert_eq!(lived.fold.confirmed(component), past.fold.confirmed(component));
        }
    }
}

#[test]
fn objectives_after_a_restart_are_those_of_every_minute_that_was_up() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = config();
    let lived = live(&config, dir.path());
    let now = lived.end.plus(3_600);
    let month = Month::of(now, &config.monitor.time_zone);
    let past = read(dir.path(), &config, now, RESTART, &CancellationToken::new()).expect("read");
    let mut core = Core::new(config.clone(), Vec::new(), now, "none");
    core.adopt(past);
    let at = Now { wall_ns: now.0 * 1_000_000_000, mono_ns: 0 };
    let shown = core.snapshot(at, &assured_probes::icmp::Strays::default());

    for service in SERVICES {
        let book = lived.fold.ledger().month(service, month).expect("this month");
        let (mut received, mut lost, mut sum) = (0_u64, 0_u64, 0_u64);
        for rounds in &lived.rounds {
            for (at, outcome) in rounds.iter().filter(|(at, _)| *at >= NOVEMBER) {
                let minute = Span::new(at.plus(-OFFSET), at.plus(60 - OFFSET));
                let touches = |span: Span| span.intersect(minute).is_some();
                let served = !book.outages().iter().any(|o| o.what == Entered::Outage && touches(o.span))
                    && !book.unknown().iter().any(|u| touches(u.span));
                match outcome {
                    Outcome::Reply { rtt } if served => {
                        received += 1;
                        sum += u64::from(rtt.0);
                    }
                    Outcome::Lost if served => lost += 1,
                    _ => {}
                }
            }
        }
        assert!(received > 2_000 && lost > 20, "{received} {lost}");
        let values: Vec<f64> = shown.services[service.get()].objectives.iter().filter_map(|o| o.value).collect();
        let expected = [lost as f64 / (lost + received) as f64, sum as f64 / received as f64 / 1e6];
        assert_eq!(values.len(), 2);
        for (value, expected) in values.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-6, "{values:?} {expected} of {received} and {lost}");
        }
    }
}

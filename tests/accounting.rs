//! The accounts are exact: they agree to the second with an independent implementation, and
//! do not depend on how or when they are asked for.

use std::process::Command;

use assured::names::{ComponentIx, ServiceIx};
use assured::sla::account::Entered;
use assured::sla::exclusion;
use assured::sla::figures::{Counted, Promise, figures};
use assured::sla::fold::{Fold, Source};
use assured::sla::ledger::{Ledger, Limits};
use assured::units::Sec;
use serde_json::{Value, json};

#[path = "accounting/scenario.rs"]
mod scenario;
use scenario::{Rng, Scenario};

fn replay(s: &Scenario) -> Ledger {
    let mut fold = Fold::new(&s.config, &s.agreed, s.start(), Limits::REPORT);
    for (n, rounds) in s.rounds.iter().enumerate() {
        for &(at, verdict) in rounds {
            assert!(fold.round(ComponentIx::from(n), Source::Address, at, verdict));
        }
    }
    fold.finish(s.end())
}

/// The month as the oracle writes it.
fn report(s: &Scenario, ledger: &Ledger) -> Value {
    let services: Vec<Value> = (0..s.config.services.len())
        .map(|n| {
            let ix = ServiceIx::from(n);
            let book = ledger.month(ix, s.month).expect("the month is booked");
            assert!(book.is_closed(), "booked until {}", ledger.booked_until(ix));
            let (tally, service) = (book.tally(), &s.config.services[n]);
            let promise = Promise::from(&s.config.slas[service.sla.get()]);
            let f = figures(&promise, &Counted::new(&tally, promise.rounding, 0), book.plan());
            let a = tally.accounts;
            assert_eq!(a.window(), book.plan().window_seconds(), "the four accounts are the window");
            let up = book.up_spans(ledger.booked_until(ix)).expect("registers were large enough");
            assert_eq!(exclusion::total(&up), a.up, "the registers tell where the up time is");
            let outages: Vec<Value> = book
                .outages()
                .iter()
                .map(|o| {
                    json!({
                        "from": o.span.from.to_string(), "to": o.span.to.to_string(), "seconds": o.seconds,
                        "excluded": o.excluded, "short": o.what == Entered::ShortOutage,
                    })
                })
                .collect();
            json!({
                "id": service.id.as_str(),
                "seconds": { "window": a.window(), "up": a.up, "down": a.down, "unknown": a.unknown, "excluded": a.excluded },
                "degraded": tally.degraded,
                "availability": f.availability.map(|v| v.percent()),
                "lower": f.lower.percent(),
                "upper": f.upper.percent(),
                "coverage": f.coverage.percent(),
                "verdict": f.verdict.name(),
                "outages": outages,
            })
        })
        .collect();
    let period = s.month.span(&s.config.monitor.time_zone);
    json!({ "period": { "start": period.from.to_string(), "end": period.to.to_string() }, "services": services })
}

#[test]
fn an_independent_implementation_agrees_to_the_second() {
    let oracle = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/oracle.py");
    for seed in 0..14 {
        let s = Scenario::new(seed);
        let folder = tempfile::tempdir().expect("a temporary folder");
        s.write(folder.path());
        let run = Command::new("python3")
            .arg(oracle)
            .args(["config.toml", "rounds.csv", "exclusions.json"].map(|f| folder.path().join(f)))
            .arg(s.month.to_string())
            .output()
            .expect("the oracle needs python3, version 3.11 or later, in the path");
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "the oracle needs python3, version 3.11 or later, with time-zone data: {said}");
        let theirs: Value = serde_json::from_slice(&run.stdout).expect("the oracle prints JSON");
        let ours = report(&s, &replay(&s));
        assert_eq!(ours["period"], theirs["period"], "seed {seed}");
        for (our, their) in ours["services"].as_array().into_iter().zip(theirs["services"].as_array()) {
            for (o, t) in our.iter().zip(their) {
                // Objectives are compared where reports are: tests/report_month.rs.
                let mut t = t.clone();
                assert_eq!(t.as_object_mut().and_then(|t| t.remove("objectives")), Some(json!([])));
                assert_eq!(o, &t, "seed {seed}, service {}", o["id"]);
            }
            assert_eq!(our.len(), their.len());
        }
    }
}

/// Every round of the scenario in order of time.
fn in_order(s: &Scenario) -> Vec<(Sec, ComponentIx, assured::measurement::Verdict)> {
    let mut all: Vec<_> = s
        .rounds
        .iter()
        .enumerate()
        .flat_map(|(n, rounds)| rounds.iter().map(move |&(at, verdict)| (at, ComponentIx::from(n), verdict)))
        .collect();
    all.sort_by_key(|&(at, component, _)| (at, component));
    all
}

#[test]
fn live_equals_replay_and_the_accounts_add_up_at_every_instant() {
    for seed in 100..114 {
        let s = Scenario::new(seed);
        let mut rng = Rng::new(seed);
        let zone = &s.config.monitor.time_zone;
        let terms = assured::sla::ledger::Terms::of(&s.config, &s.agreed);
        let mut fold = Fold::new(&s.config, &s.agreed, s.start(), Limits::REPORT);
        for (n, &(at, component, verdict)) in in_order(&s).iter().enumerate() {
            if rng.chance(5) {
                fold.expire(at);
            }
            assert!(fold.round(component, Source::Address, at, verdict));
            if rng.chance(10) {
                fold.advance();
            }
            if n % 500 == 0 {
                let now = at.plus(rng.below(200) as i64);
                for service in (0..s.config.services.len()).map(ServiceIx::from) {
                    let seen = fold.now(service, now);
                    let t = &terms[service.get()];
                    let window = assured::sla::calendar::window(seen.month, zone, &t.hours, t.term);
                    let so_far = [assured::units::Span::new(Sec(0), now)];
                    let expected = exclusion::total(&exclusion::intersection(&window, &so_far));
                    assert_eq!(seen.tally.accounts.window(), expected, "seed {seed} at {now}");
                }
            }
        }
        let live = fold.finish(s.end());
        assert_eq!(report(&s, &live), report(&s, &replay(&s)), "seed {seed}");
    }
}

#[test]
fn a_prefix_and_the_rest_equal_the_whole() {
    for seed in 200..214 {
        let s = Scenario::new(seed);
        let mut rng = Rng::new(seed);
        let all = in_order(&s);
        let (prefix, rest) = all.split_at(rng.below(all.len() as u64) as usize);
        let mut fold = Fold::new(&s.config, &s.agreed, s.start(), Limits::REPORT);
        let feed = |fold: &mut Fold, part: &[(Sec, ComponentIx, assured::measurement::Verdict)]| {
            part.iter().for_each(|&(at, c, v)| assert!(fold.round(c, Source::Address, at, v)));
        };
        feed(&mut fold, prefix);
        fold.advance();
        // A reload under the same terms takes everything over.
        let now = prefix.last().map_or(s.start(), |r| r.0);
        let (mut fold, lost) = fold.reload(&s.config, &s.config.clone(), &s.agreed, now, Limits::REPORT);
        assert!(lost.is_empty());
        feed(&mut fold, rest);
        assert_eq!(report(&s, &fold.finish(s.end())), report(&s, &replay(&s)), "seed {seed}");
    }
}

/// Makes the first component of a scenario a link with a far end and an interface on the second.
fn with_link(s: &mut Scenario) {
    use assured::config::model::{ComponentKind, Link, LinkRole};
    let link = Link { device: ComponentIx(1), interface: Some("Gi0/0".into()), role: LinkRole::Primary };
    s.config.components[0].kind = ComponentKind::Link(link);
}

#[test]
fn a_link_whose_interface_nobody_asks_is_what_its_far_end_says() {
    for seed in 300..303 {
        let plain = Scenario::new(seed);
        let mut linked = Scenario::new(seed);
        with_link(&mut linked);
        assert_eq!(report(&plain, &replay(&plain)), report(&linked, &replay(&linked)), "seed {seed}");
    }
}

#[test]
fn an_interface_that_is_down_takes_its_link_down_while_the_far_end_replies() {
    use assured::measurement::{Cause, Verdict};
    use assured::sla::state::State;
    let mut s = Scenario::new(5);
    with_link(&mut s);
    let start = s.month.span(&s.config.monitor.time_zone).from;
    let mut fold = Fold::new(&s.config, &[], start, Limits::REPORT);
    let (link, interval) = (ComponentIx(0), s.config.components[0].icmp.as_ref().unwrap().interval.as_secs() as i64);
    for n in 0..100 {
        fold.round(link, Source::Address, start.plus(n * interval), Verdict::Reply);
    }
    let end = start.plus(100 * interval);
    let (mut at, hysteresis) = (start, s.config.components[0].hysteresis);
    while at < end {
        let verdict = match at.since(start) {
            0..120 => Verdict::Reply,
            120..600 => Verdict::Lost,
            _ => Verdict::NotMeasured(Cause::AgentSilent),
        };
        fold.round(link, Source::Interface, at, verdict);
        at = at.plus(60);
    }
    assert!(hysteresis.down_after <= 8, "eight polls say down");
    let ledger = fold.finish(end);
    let (history, _) = ledger.history(link);
    let seen: Vec<_> = history.iter().map(|h| (h.span.from.since(start), h.state)).collect();
    assert_eq!(seen, [(0, State::Up), (120, State::Down), (600, State::Up)]);
}

#[test]
fn a_reload_keeps_the_past_and_begins_what_is_new_as_unknown() {
    let s = Scenario::new(5);
    let all = in_order(&s);
    let (prefix, rest) = all.split_at(all.len() / 2);
    let mut fold = Fold::new(&s.config, &s.agreed, s.start(), Limits::REPORT);
    prefix.iter().for_each(|&(at, c, v)| assert!(fold.round(c, Source::Address, at, v)));
    fold.advance();
    let now = prefix.last().unwrap().0;
    let before = fold.ledger().month(ServiceIx(0), s.month).unwrap().tally();
    // A device is added in front, and all services gain it.
    let mut config = s.config.clone();
    let mut new = config.components[0].clone();
    new.id = assured::names::Id::new("a-new-one").unwrap();
    config.components.insert(0, new);
    for service in &mut config.services {
        shift(&mut service.requires);
        let old = service.requires.clone();
        let of = vec![old, assured::config::model::Tree::Leaf(ComponentIx(0))];
        service.requires = assured::config::model::Tree::AtLeast { k: 2, of };
    }
    let (mut fold, lost) = fold.reload(&s.config, &config, &s.agreed, now, Limits::REPORT);
    assert!(lost.is_empty());
    assert_eq!(fold.ledger().month(ServiceIx(0), s.month).unwrap().tally(), before);
    for &(at, c, v) in rest {
        assert!(fold.round(ComponentIx(c.0 + 1), Source::Address, at, v));
    }
    let after = fold.finish(s.end());
    let tally = after.month(ServiceIx(0), s.month).unwrap().tally();
    assert_eq!(tally.accounts.window(), after.month(ServiceIx(0), s.month).unwrap().plan().window_seconds());
    assert_eq!(tally.accounts.up, before.accounts.up, "nothing can be up while the new one is unknown");
}

fn shift(tree: &mut assured::config::model::Tree) {
    use assured::config::model::Tree;
    match tree {
        Tree::Leaf(c) => c.0 += 1,
        Tree::Service(_, tree) => shift(tree),
        Tree::AtLeast { of, .. } => of.iter_mut().for_each(shift),
    }
}

#[test]
fn a_service_now_is_what_its_components_are_confirmed_to_be() {
    use assured::config::model::{ServiceHours, Tree};
    use assured::measurement::{Cause, Verdict};
    use assured::sla::state::State;
    let mut s = Scenario::new(5);
    s.config.maintenance.clear();
    s.config.slas[0].min_outage = 0;
    s.config.slas[0].service_hours = ServiceHours::Always;
    s.config.services[0].requires = Tree::Leaf(ComponentIx(0));
    let period = s.month.span(&s.config.monitor.time_zone);
    let interval = s.config.components[0].icmp.as_ref().unwrap().interval.as_secs() as i64;
    s.config.components[0].hysteresis.down_after = 3;
    let begin = period.from.plus(14 * 86_400);
    let mut fold = Fold::new(&s.config, &[], begin, Limits::LIVE);
    let at = |n: i64| begin.plus(n * interval);
    let state = |fold: &Fold, now: Sec| {
        let seen = fold.now(ServiceIx(0), now);
        (seen.state, seen.since)
    };
    assert_eq!(state(&fold, begin), (State::Unknown(Cause::Stopped), period.from));
    fold.round(ComponentIx(0), Source::Address, at(0), Verdict::Reply);
    assert_eq!(state(&fold, at(0)), (State::Up, begin));
    for n in 1..=2 {
        fold.round(ComponentIx(0), Source::Address, at(n), Verdict::Lost);
    }
    assert_eq!(state(&fold, at(2)), (State::Up, begin), "two lost are too few");
    fold.round(ComponentIx(0), Source::Address, at(3), Verdict::Lost);
    fold.advance();
    assert_eq!(state(&fold, at(3)), (State::Down, at(1)), "down from the first of three");
    let outage = fold.ledger().month(ServiceIx(0), s.month).unwrap().outages().open().cloned();
    assert_eq!(outage.map(|o| (o.span.from, o.ongoing)), Some((at(1), true)));
    assert_eq!(state(&fold, at(6)), (State::Unknown(Cause::Gap), at(4)), "nothing came any more");
    fold.expire(at(6));
    assert_eq!(state(&fold, at(6)), (State::Unknown(Cause::Gap), at(4)), "and expiring settles just that");
}

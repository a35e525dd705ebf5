//! Random links: whatever happens to them, everybody who computes it says the same, and no more than the truth.

use assured::evidence::client::Reader;
use assured::measurement::Cause;
use assured::measurement::status::{Status, Word};
use assured::units::Sec;

use crate::ends;
use crate::world::{self, BEGIN, DOWN, Device, INTERVAL, World};

/// Numbers without a pattern, always the same.
pub struct Chance(pub u64);

impl Chance {
    pub fn below(&mut self, n: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((self.0 >> 33) % u64::try_from(n).expect("positive")).expect("small")
    }
}

/// Ten hours of a link that fails, flaps, and is switched off now and then.
fn random_device(chance: &mut Chance, end: i64, words: &[Word]) -> Device {
    let mut history = vec![(-5_000, Word::Up)];
    let mut at = 400 + chance.below(1_000);
    while at < end {
        let word = words[usize::try_from(chance.below(i64::try_from(words.len()).expect("few"))).expect("small")];
        history.push((at, word));
        at += [1 + chance.below(50), 1 + chance.below(900)][usize::try_from(chance.below(2)).expect("small")];
        history.push((at, Word::Up));
        at += 150 + chance.below(2_500);
    }
    Device::new(history)
}

#[test]
fn whatever_happens_live_replay_and_report_say_the_same() {
    const END: i64 = 18_000;
    for seed in 1..=3 {
        let mut chance = Chance(seed);
        let mut world = World::new();
        let links = ["backup", "bare", "both"];
        let mut devices = links.map(|_| random_device(&mut chance, END, &[DOWN, DOWN, Word::Off]));
        let mut n = 1;
        while n * INTERVAL < END {
            world.until(n * INTERVAL);
            world.far_answers = if world.far_answers { chance.below(60) > 0 } else { chance.below(5) == 0 };
            match chance.below(120) {
                0 => {
                    world.stop();
                    world.start(1 + chance.below(400));
                    n = world.now.since(BEGIN) / INTERVAL + 1;
                    continue;
                }
                1 => {
                    // Nobody polled for a while, and nobody said why.
                    n += 1 + chance.below(4);
                    continue;
                }
                _ => {}
            }
            for (link, device) in links.iter().zip(&mut devices) {
                let due = n * INTERVAL;
                let status = match chance.below(25) {
                    0 => Status::unknown(BEGIN.plus(due), Cause::AgentSilent),
                    1 => Status { since: None, flapped: false, ..device.poll(due, due, false) },
                    _ => device.poll(due, due + chance.below(3), false),
                };
                world.status(link, status);
            }
            if chance.below(20) == 0 {
                let at = n * INTERVAL + 20;
                world.until(at);
                let status = devices[1].poll(at, at, true);
                world.status("bare", status);
            }
            n += 1;
        }
        world.until(END);
        world.stop();
        world.now = world.now.plus(3_600);
        world.core.tick(world::at(world.now));
        let (lived, replayed, made) = (world.snapshot(), world.replayed(), world.report());
        let mut down = 0;
        for (service, id) in ["bare", "both", "either", "waits"].iter().enumerate() {
            let (a, b) = (&lived.services[service], &replayed.services[service]);
            assert_eq!((a.accounts, &a.outages), (b.accounts, &b.outages), "seed {seed}, {id}");
            assert_eq!((a.state, a.since), (b.state, b.since));
            let c = made.services.iter().find(|s| s.id == format!("s-{id}")).expect("reported");
            let s = c.seconds;
            let all = (a.accounts.up, a.accounts.down, a.accounts.unknown, a.accounts.excluded);
            assert_eq!(all, (s.up, s.down, s.unknown, s.excluded), "seed {seed}, {id}");
            let reported: Vec<_> = c.outages.iter().map(ends).collect();
            let shown: Vec<_> =
                a.outages.iter().map(|o| (o.from.since(BEGIN), o.to.unwrap_or(Sec(0)).since(BEGIN))).collect();
            assert_eq!(reported, shown, "seed {seed}, {id}");
            // Every begin was somebody's word.
            assert!(c.outages.iter().all(|o| o.from_by.is_some()), "seed {seed}, {id}: {:?}", c.outages);
            down += s.down;
        }
        assert!(down > 300, "seed {seed}: {down}");
        let reader = Reader::open(&world.data()).expect("readable");
        let audit = reader.audit();
        assert!(audit.problems.is_empty(), "seed {seed}: {:?}", audit.problems);
        an_independent_implementation_agrees(&mut world, seed);
    }
}

/// When the month is over, from the same pings and statements.
fn an_independent_implementation_agrees(world: &mut World, seed: u64) {
    world.now = BEGIN.plus(25 * 86_400);
    let (made, theirs) = (world.report(), world.oracle());
    assert!(!made.provisional);
    let theirs = theirs["services"].as_array().expect("services");
    assert_eq!(theirs.len(), made.services.len());
    for (our, their) in made.services.iter().zip(theirs) {
        let s = our.seconds;
        let seconds = serde_json::json!({
            "window": s.window, "up": s.up, "down": s.down, "unknown": s.unknown, "excluded": s.excluded,
        });
        assert_eq!((&serde_json::json!(our.id), &seconds), (&their["id"], &their["seconds"]), "seed {seed}");
        let ours: Vec<_> = our.outages.iter().map(|o| serde_json::json!([o.from, o.to])).collect();
        let outages = their["outages"].as_array().expect("outages");
        let outages: Vec<_> = outages.iter().map(|o| serde_json::json!([o["from"], o["to"]])).collect();
        assert_eq!(ours, outages, "seed {seed}, {}", our.id);
        assert_eq!(serde_json::json!(our.degraded), their["degraded"], "seed {seed}, {}", our.id);
    }
}

#[test]
fn down_is_only_what_was_down_and_up_only_what_was_up_within_a_second() {
    const END: i64 = 18_000;
    for seed in 11..=14 {
        let mut chance = Chance(seed);
        let mut world = World::new();
        let mut device = random_device(&mut chance, END, &[DOWN]);
        for n in 1..END / INTERVAL {
            let due = n * INTERVAL;
            world.until(due);
            let status = device.poll(due, due + chance.below(3), false);
            world.status("bare", status);
        }
        world.until(END - 1);
        let made = {
            world.stop();
            world.report()
        };
        let service = made.services.iter().find(|s| s.id == "s-bare").expect("reported");
        let outages: Vec<(i64, i64)> = service.outages.iter().map(ends).collect();
        let runs: Vec<(i64, i64)> = made
            .monitor
            .gaps
            .iter()
            .map(|g| {
                let from = assured::report::model::instant(&g.from).since(BEGIN);
                (from, from + i64::try_from(g.seconds).expect("small"))
            })
            .collect();
        let inside = |list: &[(i64, i64)], at: i64| list.iter().any(|(from, to)| (*from..*to).contains(&at));
        let near = |at: i64, down: bool| (at - 1..=at + 1).any(|at| (device.truth(at) == DOWN) == down);
        let mut seen = 0;
        for at in INTERVAL..END - 2 * INTERVAL {
            if inside(&outages, at) {
                assert!(near(at, true), "seed {seed}: {at} is down in the record and was up");
                seen += 1;
            } else if !inside(&runs, at) {
                assert!(near(at, false), "seed {seed}: {at} is up in the record and was down");
            }
        }
        assert!(seen > 250, "seed {seed}: {seen}");
    }
}

//! What SNMP says of interfaces reaches the accounts, the evidence and the report, and all three say the same.

#[path = "interface/random.rs"]
mod random;
#[path = "interface/world.rs"]
mod world;

use assured::evidence::blob::Encoder;
use assured::evidence::exclusion::Standing;
use assured::evidence::record::{Action, Body, Exclusion};
use assured::evidence::store::{Entry, Store};
use assured::measurement::minute::MinuteAggregator;
use assured::measurement::rounds::Fate;
use assured::measurement::status::{DatedBy, Status, Word};
use assured::measurement::{Outcome, Round};
use assured::names::{ClassIx, ComponentIx};
use assured::report::journal::{self, RoundOutcome, Source, Writer};
use assured::report::model::{Dated, Outage};
use assured::report::pack::{self, Contents};
use assured::report::sign::Key;
use assured::report::verify::verify;
use assured::snapshot::Shown;
use assured::units::{Micros, Sec};

use random::Chance;
use world::{BEGIN, DOWN, Device, INTERVAL, SILENT, World, report, said};

fn ends(outage: &Outage) -> (i64, i64) {
    let offset = |text: &str| assured::report::model::instant(text).since(BEGIN);
    (offset(&outage.from), offset(&outage.to))
}

fn by(dated: &Option<Dated>) -> (&str, &str) {
    dated.as_ref().map_or(("", ""), |d| (&d.source, &d.dated_by))
}

/// Polls `link` from second 60 to `end`, every minute, and out of turn after each of `traps`.
fn poll(world: &mut World, link: &str, device: &mut Device, end: i64, traps: &[i64]) {
    let regular = (1..).map(|n| n * INTERVAL).take_while(|at| *at <= end).map(|at| (at, false));
    let mut polls: Vec<(i64, bool)> = regular.chain(traps.iter().map(|at| (*at, true))).collect();
    polls.sort_unstable();
    for (at, trap) in polls {
        world.until(at);
        let status = device.poll(at, at, trap);
        world.status(link, status);
    }
}

/// Up, but for the time from 620 to 641, between the polls at 600 and 660.
fn flap() -> Device {
    Device::new(vec![(-5_000, Word::Up), (620, DOWN), (641, Word::Up)])
}

#[test]
fn a_link_that_goes_down_and_up_between_two_polls_is_in_the_record_within_a_second_of_the_truth() {
    // Without traps its return is known to the second, and that it was away before that.
    let mut world = World::new();
    poll(&mut world, "bare", &mut flap(), 1_200, &[]);
    world.until(1_290);
    world.stop();
    assert_eq!(world.outages("bare"), [(640, 641)]);
    let made = world.report();
    let service = made.services.iter().find(|s| s.id == "s-bare").expect("reported");
    assert_eq!(service.outages.iter().map(ends).collect::<Vec<_>>(), [(640, 641)]);
    let outage = &service.outages[0];
    assert_eq!(by(&outage.to_by), ("interface", "last_change"));
    assert_eq!(by(&outage.from_by), ("interface", "last_change"));
    let flapped = made.monitor.gaps.iter().find(|g| g.cause == "flapped").expect("what was before is unknown");
    assert_eq!((flapped.from.as_str(), flapped.seconds), (BEGIN.plus(601).to_string().as_str(), 39));

    // With traps both ends are.
    let mut world = World::new();
    poll(&mut world, "bare", &mut flap(), 1_200, &[621, 642]);
    world.until(1_290);
    world.stop();
    assert_eq!(world.outages("bare"), [(620, 641)]);
    let made = world.report();
    let service = made.services.iter().find(|s| s.id == "s-bare").expect("reported");
    assert_eq!(service.outages.iter().map(ends).collect::<Vec<_>>(), [(620, 641)]);
    assert_eq!(by(&service.outages[0].from_by), ("interface", "last_change"));
    assert_eq!(by(&service.outages[0].to_by), ("interface", "last_change"));
}

#[test]
fn without_a_clock_the_trap_dates_and_without_a_trap_the_poll() {
    let mut world = World::new();
    world.until(60);
    world.says("bare", Word::Up, None, false);
    world.until(100);
    let hint = Status { dated_by: DatedBy::Trap, ..said(world.now, DOWN) };
    world.status("bare", hint);
    world.until(120);
    world.says("bare", DOWN, None, false);
    world.until(180);
    world.says("bare", Word::Up, None, false);
    world.until(400);
    world.stop();
    assert_eq!(world.outages("bare"), [(100, 180)]);
    let made = world.report();
    let outage = &made.services.iter().find(|s| s.id == "s-bare").expect("reported").outages[0];
    assert_eq!((by(&outage.from_by), by(&outage.to_by)), (("interface", "trap"), ("interface", "poll")));
}

#[test]
fn a_link_with_a_far_end_goes_by_both_and_the_pings_tell_what_a_flap_hides() {
    let mut world = World::new();
    poll(&mut world, "both", &mut flap(), 1_200, &[]);
    world.until(1_290);
    world.stop();
    // Its far end answered all the time: what the device does not tell is up.
    assert_eq!(world.outages("both"), [(640, 641)]);
    let made = world.report();
    let service = made.services.iter().find(|s| s.id == "s-both").expect("reported");
    assert_eq!(service.outages.iter().map(ends).collect::<Vec<_>>(), [(640, 641)]);
    assert_eq!(service.seconds.down, 1);

    // Its interface is up and its far end gone: down, by the pings.
    let mut world = World::new();
    let mut device = Device::new(vec![(-5_000, Word::Up)]);
    poll(&mut world, "both", &mut device, 600, &[]);
    world.far_answers = false;
    for n in 11..=20 {
        world.until(n * INTERVAL);
        let status = device.poll(n * INTERVAL, n * INTERVAL, false);
        world.status("both", status);
    }
    world.until(1_260);
    let (from, to) = world.outages("both")[0];
    assert!((600..=610).contains(&from) && to == 1_260, "{from} {to}");
    world.stop();
    let made = world.report();
    let outage = &made.services.iter().find(|s| s.id == "s-both").expect("reported").outages[0];
    assert_eq!((by(&outage.from_by), by(&outage.to_by)), (("ping", "probe"), ("", "")));
}

#[test]
fn a_silent_agent_is_unknown_and_the_pings_go_on_deciding() {
    let mut world = World::new();
    for n in 1..=20 {
        world.until(n * INTERVAL);
        let word = if (6..=9).contains(&n) { SILENT } else { Word::Up };
        world.says("bare", word, None, false);
        world.says("both", word, None, false);
    }
    world.until(1_230);
    let snapshot = world.snapshot();
    let of = |id: &str| &snapshot.services[world.service(id).get()];
    assert!(of("bare").outages.is_empty() && of("both").outages.is_empty());
    let made = {
        world.stop();
        world.report()
    };
    let gap = made.monitor.gaps.iter().find(|g| g.cause == "agent_silent").expect("told");
    assert_eq!((gap.from.as_str(), gap.seconds, gap.components), (BEGIN.plus(360).to_string().as_str(), 240, 1));
    let both = made.services.iter().find(|s| s.id == "s-both").expect("reported");
    let bare = made.services.iter().find(|s| s.id == "s-bare").expect("reported");
    // Where the far end speaks nothing of it is unknown.
    assert_eq!(bare.seconds.down + both.seconds.down, 0);
    assert!(bare.seconds.unknown >= both.seconds.unknown + 240);
}

#[test]
fn silence_while_the_monitor_is_cut_off_is_its_own_doing() {
    let mut world = World::with("sentinels = [\"192.0.2.9\"]");
    let status = said(BEGIN.plus(60), SILENT);
    // Not one sentinel was ever heard of.
    world.now = BEGIN.plus(66);
    let component = world.component("bare");
    world.core.status(component, &status, world::at(world.now));
    assert_eq!(
        world.snapshot().components[component.get()].interface.as_ref().map(|i| i.word),
        Some("the monitor itself is cut off: no sentinel answers")
    );
}

#[test]
fn switched_off_is_unknown_and_proposed_once_to_be_excluded() {
    let mut world = World::new();
    // Off from 620 to 3 800, with some silence in it, and switched to and fro at its end.
    let history = vec![(-5_000, Word::Up), (620, Word::Off), (3_800, Word::Up), (3_950, Word::Off), (4_070, Word::Up)];
    let mut device = Device::new(history);
    for n in 1..=90 {
        world.until(n * INTERVAL);
        let heard = device.poll(n * INTERVAL, n * INTERVAL, false);
        let status = if (20..=24).contains(&n) { said(world.now, SILENT) } else { heard };
        world.status("bare", status);
        world.says("backup", Word::Up, None, false);
        if n == 40 {
            let view = world.snapshot().components[world.component("bare").get()].clone();
            assert_eq!((view.state, view.reason.contains("switched off")), (Shown::Unknown, true), "{}", view.reason);
        }
    }
    world.until(5_460);
    world.stop();
    assert!(world.outages("bare").is_empty());
    let proposed = world.exclusions();
    let cases: Vec<_> = proposed.cases().collect();
    assert_eq!(cases.len(), 1, "{cases:?}");
    let case = cases[0];
    assert_eq!((case.standing, case.proposer()), (Standing::Proposed, "assured"));
    assert_eq!((case.span.from.since(BEGIN), case.span.to.since(BEGIN)), (620, 4_070));
    // The other service has its backup: there is nothing to exclude.
    assert_eq!(case.services, ["s-bare"]);
    let made = world.report();
    let seconds = made.services.iter().find(|s| s.id == "s-bare").expect("reported").seconds;
    assert_eq!((seconds.down, seconds.excluded), (0, 0));

    // Nobody agrees in the monitor's name; somebody else does, and the time is excluded.
    let step = |who: &str| Exclusion {
        id: case.id.clone(),
        action: Action::Agree,
        who: who.into(),
        why: "planned works".into(),
        reference: "CHG-1".into(),
        services: Vec::new(),
        span: None,
    };
    assert!(proposed.check(&step("assured")).is_err());
    proposed.check(&step("ann")).expect("a person may");
    let (mut store, _) = Store::open_as_command(&world.data(), world.now).expect("opened");
    store.append(world.now, &[Entry::Fact(Body::Exclusion(step("ann")))]).expect("written");
    let made = world.report();
    let seconds = made.services.iter().find(|s| s.id == "s-bare").expect("reported").seconds;
    assert_eq!((seconds.down, seconds.excluded), (0, 3_450));
}

#[test]
fn a_switch_off_that_outlasts_a_restart_is_proposed_once_when_it_is_over() {
    let mut world = World::new();
    let mut device = Device::new(vec![(-5_000, Word::Up), (620, Word::Off), (4_000, Word::Up)]);
    poll(&mut world, "bare", &mut device, 1_200, &[]);
    world.until(1_201);
    world.stop();
    world.start(700);
    let minute = |n: i64| n * INTERVAL;
    for n in 33..=90 {
        world.until(minute(n));
        let status = device.poll(minute(n), minute(n), false);
        world.status("bare", status);
    }
    world.stop();
    let all = world.exclusions();
    let spans: Vec<_> = all.cases().map(|c| (c.span.from.since(BEGIN), c.span.to.since(BEGIN))).collect();
    assert_eq!(spans, [(620, 4_000)]);
}

#[test]
fn down_because_the_far_end_is_gone_stays_down_when_the_interface_was_switched_off() {
    let mut world = World::new();
    let mut device = Device::new(vec![(-5_000, Word::Up), (620, Word::Off)]);
    poll(&mut world, "both", &mut device, 600, &[]);
    world.until(620);
    world.far_answers = false;
    for n in 11..=30 {
        world.until(n * INTERVAL);
        let status = device.poll(n * INTERVAL, n * INTERVAL, false);
        world.status("both", status);
    }
    world.stop();
    assert_eq!(world.outages("both").len(), 1);
    let made = world.report();
    let outage = &made.services.iter().find(|s| s.id == "s-both").expect("reported").outages[0];
    assert_eq!(outage.cause, "both switched off at its device");
}

#[test]
fn a_backup_that_waits_and_works_in_turn_was_not_away() {
    let mut world = World::new();
    // The device entered "up" anew: on a dial-up backup that is a call.
    let mut device = Device::new(vec![(-5_000, Word::Up), (620, Word::Up)]);
    poll(&mut world, "backup", &mut device, 1_200, &[]);
    world.until(1_290);
    assert!(world.outages("waits").is_empty());
    let view = world.snapshot().components[world.component("backup").get()].clone();
    assert_eq!(view.state, Shown::Up);
}

#[test]
fn a_picture_shows_the_word_its_date_and_what_was_said_last() {
    let mut world = World::new();
    let mut device = Device::new(vec![(-5_000, Word::Up), (620, DOWN)]);
    poll(&mut world, "bare", &mut device, 660, &[]);
    let view = |world: &World| world.snapshot().components[world.component("bare").get()].clone();
    let down = view(&world);
    assert_eq!((down.state, down.since), (Shown::Down, Some(BEGIN.plus(620))));
    assert_eq!(down.reason, format!("its device says down since {}", BEGIN.plus(620)));
    let interface = down.interface.expect("polled");
    assert_eq!((interface.word, interface.since), ("down", Some(BEGIN.plus(620))));
    assert_eq!((interface.dated_by, interface.polled), (Some(DatedBy::LastChange), BEGIN.plus(660)));
    world.until(720);
    world.says("bare", SILENT, None, false);
    let silent = view(&world);
    assert_eq!(silent.state, Shown::Unknown);
    assert_eq!(silent.reason, format!("its SNMP agent is silent; last it said down, at {}", BEGIN.plus(660)));
    assert_eq!(silent.interface.and_then(|i| i.said), Some((BEGIN.plus(660), "down")));
}

#[test]
fn an_answer_that_takes_most_of_the_interval_still_dates_the_change() {
    let mut world = World::new();
    let mut device = Device::new(vec![(-5_000, Word::Up), (605, DOWN), (690, Word::Up)]);
    for n in 1..=20 {
        let due = n * INTERVAL;
        world.until(due + 50);
        let status = device.poll(due, due + 50, false);
        world.status("bare", status);
    }
    world.until(1_500);
    world.stop();
    assert_eq!(world.outages("bare"), [(605, 690)]);
    let made = world.report();
    let service = made.services.iter().find(|s| s.id == "s-bare").expect("reported");
    assert_eq!(service.outages.iter().map(ends).collect::<Vec<_>>(), [(605, 690)]);
}

#[test]
fn ten_thousand_links_add_little_to_the_evidence() {
    let blobs = |class: ClassIx, rtt: bool| {
        let mut chance = Chance(3);
        let mut minutes = MinuteAggregator::new();
        for n in 0..10_000 {
            let (component, at) = (ComponentIx(n), BEGIN.plus(chance.below(60)));
            if rtt {
                let rtt = Micros(u32::try_from(9_000 + chance.below(9_000)).expect("small"));
                minutes
                    .add(&Round { at, component, outcomes: vec![(class, Outcome::Reply { rtt })] }, 60)
                    .expect("kept");
            } else {
                minutes.add_stated(component, class, at, 60, Fate::Reply).expect("kept");
            }
        }
        let rows = minutes.take_all().remove(0).rows;
        let numbered: Vec<_> = (0..).zip(rows.iter().map(|row| &row.tally)).collect();
        Encoder::new().encode(BEGIN, &numbered).len()
    };
    let (pings, statements) = (blobs(ClassIx(0), true), blobs(DatedBy::Poll.class(), false));
    assert!(statements < 12_000 && statements * 3 < pings, "{statements} bytes beside {pings}");
}

#[test]
fn a_switch_off_over_the_turn_of_a_month_is_proposed_for_each_month() {
    let mut world = World::new();
    let component = world.component("bare");
    // 2026-12-01T00:00:00Z.
    let december = Sec(1_796_083_200);
    let mut tell = |sec: Sec, word: Word| {
        world.core.status(component, &said(sec, word), world::at(sec));
        world.core.tick(world::at(sec));
    };
    tell(december.plus(-120), Word::Off);
    tell(december.plus(-60), Word::Off);
    tell(december, Word::Off);
    tell(december.plus(60), Word::Up);
    tell(december.plus(720), Word::Up);
    let kept = world.core.take_kept();
    let spans: Vec<_> = kept
        .facts
        .iter()
        .filter_map(|fact| match fact {
            Body::Exclusion(Exclusion { span: Some(span), .. }) => {
                Some((span.from.since(december), span.to.since(december)))
            }
            _ => None,
        })
        .collect();
    assert_eq!(spans, [(-120, 0), (0, 60)]);
}

#[test]
fn a_crash_leaves_unknown_time_and_nothing_else() {
    let mut world = World::new();
    let mut device = Device::new(vec![(-5_000, Word::Up), (620, DOWN), (900, Word::Up)]);
    poll(&mut world, "bare", &mut device, 1_500, &[]);
    world.until(1_510);
    let before = world.outages("bare");
    world.kill();
    world.start(30);
    assert_eq!(world.outages("bare"), before);
    assert_eq!(before, [(620, 900)]);
    let view = &world.snapshot().services[world.service("bare").get()];
    assert_eq!(view.state, Shown::Unknown);
}

#[test]
fn a_flipped_statement_is_found_in_a_pack() {
    let mut world = World::new();
    poll(&mut world, "bare", &mut flap(), 1_200, &[621, 642]);
    world.until(1_290);
    world.stop();
    let collected = world.collected();
    let made = report(&world.config, &collected.journal);
    let key = Key::from_random(&[7; 32]);
    let pack = |journal: &[u8]| {
        // The figures as they were, with the name of the journal that they are to follow from.
        let mut report = made.clone();
        report.evidence.journal_head = journal::decode(journal).expect("chained").head;
        let contents = Contents {
            report,
            journal: journal.to_vec(),
            config_toml: world.config.redacted_toml.clone(),
            minutes: collected.minutes.clone(),
        };
        pack::build(&contents, &key, &mut |_| ()).expect("packed")
    };
    let recompute = |files: &pack::Files| {
        let journal = journal::decode(&files["journal.jsonl"]).map_err(|e| e.to_string())?;
        assured::report::build::report(&world.config, &journal)
    };
    verify(&pack(&collected.journal), None, recompute, &mut |_| ()).expect("it holds");

    // Whoever can sign it again still cannot make the figures follow.
    let records = journal::decode(&collected.journal).expect("chained").records;
    let flip = |change: &dyn Fn(&mut journal::Entry) -> bool| {
        let mut writer = Writer::new();
        let mut done = false;
        for record in &records {
            let mut entry = record.entry.clone();
            done = done || change(&mut entry);
            writer.push(&entry);
        }
        assert!(done, "the journal has what is to be changed");
        verify(&pack(&writer.finish()), None, recompute, &mut |_| ()).expect_err("it was changed")
    };
    let outcome = flip(&|entry| match entry {
        journal::Entry::Rounds { source: Source::Interface, outcome: o @ RoundOutcome::Lost, .. } => {
            *o = RoundOutcome::Reply;
            true
        }
        _ => false,
    });
    assert!(outcome.file == "report.json" && outcome.what.contains("services"), "{outcome}");
    let date = flip(&|entry| match entry {
        journal::Entry::Rounds { source: Source::Interface, dated_by: d @ Some(_), .. } => {
            *d = None;
            true
        }
        _ => false,
    });
    assert!(date.file == "report.json" && date.what.contains("dated_by"), "{date}");
    let invented = flip(&|entry| match entry {
        journal::Entry::Rounds { source: Source::Interface, dated_by: d @ Some(_), .. } => {
            *d = Some("hearsay".into());
            true
        }
        _ => false,
    });
    assert_eq!((invented.file.as_str(), invented.what.contains("hearsay")), ("journal.jsonl", true));
}

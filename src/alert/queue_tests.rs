//! The queue against a model: Alertmanagers that come and go, restarts, and a bound.

use proptest::prelude::*;

use super::*;

const START: i64 = 1_800_000_000;
const RESEND: u64 = 60;

fn at(seconds: i64) -> Now {
    Now { wall_ns: (START + seconds) * 1_000_000_000, mono_ns: u64::try_from(seconds).unwrap() * 1_000_000_000 }
}

fn alert(name: &str, severity: &str) -> Alert {
    let labels = [("alertname", name), ("severity", severity)];
    let labels = labels.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    Alert { labels, annotations: BTreeMap::new(), link: "http://x/".into() }
}

fn stands(name: &str, since: i64) -> Decided {
    Decided { alert: alert(name, "critical"), stands: Stands::Since(Sec(START + since)) }
}

fn queue(listeners: &[&str]) -> Queue {
    let mut queue = Queue::resume(Vec::new(), MOST, at(0));
    queue.listeners(&listeners.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>());
    queue
}

fn news(queue: &Queue, listener: usize, now: i64) -> Vec<(String, News)> {
    let due = queue.due(listener, at(now), RESEND, 100);
    due.into_iter().map(|item| (item.alert.labels["alertname"].clone(), item.news)).collect()
}

/// The listener hears all that is due.
fn hear(queue: &mut Queue, listener: usize, now: i64) -> Vec<(String, News)> {
    let said = news(queue, listener, now);
    let items = queue.due(listener, at(now), RESEND, 100);
    queue.took(listener, &items, at(now));
    said
}

fn firing(now: i64) -> News {
    News::Firing(Sec(START + now + 240))
}

fn resolved(ended: i64) -> News {
    News::Resolved(Sec(START + ended))
}

#[test]
fn what_stands_is_told_at_once_and_again_well_before_it_expires() {
    let mut q = queue(&["a"]);
    q.observe(vec![stands("x", -30)], at(10));
    assert_eq!(hear(&mut q, 0, 10), [("x".into(), firing(10))]);
    assert_eq!(news(&q, 0, 69), []);
    assert_eq!(hear(&mut q, 0, 70), [("x".into(), firing(70))]);
    assert_eq!(q.due(0, at(130), RESEND, 9)[0].starts_at, Sec(START - 30), "the start never moves");
    assert_eq!((q.waiting(), q.standing()), (0, 1));
}

#[test]
fn what_is_over_is_told_until_it_is_heard_repeated_and_forgotten() {
    let mut q = queue(&["a"]);
    q.observe(vec![stands("x", 0)], at(0));
    hear(&mut q, 0, 0);
    q.observe(vec![], at(20));
    assert_eq!(news(&q, 0, 20), [("x".into(), resolved(20))]);
    assert_eq!(news(&q, 0, 5_000), [("x".into(), resolved(20))], "not heard yet");
    hear(&mut q, 0, 5_000);
    assert_eq!((news(&q, 0, 5_059), q.waiting()), (vec![], 0));
    assert_eq!(hear(&mut q, 0, 5_060), [("x".into(), resolved(20))], "an Alertmanager that restarted hears it again");
    q.forget(at(5_299), RESEND);
    assert_eq!(q.kept().count(), 1);
    q.forget(at(5_300), RESEND);
    assert_eq!((q.kept().count(), q.dropped()), (0, 0));
}

#[test]
fn what_began_and_ended_unheard_is_told_late_and_then_as_over() {
    let mut q = queue(&["a"]);
    q.observe(vec![stands("x", 0)], at(0));
    q.observe(vec![], at(40));
    let late = News::Late(Sec(START + 40), Sec(START + 1_000 + 240));
    assert_eq!(hear(&mut q, 0, 1_000), [("x".into(), late)]);
    assert_eq!(news(&q, 0, 1_059), []);
    assert_eq!(hear(&mut q, 0, 1_060), [("x".into(), resolved(40))]);
    assert_eq!(q.waiting(), 0);
}

#[test]
fn nobody_is_woken_late_by_what_another_alertmanager_heard_in_time() {
    let mut q = queue(&["a", "b"]);
    q.observe(vec![stands("x", 0)], at(0));
    hear(&mut q, 0, 0);
    q.observe(vec![], at(40));
    assert_eq!(news(&q, 1, 50), [("x".into(), resolved(40))]);
}

#[test]
fn one_that_is_down_holds_up_nobody() {
    let mut q = queue(&["a", "b"]);
    q.observe(vec![stands("x", 0)], at(0));
    hear(&mut q, 1, 0);
    q.observe(vec![], at(10));
    assert_eq!(hear(&mut q, 1, 10), [("x".into(), resolved(10))]);
    assert_eq!(q.waiting(), 1, "a has not heard");
}

#[test]
fn an_alert_that_cannot_be_judged_stands_for_a_while_and_none_comes_of_it() {
    let perhaps = |name| Decided { alert: alert(name, "critical"), stands: Stands::Perhaps(60) };
    let mut q = queue(&["a"]);
    q.observe(vec![perhaps("new")], at(0));
    assert_eq!(q.standing(), 0);
    q.observe(vec![stands("x", 0)], at(0));
    q.observe(vec![perhaps("x")], at(359));
    assert_eq!(q.stands_since(&alert("x", "critical").labels), Some(Sec(START)));
    q.observe(vec![perhaps("x")], at(360));
    assert_eq!(q.standing(), 0);
    // It turns out to have been down all the time: the same alert.
    q.observe(vec![stands("x", 0)], at(400));
    assert_eq!(q.due(0, at(400), RESEND, 9)[0].starts_at, Sec(START));
}

#[test]
fn over_a_restart_a_standing_alert_keeps_its_start_and_an_end_is_still_owed() {
    let mut q = queue(&["a"]);
    q.observe(vec![stands("x", 5), stands("y", 6)], at(10));
    hear(&mut q, 0, 10);
    q.observe(vec![stands("x", 5)], at(20));
    let kept: Vec<Kept> = q.kept().collect();
    let kept = serde_json::from_str(&serde_json::to_string(&kept).unwrap()).unwrap();
    let mut q = Queue::resume(kept, MOST, at(100));
    q.listeners(&["a".into()]);
    q.observe(vec![stands("x", 99)], at(100));
    assert_eq!(hear(&mut q, 0, 100), [("x".into(), firing(100)), ("y".into(), resolved(20))]);
    assert_eq!(q.stands_since(&alert("x", "critical").labels), Some(Sec(START + 5)));
}

#[test]
fn at_the_bound_what_is_over_goes_first_then_the_least_severe_and_each_is_counted_once() {
    let mut q = Queue::resume(Vec::new(), 3, at(0));
    q.listeners(&["a".into()]);
    let of = |name: &str, severity: &str| Decided { alert: alert(name, severity), stands: Stands::Since(Sec(START)) };
    q.observe(vec![of("over", "critical")], at(0));
    let all = || vec![of("c1", "critical"), of("w1", "warning"), of("i1", "info"), of("c2", "critical")];
    let names = |q: &Queue| q.kept().map(|k| k.alert.labels["alertname"].clone()).collect::<Vec<_>>();
    q.observe(all(), at(1));
    assert_eq!((names(&q), q.dropped()), (vec!["c1".into(), "c2".into(), "w1".into()], 2));
    assert!(q.take_changed());
    for later in 2..9 {
        q.observe(all(), at(later));
    }
    assert_eq!((q.dropped(), q.take_changed()), (2, false), "the one without room is not counted at every look");
    q.observe(all()[1..].to_vec(), at(9));
    assert_eq!(names(&q), ["c2", "i1", "w1"], "what is over makes room");
}

#[test]
fn what_will_not_be_taken_is_counted_and_not_said_again_at_once() {
    let mut q = queue(&["a"]);
    q.observe(vec![stands("x", 0)], at(0));
    let item = q.due(0, at(0), RESEND, 9).remove(0);
    assert!(q.refused(0, &item, at(0)));
    assert_eq!((q.dropped(), news(&q, 0, 1)), (1, vec![]));
    let item = q.due(0, at(60), RESEND, 9).remove(0);
    assert!(!q.refused(0, &item, at(60)), "once");
    assert_eq!(q.dropped(), 1);
}

#[test]
fn an_end_that_nobody_ever_hears_is_given_up_after_a_week() {
    let mut q = queue(&["a"]);
    q.observe(vec![stands("x", 0)], at(0));
    q.observe(vec![], at(10));
    q.forget(at(10 + KEEP_END), RESEND);
    assert_eq!(q.kept().count(), 1);
    q.forget(at(11 + KEEP_END), RESEND);
    assert_eq!((q.kept().count(), q.dropped()), (0, 1));
}

#[test]
fn a_reload_keeps_what_those_that_stay_have_heard() {
    let mut q = queue(&["a", "b"]);
    q.observe(vec![stands("x", 0)], at(0));
    hear(&mut q, 1, 0);
    q.listeners(&["b".into(), "c".into()]);
    assert_eq!(news(&q, 0, 1), []);
    assert_eq!(news(&q, 1, 1), [("x".into(), firing(1))]);
}

/// What happens to the queue.
#[derive(Debug, Clone)]
enum Event {
    /// Those of six alerts stand whose bit is set; those of the other mask cannot be judged.
    Look(u8, u8),
    /// A listener hears at most so many items.
    Hear(usize, usize),
    /// A listener forgets everything, as an Alertmanager that restarts does.
    Forget(usize),
    Pass(i64),
    /// The daemon is killed and started again.
    Restart,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (any::<u8>(), any::<u8>()).prop_map(|(s, p)| Event::Look(s, p & !s)),
        6 => (0_usize..2, 1_usize..8).prop_map(|(l, n)| Event::Hear(l, n)),
        1 => (0_usize..2).prop_map(Event::Forget),
        4 => (1_i64..400).prop_map(Event::Pass),
        1 => Just(Event::Restart),
    ];
    proptest::collection::vec(event, 1..60)
}

/// What an Alertmanager knows: until when each alert fires.
type Known = BTreeMap<String, i64>;

fn heed(known: &mut Known, told: &mut BTreeSet<(String, i64)>, items: &[Item]) {
    for item in items {
        let name = item.alert.labels["alertname"].clone();
        let until = match item.news {
            News::Firing(until) | News::Late(_, until) => {
                told.insert((name.clone(), item.starts_at.0));
                until
            }
            News::Resolved(ended) => ended,
        };
        known.insert(name, until.0);
    }
}

proptest! {
    #[test]
    fn everybody_hears_everything_in_the_end(events in events()) {
        let urls = ["a".to_owned(), "b".to_owned()];
        let mut q = Queue::resume(Vec::new(), 6, at(0));
        q.listeners(&urls);
        let (mut now, mut mono) = (0, 0);
        let mut known = [Known::new(), Known::new()];
        let mut told = BTreeSet::new();
        // Episodes that must have been told to somebody before they may be forgotten.
        let mut episodes: BTreeSet<(String, i64)> = BTreeSet::new();
        let mut standing: BTreeSet<String> = BTreeSet::new();
        let instant = |now: i64, mono: i64| Now { mono_ns: u64::try_from(mono).unwrap() * 1_000_000_000, ..at(now) };
        let mut look = |q: &mut Queue, stand: u8, perhaps: u8, now: Now| {
            let bit = |mask: u8, n: u32| mask & (1 << n) != 0;
            let decided = (0..6).filter_map(|n| {
                let stands = match (bit(stand, n), bit(perhaps, n)) {
                    (true, _) => Stands::Since(now.sec()),
                    (_, true) => Stands::Perhaps(0),
                    _ => return None,
                };
                Some(Decided { alert: alert(&format!("x{n}"), "critical"), stands })
            });
            // A new beginning of one that was still to be told replaces it: of a flapping alert the last is told.
            q.observe(decided.collect(), now);
            for kept in q.kept() {
                let name = kept.alert.labels["alertname"].clone();
                episodes.retain(|(of, since)| *of != name || *since == kept.starts_at.0);
                episodes.insert((name, kept.starts_at.0));
            }
            standing = q.kept().filter(|k| k.ended.is_none()).map(|k| k.alert.labels["alertname"].clone()).collect();
            episodes.clone()
        };
        let mut owed = BTreeSet::new();
        for event in events {
            let moment = instant(now, mono);
            match event {
                Event::Look(stand, perhaps) => owed = look(&mut q, stand, perhaps, moment),
                Event::Hear(l, most) => {
                    let items = q.due(l, moment, RESEND, most);
                    let names: BTreeSet<_> = items.iter().map(|i| i.alert.labels.clone()).collect();
                    prop_assert_eq!(names.len(), items.len(), "nothing twice in one message");
                    prop_assert!(items.len() <= most);
                    heed(&mut known[l], &mut told, &items);
                    q.took(l, &items, moment);
                }
                Event::Forget(l) => known[l].clear(),
                Event::Pass(seconds) => {
                    now += seconds;
                    mono += seconds;
                }
                Event::Restart => {
                    let kept: Vec<Kept> = q.kept().collect();
                    // Another boot, another monotonic clock.
                    mono = 7;
                    q = Queue::resume(kept.clone(), 6, instant(now, mono));
                    q.listeners(&urls);
                    let again: Vec<Kept> = q.kept().collect();
                    prop_assert_eq!(again, kept);
                }
            }
            q.forget(instant(now, mono), RESEND);
            prop_assert!(q.kept().count() <= 6);
            prop_assert_eq!(q.dropped(), 0);
        }
        // Everybody is there again, and nothing happens any more.
        owed = { let _ = owed; look(&mut q, 0b101, 0, instant(now, mono)) };
        for _ in 0..20 {
            for (l, known) in known.iter_mut().enumerate() {
                let items = q.due(l, instant(now, mono), RESEND, 100);
                heed(known, &mut told, &items);
                q.took(l, &items, instant(now, mono));
            }
            prop_assert!(q.due(0, instant(now, mono), RESEND, 100).is_empty(), "what was heard is not due");
            now += 30;
            mono += 30;
            q.observe(
                ["x0", "x2"].map(|n| Decided { alert: alert(n, "critical"), stands: Stands::Since(at(now).sec()) }).into(),
                instant(now, mono),
            );
            q.forget(instant(now, mono), RESEND);
        }
        prop_assert_eq!(q.waiting(), 0);
        for known in &known {
            let fires: BTreeSet<&str> =
                known.iter().filter(|(_, until)| **until > START + now).map(|(n, _)| n.as_str()).collect();
            prop_assert_eq!(fires, BTreeSet::from(["x0", "x2"]));
        }
        for episode in owed {
            prop_assert!(told.contains(&episode), "{:?} was told to nobody, of {:?}", episode, told);
        }
    }
}

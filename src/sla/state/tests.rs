use super::*;
use proptest::prelude::*;

const H: Hysteresis = Hysteresis { down_after: 3, up_after: 2 };

/// `R` reply, `L` lost, `N` not measured, `.` no round; a second each, interval 1 s.
fn verdict(letter: char) -> Option<Verdict> {
    match letter {
        'R' => Some(Verdict::Reply),
        'L' => Some(Verdict::Lost),
        'N' => Some(Verdict::NotMeasured(Cause::Isolated)),
        _ => None,
    }
}

fn letters(segments: &[Segment]) -> String {
    let mut text = String::new();
    for s in segments {
        let letter = match s.state {
            State::Up => 'U',
            State::Down => 'D',
            State::Unknown(Cause::Isolated) => 'n',
            State::Unknown(Cause::Undecided) => 'p',
            State::Unknown(_) => '?',
        };
        text.extend((0..s.span.seconds()).map(|_| letter));
    }
    text
}

fn machine() -> Machine {
    Machine::new(Sec(0), Cause::Stopped, Duration::from_secs(1), H)
}

fn run(rounds: &str) -> String {
    let mut out = Vec::new();
    let mut m = machine();
    for (t, letter) in (0..).zip(rounds.chars()) {
        if let Some(v) = verdict(letter) {
            assert!(m.round(Sec(t), v, &mut out));
        }
    }
    m.finish(Sec(i64::try_from(rounds.len()).unwrap()), &mut out);
    letters(&out)
}

#[test]
fn transition_table() {
    // down_after 3, up_after 2. Left: rounds; right: the state of each second.
    let table = [
        // Undecided
        ("R", "U"),
        ("RR", "UU"),
        ("L", "p"),
        ("LL", "pp"),
        ("LLL", "DDD"),
        ("LLR", "UUU"),
        ("LLN", "ppn"),
        ("LL.R", "pp?U"),
        ("N", "n"),
        ("NR", "nU"),
        ("NLLL", "nDDD"),
        (".R", "?U"),
        // Up
        ("RL", "UU"),
        ("RLL", "UUU"),
        ("RLLR", "UUUU"),
        ("RLLL", "UDDD"),
        ("RLLRLLR", "UUUUUUU"),
        ("RLLRLLL", "UUUUDDD"),
        ("RLLNLL", "UUUnpp"),
        ("RLL.LLL", "UUU?DDD"),
        ("RLLNR", "UUUnU"),
        ("RNLLR", "UnUUU"),
        ("R.R", "U?U"),
        ("RNNR", "UnnU"),
        // Down
        ("LLLR", "DDDD"),
        ("LLLRR", "DDDUU"),
        ("LLLRL", "DDDDD"),
        ("LLLRLRR", "DDDDDUU"),
        ("LLLRN", "DDDDn"),
        ("LLLRNR", "DDDDnU"),
        ("LLLR.R", "DDDD?U"),
        ("LLLN", "DDDn"),
        ("LLLNLLR", "DDDnUUU"),
        ("LLLNLL", "DDDnpp"),
        ("LLL.LLL", "DDD?DDD"),
    ];
    for (rounds, states) in table {
        assert_eq!(run(rounds), states, "rounds {rounds}");
    }
}

#[test]
fn a_round_covers_the_time_to_the_next_within_one_and_a_half_intervals() {
    let cover = |interval_ms: u64, next: i64| {
        let mut out = Vec::new();
        let mut m = Machine::new(Sec(0), Cause::Stopped, Duration::from_millis(interval_ms), H);
        m.round(Sec(0), Verdict::Reply, &mut out);
        m.round(Sec(next), Verdict::Reply, &mut out);
        m.finish(Sec(next), &mut out);
        letters(&out)
    };
    assert_eq!(cover(4_000, 3), "UUU");
    assert_eq!(cover(4_000, 6), "UUUUUU", "exactly 1.5 intervals");
    assert_eq!(cover(4_000, 7), "UUUU???", "one second more");
    assert_eq!(cover(2_500, 3), "UUU");
    assert_eq!(cover(2_500, 4), "UU??", "the end is floored");
    assert_eq!(cover(500, 1), "?");
}

#[test]
fn down_after_one_decides_at_once() {
    let mut out = Vec::new();
    let h = Hysteresis { down_after: 1, up_after: 1 };
    let mut m = Machine::new(Sec(0), Cause::Stopped, Duration::from_secs(1), h);
    for (t, v) in (0..).zip([Verdict::Lost, Verdict::Reply, Verdict::Lost]) {
        m.round(Sec(t), v, &mut out);
    }
    m.finish(Sec(3), &mut out);
    assert_eq!(letters(&out), "DUD");
}

#[test]
fn down_is_confirmed_by_the_last_round_and_backdated_to_the_first() {
    let mut m = machine();
    let mut out = Vec::new();
    for (t, letter) in (0..).zip("RLL".chars()) {
        m.round(Sec(t), verdict(letter).unwrap(), &mut out);
    }
    let before = m.confirmed();
    assert_eq!((before.state, before.lost, before.pending_since), (State::Up, 2, Some(Sec(1))));
    assert_eq!(m.settled_until(), Sec(1));
    m.round(Sec(3), Verdict::Lost, &mut out);
    let c = m.confirmed();
    assert_eq!((c.state, c.since, c.confirmed_at, c.lost), (State::Down, Some(Sec(1)), Sec(3), 0));
    assert_eq!(m.settled_until(), Sec(3));
}

#[test]
fn old_and_repeated_rounds_are_counted_and_change_nothing() {
    let mut m = machine();
    let mut out = Vec::new();
    assert!(m.round(Sec(5), Verdict::Reply, &mut out));
    assert!(!m.round(Sec(5), Verdict::Lost, &mut out));
    assert!(!m.round(Sec(4), Verdict::Lost, &mut out));
    assert!(!m.round(Sec(i64::MAX), Verdict::Lost, &mut out));
    assert_eq!(m.ignored(), 3);
    assert_eq!(m.confirmed().state, State::Up);
}

#[test]
fn a_gap_is_put_down_to_the_cause_that_was_named() {
    let mut m = machine();
    let mut out = Vec::new();
    m.round(Sec(0), Verdict::Reply, &mut out);
    m.explain_gap(Cause::ClockStep);
    m.round(Sec(10), Verdict::Reply, &mut out);
    m.round(Sec(20), Verdict::Reply, &mut out);
    let unknown: Vec<_> = out.iter().filter(|s| s.state != State::Up).map(|s| s.state).collect();
    assert_eq!(unknown, [State::Unknown(Cause::ClockStep), State::Unknown(Cause::Gap)]);
}

#[test]
fn time_is_provisionally_what_was_confirmed_until_the_next_round_is_overdue() {
    let mut m = machine();
    let mut out = Vec::new();
    m.round(Sec(0), Verdict::Reply, &mut out);
    let timeout = Duration::from_secs(1);
    // Overdue after 1.5 s and 1 s, rounded up to the second.
    assert_eq!(m.provisional(Sec(2), Sec(3), timeout).0, State::Up);
    assert_eq!(m.provisional(Sec(0), Sec(4), timeout), (State::Up, Sec(1)));
    assert_eq!(m.provisional(Sec(1), Sec(4), timeout).0, State::Unknown(Cause::Gap));
}

proptest! {
    #[test]
    fn a_run_of_rounds_is_the_same_as_its_rounds_one_by_one(
        runs in proptest::collection::vec((0_i64..4, 1_i64..4, 1_u64..12, 0_usize..3), 1..12)
    ) {
        let verdicts = [Verdict::Reply, Verdict::Lost, Verdict::NotMeasured(Cause::Skipped)];
        let (mut one_by_one, mut in_runs) = (machine(), machine());
        let (mut slow, mut fast) = (Vec::new(), Vec::new());
        let mut at = Sec(0);
        for (gap, step, count, verdict) in runs {
            at = at.plus(gap);
            let mut merged = Vec::new();
            in_runs.run(at, step, count, verdicts[verdict], &mut merged);
            merged.into_iter().for_each(|s| s.push_to(&mut fast));
            for n in 0..count {
                let mut out = Vec::new();
                one_by_one.round(at.plus(step * i64::try_from(n).unwrap()), verdicts[verdict], &mut out);
                out.into_iter().for_each(|s| s.push_to(&mut slow));
            }
            at = at.plus(step * i64::try_from(count).unwrap());
        }
        prop_assert_eq!(one_by_one.confirmed(), in_runs.confirmed());
        let (mut slow_end, mut fast_end) = (Vec::new(), Vec::new());
        one_by_one.finish(at, &mut slow_end);
        in_runs.finish(at, &mut fast_end);
        slow_end.into_iter().for_each(|s| s.push_to(&mut slow));
        fast_end.into_iter().for_each(|s| s.push_to(&mut fast));
        prop_assert_eq!(slow, fast);
    }

    #[test]
    fn segments_tile_time_and_do_not_depend_on_how_they_are_fetched(
        rounds in "[RLN.]{0,60}", interval in 1_u64..4, down_after in 1_u32..5, up_after in 1_u32..4,
        expire in proptest::collection::vec(any::<bool>(), 60), split in proptest::collection::vec(any::<bool>(), 60),
    ) {
        let end = Sec(i64::try_from(rounds.len()).unwrap());
        let fresh = || Machine::new(Sec(0), Cause::Stopped, Duration::from_secs(interval), Hysteresis { down_after, up_after });
        let (mut whole, mut pieces) = (Vec::new(), Vec::new());
        let (mut a, mut b) = (fresh(), fresh());
        for (t, letter) in (0..).zip(rounds.chars()) {
            let n = usize::try_from(t).unwrap();
            if expire[n] {
                b.expire(Sec(t), &mut pieces);
            }
            let Some(v) = verdict(letter) else { continue };
            prop_assert!(a.round(Sec(t), v, &mut whole));
            let mut part = Vec::new();
            let taken = b.round(Sec(t), v, if split[n] { &mut part } else { &mut pieces });
            prop_assert!(taken);
            part.into_iter().for_each(|s: Segment| s.push_to(&mut pieces));
            prop_assert!(b.settled_until() <= Sec(t));
        }
        a.finish(end, &mut whole);
        b.finish(end, &mut pieces);
        prop_assert_eq!(&whole, &pieces);
        let mut at = Sec(0);
        for s in &whole {
            prop_assert_eq!(s.span.from, at);
            prop_assert!(!s.span.is_empty());
            at = s.span.to;
        }
        prop_assert_eq!(at, end);
        prop_assert!(whole.windows(2).all(|w| w[0].state != w[1].state));
    }
}

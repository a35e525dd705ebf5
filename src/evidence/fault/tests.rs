//! What steps lead to, which are refused, and what clocks say.

use super::*;

const OPENED: Sec = Sec(1_000);

fn step(action: Action, when: i64) -> Step {
    Step {
        id: reference::make(2026, 0),
        action,
        who: "ann".into(),
        text: "no dial tone".into(),
        when: Sec(when),
        reference: if action == Action::Report { "BT-77".into() } else { String::new() },
        site: None,
        services: if action == Action::Open { vec!["voice".into(), "data".into()] } else { vec![] },
        components: vec![],
        detected: (action == Action::Open).then_some(Sec(900)),
        severity: None,
        responsible: (action == Action::Close).then_some(Responsible::Supplier),
        stop: (action == Action::Stop).then(|| "awaiting_customer_access".into()),
        cause: (action == Action::Close).then_some(Cause::Line),
        next_update: None,
    }
}

/// The register after these steps, ten seconds apart, and what became of the last one.
fn after(actions: &[Action]) -> (Faults, Result<(), Refused>) {
    let mut faults = Faults::default();
    let mut last = Ok(());
    for (n, action) in (0..).zip(actions) {
        let at = OPENED.plus(n * 10);
        let step = step(*action, at.0);
        last = faults.check(&step, at);
        faults.take(&Record { seq: u64::try_from(n).unwrap() + 1, at, body: Body::Fault(step) });
    }
    (faults, last)
}

fn only(faults: &Faults) -> &Fault {
    faults.all()[0]
}

#[test]
fn steps_lead_where_the_picture_says() {
    use Action::{Clear, Close, Open, Reopen, Report, Resume, Stop, Update};
    let table: [(&[Action], Standing, bool); 22] = [
        (&[Open], Standing::Open, true),
        (&[Open, Open], Standing::Open, false),
        (&[Open, Report], Standing::Reported, true),
        (&[Open, Report, Report], Standing::Reported, true),
        (&[Open, Update], Standing::Open, true),
        (&[Open, Stop], Standing::Stopped, true),
        (&[Open, Stop, Stop], Standing::Stopped, false),
        (&[Open, Stop, Report], Standing::Stopped, true),
        (&[Open, Stop, Resume], Standing::Open, true),
        (&[Open, Report, Stop, Resume], Standing::Reported, true),
        (&[Open, Resume], Standing::Open, false),
        (&[Open, Clear], Standing::Cleared, true),
        (&[Open, Stop, Clear], Standing::Cleared, true),
        (&[Open, Close], Standing::Open, false),
        (&[Open, Clear, Close], Standing::Closed, true),
        (&[Open, Clear, Close, Close], Standing::Closed, false),
        (&[Open, Clear, Stop], Standing::Cleared, false),
        (&[Open, Clear, Clear], Standing::Cleared, false),
        (&[Open, Reopen], Standing::Open, false),
        (&[Open, Report, Clear, Reopen], Standing::Reported, true),
        (&[Open, Clear, Close, Reopen], Standing::Open, true),
        (&[Open, Clear, Close, Update], Standing::Closed, true),
    ];
    for (actions, standing, allowed) in table {
        let (faults, last) = after(actions);
        assert_eq!((only(&faults).standing, last.is_ok()), (standing, allowed), "{actions:?}: {last:?}");
    }
}

#[test]
fn what_is_refused_changes_nothing_even_when_it_stands_in_the_chain() {
    let (before, _) = after(&[Action::Open, Action::Clear]);
    let (after, last) = after(&[Action::Open, Action::Clear, Action::Stop]);
    assert!(last.is_err());
    assert_eq!(before, after);
}

#[test]
fn stops_are_what_the_clock_stands_for() {
    use Action::{Clear, Open, Reopen, Resume, Stop};
    // Opened at 1000; a step every ten seconds.
    let (faults, _) = after(&[Open, Stop, Resume, Stop]);
    let now = Sec(1_100);
    assert_eq!(faults.stops("voice", now), [Span::new(Sec(1_010), Sec(1_020)), Span::new(Sec(1_030), now)]);
    assert_eq!(faults.stops("elsewhere", now), []);
    let (faults, _) = after(&[Open, Stop, Clear]);
    assert_eq!(faults.stops("data", now), [Span::new(Sec(1_010), Sec(1_020))], "clearing ends a stop");
    assert_eq!(only(&faults).span(now), Span::new(Sec(900), Sec(1_020)));
    let (faults, _) = after(&[Open, Clear, Reopen]);
    assert_eq!(only(&faults).span(now), Span::new(Sec(900), now), "as if it had never been cleared");
}

#[test]
fn a_step_says_who_what_and_when_in_order() {
    let (faults, _) = after(&[Action::Open, Action::Report]);
    let late = Sec(5_000);
    let check = |step: Step| faults.check(&step, late);
    let update = || step(Action::Update, 2_000);
    assert_eq!(check(update()), Ok(()));
    assert_eq!(check(Step { who: " ".into(), ..update() }), Err(Refused::Text("a name (by)")));
    assert_eq!(check(Step { text: "two\nlines".into(), ..update() }), Err(Refused::Text("what is said")));
    assert_eq!(check(Step { text: "\u{1b}[2J".into(), ..update() }), Err(Refused::Text("what is said")));
    assert_eq!(check(Step { text: "x".repeat(MAX_TEXT + 1), ..update() }), Err(Refused::Text("what is said")));
    assert_eq!(check(Step { severity: Some(5), ..update() }), Err(Refused::Severity));
    assert_eq!(check(Step { when: Sec(5_001), ..update() }), Err(Refused::Future(Sec(5_001))));
    assert!(matches!(check(Step { when: Sec(1_009), ..update() }), Err(Refused::Order { .. })));
    assert_eq!(check(Step { id: "F-2".into(), ..update() }), Err(Refused::Unknown("F-2".into())));
    let none = Step { services: vec![], id: "F-2".into(), ..step(Action::Open, 2_000) };
    assert_eq!(check(none.clone()), Err(Refused::Nothing));
    assert_eq!(check(Step { site: Some("hq".into()), ..none.clone() }), Ok(()));
    let before = Step { site: Some("hq".into()), detected: Some(Sec(2_001)), ..none };
    assert!(matches!(check(before), Err(Refused::Order { .. })), "noticed after it was opened");
    let report = Step { reference: String::new(), ..step(Action::Report, 2_000) };
    assert_eq!(check(report), Err(Refused::Text("the supplier's reference")));
    for reason in [None, Some("lunch".to_owned()), Some("monitor_unknown".to_owned())] {
        assert_eq!(check(Step { stop: reason, ..step(Action::Stop, 2_000) }), Err(Refused::Reason));
    }
    let (cleared, _) = after(&[Action::Open, Action::Clear]);
    for close in
        [Step { cause: None, ..step(Action::Close, 2_000) }, Step { responsible: None, ..step(Action::Close, 2_000) }]
    {
        assert_eq!(cleared.check(&close, late), Err(Refused::Cause));
    }
}

#[test]
fn the_next_word_is_due_until_somebody_says_something() {
    let (mut faults, _) = after(&[Action::Open]);
    let say = |faults: &mut Faults, when: i64, next: Option<i64>| {
        let step = Step { next_update: next.map(Sec), ..step(Action::Update, when) };
        faults.take(&Record { seq: 9, at: Sec(when), body: Body::Fault(step) });
    };
    say(&mut faults, 2_000, Some(3_000));
    assert!(!only(&faults).overdue(Sec(3_000)));
    assert!(only(&faults).overdue(Sec(3_001)));
    say(&mut faults, 3_500, None);
    assert!(!only(&faults).overdue(Sec(9_000)));
}

#[test]
fn references_are_given_out_once_and_begin_again_with_a_year() {
    let mut faults = Faults::default();
    // 2026-12-31 and 2027-01-01.
    let (old, new) = (Sec(1_798_700_000), Sec(1_798_800_000));
    let mut given = Vec::new();
    for at in [old, old, old, new, new] {
        let id = faults.next_id(at);
        assert_eq!(reference::parse(&id), Ok(id.clone()));
        let step = Step { id: id.clone(), detected: None, ..step(Action::Open, at.0) };
        faults.take(&Record { seq: given.len() as u64 + 1, at, body: Body::Fault(step) });
        given.push(id);
    }
    let expected: Vec<String> =
        [(2026, 0), (2026, 1), (2026, 2), (2027, 0), (2027, 1)].map(|(y, n)| reference::make(y, n)).into();
    assert_eq!(given, expected);
    assert_eq!(faults.all().iter().map(|f| f.id.clone()).collect::<Vec<_>>(), expected, "in order of opening");
}

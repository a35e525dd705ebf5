//! History from elsewhere: all of it or nothing, never twice, and old evidence let go only as configured.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use assured::evidence::client::{Query, Reader};
use assured::evidence::import::{HEADER, ImportError, Targets, import};
use assured::evidence::names::Names;
use assured::evidence::record::Body;
use assured::evidence::retention::{Retention, retain};
use assured::evidence::rollup::Grain;
use assured::evidence::store::{Entry, Store};
use assured::measurement::minute::{Minute, MinuteAggregator};
use assured::measurement::rounds::Fate;
use assured::measurement::{Cause, Outcome, Round};
use assured::names::{ClassIx, ComponentIx};
use assured::units::{Micros, Sec, Span};

/// 2026-10-01T00:00:00Z.
const OCTOBER: i64 = 1_790_812_800;
const DAY: i64 = 86_400;

fn targets() -> Targets {
    Targets::new(Names::new(["a", "b", "c"], ["default"]), [(ClassIx(0), 60); 3])
}

/// Rounds of 60 s for `days` days of some components; `a` loses an hour of the second day, `b` is not measured in it.
fn csv(dir: &Path, components: &[&str], first_day: i64, days: i64) -> PathBuf {
    let mut text = format!("{HEADER}\n");
    for at in (OCTOBER + first_day * DAY..OCTOBER + (first_day + days) * DAY).step_by(60) {
        let bad = (OCTOBER + DAY..OCTOBER + DAY + 3_600).contains(&at);
        for component in components {
            let rest = match (*component, bad) {
                ("a", true) => "lost,".to_owned(),
                ("b", true) => "not_measured,".to_owned(),
                _ => format!("reply,{}", 10_000 + at % 1_000),
            };
            let _ = writeln!(text, "{},{component},,{rest}", Sec(at));
        }
    }
    let path = dir.join("history.csv");
    fs::write(&path, text).expect("written");
    path
}

fn fates(dir: &Path, component: u32, coarsest: Grain) -> Vec<(i64, Fate)> {
    let mut found = Vec::new();
    let names = targets().names;
    let span = Span::new(Sec(OCTOBER), Sec(OCTOBER + 31 * DAY));
    Reader::open(dir).expect("readable").rows(Query { span, coarsest, names: &names, only: None }, |chunk| {
        let own = chunk.rows.iter().filter(|r| r.component == ComponentIx(component));
        found.extend(own.flat_map(|r| r.tally.rounds.outcomes().map(|(at, fate)| (at.0, fate)).collect::<Vec<_>>()));
    });
    found
}

#[test]
fn imported_history_is_known_to_the_round_and_stands_in_the_chain() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    let file = csv(dir.path(), &["a", "b"], 0, 3);
    let imported = import(&data, &file, &targets(), "ann", Sec(OCTOBER + 40 * DAY)).expect("imported");
    assert_eq!((imported.rounds, imported.span), (2 * 3 * 1_440, Span::new(Sec(OCTOBER), Sec(OCTOBER + 3 * DAY))));
    for coarsest in [Grain::Minute, Grain::Day] {
        let a = fates(&data, 0, coarsest);
        assert_eq!(a.len(), 3 * 1_440);
        assert_eq!(a.iter().filter(|(_, f)| *f == Fate::Lost).count(), 60);
        let b = fates(&data, 1, coarsest);
        assert_eq!(b.iter().filter(|(_, f)| *f == Fate::NotMeasured(Cause::Imported)).count(), 60);
    }
    let reader = Reader::open(&data).expect("readable");
    let mut by = None;
    reader.facts(|s| {
        if let Body::Import { by: who, file, .. } = s.record.body {
            by = Some((who, file));
        }
    });
    assert_eq!(by, Some(("ann".into(), "history.csv".into())));
    assert_eq!(reader.audit().problems, []);
}

#[test]
fn a_second_import_of_the_same_time_is_refused_but_another_component_or_time_is_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    let now = Sec(OCTOBER + 40 * DAY);
    import(&data, &csv(dir.path(), &["a"], 0, 2), &targets(), "ann", now).expect("imported");
    let head = Reader::open(&data).and_then(|r| r.head()).expect("whole");
    let again = import(&data, &csv(dir.path(), &["a", "b"], 1, 3), &targets(), "ann", now).expect_err("refused");
    assert!(matches!(&again, ImportError::Overlap(all) if all == &["a from 2026-10-02T00:00:00Z"]), "{again}");
    assert_eq!(Reader::open(&data).and_then(|r| r.head()).expect("whole"), head, "nothing was written");
    import(&data, &csv(dir.path(), &["b"], 0, 3), &targets(), "ann", now).expect("another component");
    import(&data, &csv(dir.path(), &["a"], 2, 1), &targets(), "ann", now).expect("another time");
    assert_eq!(fates(&data, 0, Grain::Day).len(), 3 * 1_440);
    assert_eq!(fates(&data, 1, Grain::Day).len(), 3 * 1_440);
    assert_eq!(Reader::open(&data).expect("readable").audit().problems, []);
}

#[test]
fn a_file_with_a_problem_leaves_nothing_behind() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = csv(dir.path(), &["a", "nobody"], 0, 1);
    let error = import(&dir.path().join("data"), &file, &targets(), "ann", Sec(OCTOBER)).expect_err("refused");
    assert!(error.to_string().contains("line 3: no device or link \"nobody\" is configured"), "{error}");
    assert!(!dir.path().join("data").exists());
}

fn minute(at: i64) -> Minute {
    let mut aggregator = MinuteAggregator::new();
    let outcomes = vec![(ClassIx(0), Outcome::Reply { rtt: Micros(9) })];
    aggregator.add(&Round { at: Sec(at), component: ComponentIx(2), outcomes }, 60).expect("in order");
    aggregator.take_all().remove(0)
}

#[test]
fn old_minutes_and_old_files_go_as_configured_and_the_chain_says_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut store, _) = Store::open_as_daemon(dir.path(), Sec(OCTOBER)).expect("opened");
    let names = std::sync::Arc::new(targets().names);
    for month in [0, 31, 61] {
        for n in 0..3 {
            let start = OCTOBER + month * DAY + n * 60;
            store.append(Sec(start), &[Entry::Minute(minute(start), names.clone())]).expect("written");
        }
    }
    let now = Sec(OCTOBER + 62 * DAY);
    let retention = Retention { minutes: Some(30 * 86_400), files: None };
    assert_eq!(retain(&mut store, now, retention).expect("done"), ["evidence-2026-10.db was emptied of its minutes"]);
    assert_eq!(retain(&mut store, now, retention).expect("done"), [""; 0], "once is enough");
    assert_eq!(fates(dir.path(), 2, Grain::Day).len(), 3, "the day still has them");
    assert_eq!(Reader::open(dir.path()).expect("readable").audit().problems, []);
    let retention = Retention { minutes: Some(30 * 86_400), files: Some(31 * 86_400) };
    assert_eq!(retain(&mut store, now, retention).expect("done"), ["evidence-2026-10.db was removed"]);
    let audit = Reader::open(dir.path()).expect("readable").audit();
    assert_eq!(audit.problems, []);
    assert!(
        audit.from.sequence > 0 && audit.notes.iter().any(|n| n.contains("let go as configured")),
        "{:?}",
        audit.notes
    );
    assert!(!dir.path().join("evidence-2026-10.db").exists());
}

#[test]
fn a_removed_record_a_swap_and_a_missing_file_are_named_by_the_audit() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut store, _) = Store::open_as_daemon(dir.path(), Sec(OCTOBER)).expect("opened");
    let names = std::sync::Arc::new(targets().names);
    for at in [OCTOBER, OCTOBER + 60, OCTOBER + 120, OCTOBER + 31 * DAY] {
        store.append(Sec(at), &[Entry::Minute(minute(at), names.clone())]).expect("written");
    }
    drop(store);
    let tampered = |sql: &str| {
        let copy = tempfile::tempdir().expect("a directory");
        for name in ["evidence-2026-10.db", "evidence-2026-11.db"] {
            fs::copy(dir.path().join(name), copy.path().join(name)).expect("copied");
        }
        let conn = rusqlite::Connection::open(copy.path().join("evidence-2026-10.db")).expect("opened");
        conn.execute_batch(sql).expect("changed");
        drop(conn);
        let audit = Reader::open(copy.path()).expect("readable").audit();
        audit.problems.first().map(ToString::to_string).unwrap_or_default()
    };
    assert_eq!(tampered("SELECT 1"), "");
    let removed = tampered("DELETE FROM record WHERE seq = 4");
    assert!(removed.contains("record 4 is missing"), "{removed}");
    let swapped = tampered(
        "UPDATE record SET seq = -4 WHERE seq = 4; UPDATE record SET seq = 4 WHERE seq = 5; UPDATE record SET seq = 5 WHERE seq = -4",
    );
    assert!(swapped.contains("record 4 was changed, or something before it was removed or swapped"), "{swapped}");
    let hidden = tampered("UPDATE part SET rolled = NULL");
    assert!(hidden.contains("not those that it covers"), "{hidden}");
    let last = tampered("DELETE FROM record WHERE seq = (SELECT max(seq) FROM record)");
    assert!(last.contains("it does not follow from record"), "{last}");
    fs::remove_file(dir.path().join("evidence-2026-10.db")).expect("removed");
    let audit = Reader::open(dir.path()).expect("readable").audit();
    assert!(audit.problems[0].to_string().contains("are missing, and no record says that they were let go"));
}

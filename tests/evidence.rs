//! What is acknowledged stays; what is damaged, foreign, newer or in the way has a defined outcome.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use assured::evidence::client::{Query, Reader};
use assured::evidence::names::Names;
use assured::evidence::record::Body;
use assured::evidence::recover::Chunk;
use assured::evidence::rollup::Grain;
use assured::evidence::store::{Entry, Store, StoreError};
use assured::measurement::minute::{Minute, MinuteAggregator, Tally};
use assured::measurement::rounds::Fate;
use assured::measurement::{Outcome, Round};
use assured::names::{ClassIx, ComponentIx};
use assured::units::{Micros, Sec, Span};

/// 2026-11-01T00:00:00Z.
const START: i64 = 1_793_491_200;

fn names() -> Arc<Names> {
    Arc::new(Names::new(["core-r1", "ch-r1"], ["voice", "data"]))
}

/// Both components, both classes, a round a second; `ch-r1` loses seconds 10 to 19 of every seventh minute.
fn minutes(from: i64, count: i64) -> Vec<Minute> {
    let mut aggregator = MinuteAggregator::new();
    for at in from..from + count * 60 {
        for component in 0..2 {
            let lost = component == 1 && at / 60 % 7 == 0 && (10..20).contains(&(at % 60));
            let outcome = |class: u32| match lost {
                true => Outcome::Lost,
                false => Outcome::Reply { rtt: Micros(20_000 + class * 500 + u32::try_from(at % 977).expect("small")) },
            };
            let outcomes = vec![(ClassIx(0), outcome(0)), (ClassIx(1), outcome(1))];
            let round = Round { at: Sec(at), component: ComponentIx(component), outcomes };
            aggregator.add(&round, 1).expect("in order");
        }
    }
    aggregator.take_all()
}

fn append(store: &mut Store, minutes: &[Minute]) {
    let names = names();
    for minute in minutes {
        let at = minute.start.plus(61);
        store.append(at, &[Entry::Minute(minute.clone(), names.clone())]).expect("written");
        store.roll_up(at, minute.start).expect("rolled up");
    }
}

fn read(dir: &Path, span: Span, coarsest: Grain) -> (Vec<Chunk>, Reader) {
    let reader = Reader::open(dir).expect("readable");
    let mut chunks = Vec::new();
    reader.rows(Query { span, coarsest, names: &names(), only: None }, |chunk| chunks.push(chunk));
    (chunks, reader)
}

/// One tally per component and class over everything read.
fn whole(chunks: &[Chunk]) -> Vec<((ComponentIx, ClassIx), Tally)> {
    let mut all = std::collections::BTreeMap::<_, Tally>::new();
    for row in chunks.iter().flat_map(|c| &c.rows) {
        all.entry((row.component, row.class)).or_default().merge(&row.tally);
    }
    all.into_iter().collect()
}

fn of_minutes(minutes: &[Minute]) -> Vec<((ComponentIx, ClassIx), Tally)> {
    let chunk = |m: &Minute| Chunk { span: Span::new(m.start, m.start.plus(60)), rows: m.rows.clone() };
    whole(&minutes.iter().map(chunk).collect::<Vec<_>>())
}

fn only_file(dir: &Path) -> PathBuf {
    dir.join("evidence-2026-11.db")
}

#[test]
fn what_was_written_comes_back_at_every_grain() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut store, _) = Store::open_as_daemon(dir.path(), Sec(START)).expect("opened");
    // Two hours before the month's end of October, through it, and into the second day after.
    let from = START - 2 * 3_600;
    let written = minutes(from, 2 * 60 + 25 * 60 + 7);
    append(&mut store, &written);
    drop(store);
    let span = Span::new(Sec(from), Sec(START + 2 * 86_400));
    for coarsest in [Grain::Minute, Grain::Hour, Grain::Day] {
        let (chunks, reader) = read(dir.path(), span, coarsest);
        assert_eq!(reader.damages(), []);
        assert_eq!(whole(&chunks), of_minutes(&written), "{coarsest:?}");
        assert_eq!(reader.extent(), Some(Span::new(Sec(from), Sec(START + 25 * 3_600 + 7 * 60))));
    }
    let (days, _) = read(dir.path(), span, Grain::Day);
    assert!(days.iter().any(|c| c.span == Span::new(Sec(START), Sec(START + 86_400))));
}

#[test]
fn a_loss_is_known_to_its_second_after_any_roll_up() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut store, _) = Store::open_as_daemon(dir.path(), Sec(START)).expect("opened");
    append(&mut store, &minutes(START, 24 * 60 + 1));
    let (chunks, _) = read(dir.path(), Span::new(Sec(START), Sec(START + 86_400)), Grain::Day);
    let row = chunks[0].rows.iter().find(|r| r.component == ComponentIx(1)).expect("probed");
    let lost: Vec<_> = row.tally.rounds.outcomes().filter(|(_, f)| *f == Fate::Lost).map(|(at, _)| at.0).collect();
    let expected: Vec<_> =
        (START..START + 86_400).filter(|at| at / 60 % 7 == 0 && (10..20).contains(&(at % 60))).collect();
    assert_eq!(lost, expected);
}

#[test]
fn facts_come_back_in_the_order_of_the_chain_over_files() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut store, opened) = Store::open_as_daemon(dir.path(), Sec(START - 60)).expect("opened");
    assert_eq!(opened.head.sequence, 1);
    let stop = || Body::Stop { reason: "asked to".into() };
    store.append(Sec(START - 1), &[Entry::Fact(stop())]).expect("written");
    append(&mut store, &minutes(START, 1));
    let (mut command, _) = Store::open_as_command(dir.path(), Sec(START + 70)).expect("beside the daemon");
    command.append(Sec(START + 70), &[Entry::Fact(stop())]).expect("written");
    append(&mut store, &minutes(START + 120, 1));
    let mut kinds = Vec::new();
    Reader::open(dir.path()).expect("readable").facts(|s| kinds.push((s.record.seq, s.record.body.kind().to_owned())));
    let expected = [(1, "genesis"), (2, "stop"), (3, "file"), (6, "stop")].map(|(n, k)| (n, k.to_owned()));
    assert_eq!(kinds, expected);
    let head = Reader::open(dir.path()).expect("readable").head().expect("whole");
    assert_eq!((head.sequence, head), (7, store.head().expect("whole")));
}

#[test]
fn two_daemons_cannot_write_the_same_directory() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = Store::open_as_daemon(dir.path(), Sec(START)).expect("opened");
    let second = Store::open_as_daemon(dir.path(), Sec(START)).expect_err("refused");
    assert!(matches!(second, StoreError::InUse(_)), "{second}");
    drop(first);
    Store::open_as_daemon(dir.path(), Sec(START)).expect("free again");
}

#[test]
fn a_foreign_file_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().expect("a directory");
    for content in [&b"milk, bread, eggs"[..], &[b"SQLite format 3\0".as_slice(), &[7; 200]].concat()] {
        fs::write(only_file(dir.path()), content).expect("written");
        let error = Store::open_as_daemon(dir.path(), Sec(START)).expect_err("refused");
        assert!(matches!(error, StoreError::Foreign(_)), "{error}");
        assert!(Store::open_as_command(dir.path(), Sec(START)).is_err());
        assert_eq!(fs::read(only_file(dir.path())).expect("still there"), content);
    }
}

#[test]
fn a_newer_schema_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().expect("a directory");
    drop(Store::open_as_daemon(dir.path(), Sec(START)).expect("opened"));
    let mut file = fs::OpenOptions::new().write(true).open(only_file(dir.path())).expect("there");
    file.seek(SeekFrom::Start(60)).and_then(|_| file.write_all(&9_u32.to_be_bytes())).expect("written");
    drop(file);
    let error = Store::open_as_daemon(dir.path(), Sec(START)).expect_err("refused").to_string();
    assert!(error.contains("schema 9") && error.contains("upgrade"), "{error}");
}

#[test]
fn a_torn_tail_is_taken_back_and_what_was_whole_before_it_stays() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut store, _) = Store::open_as_daemon(dir.path(), Sec(START)).expect("opened");
    let written = minutes(START, 10);
    append(&mut store, &written);
    // As after a power cut: the file and its log as they lie there, the log's last bytes torn.
    let copy = tempfile::tempdir().expect("a directory");
    for suffix in ["", "-wal"] {
        let name = format!("evidence-2026-11.db{suffix}");
        fs::copy(dir.path().join(&name), copy.path().join(&name)).expect("copied");
    }
    let log = fs::OpenOptions::new().write(true).open(copy.path().join("evidence-2026-11.db-wal")).expect("there");
    let length = log.metadata().expect("there").len();
    log.set_len(length - 1_000).expect("cut");
    drop(log);
    let (store, opened) = Store::open_as_daemon(copy.path(), Sec(START + 700)).expect("opened");
    assert_eq!(opened.set_aside, []);
    drop(store);
    let span = Span::new(Sec(START), Sec(START + 600));
    let (chunks, reader) = read(copy.path(), span, Grain::Minute);
    assert_eq!(reader.damages(), []);
    assert_eq!(whole(&chunks), of_minutes(&written[..9]));
}

#[test]
fn a_changed_minute_is_unknown_until_its_hour_vouches_for_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut store, _) = Store::open_as_daemon(dir.path(), Sec(START)).expect("opened");
    let written = minutes(START, 90);
    append(&mut store, &written);
    drop(store);
    let sql = "UPDATE blob SET data = CAST(x'00' || data AS BLOB) WHERE seq IN (SELECT seq FROM part WHERE grain = 0 AND start IN (?1, ?2))";
    let conn = rusqlite::Connection::open(only_file(dir.path())).expect("opened");
    conn.execute(sql, [START + 30 * 60, START + 75 * 60]).expect("changed");
    drop(conn);
    let span = Span::new(Sec(START), Sec(START + 90 * 60));
    let (chunks, reader) = read(dir.path(), span, Grain::Hour);
    let without =
        |n: usize| written.iter().enumerate().filter(|(m, _)| *m != n).map(|(_, m)| m.clone()).collect::<Vec<_>>();
    assert_eq!(whole(&chunks), of_minutes(&without(75)), "the first is in its hour");
    assert_eq!(reader.damages().len(), 1);
    assert!(reader.damages()[0].to_string().contains("its rounds were changed"), "{}", reader.damages()[0]);
}

#[test]
fn a_changed_hour_is_read_from_its_minutes() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut store, _) = Store::open_as_daemon(dir.path(), Sec(START)).expect("opened");
    let written = minutes(START, 61);
    append(&mut store, &written);
    drop(store);
    let conn = rusqlite::Connection::open(only_file(dir.path())).expect("opened");
    conn.execute("UPDATE record SET body = replace(body, 'lost\":1', 'lost\":0') WHERE kind = 'hour'", [])
        .expect("changed");
    drop(conn);
    let (chunks, reader) = read(dir.path(), Span::new(Sec(START), Sec(START + 61 * 60)), Grain::Hour);
    assert_eq!(whole(&chunks), of_minutes(&written));
    assert_eq!(reader.damages().len(), 1);
}

#[test]
fn a_damaged_file_is_set_aside_still_read_and_the_chain_goes_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut store, _) = Store::open_as_daemon(dir.path(), Sec(START)).expect("opened");
    let written = minutes(START, 600);
    let entries: Vec<_> = written.iter().map(|m| Entry::Minute(m.clone(), names())).collect();
    store.append(Sec(START), &entries).expect("written");
    let before = store.head().expect("whole");
    drop(store);
    // Structure pages in the middle overwritten, as by a failing disk.
    let length = fs::metadata(only_file(dir.path())).expect("there").len();
    let mut file = fs::OpenOptions::new().write(true).open(only_file(dir.path())).expect("there");
    file.seek(SeekFrom::Start(length / 2 / 4_096 * 4_096))
        .and_then(|_| file.write_all(&[0xA5; 3 * 4_096]))
        .expect("written");
    drop(file);
    let (mut store, opened) = Store::open_as_daemon(dir.path(), Sec(START + 36_000)).expect("starts all the same");
    assert_eq!(opened.set_aside.len(), 1);
    assert_eq!(opened.set_aside[0].0, dir.path().join("evidence-2026-11.db.corrupt"));
    assert!(opened.set_aside[0].0.exists(), "nothing is deleted");
    assert!(opened.head.sequence > before.sequence, "no number is given twice");
    let more = minutes(START + 36_000, 3);
    append(&mut store, &more);
    let (chunks, reader) = read(dir.path(), Span::new(Sec(START), Sec(START + 40_000)), Grain::Minute);
    assert!(!reader.damages().is_empty());
    assert!(chunks.len() < 603 && chunks.len() > 3, "{} minutes of 603 are known", chunks.len());
    for chunk in &chunks {
        let minute = written.iter().chain(&more).find(|m| m.start == chunk.span.from).expect("one that was written");
        assert_eq!(minute.rows, chunk.rows, "what is known is right");
    }
    let mut recovered = None;
    reader.facts(|s| {
        recovered = matches!(s.record.body, Body::Recovered { .. }).then_some(s.record.body).or(recovered.take())
    });
    assert!(matches!(recovered, Some(Body::Recovered { file, .. }) if file == "evidence-2026-11.db.corrupt"));
}

#[test]
fn a_blank_file_is_set_aside() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(only_file(dir.path()), [0; 8_192]).expect("written");
    let (_, opened) = Store::open_as_daemon(dir.path(), Sec(START)).expect("starts all the same");
    assert_eq!(opened.set_aside.len(), 1);
}

#[test]
fn a_half_made_file_of_the_next_month_is_no_hindrance() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut store, _) = Store::open_as_daemon(dir.path(), Sec(START - 60)).expect("opened");
    append(&mut store, &minutes(START - 60, 1));
    fs::write(dir.path().join("evidence-2026-11.db.new"), b"half").expect("written");
    append(&mut store, &minutes(START, 1));
    let (chunks, reader) = read(dir.path(), Span::new(Sec(START - 60), Sec(START + 60)), Grain::Minute);
    assert_eq!((chunks.len(), reader.damages()), (2, vec![]));
}

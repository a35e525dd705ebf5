//! While nothing can be written, minutes wait in memory and nobody else waits; what is dropped is confessed.
//!
//! Mounts small file systems: needs root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use assured::clock::{Clock, Now};
use assured::evidence::client::{Query, Reader};
use assured::evidence::driver::{BACKLOG_MINUTES, NotWritten, Status, Writer};
use assured::evidence::names::Names;
use assured::evidence::record::Body;
use assured::evidence::rollup::Grain;
use assured::evidence::store::StoreError;
use assured::measurement::minute::{Minute, MinuteAggregator};
use assured::measurement::{Outcome, Round};
use assured::names::{ClassIx, ComponentIx};
use assured::units::{Micros, Sec, Span};

/// 2026-11-01T00:00:00Z.
const START: i64 = 1_793_491_200;

struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Now {
        Now { wall_ns: self.0.load(Ordering::Relaxed) * 1_000_000_000, mono_ns: 0 }
    }
}

fn clock() -> Arc<TestClock> {
    Arc::new(TestClock(AtomicI64::new(START)))
}

fn names() -> Arc<Names> {
    Arc::new(Names::new(["ch-r1"], ["default"]))
}

fn minute(n: i64) -> Minute {
    let mut aggregator = MinuteAggregator::new();
    let outcomes = vec![(ClassIx(0), Outcome::Reply { rtt: Micros(20_000) })];
    aggregator.add(&Round { at: Sec(START + n * 60), component: ComponentIx(0), outcomes }, 60).expect("in order");
    aggregator.take_all().remove(0)
}

/// A memory file system of one megabyte; unmounted when dropped.
struct Disk(PathBuf, #[expect(dead_code, reason = "removed when dropped")] tempfile::TempDir);

impl Disk {
    fn new(options: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let at = dir.path().to_owned();
        mount(&["-t", "tmpfs", "-o", options, "none"], &at);
        Self(at, dir)
    }

    fn fill(&self) {
        // The file system gives out its last byte; the write that does not fit any more ends it.
        let _ = fs::write(self.filler(), vec![1; 2 << 20]);
    }

    fn free(&self) {
        fs::remove_file(self.filler()).expect("removed");
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let status = Command::new("umount").arg("-l").arg(&self.0).status().expect("umount runs");
        assert!(status.success());
    }
}

fn mount(args: &[&str], at: &Path) {
    let status = Command::new("mount").args(args).arg(at).status().expect("mount runs");
    assert!(status.success(), "this test needs root");
}

fn wait_for(writer: &Writer, what: impl Fn(&Status) -> bool) -> Status {
    for _ in 0..60_000 {
        let status = writer.status();
        if what(&status) {
            return status;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("the writer never got there: {:?}", writer.status());
}

#[test]
fn minutes_wait_while_the_disk_is_full_and_are_written_when_it_is_not() {
    let disk = Disk::new("size=1m");
    let (writer, _) = Writer::open(&disk.0, clock()).expect("opened");
    assert!(writer.commit(minute(0), names()).blocking_recv().expect("answered").is_ok());
    disk.fill();
    let mut waiting = Vec::new();
    let mut n = 1;
    // What is left of the log's last page takes some more; then nothing fits.
    while writer.status().write_failures == 0 {
        waiting.push(writer.commit(minute(n), names()));
        n += 1;
        let done = usize::try_from(n - 1).expect("small");
        wait_for(&writer, |s| s.write_failures > 0 || s.head.sequence >= done as u64 + 2);
    }
    let status = wait_for(&writer, |s| s.backlog > 0);
    assert!(status.problem.as_deref().is_some_and(|p| p.contains("the disk is full")), "{status:?}");
    disk.free();
    waiting.push(writer.commit(minute(n), names()));
    for written in waiting {
        assert!(written.blocking_recv().expect("answered").is_ok());
    }
    let status = writer.close();
    assert_eq!((status.backlog, status.dropped, status.problem), (0, 0, None));
    let reader = Reader::open(&disk.0).expect("readable");
    assert_eq!(reader.audit().problems, []);
    assert_eq!(reader.audit().totals.rounds, u64::try_from(n + 1).expect("small"));
}

#[test]
fn what_waits_too_long_is_dropped_oldest_first_and_confessed() {
    let disk = Disk::new("size=1m");
    let (writer, _) = Writer::open(&disk.0, clock()).expect("opened");
    let names = names();
    disk.fill();
    let mut n = 0;
    let mut waiting = Vec::new();
    let bound = i64::try_from(BACKLOG_MINUTES).expect("small");
    while writer.status().dropped < 5 {
        waiting.push(writer.commit(minute(n), names.clone()));
        n += 1;
        assert!(n < 100 * bound, "the disk never got full");
        let failures = writer.status().write_failures;
        wait_for(&writer, |s| s.write_failures > failures || s.head.sequence > u64::try_from(n).expect("small"));
    }
    disk.free();
    waiting.push(writer.commit(minute(n), names.clone()));
    let answers: Vec<_> = waiting.into_iter().map(|w| w.blocking_recv().expect("answered")).collect();
    let dropped: Vec<_> =
        (0..).zip(&answers).filter(|(_, a)| **a == Err(NotWritten::Dropped)).map(|(n, _)| n).collect();
    assert!(answers.last().is_some_and(Result::is_ok) && dropped.len() >= 5);
    writer.close();
    let reader = Reader::open(&disk.0).expect("readable");
    let mut confessed = None;
    reader.facts(|s| {
        if let Body::Unwritten { span, minutes, why } = s.record.body {
            assert!(why.contains("the disk is full"), "{why}");
            confessed = Some((span, minutes));
        }
    });
    let (first, last): (i64, i64) = (dropped[0], dropped[dropped.len() - 1]);
    let span = Span::new(Sec(START + first * 60), Sec(START + (last + 1) * 60));
    assert_eq!(confessed, Some((span, dropped.len() as u64)));
    let mut known = 0;
    let whole = Span::new(Sec(START), Sec(START + (n + 1) * 60));
    reader.rows(Query { span: whole, coarsest: Grain::Minute, names: &names, only: None }, |_| known += 1);
    assert_eq!(known, n + 1 - dropped.len() as i64);
}

#[test]
fn a_read_only_disk_is_refused_at_start_in_words() {
    let disk = Disk::new("size=1m");
    drop(Writer::open(&disk.0, clock()).expect("opened"));
    mount(&["-o", "remount,ro"], &disk.0);
    let error = Writer::open(&disk.0, clock()).expect_err("refused");
    assert!(matches!(error, StoreError::Io { .. } | StoreError::Sqlite { .. }), "{error}");
    assert!(error.to_string().contains("ead-only"), "{error}");
    assert!(Reader::open(&disk.0).expect("still readable").head().expect("whole").sequence >= 1);
}

#[test]
fn a_file_found_damaged_while_running_is_set_aside_and_writing_goes_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let (writer, _) = Writer::open(dir.path(), clock()).expect("opened");
    assert!(writer.commit(minute(0), names()).blocking_recv().expect("answered").is_ok());
    // Another hand makes the newest record unreadable as what it is.
    let conn = rusqlite::Connection::open(dir.path().join("evidence-2026-11.db")).expect("opened");
    conn.execute("UPDATE record SET hash = 'nonsense' WHERE seq = (SELECT max(seq) FROM record)", []).expect("changed");
    drop(conn);
    let first = writer.commit(minute(1), names());
    wait_for(&writer, |s| !s.set_aside.is_empty());
    let second = writer.commit(minute(2), names());
    assert!(first.blocking_recv().expect("answered").is_ok());
    assert!(second.blocking_recv().expect("answered").is_ok());
    let status = writer.close();
    assert_eq!(status.set_aside, [dir.path().join("evidence-2026-11.db.corrupt")]);
    let reader = Reader::open(dir.path()).expect("readable");
    let mut kinds = Vec::new();
    reader.facts(|s| kinds.push(s.record.body.kind().to_owned()));
    assert!(kinds.contains(&"recovered".to_owned()), "{kinds:?}");
}

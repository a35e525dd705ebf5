//! kill -9 while writing, again and again: nothing acknowledged is missing, the chain holds, start is clean.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use assured::evidence::client::Reader;
use assured::units::Sec;

#[path = "power/writer.rs"]
mod writer;

const KILLS: u64 = 50;

/// The child: this test binary run again with a directory in its environment.
#[test]
fn writing_until_killed() {
    if let Some(dir) = std::env::var_os("ASSURED_CRASH_DIR") {
        writer::write_for_ever(Path::new(&dir));
    }
}

#[test]
fn nothing_acknowledged_is_lost_in_fifty_kills() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut acknowledged = Vec::new();
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "writing_until_killed", "--nocapture", "--test-threads=1"])
            .env("ASSURED_CRASH_DIR", dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        // A different number of minutes each time, and killed in the midst of the next.
        let wanted = 1 + kill * 7 % 23;
        let mut seen = 0;
        for line in lines.by_ref() {
            let line = line.expect("text");
            if let Some(ack) = writer::Acknowledged::parse(&line) {
                acknowledged.push(ack);
                seen += 1;
            }
            if seen >= wanted {
                break;
            }
        }
        assert_eq!(seen, wanted, "the writer went on until it was killed");
        child.kill().expect("killed");
        acknowledged.extend(lines.map_while(Result::ok).filter_map(|l| writer::Acknowledged::parse(&l)));
        child.wait().expect("gone");
        if kill % 10 == 9 {
            writer::check(dir.path(), &acknowledged);
        }
    }
    let reader = Reader::open(dir.path()).expect("readable");
    let extent = reader.extent().expect("minutes");
    assert!(extent.from >= Sec(writer::START) && acknowledged.len() as u64 >= KILLS);
}

//! Power cuts: only what the file system had flushed survives. Nothing acknowledged is missing, the chain holds, start is clean.
//!
//! A writer works on ext4 in a loop-mounted file. At some moment it is stopped and the backing file copied:
//! the copy holds what had reached the "disk", and not what was still in the mounted file system's
//! memory. The copy is mounted and checked. kill -9 cannot show this: the kernel's memory outlives the process.
//! Needs root and loop devices.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

#[path = "power/writer.rs"]
mod writer;

const CUTS: usize = 10;
const DISK_BYTES: u64 = 48 << 20;

/// The child: this test binary run again with a directory in its environment.
#[test]
fn writing_until_the_power_goes() {
    if let Some(dir) = std::env::var_os("ASSURED_POWER_DIR") {
        writer::write_for_ever(Path::new(&dir));
    }
}

#[test]
fn nothing_acknowledged_is_lost_in_ten_power_cuts() {
    let work = tempfile::tempdir().expect("a directory");
    let mut acknowledged = Vec::new();
    let mut disk = work.path().join("disk-0");
    File::create(&disk).and_then(|f| f.set_len(DISK_BYTES)).expect("a disk");
    run("mkfs.ext4", &["-q", "-F", &text(&disk)]);
    for cut in 1..=CUTS {
        let mounted = Mounted::new(&disk, &work.path().join("before"));
        let mut child = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "writing_until_the_power_goes", "--nocapture", "--test-threads=1"])
            .env("ASSURED_POWER_DIR", mounted.0.join("evidence"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let (send, acks) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            for ack in lines.map_while(Result::ok).filter_map(|l| writer::Acknowledged::parse(&l)) {
                let _ = send.send(ack);
            }
        });
        acknowledged.extend(acks.iter().take(10 + cut * 37 % 90));
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGSTOP).expect("stopped");
        acknowledged.extend(acks.try_iter());
        let copy = work.path().join(format!("disk-{cut}"));
        run("cp", &["--sparse=always", &text(&disk), &text(&copy)]);
        child.kill().expect("killed");
        child.wait().expect("gone");
        reader.join().expect("read to the end");
        drop(mounted);
        fs::remove_file(&disk).expect("removed");
        disk = copy;
        let mounted = Mounted::new(&disk, &work.path().join("after"));
        writer::check(&mounted.0.join("evidence"), &acknowledged);
    }
    assert!(acknowledged.len() > CUTS * 10);
}

/// A mounted disk; unmounted when dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn new(disk: &Path, at: &Path) -> Self {
        fs::create_dir_all(at).expect("a mount point");
        // Long commit interval: the file system flushes nothing of its own accord while the test runs.
        run("mount", &["-o", "loop,commit=300", &text(disk), &text(at)]);
        Self(at.to_owned())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        run("umount", &[&text(&self.0)]);
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("plain path").to_owned()
}

fn run(program: &str, args: &[&str]) {
    let status = Command::new(program).args(args).stdout(Stdio::null()).status();
    let status = status.unwrap_or_else(|e| panic!("{program} cannot be run: {e}"));
    assert!(status.success(), "{program} {args:?} failed: this test needs root and loop devices");
}

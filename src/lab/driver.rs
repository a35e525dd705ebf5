//! The fleet's thread: reads what comes out of the TUN device, writes each answer at its due time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, PipeReader};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::prctl;
use nix::sys::time::TimeSpec;
use nix::unistd::{read, write};
use rustix::process::setpriority_process;

use super::fleet::{Departure, Fleet};
use super::packet::MAX_PACKET;
use super::store::Journal;
use super::truth::Fate;
use crate::clock::{Clock, SystemClock};

/// Most answers under way at once; further ones are thrown away and counted in the truth.
const MAX_UNDER_WAY: usize = 1 << 20;
/// Packets read in a row before due answers get their turn.
const READ_BATCH: usize = 8;
/// The last stretch before an answer is due is not slept but read through: a timer wakes a thread some 30 µs late.
const AWAKE_NS: u64 = 40_000;
/// A network that carries this many packets within [`RUSH_NS`] is not left to sleep: being woken would be part of every
/// round-trip time. It costs a core while the rush lasts.
const RUSH: u32 = 200;
/// See [`RUSH`].
const RUSH_NS: u64 = 100_000_000;

/// Whether packets come so fast that it does not pay to sleep.
#[derive(Debug, Default)]
struct Rush {
    since_ns: u64,
    seen: u32,
    on: bool,
}

impl Rush {
    fn arrived(&mut self, packets: u32) {
        self.seen = self.seen.saturating_add(packets);
    }

    fn is_on(&mut self, now_ns: u64) -> bool {
        if now_ns.saturating_sub(self.since_ns) >= RUSH_NS {
            *self = Self { since_ns: now_ns, seen: 0, on: self.seen >= RUSH };
        }
        self.on
    }
}

/// What the thread and its owner share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) fleet: Mutex<Fleet>,
    pub(super) clock: SystemClock,
    /// Answers that the kernel would not take.
    pub(super) write_failures: AtomicU64,
}

/// An answer that waits; the earliest first, in order of arrival where two are due together.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    at_ns: u64,
    arrival: u64,
    serial: Option<u64>,
    bytes: Vec<u8>,
}

/// Runs the fleet until `stop` is closed at its other end.
///
/// # Errors
/// The device is gone.
pub(super) fn run(
    shared: &Arc<Shared>,
    device: &OwnedFd,
    stop: &PipeReader,
    mut journal: Option<Journal>,
) -> io::Result<()> {
    // Without this the kernel may wake a sleeping thread 50 µs late to save wake-ups.
    let _ = prctl::set_timerslack(1);
    // The simulated network should not wait for the work it is to measure. Needs CAP_SYS_NICE; else it stays as it is.
    let _ = setpriority_process(None, -20);
    let mut waiting = BinaryHeap::new();
    let mut arrivals = 0_u64;
    let mut rush = Rush::default();
    let mut out: Vec<Departure> = Vec::new();
    let mut buffer = vec![0; MAX_PACKET];
    loop {
        let emptied = take_in(shared, device, &mut buffer, &mut out, &mut journal)?;
        rush.arrived(u32::try_from(out.len()).unwrap_or(u32::MAX));
        let room = MAX_UNDER_WAY.saturating_sub(waiting.len());
        if out.len() > room {
            lock(shared).truth_mut().others.overflowed += (out.len() - room) as u64;
            out.truncate(room);
        }
        for Departure { at_ns, bytes, serial } in out.drain(..) {
            arrivals += 1;
            waiting.push(Reverse(Waiting { at_ns, arrival: arrivals, serial, bytes }));
        }
        let next_ns = send_due(shared, device, &mut waiting, &mut journal);
        let next_ns = if rush.is_on(shared.clock.now().mono_ns) { Some(0) } else { next_ns };
        if emptied && wait(shared, device, stop, next_ns)? {
            return Ok(());
        }
    }
}

fn lock(shared: &Shared) -> std::sync::MutexGuard<'_, Fleet> {
    shared.fleet.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads a few packets; whether there were no more.
fn take_in(
    shared: &Shared,
    device: &OwnedFd,
    buffer: &mut [u8],
    out: &mut Vec<Departure>,
    journal: &mut Option<Journal>,
) -> io::Result<bool> {
    for _ in 0..READ_BATCH {
        match read(device, buffer) {
            Ok(length) => {
                let now_ns = shared.clock.now().mono_ns;
                let mut fleet = lock(shared);
                let serial = fleet.truth().next_serial();
                fleet.handle(&buffer[..length], now_ns, out);
                if let (Some(journal), Some(latest)) = (journal.as_mut(), fleet.truth().latest())
                    && (latest.serial, latest.fate) == (serial, Fate::Dropped)
                {
                    journal.record(*latest);
                }
            }
            Err(Errno::EAGAIN) => return Ok(true),
            Err(Errno::EINTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(false)
}

/// Writes what is due; when the next is.
fn send_due(
    shared: &Shared,
    device: &OwnedFd,
    waiting: &mut BinaryHeap<Reverse<Waiting>>,
    journal: &mut Option<Journal>,
) -> Option<u64> {
    loop {
        let next_ns = waiting.peek()?.0.at_ns;
        if next_ns > shared.clock.now().mono_ns {
            return Some(next_ns);
        }
        let Reverse(due) = waiting.pop()?;
        if write(device, &due.bytes).is_err() {
            shared.write_failures.fetch_add(1, Ordering::Relaxed);
        } else if let Some(serial) = due.serial {
            let left_ns = shared.clock.now().mono_ns;
            let complete = lock(shared).truth_mut().left(serial, left_ns);
            if let (Some(journal), Some(sighting)) = (journal.as_mut(), complete) {
                journal.record(sighting);
            }
        }
    }
}

/// Sleeps until a packet comes or `next_ns` is there; whether it is time to stop.
fn wait(shared: &Shared, device: &OwnedFd, stop: &PipeReader, next_ns: Option<u64>) -> io::Result<bool> {
    let timeout = next_ns.map(|next| {
        let ns = next.saturating_sub(shared.clock.now().mono_ns).saturating_sub(AWAKE_NS);
        TimeSpec::from_duration(Duration::from_nanos(ns))
    });
    let mut fds = [PollFd::new(device.as_fd(), PollFlags::POLLIN), PollFd::new(stop.as_fd(), PollFlags::POLLIN)];
    match ppoll(&mut fds, timeout, None) {
        Ok(_) => Ok(fds[1].revents().is_some_and(|r| !r.is_empty())),
        Err(Errno::EINTR) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

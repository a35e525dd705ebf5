//! When things happened, on one axis that no clock step can bend.
//!
//! The axis is CLOCK_BOOTTIME in nanoseconds: it never steps and goes on while the machine is suspended.
//! Kernel stamps are CLOCK_REALTIME. The two differ by a constant, except when somebody steps the wall
//! clock; [`Anchor`] knows the constant and notices the step, whose neighbourhood then does without
//! kernel stamps.

use std::collections::VecDeque;

use super::flight::Handle;

/// One look at both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// CLOCK_BOOTTIME just before, in nanoseconds.
    pub before_ns: u64,
    /// CLOCK_REALTIME, in nanoseconds since 1970.
    pub real_ns: u64,
    /// CLOCK_BOOTTIME just after, in nanoseconds.
    pub after_ns: u64,
}

/// Rounding of the kernel's conversions, with room to spare.
const TOLERANCE_NS: i64 = 1_000;

/// What lies between the wall clock and the axis.
pub(super) struct Anchor {
    offset_ns: i64,
    generation: u32,
}

impl Anchor {
    /// Anchors at a sample.
    pub(super) fn new(sample: Sample) -> Self {
        Self { offset_ns: middle(sample), generation: 0 }
    }

    /// Compares the clocks again. After a step the anchor is a new one, and its generation another.
    pub(super) fn observe(&mut self, sample: Sample) {
        let least = difference(sample.real_ns, sample.after_ns) - TOLERANCE_NS;
        let most = difference(sample.real_ns, sample.before_ns) + TOLERANCE_NS;
        if self.offset_ns < least || self.offset_ns > most {
            self.offset_ns = middle(sample);
            self.generation = self.generation.wrapping_add(1);
        }
    }

    /// Changes with every step of the wall clock.
    pub(super) fn generation(&self) -> u32 {
        self.generation
    }

    /// A kernel stamp on our axis, if it lies in `from_ns..=to_ns`, where it must.
    pub(super) fn place(&self, stamp_ns: u64, from_ns: u64, to_ns: u64) -> Option<u64> {
        let at_ns = stamp_ns.checked_add_signed(self.offset_ns.checked_neg()?)?;
        (at_ns.saturating_add(TOLERANCE_NS as u64) >= from_ns && at_ns <= to_ns.saturating_add(TOLERANCE_NS as u64))
            .then_some(at_ns)
    }
}

fn middle(sample: Sample) -> i64 {
    difference(sample.real_ns, sample.before_ns + sample.after_ns.saturating_sub(sample.before_ns) / 2)
}

fn difference(real_ns: u64, boot_ns: u64) -> i64 {
    (real_ns as i64).wrapping_sub(boot_ns as i64)
}

/// The requests whose transmit stamps are still to come, by the number the kernel gave them (SOF_TIMESTAMPING_OPT_ID).
pub(super) struct KeyRing {
    entries: Vec<Option<(u32, Handle, u32)>>,
    next: u32,
    missing: u32,
}

/// More than are ever sent between two looks at the error queue.
const RING: usize = 4_096;

impl KeyRing {
    /// A ring for a socket that has sent nothing since its stamps were switched on.
    pub(super) fn new() -> Self {
        Self { entries: vec![None; RING], next: 0, missing: 0 }
    }

    /// Notes the next request sent, and the anchor's generation before it.
    pub(super) fn push(&mut self, handle: Handle, generation: u32) {
        self.entries[self.next as usize % RING] = Some((self.next, handle, generation));
        self.next = self.next.wrapping_add(1);
        self.missing = self.missing.saturating_add(1);
    }

    /// The request a stamp belongs to, and the anchor's generation before it was sent.
    pub(super) fn take(&mut self, number: u32) -> Option<(Handle, u32)> {
        let entry = &mut self.entries[number as usize % RING];
        let (_, handle, generation) = entry.take_if(|(expected, ..)| *expected == number)?;
        self.missing = self.missing.saturating_sub(1);
        Some((handle, generation))
    }

    /// Stamps may still come.
    pub(super) fn awaits(&self) -> bool {
        self.missing > 0
    }

    /// Gives up on stamps that have not come; they are still taken when they do.
    pub(super) fn give_up(&mut self) {
        self.missing = 0;
    }

    /// The kernel counts from zero again.
    pub(super) fn restart(&mut self) {
        *self = Self::new();
    }
}

/// When this engine was not running though it wanted to.
#[derive(Default)]
pub(super) struct Stalls {
    spans: VecDeque<(u64, u64)>,
}

/// More stalls than this within one request's time-out are remembered as the last ones only.
const STALLS_MAX: usize = 64;

impl Stalls {
    /// Notes a stall.
    pub(super) fn push(&mut self, from_ns: u64, to_ns: u64) {
        if self.spans.len() == STALLS_MAX {
            self.spans.pop_front();
        }
        self.spans.push_back((from_ns, to_ns));
    }

    /// There was a stall within the span.
    pub(super) fn touch(&self, from_ns: u64, to_ns: u64) -> bool {
        self.spans.iter().any(|(from, to)| *from <= to_ns && *to >= from_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_NS: u64 = 86_400_000_000_000;

    fn sample(boot_ns: u64, offset_ns: u64) -> Sample {
        Sample { before_ns: boot_ns, real_ns: boot_ns + 40 + offset_ns, after_ns: boot_ns + 80 }
    }

    #[test]
    fn a_steady_clock_keeps_its_generation_and_places_stamps_exactly() {
        let mut anchor = Anchor::new(sample(1_000, DAY_NS));
        for second in 1..1_000 {
            anchor.observe(sample(second * 1_000_000_000, DAY_NS));
        }
        assert_eq!(anchor.generation(), 0);
        let (tx, rx) = (anchor.place(DAY_NS + 5_000, 0, 9_000), anchor.place(DAY_NS + 8_123, 0, 9_000));
        assert_eq!(rx.unwrap() - tx.unwrap(), 3_123);
    }

    #[test]
    fn a_step_either_way_is_a_new_generation() {
        for stepped in [DAY_NS + 10_000, DAY_NS - 10_000, 2 * DAY_NS, 0] {
            let mut anchor = Anchor::new(sample(1_000, DAY_NS));
            anchor.observe(sample(2_000_000, stepped));
            assert_eq!(anchor.generation(), 1);
            anchor.observe(sample(3_000_000, stepped));
            assert_eq!(anchor.generation(), 1);
            assert!(anchor.place(stepped + 4_000_000, 3_500_000, 4_500_000).is_some());
        }
    }

    #[test]
    fn a_look_interrupted_by_the_scheduler_is_no_step() {
        let mut anchor = Anchor::new(sample(1_000, DAY_NS));
        anchor.observe(Sample { before_ns: 10_000, real_ns: DAY_NS + 4_010_000, after_ns: 5_000_000 });
        assert_eq!(anchor.generation(), 0);
    }

    #[test]
    fn a_stamp_from_outside_its_span_is_no_stamp() {
        let anchor = Anchor::new(sample(1_000, DAY_NS));
        assert_eq!(anchor.place(DAY_NS + 5_000, 7_000, 9_000), None);
        assert_eq!(anchor.place(DAY_NS + 50_000, 7_000, 9_000), None);
        assert_eq!(anchor.place(0, 7_000, 9_000), None);
        assert_eq!(anchor.place(u64::MAX, 7_000, 9_000), None);
    }

    #[test]
    fn a_stamp_belongs_to_the_request_with_its_number_only() {
        let mut ring = KeyRing::new();
        let handle = Handle { index: 5, generation: 1 };
        ring.push(handle, 3);
        assert_eq!(ring.take(RING as u32), None);
        assert!(ring.awaits());
        assert_eq!(ring.take(0), Some((handle, 3)));
        assert_eq!(ring.take(0), None);
        assert!(!ring.awaits());
    }

    #[test]
    fn a_stall_touches_what_it_overlaps() {
        let mut stalls = Stalls::default();
        stalls.push(100, 200);
        assert!(stalls.touch(50, 100) && stalls.touch(150, 160) && stalls.touch(200, 300));
        assert!(!stalls.touch(0, 99) && !stalls.touch(201, 300));
    }
}

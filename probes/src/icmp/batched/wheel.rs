//! Deadlines in the order they come due: a hashed wheel, so that a deadline costs the same among ten and
//! among a hundred thousand.
//!
//! A deadline fires up to one [`TICK_NS`] late, never early. What became pointless in between is not
//! removed; whoever takes it off the wheel sees that by its handle.

/// The wheel's resolution, in nanoseconds.
pub(super) const TICK_NS: u64 = 5_000_000;

const SLOTS: u64 = 1_024;

/// Items by deadline.
pub(super) struct Wheel<T> {
    slots: Vec<Vec<(u64, T)>>,
    /// The last tick whose slot was emptied.
    done_tick: u64,
    len: usize,
}

impl<T> Wheel<T> {
    /// An empty wheel that starts at `now_ns`.
    pub(super) fn new(now_ns: u64) -> Self {
        Self { slots: (0..SLOTS).map(|_| Vec::new()).collect(), done_tick: now_ns / TICK_NS, len: 0 }
    }

    /// Puts an item on the wheel.
    pub(super) fn insert(&mut self, deadline_ns: u64, item: T) {
        let tick = deadline_ns.div_ceil(TICK_NS).max(self.done_tick + 1);
        self.slots[(tick % SLOTS) as usize].push((tick, item));
        self.len += 1;
    }

    /// Takes everything off whose deadline is not after `now_ns`.
    pub(super) fn take_due(&mut self, now_ns: u64, out: &mut Vec<T>) {
        let now_tick = now_ns / TICK_NS;
        if now_tick <= self.done_tick {
            return;
        }
        // After a long pause every slot is visited once, not once per turn of the wheel.
        let first = (self.done_tick + 1).max(now_tick.saturating_sub(SLOTS - 1));
        for tick in first..=now_tick {
            let slot = &mut self.slots[(tick % SLOTS) as usize];
            let before = slot.len();
            out.extend(slot.extract_if(.., |(due, _)| *due <= now_tick).map(|(_, item)| item));
            self.len -= before - slot.len();
        }
        self.done_tick = now_tick;
    }

    /// When the next deadline may come due, looking no further than `limit_ns` ahead; `None` for an empty wheel.
    pub(super) fn next_ns(&self, limit_ns: u64) -> Option<u64> {
        if self.len == 0 {
            return None;
        }
        let ticks = (limit_ns / TICK_NS).clamp(1, SLOTS);
        let last = self.done_tick + ticks;
        let tick = (self.done_tick + 1..last).find(|tick| !self.slots[(tick % SLOTS) as usize].is_empty());
        Some(tick.unwrap_or(last) * TICK_NS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fires_at_or_just_after_the_deadline_never_before() {
        let mut wheel = Wheel::new(0);
        let mut due = Vec::new();
        wheel.insert(2 * TICK_NS + 1, 'a');
        wheel.take_due(3 * TICK_NS - 1, &mut due);
        assert!(due.is_empty());
        wheel.take_due(3 * TICK_NS, &mut due);
        assert_eq!(due, ['a']);
        assert_eq!(wheel.next_ns(u64::MAX), None);
    }

    #[test]
    fn a_deadline_beyond_one_turn_waits_for_its_turn() {
        let mut wheel = Wheel::new(0);
        let mut due = Vec::new();
        wheel.insert(SLOTS * TICK_NS * 3, ());
        for tick in 1..SLOTS * 3 {
            wheel.take_due(tick * TICK_NS, &mut due);
            assert!(due.is_empty());
        }
        wheel.take_due(SLOTS * TICK_NS * 3, &mut due);
        assert_eq!(due.len(), 1);
    }

    proptest! {
        #[test]
        fn everything_comes_off_exactly_once_and_on_time(
            deadlines in proptest::collection::vec(0u64..20_000_000_000, 0..100),
            steps in proptest::collection::vec(1u64..8_000_000_000, 1..40),
        ) {
            let mut wheel = Wheel::new(0);
            for (number, deadline) in deadlines.iter().enumerate() {
                wheel.insert(*deadline, number);
            }
            let (mut now, mut seen) = (0, vec![false; deadlines.len()]);
            for step in steps.into_iter().chain([30_000_000_000]) {
                now += step;
                let mut due = Vec::new();
                wheel.take_due(now, &mut due);
                for number in due {
                    prop_assert!(deadlines[number] <= now && !seen[number]);
                    seen[number] = true;
                }
                for (number, deadline) in deadlines.iter().enumerate() {
                    prop_assert!(seen[number] || deadline + TICK_NS > now);
                }
            }
        }
    }
}

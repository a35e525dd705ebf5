//! A link's state from its far end and its interface.
//!
//! Down when either says down, up when the far end replies and the interface does not say
//! down, else unknown. A link that has only one of them is what that one says. SNMP silence
//! is unknown, never down.

use std::collections::VecDeque;

use crate::measurement::Cause;
use crate::sla::state::{Segment, State};
use crate::units::{Sec, Span};

/// Combines what the far end and the interface say; `None` where the link has none.
#[must_use]
pub fn combine(far: Option<State>, interface: Option<State>) -> State {
    match (far, interface) {
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) => State::Unknown(Cause::Gap),
        (Some(State::Down), Some(_)) | (Some(_), Some(State::Down)) => State::Down,
        (Some(State::Up), Some(State::Up | State::Unknown(_))) => State::Up,
        (Some(State::Unknown(cause)), Some(State::Up | State::Unknown(_))) => State::Unknown(cause),
    }
}

/// Combines two streams of settled segments into one, as far as both are settled.
#[derive(Debug, Clone)]
pub struct Join {
    far: VecDeque<Segment>,
    interface: VecDeque<Segment>,
    settled: Sec,
}

impl Join {
    /// Both streams begin at `start`.
    #[must_use]
    pub fn new(start: Sec) -> Self {
        Self { far: VecDeque::new(), interface: VecDeque::new(), settled: start }
    }

    /// Takes segments that follow those taken before and appends what became certain to `out`.
    ///
    /// What waits is bounded by the rounds that fit into the longest decision of the slower
    /// stream, as long as its machine is expired in time.
    pub fn take(&mut self, far: &[Segment], interface: &[Segment], out: &mut Vec<Segment>) {
        far.iter().for_each(|s| append(&mut self.far, *s));
        interface.iter().for_each(|s| append(&mut self.interface, *s));
        while let (Some(&f), Some(&i)) = (self.far.front(), self.interface.front()) {
            let to = f.span.to.min(i.span.to);
            let span = Span::new(self.settled, to);
            Segment { span, state: combine(Some(f.state), Some(i.state)) }.push_to(out);
            self.settled = self.settled.max(to);
            for queue in [&mut self.far, &mut self.interface] {
                if queue.front().is_some_and(|s| s.span.to <= to) {
                    queue.pop_front();
                }
            }
        }
    }

    /// What each stream says of `at` where it is settled already.
    #[must_use]
    pub fn waiting(&self, at: Sec) -> (Option<Segment>, Option<Segment>) {
        let find = |queue: &VecDeque<Segment>| queue.iter().find(|s| s.span.contains(at)).copied();
        (find(&self.far), find(&self.interface))
    }

    /// Both streams are combined up to here.
    #[must_use]
    pub fn settled_until(&self) -> Sec {
        self.settled
    }
}

fn append(queue: &mut VecDeque<Segment>, segment: Segment) {
    match queue.back_mut() {
        Some(last) if last.state == segment.state && last.span.to == segment.span.from => {
            last.span.to = segment.span.to
        }
        _ => queue.push_back(segment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: State = State::Unknown(Cause::Gap);
    const SILENT: State = State::Unknown(Cause::AgentSilent);

    #[test]
    fn truth_table() {
        use State::{Down, Up};
        let table = [
            (Some(Up), Some(Up), Up),
            (Some(Up), Some(Down), Down),
            (Some(Up), Some(SILENT), Up),
            (Some(Down), Some(Up), Down),
            (Some(Down), Some(Down), Down),
            (Some(Down), Some(SILENT), Down),
            (Some(GAP), Some(Up), GAP),
            (Some(GAP), Some(Down), Down),
            (Some(GAP), Some(SILENT), GAP),
            (Some(Up), None, Up),
            (Some(Down), None, Down),
            (Some(GAP), None, GAP),
            (None, Some(Up), Up),
            (None, Some(Down), Down),
            (None, Some(SILENT), SILENT),
            (None, None, GAP),
        ];
        for (far, interface, link) in table {
            assert_eq!(combine(far, interface), link, "{far:?} {interface:?}");
        }
    }

    #[test]
    fn streams_are_joined_as_far_as_both_are_settled() {
        let seg = |from, to, state| Segment { span: Span::new(Sec(from), Sec(to)), state };
        let mut join = Join::new(Sec(0));
        let mut out = Vec::new();
        join.take(&[seg(0, 10, State::Up), seg(10, 20, State::Down)], &[], &mut out);
        assert!(out.is_empty());
        assert_eq!(join.waiting(Sec(12)), (Some(seg(10, 20, State::Down)), None));
        join.take(&[], &[seg(0, 5, SILENT), seg(5, 15, State::Down)], &mut out);
        assert_eq!(out, [seg(0, 5, State::Up), seg(5, 15, State::Down)]);
        assert_eq!(join.settled_until(), Sec(15));
        join.take(&[seg(20, 30, State::Up)], &[seg(15, 30, State::Up)], &mut out);
        assert_eq!(out, [seg(0, 5, State::Up), seg(5, 20, State::Down), seg(20, 30, State::Up)]);
    }
}

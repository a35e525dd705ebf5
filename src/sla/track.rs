//! A component's settled segments, as long as some service still has to pass them.

use std::collections::VecDeque;

use crate::measurement::Cause;
use crate::sla::state::{Segment, State};
use crate::units::Sec;

/// A component's settled segments that some service still has to pass.
#[derive(Debug, Clone)]
pub(super) struct Track {
    pub(super) waiting: VecDeque<Segment>,
    pub(super) settled: Sec,
    /// Length at which those who use it are to be advanced.
    pub(super) prune_at: usize,
    /// Services that have it in their tree.
    pub(super) used_by: Vec<u32>,
    pub(super) history: Vec<Segment>,
    pub(super) history_limit: usize,
    pub(super) forgotten: u64,
}

impl Track {
    pub(super) fn new(start: Sec, history_limit: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            settled: start,
            prune_at: 8,
            used_by: Vec::new(),
            history: Vec::new(),
            history_limit,
            forgotten: 0,
        }
    }

    pub(super) fn append(&mut self, segment: Segment) {
        self.settled = segment.span.to;
        let grows =
            self.history.last().is_some_and(|last| last.state == segment.state && last.span.to == segment.span.from);
        if grows || self.history.len() < self.history_limit {
            segment.push_to(&mut self.history);
        } else if self.history_limit > 0 {
            self.forgotten += 1;
        }
        match self.waiting.back_mut() {
            Some(last) if last.state == segment.state => last.span.to = segment.span.to,
            _ => self.waiting.push_back(segment),
        }
    }

    /// The settled state at `at` and until when it holds; `None` when `at` is not settled.
    pub(super) fn at(&self, at: Sec) -> Option<(State, Sec)> {
        if at >= self.settled {
            return None;
        }
        // Nearly always the newest segment.
        let newest = self.waiting.back().filter(|s| s.span.from <= at);
        let found = newest.or_else(|| self.waiting.get(self.waiting.partition_point(|s| s.span.to <= at)))?;
        if at < found.span.from {
            // Only after a reload, when a service begins to use a component that nobody waited for.
            return Some((State::Unknown(Cause::Gap), found.span.from));
        }
        Some((found.state, found.span.to))
    }

    /// Lets go of what every service has passed. The newest segment stays: it is what the next one grows.
    pub(super) fn prune(&mut self, booked_until: impl Fn(u32) -> Sec) {
        let passed = self.used_by.iter().map(|&n| booked_until(n)).min().unwrap_or(self.settled);
        while self.waiting.len() > 1 && self.waiting.front().is_some_and(|s| s.span.to <= passed) {
            self.waiting.pop_front();
        }
    }
}

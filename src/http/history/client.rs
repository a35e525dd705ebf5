//! Reads the recent hours from the evidence: one reader at a time, a bounded stretch, and the same answer for a minute.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use super::{Collector, History, Lines, MAX_LINES, steps};
use crate::config::Config;
use crate::evidence::client::{Query, Reader};
use crate::evidence::names::Names;
use crate::evidence::rollup::Grain;
use crate::units::Sec;

/// So many answers are remembered, each until its minute is over.
const MAX_REMEMBERED: usize = 32;

/// Reads evidence for charts. Never waits for the daemon, which never waits for it.
#[derive(Clone)]
pub struct Past {
    reading: Arc<Semaphore>,
    remembered: Arc<Mutex<Remembered>>,
}

/// What an answer depends on: the configuration, its end, its hours, its lines.
type Key = (String, Sec, u32, Lines);

type Remembered = Vec<(Key, Arc<History>)>;

impl Default for Past {
    fn default() -> Self {
        Self { reading: Arc::new(Semaphore::new(1)), remembered: Arc::default() }
    }
}

impl Past {
    /// What these lines measured in the `hours` before `at`; lines past the first eight are left out.
    ///
    /// Without evidence every point is "not measured". `None` when the reading thread died.
    pub async fn read(&self, config: &Arc<Config>, at: Sec, hours: u32, mut lines: Lines) -> Option<Arc<History>> {
        let left_out = lines.len().saturating_sub(MAX_LINES);
        lines.truncate(MAX_LINES);
        let (span, step) = steps(at, hours);
        let key = (config.hash.clone(), span.to, hours, lines.clone());
        if let Some(known) = self.known(&key) {
            return Some(known);
        }
        let place = Arc::clone(&self.reading).acquire_owned().await.ok()?;
        if let Some(known) = self.known(&key) {
            return Some(known);
        }
        let config = Arc::clone(config);
        let remembered = Arc::clone(&self.remembered);
        let read = tokio::task::spawn_blocking(move || {
            // The place is kept while the thread reads, and the answer remembered, also when nobody waits any more.
            let _place = place;
            let mut collector = Collector::new((span, step), &lines);
            if let (false, Ok(reader)) = (lines.is_empty(), Reader::open(&config.monitor.data_dir)) {
                let names = Names::of(&config);
                let only: BTreeSet<_> = lines.iter().map(|(component, _)| *component).collect();
                let query = Query { span, coarsest: Grain::Minute, names: &names, only: Some(&only) };
                reader.rows(query, |chunk| collector.add(chunk.span.from, &chunk.rows));
            }
            let history = Arc::new(collector.done(&config, &lines, left_out));
            let mut remembered = remembered.lock().unwrap_or_else(PoisonError::into_inner);
            if remembered.len() >= MAX_REMEMBERED {
                remembered.remove(0);
            }
            remembered.push((key, Arc::clone(&history)));
            history
        });
        read.await.ok()
    }

    fn known(&self, key: &Key) -> Option<Arc<History>> {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.iter().find(|(known, _)| known == key).map(|(_, history)| Arc::clone(history))
    }
}

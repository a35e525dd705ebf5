//! Asks the machine's resolver, in the background.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::wait_s;

/// Look-ups under way at once; each occupies a thread of the blocking pool.
const AT_ONCE: usize = 8;
/// A look-up that takes longer has failed.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Keeps looking up the names in `wanted` (sorted) until the receiver of `answers` is gone.
///
/// Safe to cancel anywhere: it owns nothing but timers.
pub async fn run(mut wanted: watch::Receiver<Vec<Arc<str>>>, answers: mpsc::Sender<(Arc<str>, Vec<IpAddr>)>) {
    // When each name is due next, and its failures in a row.
    let mut due: BTreeMap<Arc<str>, (Instant, u32)> = BTreeMap::new();
    let mut under_way: JoinSet<(Arc<str>, Vec<IpAddr>)> = JoinSet::new();
    adopt(&mut due, &wanted.borrow_and_update());
    loop {
        let next = due.values().map(|(at, _)| *at).min();
        let idle = under_way.len() >= AT_ONCE || next.is_none();
        tokio::select! {
            changed = wanted.changed() => {
                if changed.is_err() {
                    return;
                }
                let names = wanted.borrow_and_update().clone();
                adopt(&mut due, &names);
            }
            Some(done) = under_way.join_next() => {
                let Ok((name, addresses)) = done else { continue };
                if let Some((at, failures)) = due.get_mut(&name) {
                    *failures = if addresses.is_empty() { failures.saturating_add(1) } else { 0 };
                    *at = Instant::now() + Duration::from_secs(wait_s(*failures));
                }
                if answers.send((name, addresses)).await.is_err() {
                    return;
                }
            }
            () = tokio::time::sleep_until(next.unwrap_or_else(Instant::now)), if !idle => {
                let now = Instant::now();
                for (name, (at, _)) in due.iter_mut().filter(|(_, (at, _))| *at <= now) {
                    if under_way.len() >= AT_ONCE {
                        break;
                    }
                    *at = now + TIMEOUT * 2; // until its answer says better
                    let name = name.clone();
                    under_way.spawn(async move {
                        let looking = tokio::net::lookup_host((name.to_string(), 0));
                        let addresses = match tokio::time::timeout(TIMEOUT, looking).await {
                            Ok(Ok(found)) => found.map(|a| a.ip()).collect(),
                            Ok(Err(_)) | Err(_) => Vec::new(),
                        };
                        (name, addresses)
                    });
                }
            }
        }
    }
}

/// Names that are new are due at once; names that are gone are forgotten. `names` is sorted.
fn adopt(due: &mut BTreeMap<Arc<str>, (Instant, u32)>, names: &[Arc<str>]) {
    due.retain(|name, _| names.binary_search(name).is_ok());
    for name in names {
        due.entry(name.clone()).or_insert_with(|| (Instant::now(), 0));
    }
}

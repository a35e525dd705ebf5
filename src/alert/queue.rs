//! What has to be told to which Alertmanager, and when: bounded, without doubles, no clock and no I/O.
//!
//! An alert is its labels. One that stands is told at once and again every `resend`; one that is over is
//! told as over until it is heard, and repeated for five times `resend`, because an Alertmanager that
//! restarts forgets. One that began *and* ended while nobody listened is told late: first as standing,
//! with words that say when it was, and as over one `resend` later. So nothing is lost that fits.
//!
//! ```text
//!            stands               over, heard by nobody
//!  (new) ──► Firing ──► … ──┐   ┌──► Late ──(one resend)──┐
//!              ▲ every      ▼   │                         ▼
//!              └─ resend   over ┴─ heard by somebody ──► Resolved ──► forgotten
//! ```

use std::collections::{BTreeMap, BTreeSet};

use super::message::{Alert, Labels};
use crate::clock::Now;
use crate::units::Sec;

/// So many alerts are kept, standing and over together.
pub const MOST: usize = 10_000;
/// An end that nobody has heard of is told for so long, seconds: a long weekend.
pub const KEEP_END: i64 = 7 * 86_400;
/// An alert whose condition cannot be judged any more stands for so long, seconds, and is then over.
pub const HOLD: u64 = 300;
/// An alert expires when it is not told again within so many times `resend`.
pub const EXPIRES_AFTER: i64 = 4;
/// That an alert is over is repeated for so many times `resend`.
const REPEAT_END: u64 = 5;

/// What was decided about an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The alert.
    pub alert: Alert,
    /// Whether it stands.
    pub stands: Stands,
}

/// Whether an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    /// It does, since then.
    Since(Sec),
    /// Nobody can say at present: it stands if it stood, for [`HOLD`] and these seconds.
    Perhaps(u64),
}

/// What an Alertmanager is told of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// It stands, and expires at that instant unless told again.
    Firing(Sec),
    /// It is over since that instant and is told as standing until the other, because nobody heard of it in time.
    Late(Sec, Sec),
    /// It is over since that instant.
    Resolved(Sec),
}

/// Something to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// About which alert.
    pub alert: Alert,
    /// Since when it stands, or stood.
    pub starts_at: Sec,
    /// What.
    pub news: News,
}

/// Everything that is to be told.
#[derive(Debug, Clone)]
pub struct Queue {
    most: usize,
    alerts: BTreeMap<Labels, Entry>,
    /// Base URLs of the Alertmanagers; a position here is a position in [`Entry::heard`].
    listeners: Vec<String>,
    /// Alerts of the last decision for which there was no room.
    refused: BTreeSet<Labels>,
    dropped: u64,
    changed: bool,
}

/// An alert's life.
#[derive(Debug, Clone)]
struct Entry {
    alert: Alert,
    starts_at: Sec,
    /// Monotonic instant at which it was last said to stand.
    stood_ns: u64,
    ended: Option<Sec>,
    /// Somebody heard that it stands, or stood.
    told: bool,
    heard: Vec<Option<Heard>>,
}

/// What one Alertmanager took last, and when by the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    Firing(u64),
    Late(u64),
    /// When it heard of the end first, and last.
    Resolved(u64, u64),
}

/// What is written to the disk of an alert.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Kept {
    /// The alert.
    #[serde(flatten)]
    pub alert: Alert,
    /// Since when it stands, or stood.
    pub starts_at: Sec,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Sec>,
    /// Whether somebody heard of it.
    pub told: bool,
    /// Which Alertmanagers heard that it is over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolved: Vec<String>,
}

impl Queue {
    /// Takes up what a queue before had kept. `most` alerts are kept, as a rule [`MOST`]; what is over it is dropped as ever.
    #[must_use]
    pub fn resume(kept: Vec<Kept>, most: usize, now: Now) -> Self {
        let mut queue = Self {
            most,
            alerts: BTreeMap::new(),
            listeners: Vec::new(),
            refused: BTreeSet::new(),
            dropped: 0,
            changed: false,
        };
        for kept in kept {
            for url in &kept.resolved {
                if !queue.listeners.contains(url) {
                    queue.listeners.push(url.clone());
                }
            }
            let heard = queue
                .listeners
                .iter()
                .map(|url| kept.resolved.contains(url).then_some(Heard::Resolved(now.mono_ns, now.mono_ns)));
            let entry = Entry {
                starts_at: kept.starts_at,
                stood_ns: now.mono_ns,
                ended: kept.ended,
                told: kept.told,
                heard: heard.collect(),
                alert: kept.alert,
            };
            queue.alerts.insert(entry.alert.labels.clone(), entry);
        }
        let width = queue.listeners.len();
        queue.alerts.values_mut().for_each(|entry| entry.heard.resize(width, None));
        queue.make_room();
        queue
    }

    /// What has to outlive the process.
    pub fn kept(&self) -> impl Iterator<Item = Kept> {
        self.alerts.values().map(|entry| Kept {
            alert: entry.alert.clone(),
            starts_at: entry.starts_at,
            ended: entry.ended,
            told: entry.told,
            resolved: (self.listeners.iter().zip(&entry.heard))
                .filter(|(_, heard)| matches!(heard, Some(Heard::Resolved(..))))
                .map(|(url, _)| url.clone())
                .collect(),
        })
    }

    /// Whether what is [`kept`](Self::kept) changed since this was asked last.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// These are the Alertmanagers from now on; those that stay keep what they have heard.
    pub fn listeners(&mut self, urls: &[String]) {
        if self.listeners == urls {
            return;
        }
        let before: Vec<Option<usize>> =
            urls.iter().map(|url| self.listeners.iter().position(|known| known == url)).collect();
        for entry in self.alerts.values_mut() {
            entry.heard = before.iter().map(|at| at.and_then(|at| entry.heard[at])).collect();
        }
        self.listeners = urls.to_vec();
        self.changed = true;
    }

    /// Takes a decision over everything there is: what is not in it is over.
    pub fn observe(&mut self, decided: Vec<Decided>, now: Now) {
        let width = self.listeners.len();
        let mut seen = BTreeSet::new();
        let mut fresh = BTreeSet::new();
        for Decided { alert, stands } in decided {
            let entry = self.alerts.get_mut(&alert.labels);
            match (stands, entry) {
                (Stands::Perhaps(more), Some(entry)) => {
                    let held_ns = now.mono_ns.saturating_sub(entry.stood_ns);
                    if entry.ended.is_none() && held_ns < (HOLD.saturating_add(more)).saturating_mul(1_000_000_000) {
                        seen.insert(alert.labels);
                    }
                }
                (Stands::Perhaps(_), None) => {}
                (Stands::Since(since), Some(entry)) => {
                    entry.stood_ns = now.mono_ns;
                    if let Some(ended) = entry.ended.take() {
                        // Again: a new episode, unless it turns out that the old one had never ended.
                        entry.told &= since <= ended;
                        if since > ended {
                            entry.starts_at = since;
                        }
                        entry.heard.iter_mut().for_each(|heard| *heard = None);
                        self.changed = true;
                    }
                    seen.insert(alert.labels.clone());
                    entry.alert = alert;
                }
                (Stands::Since(since), None) => {
                    seen.insert(alert.labels.clone());
                    fresh.insert(alert.labels.clone());
                    let starts_at = since.min(now.sec());
                    let (stood_ns, heard) = (now.mono_ns, vec![None; width]);
                    let entry = Entry { alert, starts_at, stood_ns, ended: None, told: false, heard };
                    self.alerts.insert(entry.alert.labels.clone(), entry);
                }
            }
        }
        for (labels, entry) in &mut self.alerts {
            if entry.ended.is_none() && !seen.contains(labels) {
                entry.ended = Some(now.sec().max(entry.starts_at));
                self.changed = true;
            }
        }
        let removed: BTreeSet<Labels> = self.make_room().into_iter().collect();
        // Whoever had no room before is counted once, not at every decision.
        let again = removed.iter().filter(|labels| fresh.contains(*labels) && self.refused.contains(*labels)).count();
        self.dropped -= (again as u64).min(self.dropped);
        self.changed |= fresh != removed;
        self.refused = removed.into_iter().filter(|labels| seen.contains(labels)).collect();
    }

    /// What is to be told to a listener now, at most so many items, the most urgent first.
    #[must_use]
    pub fn due(&self, listener: usize, now: Now, resend: u64, most: usize) -> Vec<Item> {
        let mut due: Vec<(u8, &Labels, Item)> = Vec::new();
        for (labels, entry) in &self.alerts {
            let Some((urgency, news)) = entry.news(listener, now, resend) else { continue };
            let item = Item { alert: entry.alert.clone(), starts_at: entry.starts_at, news };
            due.push((urgency * 4 + severity(&entry.alert), labels, item));
        }
        due.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)));
        due.into_iter().take(most).map(|(_, _, item)| item).collect()
    }

    /// A listener took these. What changed meanwhile stays due.
    pub fn took(&mut self, listener: usize, items: &[Item], now: Now) {
        for item in items {
            let Some(entry) = self.alerts.get_mut(&item.alert.labels) else { continue };
            let Some(heard) = entry.heard.get_mut(listener) else { continue };
            if entry.starts_at != item.starts_at {
                continue;
            }
            let told = match item.news {
                News::Firing(_) => {
                    *heard = Some(Heard::Firing(now.mono_ns));
                    true
                }
                News::Late(..) => {
                    if entry.ended.is_none() {
                        continue;
                    }
                    *heard = Some(Heard::Late(now.mono_ns));
                    false
                }
                News::Resolved(_) => {
                    if entry.ended.is_none() {
                        continue;
                    }
                    self.changed |= !matches!(heard, Some(Heard::Resolved(..)));
                    let first = match heard {
                        Some(Heard::Resolved(first, _)) => *first,
                        _ => now.mono_ns,
                    };
                    *heard = Some(Heard::Resolved(first, now.mono_ns));
                    true
                }
            };
            if told && !entry.told {
                entry.told = true;
                self.changed = true;
            }
        }
    }

    /// A listener will not have it, whatever is done: it counts as told, and once as dropped. Gives whether that is news.
    pub fn refused(&mut self, listener: usize, item: &Item, now: Now) -> bool {
        let entry = self.alerts.get(&item.alert.labels);
        let news = entry.is_some_and(|entry| entry.heard.get(listener).is_some_and(Option::is_none));
        self.dropped += u64::from(news);
        self.took(listener, std::slice::from_ref(item), now);
        news
    }

    /// Forgets what is over and was told, and what is over for too long.
    pub fn forget(&mut self, now: Now, resend: u64) {
        let before = self.alerts.len();
        let repeat_ns = (resend * REPEAT_END).saturating_mul(1_000_000_000);
        let mut dropped = 0;
        self.alerts.retain(|_, entry| {
            let Some(ended) = entry.ended else { return true };
            let done = |heard: &Option<Heard>| match heard {
                Some(Heard::Resolved(first, _)) => now.mono_ns.saturating_sub(*first) >= repeat_ns,
                _ => false,
            };
            if entry.heard.iter().all(done) && !entry.heard.is_empty() {
                return false;
            }
            let too_old = now.sec().since(ended) > KEEP_END;
            if too_old && !entry.heard.iter().all(|heard| matches!(heard, Some(Heard::Resolved(..)))) {
                dropped += 1;
            }
            !too_old
        });
        self.dropped += dropped;
        self.changed |= self.alerts.len() != before;
    }

    /// Alerts of which some listener has not heard the latest.
    #[must_use]
    pub fn waiting(&self) -> usize {
        let current = |entry: &Entry, heard: &Option<Heard>| match (entry.ended, heard) {
            (None, Some(Heard::Firing(_))) | (Some(_), Some(Heard::Resolved(..))) => true,
            (_, None) | (None, Some(_)) | (Some(_), Some(_)) => false,
        };
        self.alerts.values().filter(|entry| !entry.heard.iter().all(|heard| current(entry, heard))).count()
    }

    /// Alerts that stand.
    #[must_use]
    pub fn standing(&self) -> usize {
        self.alerts.values().filter(|entry| entry.ended.is_none()).count()
    }

    /// Since when an alert stands; `None` when it does not.
    #[must_use]
    pub fn stands_since(&self, labels: &Labels) -> Option<Sec> {
        self.alerts.get(labels).filter(|entry| entry.ended.is_none()).map(|entry| entry.starts_at)
    }

    /// Alerts dropped, since start.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Keeps to the bound; gives whom it cost. First goes what is over and heard of, then what is over, the oldest
    /// first; then what stands, by severity, the youngest first: an outage of everything at once keeps its causes.
    fn make_room(&mut self) -> Vec<Labels> {
        let over = self.alerts.len().saturating_sub(self.most);
        if over == 0 {
            return Vec::new();
        }
        let mut order: Vec<(u8, i64, Labels)> = self
            .alerts
            .iter()
            .map(|(labels, entry)| match entry.ended {
                Some(ended) => (u8::from(!entry.told), ended.0, labels.clone()),
                None => (5 - severity(&entry.alert), -entry.starts_at.0, labels.clone()),
            })
            .collect();
        order.sort();
        order.truncate(over);
        for (_, _, labels) in &order {
            let all_heard = self.alerts.remove(labels).is_some_and(|entry| {
                !entry.heard.is_empty() && entry.heard.iter().all(|heard| matches!(heard, Some(Heard::Resolved(..))))
            });
            self.dropped += u64::from(!all_heard);
        }
        order.into_iter().map(|(_, _, labels)| labels).collect()
    }
}

impl Entry {
    /// What is to be told to a listener now, and how urgent it is: 0 what is new, 1 what is over, 2 what is repeated.
    fn news(&self, listener: usize, now: Now, resend: u64) -> Option<(u8, News)> {
        let resend_ns = resend.saturating_mul(1_000_000_000);
        let due = |last_ns: u64| now.mono_ns.saturating_sub(last_ns) >= resend_ns;
        let expires = now.sec().plus(i64::try_from(resend).unwrap_or(i64::MAX / 8) * EXPIRES_AFTER);
        let heard = *self.heard.get(listener)?;
        match (self.ended, heard) {
            (None, Some(Heard::Firing(last))) => due(last).then_some((2, News::Firing(expires))),
            (None, None | Some(Heard::Late(_) | Heard::Resolved(..))) => Some((0, News::Firing(expires))),
            (Some(ended), None) if !self.told => Some((0, News::Late(ended, expires))),
            (Some(ended), Some(Heard::Late(last))) => due(last).then_some((1, News::Resolved(ended))),
            (Some(ended), None | Some(Heard::Firing(_))) => Some((1, News::Resolved(ended))),
            (Some(ended), Some(Heard::Resolved(_, last))) => due(last).then_some((2, News::Resolved(ended))),
        }
    }
}

/// Critical first.
fn severity(alert: &Alert) -> u8 {
    match alert.labels.get("severity").map(String::as_str) {
        Some("critical") => 0,
        Some("warning") => 1,
        _ => 2,
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;

//! Reads the evidence for a replay. Blocks: for a thread of its own.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::{Facts, Past, Replay, Wanted};
use crate::config::Config;
use crate::daemon::core::figures::Cut;
use crate::evidence::client::{Query, Reader};
use crate::evidence::file::store::StoreError;
use crate::evidence::names::Names;
use crate::evidence::rollup::Grain;
use crate::units::{Sec, Span};

/// What the evidence of a directory says of the month that `now` is in.
///
/// Ends early, with what it has so far, when `cancelled`: for whoever does not want it any more.
///
/// # Errors
/// The directory or one of its files cannot be opened. No evidence at all is no error.
pub fn read(
    dir: &Path,
    config: &Config,
    now: Sec,
    wanted: Wanted,
    cancelled: &CancellationToken,
) -> Result<Past, StoreError> {
    let reader = match Reader::open(dir) {
        Ok(reader) => reader,
        Err(StoreError::Nothing(_)) => {
            return Ok(Replay::new(config, &Facts::default(), now, now, wanted).finish(Vec::new()));
        }
        Err(error) => return Err(error),
    };
    let mut facts = Facts::default();
    reader.facts(|stored| facts.take(&stored.record));
    let extent = reader.extent();
    let names = Names::of(config);
    let mut replay = Replay::new(config, &facts, extent.map_or(now, |e| e.from), now, wanted);
    let spans = [(replay.before(), Grain::Day), (replay.month(), replay.grain())];
    for (span, coarsest) in spans {
        let Some(span) = extent.and_then(|extent| extent.intersect(span)) else { continue };
        for span in days(span) {
            if cancelled.is_cancelled() {
                break;
            }
            reader.rows(Query { span, coarsest, names: &names, only: None }, |chunk| {
                let cuts = replay.chunk(chunk);
                look_closer(&reader, &names, &mut replay, &cuts);
            });
        }
    }
    let cuts = replay.end(wanted.restart.then_some(now));
    look_closer(&reader, &names, &mut replay, &cuts);
    let damages = reader.damages().iter().map(ToString::to_string).collect();
    Ok(replay.finish(damages))
}

/// A span cut at the days' (UTC) ends.
fn days(span: Span) -> impl Iterator<Item = Span> {
    let mut from = span.from;
    std::iter::from_fn(move || {
        let day = Span::new(from, span.to.min(Grain::Day.floor(from).plus(Grain::Day.seconds())));
        from = day.to;
        (!day.is_empty()).then_some(day)
    })
}

/// Counts the minutes of stretches that did not count as a whole.
fn look_closer(reader: &Reader, names: &Names, replay: &mut Replay<'_>, cuts: &[Cut]) {
    for cut in cuts {
        let query = Query { span: cut.span, coarsest: Grain::Minute, names, only: Some(&cut.components) };
        reader.rows(query, |minute| replay.minute(cut, minute.span, &minute.rows));
    }
    replay.settled();
}

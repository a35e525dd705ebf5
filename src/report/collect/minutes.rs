//! `minutes.csv.zst`: every minute of the month for analysts; of a large contract, every hour.

use super::rounds::source_of;
use super::{Asked, driver};
use crate::evidence::client::{Query, Reader};
use crate::evidence::rollup::Grain;
use crate::report::csv::{self, Minute};
use crate::report::journal::Source;

/// Most minutes that are listed. Beyond, hours are: 10,000 series would be 446 million lines, some 7 GB.
pub(super) const MOST: u64 = 20_000_000;

/// Lines that are handed on together, bytes.
const BATCH: usize = 1 << 20;

/// The file, compressed beside the reading. In memory: its own size, and some batches of [`BATCH`].
pub(super) fn file(asked: &Asked<'_>, reader: &mut Reader) -> Vec<u8> {
    let span = asked.span();
    let minutes = asked.history.month_span.seconds() / 60;
    let series = u64::try_from(asked.series()).unwrap_or(u64::MAX);
    let grain = if series.saturating_mul(minutes) > MOST { Grain::Hour } else { Grain::Minute };
    let config = asked.config;
    driver::compressed(|hand_on| {
        let mut lines = Vec::with_capacity(BATCH + 256);
        lines.extend_from_slice(csv::header(grain == Grain::Hour));
        let only = asked.components();
        let query = Query { span, coarsest: grain, names: asked.names, only: Some(&only) };
        reader.rows(query, |chunk| {
            let at = chunk.span.from.to_string();
            for row in chunk.rows.iter().filter(|row| source_of(row) == Source::Ping) {
                let (rounds, replies) = (&row.tally.rounds, &row.tally.replies);
                let answered = replies.count > 0;
                csv::minute(
                    &mut lines,
                    &at,
                    &Minute {
                        at: chunk.span.from,
                        component: config.components[row.component.get()].id.as_str(),
                        class: config.classes[row.class.get()].id.as_str(),
                        sent: u64::from(rounds.replies()) + u64::from(rounds.lost()),
                        lost: u64::from(rounds.lost()),
                        not_measured: u64::from(rounds.not_measured()),
                        rtt_count: u64::from(replies.count),
                        rtt_sum_us: replies.sum_us,
                        rtt_min_us: answered.then_some(u64::from(replies.min.0)),
                        rtt_max_us: answered.then_some(u64::from(replies.max.0)),
                        jitter_us: replies.jitter_sum_us.checked_div(u64::from(replies.jitter_minutes)),
                    },
                );
                if lines.len() >= BATCH {
                    hand_on(std::mem::replace(&mut lines, Vec::with_capacity(BATCH + 256)));
                }
            }
        });
        hand_on(lines);
    })
}

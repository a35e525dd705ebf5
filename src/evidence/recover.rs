//! How a span of time is put together again from days, hours and minutes.

use super::rollup::Grain;
use crate::measurement::minute::Row;
use crate::units::{Sec, Span};

/// A day, hour or minute to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// How long it is.
    pub grain: Grain,
    /// Its first second.
    pub start: Sec,
}

impl Piece {
    /// When it is.
    #[must_use]
    pub fn span(self) -> Span {
        Span::new(self.start, self.start.plus(self.grain.seconds()))
    }
}

/// The fewest pieces, none coarser than `coarsest`, that cover `span`, in time order.
///
/// Edges inside a minute are widened to the minute.
pub fn pieces(span: Span, coarsest: Grain) -> impl Iterator<Item = Piece> {
    let mut at = Grain::Minute.floor(span.from);
    let end = Grain::Minute.floor(span.to.plus(Grain::Minute.seconds() - 1));
    std::iter::from_fn(move || {
        let fits = |grain: &Grain| *grain <= coarsest && grain.floor(at) == at && at.plus(grain.seconds()) <= end;
        let grain = [Grain::Day, Grain::Hour, Grain::Minute].into_iter().find(fits)?;
        let piece = Piece { grain, start: at };
        at = at.plus(grain.seconds());
        Some(piece)
    })
}

/// All that is known of a piece of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// When it is.
    pub span: Span,
    /// In order of component and class, one for each that has rounds.
    pub rows: Vec<Row>,
}

/// Evidence that is there but cannot be believed or read; the time that only it covers is unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub file: String,
    /// The record, when it is known.
    pub seq: Option<u64>,
    /// The time that it was about, when it is known.
    pub span: Option<Span>,
    /// What is wrong, in words.
    pub problem: String,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.file)?;
        if let Some(seq) = self.seq {
            write!(f, ", record {seq}")?;
        }
        if let Some(span) = self.span {
            write!(f, " ({} to {})", span.from, span.to)?;
        }
        write!(f, ": {}", self.problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_in_another_zone_is_days_with_hours_and_minutes_at_its_edges() {
        // Half past six in the evening, UTC, is midnight in Kolkata.
        let from = 86_400 - 5 * 3_600 - 1_800;
        let span = Span::new(Sec(from), Sec(from + 3 * 86_400));
        let found: Vec<_> = pieces(span, Grain::Day).collect();
        let count = |grain| found.iter().filter(|p| p.grain == grain).count();
        assert_eq!((count(Grain::Day), count(Grain::Hour), count(Grain::Minute)), (2, 5 + 18, 30 + 30));
        let joined = found.windows(2).all(|w| w[0].span().to == w[1].span().from);
        assert!(joined && found[0].start == span.from && found[found.len() - 1].span().to == span.to);
    }

    #[test]
    fn edges_are_widened_to_the_minute_and_nothing_is_coarser_than_asked() {
        let found: Vec<_> = pieces(Span::new(Sec(61), Sec(7_201)), Grain::Hour).collect();
        assert_eq!(found.first(), Some(&Piece { grain: Grain::Minute, start: Sec(60) }));
        assert_eq!(found.last(), Some(&Piece { grain: Grain::Minute, start: Sec(7_200) }));
        assert_eq!(found.len(), 59 + 1 + 1);
        assert!(pieces(Span::new(Sec(0), Sec(86_400)), Grain::Minute).all(|p| p.grain == Grain::Minute));
        assert_eq!(pieces(Span::new(Sec(60), Sec(60)), Grain::Day).count(), 0);
    }
}

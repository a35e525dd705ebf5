//! What is kept: chained, append-only, replayable.

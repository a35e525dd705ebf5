//! What runs: driver, supervisor, signals.

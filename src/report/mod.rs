//! The monthly evidence pack.

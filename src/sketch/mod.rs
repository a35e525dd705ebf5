//! A mergeable log-linear histogram of round-trip times, pure.

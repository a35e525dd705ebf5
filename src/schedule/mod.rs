//! Who is due when: spread evenly, aligned to wall time, never a burst.

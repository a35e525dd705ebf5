//! The product's heart, pure: from rounds to seconds, from seconds to verdicts.

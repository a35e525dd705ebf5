//! Inline SVG for pages and reports.

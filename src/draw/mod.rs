//! Inline SVG for pages and reports.
pub mod bar;
pub mod palette;
pub mod timeline;

//! Drawings for pages and reports: a list of shapes and texts that becomes SVG or PDF.
//!
//! A [`Drawing`](drawing::Drawing) is made once and shown twice: as inline SVG in HTML and as
//! vector graphics in the PDF. Nothing is told by colour alone: every drawing must read in black
//! and white.

pub mod badge;
pub mod bar;
pub mod chart;
pub mod drawing;
pub mod line;
pub mod month;
pub mod palette;
pub mod panel;
pub mod spark;
pub mod text;
pub mod timeline;
pub mod tree;

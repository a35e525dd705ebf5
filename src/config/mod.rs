//! Configuration: texts → one layered tree → every problem → values that cannot be wrong.
//!
//! ```text
//! files, includes, estates, environment ─► load ─► file, estate ─► check ─► model::Config
//!                                                                    └────► problem::Problem …
//! ```

pub mod model;
pub mod problem;

pub mod check;
pub mod load;

mod canonical;
pub mod estate;
pub mod file;
pub mod holidays;
pub mod parse;
pub mod reader;
pub mod this_machine;
pub mod web;
mod yaml;

pub use check::{Loaded, Mode};
pub use load::{find, load, parse_str, this_machine};
pub use model::Config;
pub use problem::Problem;

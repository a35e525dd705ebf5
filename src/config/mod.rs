//! Configuration: serde mirror → every problem → values that cannot be wrong.

pub mod model;

pub use model::Config;

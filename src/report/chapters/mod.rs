//! The chapters of the human documents, each a function of the model.
pub mod cover;
pub mod credits;
pub mod exclusions;
pub mod faults;
pub mod health;
pub mod method;
pub mod outages;
pub mod quality;
pub mod scorecard;
pub mod timeline;
pub mod voice;

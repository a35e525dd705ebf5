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

/// The chapters' titles, in order.
pub const TITLES: [&str; 10] = [
    scorecard::TITLE,
    outages::TITLE,
    faults::TITLE,
    timeline::TITLE,
    quality::TITLE,
    voice::TITLE,
    exclusions::TITLE,
    credits::TITLE,
    health::TITLE,
    method::TITLE,
];

/// Where another chapter sends a reader, as in `chapter 5`.
#[must_use]
pub fn reference(title: &str) -> String {
    let number = TITLES.iter().position(|t| *t == title).map_or(0, |n| n + 1);
    format!("chapter {number}")
}

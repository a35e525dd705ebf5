//! stub until merge
use crate::cli::ConfigFile;
/// x
pub fn run(_: &ConfigFile) -> super::Outcome { Ok(std::process::ExitCode::SUCCESS) }

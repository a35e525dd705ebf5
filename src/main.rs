//! The `assured` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    // The lab's helper enters a user namespace, which a process may only do while it has one thread.
    if let Some(code) = assured::lab::server::run_if_asked() {
        return code;
    }
    ExitCode::SUCCESS
}

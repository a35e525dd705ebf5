# What people type while working on assured. `just` alone lists the recipes.

_default:
    @just --list

# Everything that CI runs.
verify:
    ./tests/run

# Format the code.
format:
    cargo fmt --all

# The demo estate, with its page on http://127.0.0.1:9878
demo *ARGS:
    cargo run --release -- demo {{ARGS}}

# Measure ourselves beside named peers, in the same run: `just bench icmp`, `just bench evidence`.
bench WHAT:
    ./bench/{{WHAT}}.sh

# Feed every decoder mutated input for a minute each.
fuzz SECONDS="60":
    ./probes/fuzz/run {{SECONDS}}

# Rewrite the golden files after a deliberate change; read the diff before committing it.
golden:
    UPDATE_GOLDEN=1 cargo test --test check
    ASSURED_BLESS=1 cargo test --test report --test report_documents

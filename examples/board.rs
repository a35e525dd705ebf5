//! Serves a hand-made estate on 127.0.0.1:9879, to look at pages without a network:
//! `cargo run --example board [council|calm|hostile|empty|large [TARGETS]|crowded [TARGETS]]`.

#[path = "../tests/support/mod.rs"]
mod support;

use std::sync::Arc;

use support::estate;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let which = std::env::args().nth(1).unwrap_or_default();
    let targets = std::env::args().nth(2).and_then(|n| n.parse().ok()).unwrap_or(2_000);
    let snapshot = Arc::new(match which.as_str() {
        "calm" => estate::calm(),
        "hostile" => estate::hostile(),
        "empty" => estate::empty(),
        "large" => estate::large(targets),
        "crowded" => estate::crowded(targets),
        _ => estate::council(),
    });
    let address = std::env::var("ADDRESS").unwrap_or_else(|_| "127.0.0.1:9879".to_owned());
    let listener = tokio::net::TcpListener::bind(address).await?;
    let (source, questions) = assured::http::Source::new();
    tokio::spawn(support::answer(questions, Arc::default(), move |_| Arc::clone(&snapshot)));
    assured::http::serve(listener, source, std::future::pending()).await
}

//! Pages that only say something to those who were refused: they need no other file, which would be refused as well.

use std::sync::LazyLock;

use askama::Template;
use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::made;

/// All the style that they have; the policy allows it by its hash.
const STYLE: &str = "body{font:1.05rem/1.5 system-ui,sans-serif;max-width:40rem;margin:12vh auto;padding:0 1.25rem}\
h1{font-size:1.6rem;line-height:1.2}";

#[derive(Template)]
#[template(path = "page/words.html")]
struct Words {
    title: &'static str,
    words: &'static [&'static str],
    link: (&'static str, &'static str),
}

/// What may happen on these pages: nothing but their style.
pub static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).expect("letters, digits and quotes")
});

/// For those who have given no password, or a wrong one.
#[must_use]
pub fn unauthorized() -> String {
    made(&Words {
        title: "Name and password, please",
        words: &[
            "These pages are for those who have a name and a password here. Your browser asks for them when you load the page again.",
            "You have none, or they do not work? Whoever runs this monitor keeps them in basic_auth_users of its web configuration.",
        ],
        link: ("/", "Try again"),
    })
}

/// For those who may look at the pages, but are not known.
#[must_use]
pub fn stranger() -> String {
    made(&Words {
        title: "Evidence packs are for those who are known",
        words: &[
            "They have money in them, and nobody here knows who you are: you have shown no password and no certificate.",
            "Set basic_auth_users or client certificates in the file that monitor.web_config_file names. Without them packs are shown on the machine itself only, where monitor.listen is a loopback address, and not through a proxy.",
        ],
        link: ("/", "To the status board"),
    })
}

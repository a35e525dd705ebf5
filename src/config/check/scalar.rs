//! Parsers of single values for the [`reader`](crate::config::reader), each with its own words of help.

use std::time::Duration;

use config::ValueKind;
use jiff::civil::Date;

use crate::config::model::{Codec, Host};
use crate::config::parse;
use crate::config::problem::did_you_mean;
use crate::config::reader::{Node, Wanted};
use crate::names::Id;
use crate::units::{Dscp, Money, Sec, Share};

type Read<T> = Result<T, Wanted>;

/// Longest text accepted where people write freely, in bytes.
const MAX_TEXT: usize = 256;

/// Any text, of reasonable length, without control characters.
pub fn text(n: &Node<'_>) -> Read<String> {
    let read = match &n.value.kind {
        ValueKind::String(s) => s.clone(),
        // Variables and CSV cells have no types: a number there may well be a reference or a name.
        ValueKind::I64(i) => i.to_string(),
        _ => return Err(Wanted::new("text", "write it in quotes")),
    };
    let fits = !read.trim().is_empty() && read.len() <= MAX_TEXT && !read.chars().any(char::is_control);
    fits.then_some(read)
        .ok_or_else(|| Wanted::new("a usable text", format!("give 1 to {MAX_TEXT} characters without line breaks")))
}

fn quoted<'v>(n: &Node<'v>, wanted: impl FnOnce() -> Wanted) -> Read<&'v str> {
    n.text().ok_or_else(wanted)
}

/// A duration.
pub fn duration(n: &Node<'_>) -> Read<Duration> {
    let wanted =
        || Wanted::new("a duration", "write a number with its unit, such as \"250ms\", \"30s\", \"5h\" or \"2d\"");
    parse::duration(quoted(n, wanted)?).ok_or_else(wanted)
}

/// A duration in whole seconds.
pub fn seconds(n: &Node<'_>) -> Read<u64> {
    let d = duration(n)?;
    if d.subsec_nanos() != 0 {
        return Err(Wanted::new(
            "a whole number of seconds",
            "accounts are kept in whole seconds; write \"1s\" or more",
        ));
    }
    Ok(d.as_secs())
}

/// A percentage.
pub fn share(n: &Node<'_>) -> Read<Share> {
    let wanted = || {
        Wanted::new(
            "a percentage",
            "write it in quotes with its sign, \"0%\" to \"100%\", at most six decimals: \"99.95%\"",
        )
    };
    parse::share(quoted(n, wanted)?).ok_or_else(wanted)
}

/// A mean opinion score, in ten-thousandths; a bare number will do.
pub fn mos(n: &Node<'_>) -> Read<u32> {
    let wanted =
        || Wanted::new("a mean opinion score", "write a number from \"1.0\" to \"5.0\", at most four decimals");
    let text = match &n.value.kind {
        ValueKind::String(s) => s.clone(),
        ValueKind::Float(f) => f.to_string(),
        ValueKind::I64(i) => i.to_string(),
        _ => return Err(wanted()),
    };
    parse::mos(&text).ok_or_else(wanted)
}

/// An amount of money.
pub fn money(n: &Node<'_>) -> Read<Money> {
    let wanted = || Wanted::new("an amount of money", "write the currency and the amount: \"GBP 500.00\"");
    parse::money(quoted(n, wanted)?).ok_or_else(wanted)
}

/// A day.
pub fn date(n: &Node<'_>) -> Read<Date> {
    let wanted = || Wanted::new("a day that exists", "write year, month and day: 2026-04-01");
    parse::date(quoted(n, wanted)?).ok_or_else(wanted)
}

/// An instant.
pub fn instant(n: &Node<'_>) -> Read<Sec> {
    let wanted = || Wanted::new("an instant with its offset", "write it in UTC with a Z: 2026-10-24T23:00:00Z");
    parse::instant(quoted(n, wanted)?).ok_or_else(wanted)
}

/// An identifier.
pub fn id(n: &Node<'_>) -> Read<Id> {
    let wanted = |help: String| Wanted::new("an identifier", help);
    let text = n.text().ok_or_else(|| wanted("write an identifier in quotes".into()))?;
    Id::new(text).map_err(|e| wanted(e.to_string()))
}

/// A whole number within bounds.
pub fn integer(n: &Node<'_>, low: i64, high: i64) -> Read<i64> {
    let wanted = || Wanted::new(format!("a whole number from {low} to {high}"), "write it without quotes");
    match n.value.kind {
        ValueKind::I64(i) if (low..=high).contains(&i) => Ok(i),
        ValueKind::I64(_) => Err(Wanted::new(format!("from {low} to {high}"), "choose a number within these bounds")),
        _ => Err(wanted()),
    }
}

/// `true` or `false`.
pub fn boolean(n: &Node<'_>) -> Read<bool> {
    match n.value.kind {
        ValueKind::Boolean(b) => Ok(b),
        _ => Err(Wanted::new("true or false", "write true or false without quotes")),
    }
}

/// One of a few names.
pub fn choice<T: Copy>(n: &Node<'_>, names: &[(&str, T)]) -> Read<T> {
    let list = || names.iter().map(|(name, _)| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    let wanted = |near: Option<&str>| {
        let help = near.map_or_else(|| format!("choose one of {}", list()), |near| format!("did you mean \"{near}\"?"));
        Wanted::new("known here", help)
    };
    let text = n.text().ok_or_else(|| wanted(None))?;
    names
        .iter()
        .find(|(name, _)| *name == text)
        .map(|&(_, v)| v)
        .ok_or_else(|| wanted(did_you_mean(text, names.iter().map(|(name, _)| *name))))
}

/// A code point: name or number.
pub fn dscp(n: &Node<'_>) -> Read<Dscp> {
    let wanted = |near: Option<&str>| {
        let help = near.map_or_else(
            || "choose a name such as \"EF\", \"AF31\", \"CS1\" or \"DF\", or a number from 0 to 63".to_owned(),
            |near| format!("did you mean \"{near}\"?"),
        );
        Wanted::new("a DSCP", help)
    };
    match &n.value.kind {
        ValueKind::I64(i) => u8::try_from(*i).ok().and_then(Dscp::new).ok_or_else(|| wanted(None)),
        ValueKind::String(s) => {
            Dscp::parse(s).ok_or_else(|| wanted(did_you_mean(s, Dscp::NAMES.iter().map(|(name, _)| *name))))
        }
        _ => Err(wanted(None)),
    }
}

/// A codec.
pub fn codec(n: &Node<'_>) -> Read<Codec> {
    choice(
        n,
        &[
            ("G.711", Codec::G711),
            ("G.711-no-PLC", Codec::G711NoPlc),
            ("G.729A", Codec::G729a),
            ("G.729", Codec::G729),
            ("G.723.1", Codec::G7231),
            ("GSM-EFR", Codec::GsmEfr),
            ("G.726-32", Codec::G72632),
            ("G.722", Codec::G722),
        ],
    )
}

/// Where probes go.
pub fn host(n: &Node<'_>) -> Read<Host> {
    let wanted =
        || Wanted::new("an address or a host name", "write an IPv4 or IPv6 address or a DNS name, without a port");
    parse::host(quoted(n, wanted)?).ok_or_else(wanted)
}

//! Texts of the configuration made into exact values: durations, percentages, money, days, hours, hosts.
//!
//! Every parser answers `None` for anything it does not fully understand; what to say about it is
//! the caller's.

use std::net::IpAddr;
use std::time::Duration;

use jiff::civil::Date;

use super::model::Host;
use crate::units::{Money, Sec, Share};

/// Longest duration accepted, seconds: ten years.
const MAX_DURATION_S: u64 = 10 * 366 * 86_400;

/// A duration such as `250ms`, `1s`, `5h` or `1h30m`. Units: `us ms s m h d w`.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut micros: u64 = 0;
    let mut last_unit = u64::MAX;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let unit: u64 = match &rest[..letters] {
            "us" => 1,
            "ms" => 1_000,
            "s" => 1_000_000,
            "m" | "min" => 60_000_000,
            "h" => 3_600_000_000,
            "d" => 86_400_000_000,
            "w" => 7 * 86_400_000_000,
            _ => return None,
        };
        if unit >= last_unit {
            return None;
        }
        last_unit = unit;
        rest = &rest[letters..];
        micros = micros.checked_add(number.checked_mul(unit)?)?;
    }
    (micros <= MAX_DURATION_S * 1_000_000).then(|| Duration::from_micros(micros))
}

/// A duration as an operator would write it.
#[must_use]
pub fn show_duration(d: Duration) -> String {
    let micros = u64::try_from(d.as_micros()).unwrap_or(u64::MAX);
    let units =
        [("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000), ("us", 1)];
    let mut rest = micros;
    let mut text = String::new();
    for (name, size) in units {
        if rest >= size {
            text.push_str(&format!("{}{name}", rest / size));
            rest %= size;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

/// A decimal number without sign or exponent, scaled by ten to the power `decimals`; more decimals are refused.
fn decimal(text: &str, decimals: usize) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let all_digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || fraction.len() > decimals {
        return None;
    }
    if text.contains('.') && fraction.is_empty() {
        return None;
    }
    format!("{whole}{fraction:0<decimals$}").parse().ok()
}

/// A percentage such as `99.95%`, 0% to 100%, at most six decimals.
#[must_use]
pub fn share(text: &str) -> Option<Share> {
    let parts = decimal(text.trim().strip_suffix('%')?.trim_end(), 6)?;
    (parts <= Share::ONE.0).then_some(Share(parts))
}

/// A mean opinion score, 1.0 to 5.0 with at most four decimals, in ten-thousandths.
#[must_use]
pub fn mos(text: &str) -> Option<u32> {
    let value = decimal(text.trim(), 4)?;
    (10_000..=50_000).contains(&value).then(|| u32::try_from(value).ok()).flatten()
}

/// An amount such as `GBP 500.00`: a currency of three capital letters and at most two decimals.
#[must_use]
pub fn money(text: &str) -> Option<Money> {
    let (code, amount) = text.trim().split_once(' ')?;
    let currency: [u8; 3] = code.as_bytes().try_into().ok()?;
    if !currency.iter().all(u8::is_ascii_uppercase) {
        return None;
    }
    let minor = decimal(amount.trim_start(), 2)?;
    // A hundred thousand million: far above any bill, far below overflow when summed.
    (minor <= 10_000_000_000_000).then(|| Money { minor: i64::try_from(minor).unwrap_or(0), currency })
}

/// A day such as `2026-04-01`.
#[must_use]
pub fn date(text: &str) -> Option<Date> {
    let text = text.trim();
    (text.len() == 10).then(|| text.parse().ok()).flatten()
}

/// An instant with its offset, such as `2026-10-24T23:00:00Z`; sub-second parts are floored.
#[must_use]
pub fn instant(text: &str) -> Option<Sec> {
    let at: jiff::Timestamp = text.trim().parse().ok()?;
    Some(Sec(at.as_nanosecond().div_euclid(1_000_000_000).try_into().ok()?))
}

/// Service hours in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hours {
    /// `24x7`
    Always,
    /// `mon-fri 08:00-18:00`
    Weekly {
        /// Monday to Sunday.
        days: [bool; 7],
        /// First minute inside.
        from_minute: u16,
        /// First minute after.
        to_minute: u16,
    },
}

/// Hours such as `24x7`, `mon-fri 08:00-18:00`, `mon,wed 09:00-17:00` or `sat-sun 00:00-24:00`.
#[must_use]
pub fn hours(text: &str) -> Option<Hours> {
    let lower = text.trim().to_ascii_lowercase();
    if lower == "24x7" {
        return Some(Hours::Always);
    }
    let (days_text, times) = lower.split_once(' ')?;
    let mut days = [false; 7];
    for part in days_text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut day, last) = (weekday(first)?, weekday(last)?);
        loop {
            days[day] = true;
            if day == last {
                break;
            }
            day = (day + 1) % 7;
        }
    }
    let (from, to) = times.trim().split_once('-')?;
    let (from_minute, to_minute) = (minute_of_day(from)?, minute_of_day(to)?);
    (from_minute < to_minute).then_some(Hours::Weekly { days, from_minute, to_minute })
}

fn weekday(text: &str) -> Option<usize> {
    ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].iter().position(|d| *d == text.trim())
}

fn minute_of_day(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    if hour.len() != 2 || minute.len() != 2 {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let total = hour * 60 + minute;
    (minute < 60 && total <= 1440).then_some(total)
}

/// An address, or a host name as in RFC 1123 §2.1 (made lower case); no port.
#[must_use]
pub fn host(text: &str) -> Option<Host> {
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(Host::Address(address));
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    // A last label of digits only is a mistyped address, never a name.
    let numeric = name.rsplit('.').next().is_some_and(|l| l.bytes().all(|b| b.is_ascii_digit()));
    (name.len() <= 253 && !numeric && name.split('.').all(label)).then(|| Host::Name(name.to_ascii_lowercase().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit_and_fall_from_large_to_small() {
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(duration("1h30m"), Some(Duration::from_secs(5400)));
        assert_eq!(duration("0s"), Some(Duration::ZERO));
        assert_eq!(duration("5d"), Some(Duration::from_secs(432_000)));
        for bad in ["", "5", "5 s", "s", "-1s", "1.5s", "1s1h", "1s1s", "5x", "99999999999999999999s", "20000w"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
        assert_eq!(show_duration(Duration::from_millis(90_250)), "1m30s250ms");
        assert_eq!(show_duration(Duration::ZERO), "0s");
    }

    #[test]
    fn percentages_are_exact_to_six_decimals() {
        assert_eq!(share("99.95%"), Some(Share(99_950_000)));
        assert_eq!(share("0%"), Some(Share(0)));
        assert_eq!(share("100%"), Some(Share::ONE));
        assert_eq!(share("99.999999%"), Some(Share(99_999_999)));
        for bad in ["99.95", "100.000001%", "99.9999999%", "-1%", "1e2%", ".5%", "5.%", "%", "99,95%"] {
            assert_eq!(share(bad), None, "{bad}");
        }
    }

    #[test]
    fn money_has_a_currency_and_at_most_two_decimals() {
        assert_eq!(money("GBP 500.00").map(|m| m.minor), Some(50_000));
        assert_eq!(money("EUR 0.5").map(|m| m.minor), Some(50));
        for bad in ["500", "GBP500", "gbp 5", "GBP -5", "GBP 1.234", "POUND 5", "GBP 1,000"] {
            assert_eq!(money(bad), None, "{bad}");
        }
    }

    #[test]
    fn days_and_instants_that_do_not_exist_are_refused() {
        assert!(date("2028-02-29").is_some());
        assert_eq!(date("2026-02-29"), None);
        assert_eq!(date("2026-4-1"), None);
        assert_eq!(instant("1970-01-01T00:00:10.9Z"), Some(Sec(10)));
        assert_eq!(instant("1970-01-01T01:00:00+01:00"), Some(Sec(0)));
        assert_eq!(instant("2026-10-24T23:00:00"), None);
    }

    #[test]
    fn hours_are_days_and_two_times() {
        assert_eq!(hours("24x7"), Some(Hours::Always));
        let week = [true, true, true, true, true, false, false];
        assert_eq!(hours("mon-fri 08:00-18:00"), Some(Hours::Weekly { days: week, from_minute: 480, to_minute: 1080 }));
        let some = [true, false, true, false, false, false, false];
        assert_eq!(hours("Mon,Wed 00:00-24:00"), Some(Hours::Weekly { days: some, from_minute: 0, to_minute: 1440 }));
        let wrap = [true, false, false, false, false, true, true];
        assert!(matches!(hours("sat-mon 09:00-17:00"), Some(Hours::Weekly { days, .. }) if days == wrap));
        for bad in [
            "",
            "mon-fri",
            "mon 18:00-08:00",
            "mon 8:00-18:00",
            "mon 08:00-24:01",
            "day 08:00-09:00",
            "mon 08:60-09:00",
        ] {
            assert_eq!(hours(bad), None, "{bad}");
        }
    }

    #[test]
    fn hosts_are_addresses_or_names_and_never_nearly_addresses() {
        assert!(matches!(host("10.1.0.1"), Some(Host::Address(_))));
        assert!(matches!(host("2001:db8::1"), Some(Host::Address(_))));
        assert_eq!(host("R1.Example.NET."), Some(Host::Name("r1.example.net".into())));
        for bad in ["", "10.1.0.256", "10.1.0", "a..b", "-a", "a b", "10.0.0.1:161", "http://x"] {
            assert_eq!(host(bad), None, "{bad}");
        }
    }
}

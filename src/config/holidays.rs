//! Days off from an iCalendar file (RFC 5545): `VEVENT`s of whole days, nothing else.
//!
//! A function of bytes. Recurrence is refused rather than half understood: a calendar of public
//! holidays lists its days.

use jiff::civil::Date;

/// Largest calendar, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// Most days in all.
const MAX_DAYS: usize = 10_000;
/// Longest single event, in days.
const MAX_EVENT_DAYS: i32 = 366;

/// Why a calendar cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HolidayError {
    /// More than [`MAX_BYTES`].
    #[error("it is larger than 1 MiB")]
    TooLarge,
    /// Not UTF-8.
    #[error("it is not UTF-8 text")]
    NotText,
    /// No `BEGIN:VCALENDAR`.
    #[error("it is not an iCalendar file")]
    NotCalendar,
    /// `RRULE` or `RDATE`.
    #[error("line {0} repeats an event by rule, which is not supported")]
    Recurrence(usize),
    /// A start or end that is not a whole day.
    #[error("line {0} is not a whole day")]
    NotADay(usize),
    /// An end before the start, or further away than a year.
    #[error("the event that ends at line {0} ends before it starts, or lasts longer than a year")]
    BadLength(usize),
    /// An event without a start.
    #[error("the event that ends at line {0} has no DTSTART")]
    NoStart(usize),
    /// More than ten thousand days.
    #[error("it has more than 10,000 days")]
    TooMany,
    /// No event at all.
    #[error("it has no events")]
    Empty,
}

impl HolidayError {
    /// What would do.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Recurrence(_) => "list every year's day as an event of its own",
            Self::NotADay(_) => "write DTSTART;VALUE=DATE:20261225, without a time",
            Self::BadLength(_) | Self::NoStart(_) => {
                "give the event DTSTART;VALUE=DATE and, if it has one, a later DTEND;VALUE=DATE"
            }
            Self::TooLarge | Self::TooMany | Self::NotText | Self::NotCalendar | Self::Empty => {
                "use an .ics file of public holidays, such as the one for England and Wales on gov.uk"
            }
        }
    }
}

/// Every day of every event, in order and once.
pub fn read(bytes: &[u8]) -> Result<Vec<Date>, HolidayError> {
    if bytes.len() > MAX_BYTES {
        return Err(HolidayError::TooLarge);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| HolidayError::NotText)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !text.trim_start().starts_with("BEGIN:VCALENDAR") {
        return Err(HolidayError::NotCalendar);
    }
    let mut days = Vec::new();
    let mut event: Option<(Option<Date>, Option<Date>)> = None;
    for (number, line) in text.lines().enumerate().map(|(n, l)| (n + 1, l.trim_end())) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let property = name.split(';').next().unwrap_or_default().to_ascii_uppercase();
        match (property.as_str(), &mut event) {
            ("BEGIN", _) if value == "VEVENT" => event = Some((None, None)),
            ("END", Some((start, end))) if value == "VEVENT" => {
                push(&mut days, *start, *end, number)?;
                event = None;
            }
            ("DTSTART", Some((start, _))) => *start = Some(day(value).ok_or(HolidayError::NotADay(number))?),
            ("DTEND", Some((_, end))) => *end = Some(day(value).ok_or(HolidayError::NotADay(number))?),
            ("RRULE" | "RDATE", Some(_)) => return Err(HolidayError::Recurrence(number)),
            _ => {}
        }
    }
    if days.is_empty() {
        return Err(HolidayError::Empty);
    }
    days.sort_unstable();
    days.dedup();
    Ok(days)
}

/// The days from `start` to before `end` (RFC 5545 §3.6.1); without an end, one day.
fn push(days: &mut Vec<Date>, start: Option<Date>, end: Option<Date>, line: usize) -> Result<(), HolidayError> {
    let start = start.ok_or(HolidayError::NoStart(line))?;
    let length = match end {
        None => 1,
        Some(end) => (end - start).get_days(),
    };
    if !(1..=MAX_EVENT_DAYS).contains(&length) {
        return Err(HolidayError::BadLength(line));
    }
    let mut next = start;
    for _ in 0..length {
        if days.len() >= MAX_DAYS {
            return Err(HolidayError::TooMany);
        }
        days.push(next);
        next = next.tomorrow().map_err(|_| HolidayError::BadLength(line))?;
    }
    Ok(())
}

fn day(text: &str) -> Option<Date> {
    if text.len() != 8 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Date::new(text[..4].parse().ok()?, text[4..6].parse().ok()?, text[6..].parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(event: &str) -> Vec<u8> {
        format!("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n{event}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n").into_bytes()
    }

    #[test]
    fn an_event_covers_its_days_but_not_its_end() {
        let days = read(&calendar("DTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261227")).unwrap();
        assert_eq!(days, [jiff::civil::date(2026, 12, 25), jiff::civil::date(2026, 12, 26)]);
        assert_eq!(read(&calendar("DTSTART;VALUE=DATE:20261225")).unwrap().len(), 1);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        assert_eq!(read(b"hello"), Err(HolidayError::NotCalendar));
        assert_eq!(read(&[0xff, 0xfe]), Err(HolidayError::NotText));
        assert_eq!(read(&vec![b' '; MAX_BYTES + 1]), Err(HolidayError::TooLarge));
        assert_eq!(read(b"BEGIN:VCALENDAR\nEND:VCALENDAR"), Err(HolidayError::Empty));
        assert_eq!(read(&calendar("DTSTART:20261225T090000Z")), Err(HolidayError::NotADay(3)));
        assert_eq!(read(&calendar("DTSTART;VALUE=DATE:20260230")), Err(HolidayError::NotADay(3)));
        assert_eq!(read(&calendar("DTSTART;VALUE=DATE:20261225\nRRULE:FREQ=YEARLY")), Err(HolidayError::Recurrence(4)));
        assert_eq!(read(&calendar("SUMMARY:x")), Err(HolidayError::NoStart(4)));
        let backwards = "DTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261225";
        assert_eq!(read(&calendar(backwards)), Err(HolidayError::BadLength(5)));
        let endless = "DTSTART;VALUE=DATE:00010101\nDTEND;VALUE=DATE:99991231";
        assert_eq!(read(&calendar(endless)), Err(HolidayError::BadLength(5)));
    }
}

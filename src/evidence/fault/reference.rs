//! References that people say over the telephone: `F-C222-Q`.
//!
//! A letter for the year, the number of the fault in that year, and a check character, all in an alphabet without 0 and
//! O, 1 and I. The check is Luhn's for 32 characters: one wrong character is always noticed, two neighbours swapped
//! almost always (the one pair that is not is the first and the last of the alphabet).

/// What references are made of, by value.
pub const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
/// Characters of the number, at least.
const NUMBER: usize = 3;
/// Characters of a reference without `F` and hyphens, at most.
const LONGEST: usize = 12;

/// The reference of fault `number` (from 0) of `year`.
#[must_use]
pub fn make(year: i16, number: u64) -> String {
    let letter = |value: u64| char::from(ALPHABET[usize::try_from(value % 32).unwrap_or(0)]);
    let mut digits = Vec::new();
    let mut rest = number;
    while rest > 0 || digits.len() < NUMBER {
        digits.push(letter(rest));
        rest /= 32;
    }
    let mut body = String::from(letter(u64::from(year.unsigned_abs())));
    body.extend(digits.iter().rev());
    let check = check_of(&body);
    format!("F-{body}-{check}")
}

/// A reference as it is written, from what somebody typed or heard: any case, with or without `F` and hyphens.
///
/// # Errors
/// In words: a character that no reference has, or one that was misheard.
pub fn parse(text: &str) -> Result<String, String> {
    let plain: String =
        text.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_ascii_uppercase()).collect();
    if let Some(odd) = plain.chars().find(|c| value(*c).is_none()) {
        let hint = if matches!(odd, '0' | 'O' | '1' | 'I') { " (they have no 0, O, 1 and I)" } else { "" };
        return Err(format!("{text:?} is no reference of a fault: {odd:?} never stands in one{hint}"));
    }
    // A year's letter may be F too: what has the length of a whole reference without one is one.
    let whole = if plain.len() == NUMBER + 2 { &plain } else { plain.strip_prefix('F').unwrap_or(&plain) };
    let length = whole.len();
    if !(NUMBER + 2..=LONGEST).contains(&length) {
        return Err(format!("{text:?} is no reference of a fault: they look like F-C222-Q"));
    }
    let (body, check) = whole.split_at(length - 1);
    if check.starts_with(check_of(body)) {
        return Ok(format!("F-{body}-{check}"));
    }
    Err(format!("{text:?} was misheard or mistyped: its last character does not fit the others"))
}

fn value(c: char) -> Option<u32> {
    let place = ALPHABET.iter().position(|a| char::from(*a) == c)?;
    u32::try_from(place).ok()
}

/// Luhn's check character for an alphabet of 32: from the right, every second value counts double, as the sum of its
/// two digits to the base 32.
fn check_of(body: &str) -> char {
    let mut double = true;
    let mut sum = 0;
    for c in body.chars().rev() {
        let v = value(c).unwrap_or(0) * if double { 2 } else { 1 };
        sum += v / 32 + v % 32;
        double = !double;
    }
    char::from(ALPHABET[((32 - sum % 32) % 32) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_short_and_come_back_however_they_are_written() {
        let first = make(2026, 0);
        assert_eq!(first.len(), 8, "{first}");
        for text in [first.clone(), first.to_lowercase(), first.replace('-', ""), first.replace('-', " ")] {
            assert_eq!(parse(&text), Ok(first.clone()), "{text}");
        }
        assert_eq!(parse(&first[2..]), Ok(first), "without the F");
        assert_eq!(parse(&make(2026, 40_000)), Ok(make(2026, 40_000)), "more than three characters of number");
    }

    #[test]
    fn neighbours_in_a_year_and_years_are_different() {
        let all: std::collections::BTreeSet<String> =
            (2026..2036).flat_map(|year| (0..2_000).map(move |n| make(year, n))).collect();
        assert_eq!(all.len(), 20_000);
    }

    #[test]
    fn every_single_wrong_character_is_noticed() {
        for number in [0, 1, 31, 32, 777, 32_767] {
            let right = make(2026, number);
            for at in (2..6).chain([7]) {
                for other in ALPHABET.iter().map(|a| char::from(*a)) {
                    let mut chars: Vec<char> = right.chars().collect();
                    if chars[at] == other {
                        continue;
                    }
                    chars[at] = other;
                    let wrong: String = chars.into_iter().collect();
                    assert_ne!(parse(&wrong), Ok(right.clone()));
                    assert!(parse(&wrong).is_err_and(|e| e.contains("misheard")), "{wrong} for {right}");
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_dictated_is_refused_in_words() {
        for text in ["F-U0Z2-K", "F-UIZ2-K", "f-uo22-k", "F-U1"] {
            assert!(parse(text).is_err_and(|e| e.contains("no 0, O, 1 and I")), "{text}");
        }
        for text in ["", "F", "F-", "22", "X-77", "F-2222222222222-2", "é", "F_U222_C"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}

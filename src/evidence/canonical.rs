//! Canonical JSON: keys sorted, no spaces, UTF-8, integers only (RFC 8785 without floating point).

use std::fmt::Write as _;

use serde_json::Value;

/// Something that has no canonical form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotCanonical {
    /// A number that is not a whole one.
    #[error("the number {0} is not an integer")]
    Fraction(String),
    /// Not JSON at all, or nested too deep.
    #[error("not JSON: {0}")]
    Syntax(String),
    /// JSON, but with other bytes than its canonical ones: spaces, unsorted or doubled keys, needless escapes.
    #[error("not in canonical form")]
    Form,
}

/// The canonical text of a value.
pub fn to_string(value: &Value) -> Result<String, NotCanonical> {
    let mut text = String::new();
    write(value, &mut text)?;
    Ok(text)
}

/// Parses a text and insists that it is canonical.
pub fn parse(text: &str) -> Result<Value, NotCanonical> {
    let value: Value = serde_json::from_str(text).map_err(|e| NotCanonical::Syntax(e.to_string()))?;
    if to_string(&value)? == text { Ok(value) } else { Err(NotCanonical::Form) }
}

fn write(value: &Value, out: &mut String) -> Result<(), NotCanonical> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) if n.is_i64() || n.is_u64() => {
            let _ = write!(out, "{n}");
        }
        Value::Number(n) => return Err(NotCanonical::Fraction(n.to_string())),
        Value::String(s) => write_string(s, out),
        Value::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                write(item, out)?;
            }
            out.push(']');
        }
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            // RFC 8785 §3.2.3 sorts by UTF-16 code units.
            entries.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (n, (key, item)) in entries.into_iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                write_string(key, out);
                out.push(':');
                write(item, out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

/// Appends a JSON string with the escapes of RFC 8785 §3.2.2.2 and no others.
pub fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_nothing_is_spare() {
        let value: Value =
            serde_json::from_str(r#"{ "b": [1, -2, true, null], "a": {"z": "é\u0001\n\"\\", "y": 0} }"#).expect("json");
        let text = to_string(&value).expect("integers only");
        assert_eq!(text, r#"{"a":{"y":0,"z":"é\u0001\n\"\\"},"b":[1,-2,true,null]}"#);
        assert_eq!(parse(&text).expect("canonical"), value);
    }

    #[test]
    fn fractions_spaces_and_doubled_keys_are_refused() {
        assert_eq!(parse("1.5"), Err(NotCanonical::Fraction("1.5".into())));
        assert_eq!(parse("1e2"), Err(NotCanonical::Fraction("100.0".into())));
        assert_eq!(parse(r#"{"a": 1}"#), Err(NotCanonical::Form));
        assert_eq!(parse(r#"{"a":1,"a":1}"#), Err(NotCanonical::Form));
        assert_eq!(parse(r#""\u0041""#), Err(NotCanonical::Form));
        assert!(matches!(parse("{"), Err(NotCanonical::Syntax(_))));
        assert!(matches!(parse(&"[".repeat(100_000)), Err(NotCanonical::Syntax(_))));
    }
}

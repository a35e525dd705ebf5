//! `report.json`: the authoritative form, and back.

use super::model::Report;

/// The bytes of `report.json`: two-space indentation, keys in the model's order, a final line feed.
#[must_use]
pub fn encode(report: &Report) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(report).expect("integers, strings and lists always serialise");
    bytes.push(b'\n');
    bytes
}

/// Reads `report.json`; refuses unknown keys and a schema that this version does not know.
pub fn decode(bytes: &[u8]) -> Result<Report, String> {
    let report: Report = serde_json::from_slice(bytes).map_err(|e| format!("report.json cannot be read: {e}"))?;
    if report.schema == super::model::SCHEMA {
        Ok(report)
    } else {
        Err(format!("report.json has schema {:?}; this version reads {:?}", report.schema, super::model::SCHEMA))
    }
}

/// The first place where two JSON documents differ, in words: `services[2].seconds.down: the pack says 300, its records say 360`.
#[must_use]
pub fn first_difference(pack: &[u8], recomputed: &[u8]) -> Option<String> {
    if pack == recomputed {
        return None;
    }
    let parsed = |bytes| serde_json::from_slice::<serde_json::Value>(bytes).ok();
    match (parsed(pack), parsed(recomputed)) {
        (Some(a), Some(b)) => {
            Some(differing(&mut String::new(), &a, &b).unwrap_or_else(|| "its layout differs".into()))
        }
        _ => Some("it is not valid JSON".into()),
    }
}

fn differing(path: &mut String, a: &serde_json::Value, b: &serde_json::Value) -> Option<String> {
    use serde_json::Value::{Array, Object};
    let depth = path.len();
    match (a, b) {
        (Object(x), Object(y)) => {
            let keys: std::collections::BTreeSet<&String> = x.keys().chain(y.keys()).collect();
            for key in keys {
                if depth > 0 {
                    path.push('.');
                }
                path.push_str(key);
                let found = match (x.get(key), y.get(key)) {
                    (Some(p), Some(q)) => differing(path, p, q),
                    (Some(_), None) => Some(format!("{path}: the pack has it, its records give no such figure")),
                    _ => Some(format!("{path}: missing from the pack")),
                };
                if found.is_some() {
                    return found;
                }
                path.truncate(depth);
            }
            None
        }
        (Array(x), Array(y)) => {
            for (n, (p, q)) in x.iter().zip(y).enumerate() {
                // A list element that has a name is called by it.
                let name = p.get("id").and_then(|v| v.as_str());
                path.push_str(&name.map_or(format!("[{n}]"), |id| format!("[{id}]")));
                if let Some(found) = differing(path, p, q) {
                    return Some(found);
                }
                path.truncate(depth);
            }
            (x.len() != y.len()).then(|| format!("{path}: the pack lists {}, its records give {}", x.len(), y.len()))
        }
        _ if a == b => None,
        _ => Some(format!("{path}: the pack says {}, its records say {}", short(a), short(b))),
    }
}

fn short(value: &serde_json::Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 80 { text } else { text.chars().take(77).chain("...".chars()).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_named_by_its_path() {
        let a = br#"{"services":[{"id":"x","down":1},{"id":"y","down":2}]}"#;
        let b = br#"{"services":[{"id":"x","down":1},{"id":"y","down":3}]}"#;
        assert_eq!(first_difference(a, b).as_deref(), Some("services[y].down: the pack says 2, its records say 3"));
        assert_eq!(first_difference(a, a), None);
        assert_eq!(first_difference(b"{\"a\":1}", b"{\"a\": 1}").as_deref(), Some("its layout differs"));
    }
}

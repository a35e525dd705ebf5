//! Colours that everybody can tell apart, and words for those who see none.

use std::collections::BTreeMap;

use crate::files::dashboards;

/// What is left of linear red, green and blue: G. M. Machado and others, 2009, severity 1.0.
const EYES: [(&str, [[f64; 3]; 3]); 4] = [
    ("all colours", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    ("no red", [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    ("no green", [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    ("no blue", [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
];

fn times(m: &[[f64; 3]; 3], v: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|i| m[i].iter().zip(v).map(|(a, b)| a * b).sum())
}

fn linear(hex: &str) -> [f64; 3] {
    std::array::from_fn(|i| {
        let c = f64::from(u8::from_str_radix(&hex[1 + 2 * i..3 + 2 * i], 16).expect("a colour")) / 255.0;
        if c > 0.04045 { ((c + 0.055) / 1.055).powf(2.4) } else { c / 12.92 }
    })
}

/// OKLab (B. Ottosson, 2020), in which distances look as far as they are.
fn oklab(rgb: [f64; 3]) -> [f64; 3] {
    const TO_CONES: [[f64; 3]; 3] = [
        [0.412_221_470_8, 0.536_332_536_3, 0.051_445_992_9],
        [0.211_903_498_2, 0.680_699_545_1, 0.107_396_956_6],
        [0.088_302_461_9, 0.281_718_837_6, 0.629_978_700_5],
    ];
    const TO_LAB: [[f64; 3]; 3] = [
        [0.210_454_255_3, 0.793_617_785, -0.004_072_046_8],
        [1.977_998_495_1, -2.428_592_205, 0.450_593_709_9],
        [0.025_904_037_1, 0.782_771_766_2, -0.808_675_766],
    ];
    times(&TO_LAB, times(&TO_CONES, rgb).map(|c| c.max(0.0).cbrt()))
}

/// Colour and words of each state, as every panel that maps states has them.
fn states() -> BTreeMap<String, (String, String)> {
    let mut seen: BTreeMap<String, (String, String)> = BTreeMap::new();
    for (path, dashboard) in dashboards() {
        let text = dashboard.to_string();
        let mut found = Vec::new();
        gather(&dashboard, &mut found);
        assert!(text.contains("✖"), "{}: marks stand beside the colours", path.display());
        for options in found {
            for (value, result) in options.as_object().expect("options") {
                let looks = (
                    result["color"].as_str().expect("a colour").to_owned(),
                    result["text"].as_str().expect("words").to_owned(),
                );
                let known = seen.entry(value.clone()).or_insert_with(|| looks.clone());
                assert_eq!(*known, looks, "{}: a state looks the same everywhere", path.display());
            }
        }
    }
    seen
}

/// Every value mapping that has all five states.
fn gather<'v>(value: &'v serde_json::Value, into: &mut Vec<&'v serde_json::Value>) {
    if let Some(options) = value.get("options").filter(|o| ["1", "2", "3", "4", "5"].iter().all(|n| o.get(n).is_some()))
    {
        into.push(options);
    }
    match value {
        serde_json::Value::Array(all) => all.iter().for_each(|v| gather(v, into)),
        serde_json::Value::Object(all) => all.values().for_each(|v| gather(v, into)),
        _ => {}
    }
}

#[test]
fn the_five_states_stay_apart_for_every_kind_of_colour_blindness() {
    let states = states();
    let five: Vec<_> = ["1", "2", "3", "4", "5"].iter().map(|n| &states[*n]).collect();
    for (who, matrix) in &EYES {
        let seen: Vec<_> = five.iter().map(|(colour, _)| oklab(times(matrix, linear(colour)))).collect();
        for (n, a) in seen.iter().enumerate() {
            for (m, b) in seen.iter().enumerate().skip(n + 1) {
                let distance = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
                // Twice the difference that two neighbouring patches need to be told apart without looking for it.
                assert!(distance > 0.11, "{who}: {} and {} are {distance:.3} apart", five[n].1, five[m].1);
            }
        }
    }
}

#[test]
fn every_state_has_a_mark_of_its_own_and_a_word() {
    let states = states();
    assert_eq!(states.len(), 6, "five states, and silence");
    let marks: std::collections::BTreeSet<char> =
        ["1", "2", "3", "4", "5"].iter().map(|n| states[*n].1.chars().next().expect("a mark")).collect();
    assert_eq!(marks.len(), 5);
    assert!(marks.iter().all(|m| !m.is_alphanumeric()));
    assert!(states.values().all(|(_, text)| text.split(' ').nth(1).is_some_and(|word| word.len() > 1)));
}

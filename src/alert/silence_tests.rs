//! Silences are made once, follow their windows, and go with them.

use super::*;
use crate::config::model::Maintenance;
use crate::config::{Mode, parse_str};

const NOW: Sec = Sec(1_792_886_400); // 2026-10-25T00:00:00Z

fn config() -> Config {
    let mut text = String::from(
        "[monitor]\nvantage = \"hall [1]\"\ntime_zone = \"Europe/London\"\n\
         [contracts.c]\ntitle = \"C\"\nprovider = \"P\"\ncustomer = \"K\"\nstarts = 2000-01-01\nends = 2099-12-31\n\
         [slas.s]\navailability = \"99%\"\n[sites.here]\ntitle = \"Here\"\n\
         [devices.d]\nsite = \"here\"\naddress = \"127.0.0.1\"\n",
    );
    for service in ["a.b", "b"] {
        text +=
            &format!("[services.\"{service}\"]\nsite = \"here\"\ncontract = \"c\"\nsla = \"s\"\nrequires = \"d\"\n");
    }
    parse_str(&text, std::path::Path::new("."), Mode::Run).expect("it is valid").config
}

fn window(from: i64, to: i64, services: &[u32]) -> Maintenance {
    Maintenance {
        contract: ContractIx(0),
        services: services.iter().map(|n| ServiceIx(*n)).collect(),
        span: Span::new(NOW.plus(from), NOW.plus(to)),
        reference: "CHG-77".into(),
        notified: None,
    }
}

fn planned(windows: &[Maintenance]) -> Vec<Wanted> {
    wanted(&Config { maintenance: windows.to_vec(), ..config() }, &[], NOW)
}

/// What an Alertmanager would show of these steps.
fn obey(steps: &[Step], mut there: Vec<Found>) -> Vec<Found> {
    for step in steps {
        match step {
            Step::Put(body) => {
                let id = body["id"].as_str().map_or_else(|| format!("{:x}", there.len() + 10), str::to_owned);
                let shown = json!([{
                    "id": id, "comment": body["comment"], "createdBy": body["createdBy"], "matchers": body["matchers"],
                    "startsAt": body["startsAt"], "endsAt": body["endsAt"], "status": { "state": "active" },
                }]);
                there.retain(|f| f.id != id);
                there.extend(parse(shown.to_string().as_bytes()).unwrap());
            }
            Step::Expire(id) => there.iter_mut().filter(|f| f.id == *id).for_each(|f| f.over = true),
        }
    }
    there
}

fn step(wished: &[Wanted], there: &[Found]) -> Vec<Step> {
    steps(wished, there, "hall [1]", NOW)
}

#[test]
fn a_window_becomes_one_silence_that_names_it() {
    let wished = planned(&[window(-60, 3_600, &[0, 1])]);
    let made = step(&wished, &[]);
    let [Step::Put(body)] = made.as_slice() else { panic!("{made:?}") };
    assert_eq!(body["createdBy"], "assured");
    assert_eq!(body["endsAt"], "2026-10-25T01:00:00Z");
    assert_eq!(body["startsAt"], "2026-10-25T00:00:00Z", "a beginning in the past is refused");
    let comment = body["comment"].as_str().unwrap();
    assert!(
        comment.starts_with("Announced maintenance CHG-77, 2026-10-25 00:59:00 BST to 2026-10-25 01:00:00 GMT"),
        "{comment}"
    );
    let matchers = json!([
        { "name": "contract", "value": "c", "isRegex": false, "isEqual": true },
        { "name": "service", "value": "a\\.b|b", "isRegex": true, "isEqual": true },
    ]);
    assert_eq!(body["matchers"], matchers);
    assert_eq!(step(&wished, &obey(&made, vec![])), [], "once");
}

#[test]
fn a_window_that_moves_takes_its_silence_along_and_one_withdrawn_ends_it() {
    let there = obey(&step(&planned(&[window(600, 3_600, &[])]), &[]), vec![]);
    let later = planned(&[window(900, 7_200, &[])]);
    let moved = step(&later, &there);
    let [Step::Put(body)] = moved.as_slice() else { panic!("{moved:?}") };
    assert_eq!(body["id"], there[0].id.as_str());
    let there = obey(&moved, there);
    assert_eq!((there.len(), step(&later, &there)), (1, vec![]));
    assert_eq!(step(&[], &there), [Step::Expire(there[0].id.clone())]);
    assert_eq!(step(&[], &obey(&step(&[], &there), there.clone())), []);
}

#[test]
fn what_somebody_ended_by_hand_stays_ended_until_its_window_moves() {
    let wished = planned(&[window(-60, 3_600, &[])]);
    let mut there = obey(&step(&wished, &[]), vec![]);
    there[0].over = true;
    assert_eq!(step(&wished, &there), []);
    assert_eq!(step(&planned(&[window(-60, 4_000, &[])]), &there).len(), 1);
}

#[test]
fn silences_of_others_are_left_alone() {
    let mut there = obey(&step(&planned(&[window(-60, 3_600, &[])]), &[]), vec![]);
    there[0].author = "night shift".into();
    let mut other = there.clone();
    other[0].author = AUTHOR.into();
    other[0].comment = other[0].comment.replace("hall [1]", "depot");
    for theirs in [there, other] {
        assert_eq!(step(&[], &theirs), []);
    }
}

#[test]
fn only_agreed_exclusions_that_last_or_come_soon_are_silenced() {
    let of = |id: &str, from: i64, to: i64| ExclusionView {
        id: id.into(),
        reference: "letter 9".into(),
        services: vec![ServiceIx(1)],
        span: Span::new(NOW.plus(from), NOW.plus(to)),
    };
    let all =
        [of("X-1", -900, 0), of("X-2", -900, 1), of("X-3", HORIZON, HORIZON + 9), of("X-4", HORIZON + 1, HORIZON + 9)];
    let wished = wanted(&config(), &all, NOW);
    let comments: Vec<_> = wished.iter().map(|w| w.comment.split(',').next().unwrap()).collect();
    assert_eq!(comments, ["Agreed exclusion X-2 (letter 9)", "Agreed exclusion X-3 (letter 9)"]);
    assert!(wished[0].mark.ends_with("/exclusion/X-2]"));
}

#[test]
fn windows_of_one_change_have_silences_of_their_own() {
    let wished = planned(&[window(-60, 60, &[]), window(600, 660, &[])]);
    let there = obey(&step(&wished, &[]), vec![]);
    assert_eq!((there.len(), step(&wished, &there)), (2, vec![]));
}

#[test]
fn a_list_that_is_none_is_refused() {
    for answer in ["", "{}", "[1]", "[{\"id\":\"../x\"}]", "[{\"id\":\"a\",\"comment\":7}]", "\u{0}"] {
        assert!(parse(answer.as_bytes()).is_err(), "{answer:?}");
    }
    assert_eq!(parse(b"[]"), Ok(vec![]));
}

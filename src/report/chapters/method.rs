//! How the figures come about, in plain words, and what they cannot say.

use crate::report::document::{Block, Cell, Chapter, Table};
use crate::report::model::Report;
use crate::report::words::{Zone, grouped};

/// The chapter's title.
pub const TITLE: &str = "Method and limits";

/// The chapter.
#[must_use]
pub fn chapter(report: &Report, zone: &Zone) -> Chapter {
    let method = &report.method;
    let mut probing = Table::new(
        &[
            ("Protocol", 1.3, false),
            ("Components", 1.5, true),
            ("Every", 1.2, true),
            ("Answer within", 1.6, true),
            ("Down after", 2.0, true),
            ("Up after", 2.0, true),
        ],
        "Nothing was probed.",
    );
    for p in &method.probing {
        probing.rows.push(vec![
            Cell::text(&p.protocol),
            Cell::text(grouped(p.components)),
            Cell::Text(format!("{} s", p.interval)),
            Cell::Text(format!("{} ms", p.timeout_ms)),
            match (p.protocol.as_str(), p.down_after) {
                ("snmp", 1) => Cell::text("when the device says so"),
                (_, rounds) => Cell::Text(format!("{rounds} lost rounds")),
            },
            match (p.protocol.as_str(), p.up_after) {
                ("snmp", 1) => Cell::text("when the device says so"),
                (_, rounds) => Cell::Text(format!("{rounds} answered rounds")),
            },
        ]);
    }
    let text = |t: &str| Block::Text(t.to_owned());
    let widest = method.probing.iter().map(|p| p.interval).max().unwrap_or(0);
    Chapter {
        title: TITLE.into(),
        blocks: vec![
            Block::Heading("How up and down are decided".into()),
            text(
                "The monitor sends a small packet to every component at a fixed interval and waits for the answer. Several classes of service are probed in one round; a component is reachable when any class is answered. It goes down after the number of consecutive lost rounds given below, counted back to the first of them, and comes up after the number of consecutive answers, counted back to the first of them. Fewer in a row change nothing.",
            ),
            text(
                "Where a link's interface is polled by SNMP, what its device says of it counts as well: the link is down when either the far end does not answer or the interface says down. A statement needs no repetition, and takes effect when the device's own clock (ifLastChange) says that the state was entered. An interface that came back between two polls was down for the second before, and what lies between that and the earlier poll is unknown. A silent agent is unknown, never down; an interface that was switched off is unknown too, and proposed to be excluded.",
            ),
            text(
                "Time that no round covers, or in which the monitor itself could not measure, is unknown. It is never counted as up or down by guessing: it stands on an account of its own, the contract says what becomes of it, and below the agreed share of measured time the verdict is not proven.",
            ),
            text(
                "A service is up while the components that it requires are up, as its tree in config.toml says. It counts as up when only its resilience is lost. Everything is computed in whole seconds; percentages are truncated, never rounded up, and compared with the target as exact fractions.",
            ),
            Block::Table(probing),
            Block::Heading("How quality is measured".into()),
            Block::Text(format!(
                "Round-trip times are measured with the kernel's time stamps where it gives them. Percentiles come from a sketch whose greatest relative error is {}.{}%. Jitter is RFC 3550 §6.4.1 over consecutive round-trip times, the mean of the minutes' values; delay variation is the 99th percentile of round-trip time less the minimum (RFC 5481). Loss is the share of probes not answered in time. Voice quality is the E-model of ITU-T G.107.",
                method.sketch_error_ppm / 10_000,
                method.sketch_error_ppm / 1_000 % 10
            )),
            Block::Heading("What it cannot say".into()),
            Block::Text(format!(
                "An outage's ends are known to within one interval, at most {widest} s here; outages shorter than the interval can be missed. Where a device dates them they are known to the second, as the register says. Round trips say nothing about which direction was slow. Probes carry the code point of their class, yet may be treated otherwise than the customer's own traffic. What is measured is the path from where the monitor stands."
            )),
            Block::Heading("How to check this pack".into()),
            text(
                "Every figure follows from journal.jsonl and config.toml. The command assured verify needs only the pack: it checks the signature, every file's hash and the chain of records, computes every figure again and compares. Without it, openssl checks the signature and sha256sum the files, as docs/report.md describes; jq and any SHA-256 tool check the chain.",
            ),
            Block::Facts(vec![
                ("Software".into(), method.software.clone()),
                ("Accounting rules".into(), method.calculation.clone()),
                ("Time-zone data".into(), format!("{}, zone {}", method.tz_data, report.period.time_zone)),
                ("Period in UTC".into(), format!("{} to {}", report.period.start, report.period.end)),
                ("Evidence up to".into(), zone.moment(&report.period.as_of)),
                ("Journal head".into(), report.evidence.journal_head.clone()),
                ("Store".into(), format!("record {}, {}", report.evidence.store_sequence, report.evidence.store_head)),
                ("Configuration".into(), format!("SHA-256 {}", report.evidence.config_sha256)),
            ]),
        ],
    }
}

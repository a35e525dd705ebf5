//! Which exposition a scraper asked for (RFC 9110 §12.5.1 and §12.5.3).

/// An exposition format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text 0.0.4, which everybody reads.
    Text,
    /// OpenMetrics text 1.0.
    OpenMetrics,
    /// Prometheus protobuf, length-delimited: the one with native histograms.
    Protobuf,
}

impl Format {
    /// The value of `Content-Type`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }

    /// The format with the highest q-value in an `Accept` header; text when none is named or it cannot be read.
    ///
    /// Among equals the richer one wins: protobuf, then OpenMetrics, then text.
    #[must_use]
    pub fn accepted(accept: &str) -> Self {
        let mut best = (0, 0, Self::Text);
        for range in accept.split(',').take(MAX_RANGES) {
            let Some((format, rank)) = Self::of_range(range) else { continue };
            let quality = quality(range);
            if quality > 0 && (quality, rank) > (best.0, best.1) {
                best = (quality, rank, format);
            }
        }
        best.2
    }

    fn of_range(range: &str) -> Option<(Self, u8)> {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next()?.to_ascii_lowercase();
        let parameter = |wanted: &str| {
            let mut found = range.split(';').skip(1).filter_map(|p| p.split_once('='));
            found
                .find(|(k, _)| k.trim().eq_ignore_ascii_case(wanted))
                .map(|(_, v)| v.trim().trim_matches('"').to_owned())
        };
        match media.as_str() {
            "application/vnd.google.protobuf" => {
                let family = parameter("proto").is_none_or(|p| p == "io.prometheus.client.MetricFamily");
                let delimited = parameter("encoding").is_none_or(|e| e == "delimited");
                (family && delimited).then_some((Self::Protobuf, 3))
            }
            "application/openmetrics-text" => {
                let known = parameter("version").is_none_or(|v| v == "1.0.0" || v == "0.0.1");
                known.then_some((Self::OpenMetrics, 2))
            }
            "text/plain" => parameter("version").is_none_or(|v| v == "0.0.4").then_some((Self::Text, 1)),
            "text/*" | "*/*" => Some((Self::Text, 0)),
            _ => None,
        }
    }
}

/// Whether an `Accept-Encoding` header allows gzip.
#[must_use]
pub fn gzip_accepted(accept_encoding: &str) -> bool {
    let mut any = false;
    for coding in accept_encoding.split(',').take(MAX_RANGES) {
        let name = coding.split(';').next().unwrap_or("").trim();
        if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
            return quality(coding) > 0;
        }
        any |= name == "*" && quality(coding) > 0;
    }
    any
}

/// More ranges than this in one header are not looked at.
const MAX_RANGES: usize = 32;

/// The weight of a range in thousandths; 1000 without one, 0 when it cannot be read.
fn quality(range: &str) -> u16 {
    let weight =
        range.split(';').skip(1).filter_map(|p| p.split_once('=')).find(|(k, _)| k.trim().eq_ignore_ascii_case("q"));
    let Some((_, text)) = weight else { return 1000 };
    match text.trim().parse::<f64>() {
        Ok(q) if (0.0..=1.0).contains(&q) => (q * 1000.0).round() as u16,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_weight_wins_and_text_is_the_fallback() {
        for (accept, format) in [
            ("", Format::Text),
            ("*/*", Format::Text),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Format::Text),
            ("text/plain;version=0.0.4", Format::Text),
            ("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5", Format::OpenMetrics),
            ("application/openmetrics-text;version=1.0.0;q=0.2,text/plain;q=0.5", Format::Text),
            ("application/openmetrics-text;version=2.0.0,text/plain;q=0.1", Format::Text),
            ("application/openmetrics-text;q=0", Format::Text),
            ("application/openmetrics-text;q=rubbish", Format::Text),
            // As Prometheus 2.42 sends it with native histograms enabled.
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::Protobuf,
            ),
            ("application/vnd.google.protobuf;proto=other.Thing;encoding=delimited,text/plain;q=0.3", Format::Text),
        ] {
            assert_eq!(Format::accepted(accept), format, "{accept}");
        }
    }

    #[test]
    fn gzip_is_used_only_where_it_is_allowed() {
        assert!(gzip_accepted("gzip"));
        assert!(gzip_accepted("br, GZIP;q=0.5"));
        assert!(gzip_accepted("*"));
        assert!(!gzip_accepted(""));
        assert!(!gzip_accepted("gzip;q=0, *"));
        assert!(!gzip_accepted("identity"));
    }
}

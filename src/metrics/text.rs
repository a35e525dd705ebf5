//! From OpenMetrics 1.0 text to the Prometheus text format 0.0.4.
//!
//! Samples read the same in both. What differs are the lines that begin with `#`: 0.0.4 names
//! counters and infos with their suffix, has no types `info` and `unknown`, no units and no
//! end mark.

/// Rewrites an exposition made by prometheus-client, a run of whole lines at a time.
#[derive(Debug, Default)]
pub struct Rewriter {
    help: String,
}

impl Rewriter {
    /// Appends `lines`, rewritten, to `out`. Sample lines are copied untouched.
    pub fn push(&mut self, lines: &str, out: &mut Vec<u8>) {
        let mut rest = lines;
        while !rest.is_empty() {
            let Some(comment) = rest.strip_prefix("# ") else {
                // A newline inside a label value is escaped, so a line that begins with `#` is always a comment.
                let samples = rest.find("\n#").map_or(rest.len(), |at| at + 1);
                out.extend_from_slice(&rest.as_bytes()[..samples]);
                rest = &rest[samples..];
                continue;
            };
            let (line, after) = comment.split_once('\n').unwrap_or((comment, ""));
            rest = after;
            self.comment(line, out);
        }
    }

    fn comment(&mut self, line: &str, out: &mut Vec<u8>) {
        match line.split_once(' ') {
            // HELP stands before TYPE, and only TYPE tells what the name is here.
            Some(("HELP", told)) => told.clone_into(&mut self.help),
            Some(("TYPE", told)) => {
                let (family, kind) = told.split_once(' ').unwrap_or((told, "unknown"));
                let (suffix, kind) = match kind {
                    "counter" => ("_total", "counter"),
                    "info" => ("_info", "gauge"),
                    "unknown" => ("", "untyped"),
                    other => ("", other),
                };
                let words = self.help.strip_prefix(family).unwrap_or("");
                for part in ["# HELP ", family, suffix, words, "\n# TYPE ", family, suffix, " ", kind, "\n"] {
                    out.extend_from_slice(part.as_bytes());
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: &str = "# HELP a_seconds Says.\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\n\
                        a_seconds_total{x=\"# y\\n# z\"} 1\na_seconds_total 2\n\
                        # HELP b What.\n# TYPE b info\nb_info{v=\"1\"} 1\n\
                        # HELP c C.\n# TYPE c unknown\nc 1\n# EOF\n";
    const PLAIN: &str = "# HELP a_seconds_total Says.\n# TYPE a_seconds_total counter\n\
                         a_seconds_total{x=\"# y\\n# z\"} 1\na_seconds_total 2\n\
                         # HELP b_info What.\n# TYPE b_info gauge\nb_info{v=\"1\"} 1\n\
                         # HELP c C.\n# TYPE c untyped\nc 1\n";

    #[test]
    fn only_comments_change() {
        let mut out = Vec::new();
        Rewriter::default().push(OPEN, &mut out);
        assert_eq!(String::from_utf8(out).as_deref(), Ok(PLAIN));
    }

    #[test]
    fn it_does_not_matter_between_which_lines_the_text_is_cut() {
        let (mut out, mut rewriter) = (Vec::new(), Rewriter::default());
        OPEN.split_inclusive('\n').for_each(|line| rewriter.push(line, &mut out));
        assert_eq!(String::from_utf8(out).as_deref(), Ok(PLAIN));
    }
}

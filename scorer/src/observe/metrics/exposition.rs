//! Two formats of the same metrics, and which of them a scraper asks for.

/// A format that a scraper may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Prometheus's own text, which everything reads.
    Classic,
    OpenMetrics,
}

impl Format {
    /// The better one for a scraper that sends this `Accept` header; who asks for nothing gets the classic one.
    pub(crate) fn of(accept: &str) -> Self {
        let (mut classic, mut open) = (0.0, 0.0);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default().to_ascii_lowercase();
            let quality =
                parts.filter_map(|part| part.strip_prefix("q=")?.parse::<f64>().ok()).next();
            let quality = quality.unwrap_or(1.0);
            match &*media {
                "application/openmetrics-text" => open = quality.max(open),
                "text/plain" | "text/*" | "*/*" => classic = quality.max(classic),
                _ => {}
            }
        }
        if open > 0.0 && open >= classic { Self::OpenMetrics } else { Self::Classic }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Classic => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// OpenMetrics as the classic text, in which a family is called what its samples are called, knows no `info`, and
/// nothing marks the end.
pub(crate) fn classic(open: &str) -> String {
    let of_kind = |kind: &'static str| {
        let named =
            move |line: &'_ str| Some(line.strip_prefix("# TYPE ")?.strip_suffix(kind)?.to_owned());
        open.lines().filter_map(named).collect::<Vec<String>>()
    };
    let (counters, infos) = (of_kind(" counter"), of_kind(" info"));
    let mut text = String::with_capacity(open.len());
    for line in open.lines() {
        if line == "# EOF" || line.starts_with("# UNIT ") {
            continue;
        }
        let described = ["# HELP ", "# TYPE "].iter().find_map(|mark| {
            let (name, rest) = line.strip_prefix(mark)?.split_once(' ')?;
            if counters.iter().any(|counter| counter == name) {
                return Some(format!("{mark}{name}_total {rest}"));
            }
            let rest = if *mark == "# TYPE " { "gauge" } else { rest };
            infos.iter().any(|info| info == name).then(|| format!("{mark}{name}_info {rest}"))
        });
        text.push_str(described.as_deref().unwrap_or(line));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scraper_gets_what_it_asks_for() {
        for (accept, format) in [
            ("", Format::Classic),
            ("*/*", Format::Classic),
            ("text/plain", Format::Classic),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Format::Classic),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("Application/OpenMetrics-Text; version=1.0.0", Format::OpenMetrics),
            ("application/openmetrics-text;q=0, text/plain", Format::Classic),
            ("application/openmetrics-text;q=0.2, text/plain;q=0.9", Format::Classic),
            // What Prometheus 3 sends.
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                 application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,\
                 text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                Format::OpenMetrics,
            ),
        ] {
            assert_eq!(Format::of(accept), format, "{accept}");
        }
    }

    #[test]
    fn a_family_is_described_under_the_name_of_its_samples() {
        let open = "# HELP a A.\n# TYPE a counter\na_total 1\n# HELP b_seconds B.\n# TYPE b_seconds gauge\n\
                    # UNIT b_seconds seconds\nb_seconds 2\n# HELP c C.\n# TYPE c info\nc_info{v=\"1\"} 1\n# EOF\n";
        assert_eq!(
            classic(open),
            "# HELP a_total A.\n# TYPE a_total counter\na_total 1\n# HELP b_seconds B.\n\
             # TYPE b_seconds gauge\nb_seconds 2\n# HELP c_info C.\n# TYPE c_info gauge\nc_info{v=\"1\"} 1\n"
        );
    }
}

//! What a gate judges by: the list of `--metrics`, checked. Pure.

use std::collections::HashSet;
use std::time::Duration;

use flags::duration;
use promql::{Aggregate, Auth, Options, Question, Range};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::policy::metrics::loss::Loss;
use crate::records::slices_of::{self, By, Column};

/// A metric of the list. Which members may stand beside `of` says [`Metric::check`].
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) struct Metric {
    pub(crate) name: String,
    pub(crate) of: Of,
    /// How much worse than the champion counts as not worse: a rate ratio less one for what is counted, a difference
    /// in the metric's unit for means. Without it that of `--margin`.
    pub(crate) margin: Option<f64>,
    /// Part of alpha, relative to the other critical metrics.
    #[serde(default = "one")]
    pub(crate) weight: f64,
    #[serde(default)]
    pub(crate) role: Role,
    /// Whether a pass has to prove that it is not worse; label errors alone unless said otherwise.
    pub(crate) proof: Option<bool>,
    #[serde(default)]
    pub(crate) better: Better,
    /// Judged on their own too: a slice that is worse fails the release.
    #[serde(default)]
    pub(crate) slices: Vec<Slice>,
    /// For `latency`: an answer that takes longer is one event.
    pub(crate) slo: Option<String>,
    /// For `loss`.
    pub(crate) loss: Option<Loss>,
    /// For `events`: the topic.
    pub(crate) topic: Option<String>,
    /// For `promql`.
    pub(crate) query: Option<Query>,
}

/// Where a metric's values come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Of {
    /// Answers that differ from their label.
    LabelErrors,
    /// Records that the candidate did not answer.
    Failures,
    /// Answers that took longer than `slo`.
    Latency,
    /// What an answer loses against its label.
    Loss,
    /// The score itself: how far the two models' means are apart, up or down.
    Score,
    /// Records of a topic that bear the stream's keys.
    Events,
    /// A number that Prometheus gives.
    Promql,
}

/// What a metric may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    /// Its harm fails the release.
    #[default]
    Critical,
    /// It is shown, and decides nothing.
    Informative,
}

/// Which way is good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Better {
    #[default]
    Lower,
    Higher,
}

/// A column by which a metric is sliced.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) struct Slice {
    pub(crate) feature: Option<String>,
    /// How the values are written in which the feature is found: json where it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub(crate) format: Option<stream::Format>,
    pub(crate) header: Option<String>,
    #[serde(default)]
    pub(crate) values: Vec<String>,
    #[serde(default)]
    pub(crate) edges: Vec<f64>,
}

/// A question to Prometheus. `$candidate`, `$champion`, `$stream` and `$release` in it are replaced.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) struct Query {
    pub(crate) server: String,
    pub(crate) promql: String,
    /// A value beyond it counts against the candidate.
    pub(crate) limit: f64,
    /// The part of the answers that may lie beyond the limit.
    #[serde(default = "tenth")]
    pub(crate) tolerance: f64,
    #[serde(default = "fifteen_seconds")]
    pub(crate) every: String,
    pub(crate) range: Option<QueryRange>,
    #[serde(alias = "token-file")]
    pub(crate) token_file: Option<String>,
    pub(crate) username: Option<String>,
    #[serde(alias = "password-file")]
    pub(crate) password_file: Option<String>,
    #[serde(alias = "ca-file")]
    pub(crate) ca_file: Option<String>,
    #[serde(alias = "certificate-file")]
    pub(crate) certificate_file: Option<String>,
    #[serde(alias = "key-file")]
    pub(crate) key_file: Option<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) struct QueryRange {
    pub(crate) last: String,
    pub(crate) step: String,
    #[serde(default)]
    pub(crate) aggregate: Made,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Made {
    #[default]
    Max,
    Min,
    Mean,
    Last,
}

/// The metrics where none are named: label errors, which have to be proven, and failures to answer.
pub(crate) fn defaults() -> Vec<Metric> {
    let metric = |name: &str, of| Metric {
        name: name.to_owned(),
        of,
        margin: None,
        weight: 1.0,
        role: Role::Critical,
        proof: None,
        better: Better::Lower,
        slices: Vec::new(),
        slo: None,
        loss: None,
        topic: None,
        query: None,
    };
    vec![metric("label errors", Of::LabelErrors), metric("failures to answer", Of::Failures)]
}

/// Reads the list from its JSON text.
///
/// # Errors
/// It is none, or a metric makes no sense: what is wrong, in words.
pub(crate) fn parse(text: &str) -> Result<Vec<Metric>, String> {
    let metrics: Vec<Metric> = words::read_json(text)?;
    if metrics.is_empty() {
        return Err("the list is empty".into());
    }
    let mut names = HashSet::new();
    for metric in &metrics {
        metric.check().map_err(|why| format!("metric `{}`: {why}", metric.name))?;
        if !names.insert(&metric.name) {
            return Err(format!("two metrics are named `{}`", metric.name));
        }
    }
    if metrics.iter().all(|metric| metric.role == Role::Informative) {
        return Err("no metric is critical, so nothing could fail a release".into());
    }
    Ok(metrics)
}

impl Metric {
    /// Whether a pass has to prove that the candidate is not worse in this.
    pub(crate) fn needs_proof(&self) -> bool {
        let usual = self.of == Of::LabelErrors;
        self.role == Role::Critical && self.proof.unwrap_or(usual)
    }

    /// The longest that an answer may take, microseconds.
    pub(crate) fn slo_us(&self) -> Option<u64> {
        let slo = duration(self.slo.as_deref()?).ok()?;
        u64::try_from(slo.as_micros()).ok()
    }

    /// The columns by which it is sliced, with the names of their slices.
    pub(crate) fn columns(&self) -> Result<Vec<(Column, Vec<String>)>, String> {
        self.slices.iter().map(Slice::column).collect()
    }

    fn check(&self) -> Result<(), String> {
        if self.name.trim().is_empty() {
            return Err("it has no name".into());
        }
        if !(self.weight > 0.0 && self.weight.is_finite()) {
            return Err(format!("its weight {} is not above 0", self.weight));
        }
        if self.margin.is_some_and(|margin| !(margin >= 0.0 && margin.is_finite())) {
            return Err("its margin is negative or no number".into());
        }
        let members = [
            ("slo", self.slo.is_some(), Of::Latency),
            ("loss", self.loss.is_some(), Of::Loss),
            ("topic", self.topic.is_some(), Of::Events),
            ("query", self.query.is_some(), Of::Promql),
        ];
        for (name, is_there, of) in members {
            if is_there != (self.of == of) {
                let verb = if is_there { "is for" } else { "is missing for" };
                return Err(format!("`{name}` {verb} {}", word(of)));
            }
        }
        if self.of == Of::Latency && self.slo_us().is_none_or(|slo| slo == 0) {
            return Err("its slo is no time; write 500us, 20ms or 1s".into());
        }
        let is_mean = matches!(self.of, Of::Loss | Of::Score);
        if is_mean && self.margin.is_none() {
            return Err(format!("{} needs a margin, in the metric's own unit", word(self.of)));
        }
        if self.better == Better::Higher && !matches!(self.of, Of::Events | Of::Promql) {
            return Err(format!("{} is better where it is lower", word(self.of)));
        }
        if !self.slices.is_empty() && matches!(self.of, Of::Events | Of::Promql) {
            return Err(format!("{} cannot be sliced", word(self.of)));
        }
        let columns: Vec<Column> = self.columns()?.into_iter().map(|(column, _)| column).collect();
        slices_of::check(&columns)?;
        self.query.as_ref().map_or(Ok(()), Query::check)
    }
}

impl Slice {
    fn column(&self) -> Result<(Column, Vec<String>), String> {
        let by = match (self.values.is_empty(), self.edges.is_empty()) {
            (false, true) => By::values(&self.values)?,
            (true, false) => By::edges(&self.edges)?,
            _ => return Err("a slice needs either values or edges".into()),
        };
        let (column, name) = match (&self.feature, &self.header) {
            (Some(name), None) => (Column::feature(name, self.format, by)?, name),
            (None, Some(name)) if self.format.is_none() => (Column::header(name, by), name),
            _ => return Err("a slice is by either a feature or a header".into()),
        };
        let names = if self.edges.is_empty() {
            self.values.iter().map(|value| format!("{name} = {value}")).collect()
        } else {
            ranges(name, &self.edges)
        };
        Ok((column, names))
    }
}

fn ranges(name: &str, edges: &[f64]) -> Vec<String> {
    let mut names = vec![format!("{name} < {}", edges[0])];
    names.extend(edges.windows(2).map(|pair| format!("{} ≤ {name} < {}", pair[0], pair[1])));
    names.push(format!("{name} ≥ {}", edges[edges.len() - 1]));
    names
}

impl Query {
    /// How often it is asked.
    pub(crate) fn every(&self) -> Duration {
        duration(&self.every).unwrap_or(Duration::from_secs(15))
    }

    /// The question with the names of this release put in.
    pub(crate) fn question(&self, names: &[(&str, &str)]) -> Question {
        let query = names
            .iter()
            .fold(self.promql.clone(), |query, (name, value)| query.replace(name, value));
        let range = self.range.as_ref().map(|range| Range {
            last: duration(&range.last).unwrap_or_default(),
            step: duration(&range.step).unwrap_or_default(),
            aggregate: match range.aggregate {
                Made::Max => Aggregate::Max,
                Made::Min => Aggregate::Min,
                Made::Mean => Aggregate::Mean,
                Made::Last => Aggregate::Last,
            },
        });
        Question { query, range }
    }

    /// Where it is asked.
    pub(crate) fn options(&self) -> Options {
        let auth = match (&self.token_file, &self.username, &self.password_file) {
            (Some(token), ..) => Auth::Bearer { token_file: token.into() },
            (None, Some(username), Some(password)) => {
                Auth::Basic { username: username.clone(), password_file: password.into() }
            }
            _ => Auth::None,
        };
        let certificate = self.certificate_file.as_ref().map(|certificate| {
            let key = self.key_file.as_ref().unwrap_or(certificate);
            (certificate.into(), key.into())
        });
        Options {
            auth,
            ca_file: self.ca_file.as_ref().map(Into::into),
            client_certificate: certificate,
            ..Options::of(&self.server)
        }
    }

    fn check(&self) -> Result<(), String> {
        for (name, text) in [
            ("every", Some(&self.every)),
            ("last", self.range.as_ref().map(|range| &range.last)),
            ("step", self.range.as_ref().map(|range| &range.step)),
        ] {
            if let Some(text) = text
                && duration(text).is_ok_and(|span| span.is_zero()) | duration(text).is_err()
            {
                return Err(format!("`{name}` is `{text}`; write 15s, 1m or 1h"));
            }
        }
        if !(self.tolerance > 0.0 && self.tolerance < 1.0) {
            return Err(format!("its tolerance {} is not between 0 and 1", self.tolerance));
        }
        if !self.limit.is_finite() {
            return Err("its limit is no number".into());
        }
        if self.username.is_some() != self.password_file.is_some() {
            return Err("a username needs a password-file, and the other way round".into());
        }
        self.question(&[]).check().map_err(|error| error.to_string())
    }
}

fn word(of: Of) -> &'static str {
    match of {
        Of::LabelErrors => "label-errors",
        Of::Failures => "failures",
        Of::Latency => "latency",
        Of::Loss => "loss",
        Of::Score => "score",
        Of::Events => "events",
        Of::Promql => "promql",
    }
}

fn one() -> f64 {
    1.0
}

fn tenth() -> f64 {
    0.1
}

fn fifteen_seconds() -> String {
    "15s".into()
}

#[cfg(test)]
#[path = "spec_tests.rs"]
mod tests;

//! From the evidence to the verdict: pure.

use contract::Verdict;
use model::{Digest, Kind, Port};
use sandbox::Report;
use words::plural;

use crate::checks::{self, Check, Finding, Limits};
use crate::golden::{self, Golden};
use crate::holdout::Holdout;
use crate::probe::{Failure, Reply, Stage};
use crate::record::{Discordant, Measured};

/// What came of asking a model.
#[derive(Debug)]
pub(crate) enum Asked {
    Replied(Box<Reply>),
    /// The process that asked it ended; the text says how.
    Died(String),
}

/// Everything that the verdict rests on.
pub(crate) struct Evidence<'a> {
    pub(crate) model: &'a Digest,
    /// `None` where the model is not ONNX and so was not asked.
    pub(crate) candidate: Option<&'a Asked>,
    pub(crate) champion: Option<&'a Asked>,
    pub(crate) golden: &'a Golden,
    pub(crate) holdout: &'a Holdout,
    /// What held the process that asked the candidate.
    pub(crate) held: Option<&'a Report>,
    /// Fields of the stream.
    pub(crate) width: usize,
}

/// The verdict and what led to it.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) verdict: Verdict,
    pub(crate) reason: String,
    pub(crate) checks: Vec<Check>,
    /// Share of right labels on the hold-out.
    pub(crate) accuracy: Option<f64>,
    pub(crate) measured: Measured,
}

impl Asked {
    pub(crate) fn reply(&self) -> Option<&Reply> {
        match self {
            Asked::Replied(reply) => Some(reply),
            Asked::Died(_) => None,
        }
    }
}

/// Runs every check that the evidence allows; only all of them passing is a pass.
///
/// # Errors
/// The statistics were given what they cannot take, which is a bug.
pub(crate) fn decide(evidence: &Evidence<'_>, limits: &Limits) -> anyhow::Result<Decision> {
    let checks = checks(evidence, limits)?;
    let (accuracy, measured) = measured(evidence);
    let (verdict, reason) = conclude(&checks, evidence, accuracy);
    Ok(Decision { verdict, reason, checks, accuracy, measured })
}

const KIND: &str = "kind";
const ENGINE: &str = "engine";
const SCHEMA: &str = "schema";
const HOLDOUT: &str = "hold-out";

fn checks(evidence: &Evidence<'_>, limits: &Limits) -> anyhow::Result<Vec<Check>> {
    let labels = &evidence.holdout.labels;
    let (mut checks, reply) = opening(evidence);
    let Some(reply) = reply else {
        // What the golden set itself lacks is said even where nothing could be asked.
        let later = [
            golden::NAME,
            HOLDOUT,
            checks::ACCURACY,
            checks::BASELINE,
            checks::LATENCY,
            checks::MEMORY,
        ];
        checks.extend(later.map(Check::not_run));
        return Ok(checks);
    };
    let stage = reply.failure.as_ref().map(|failure| failure.stage);
    let why = reply.failure.as_ref().map_or("", |failure| failure.reason.as_str());
    checks.push(if stage == Some(Stage::Golden) {
        Check::new(golden::NAME, "not answered", "an answer to every record")
            .fail(format!("of the golden set, {why}"))
    } else {
        golden::check(
            evidence.golden,
            &reply.golden,
            evidence.width,
            &evidence.model.sha256,
            limits,
        )
    });
    if stage.is_some() {
        let every = "a number for every record";
        checks.push(match stage {
            Some(Stage::Holdout) => {
                Check::new(HOLDOUT, "not answered", every).fail(format!("of the hold-out, {why}"))
            }
            _ => Check::not_run(HOLDOUT),
        });
        let later = [checks::ACCURACY, checks::BASELINE, checks::LATENCY, checks::MEMORY];
        checks.extend(later.map(Check::not_run));
        return Ok(checks);
    }
    let answers = format!("{} answers", reply.holdout.score.len());
    checks.push(Check::new(HOLDOUT, answers, "a number for every record"));
    checks.push(checks::accuracy(labels, &reply.holdout, limits)?);
    checks.push(baseline(evidence, reply, limits)?);
    checks.push(checks::latency(&reply.latencies_ms, limits)?);
    checks.push(checks::memory(reply.memory, limits));
    Ok(checks)
}

/// Kind, engine and schema; with the reply where all three let the model through.
fn opening<'a>(evidence: &Evidence<'a>) -> (Vec<Check>, Option<&'a Reply>) {
    let kind = &evidence.model.kind;
    let check = Check::new(KIND, kind.name(), "onnx");
    let check = match kind {
        Kind::Onnx => check,
        Kind::Other { reason } => check.fail(format!("the model is not ONNX: {reason}")),
        known => check.fail(format!("the model is not ONNX: it is {known}")),
    };
    let mut checks = vec![check];
    let loads = match evidence.held {
        Some(held) => format!("loads, held by {}", held.names()),
        None => "loads".to_owned(),
    };
    let engine = Check::new(ENGINE, loads, "loads in ONNX Runtime, in a sandbox");
    let schema =
        Check::new(SCHEMA, "fits", format!("{} numbers a record, one answer", evidence.width));
    let (engine, schema, reply) = match evidence.candidate {
        None => (Check::not_run(ENGINE), Check::not_run(SCHEMA), None),
        Some(Asked::Died(how)) => {
            (Check { value: "no answer".into(), ..engine }.fail(how), Check::not_run(SCHEMA), None)
        }
        Some(Asked::Replied(reply)) => match &reply.failure {
            Some(Failure { stage: Stage::Load | Stage::Engine | Stage::Changed, reason }) => (
                Check { value: "refused".into(), ..engine }.fail(reason),
                Check::not_run(SCHEMA),
                None,
            ),
            Some(Failure { stage: Stage::Fit, reason }) => {
                (engine, Check { value: "does not fit".into(), ..schema }.fail(reason), None)
            }
            _ => (engine, Check { value: ports(reply), ..schema }, Some(&**reply)),
        },
    };
    checks.extend([engine, schema]);
    (checks, reply)
}

fn ports(reply: &Reply) -> String {
    format!("{} to {}", Port::list(&reply.inputs), Port::list(&reply.outputs))
}

fn baseline(evidence: &Evidence<'_>, reply: &Reply, limits: &Limits) -> anyhow::Result<Check> {
    let check = Check::new(checks::BASELINE, "no champion", "a champion to compare with");
    let why = match evidence.champion {
        Some(Asked::Replied(champion)) if champion.failure.is_none() => {
            let labels = &evidence.holdout.labels;
            return checks::baseline(labels, &reply.holdout, &champion.holdout, limits);
        }
        Some(Asked::Replied(champion)) => {
            let why = champion.failure.as_ref().map_or("", |failure| failure.reason.as_str());
            format!("the champion cannot answer the hold-out: {why}")
        }
        Some(Asked::Died(how)) => format!("the champion cannot answer the hold-out: {how}"),
        None if limits.champion_needed => "there is no champion to compare with; the first model \
             of a stream needs --strategy bootstrap"
            .to_owned(),
        None => return Ok(Check { limit: "none, by bootstrap".to_owned(), ..check }),
    };
    Ok(check.inconclusive(why))
}

fn measured(evidence: &Evidence<'_>) -> (Option<f64>, Measured) {
    let labels = &evidence.holdout.labels;
    let of = |asked: Option<&Asked>| {
        let reply = asked.and_then(Asked::reply)?;
        checks::wrong(labels, &reply.holdout)
    };
    let (candidate, champion) = (of(evidence.candidate), of(evidence.champion));
    let count = |wrong: &[bool]| wrong.iter().filter(|wrong| **wrong).count();
    let accuracy = candidate.as_ref().map(|wrong| 1.0 - count(wrong) as f64 / wrong.len() as f64);
    let pairs = candidate.as_ref().zip(champion.as_ref()).map(|(candidate, champion)| {
        let pairs = checks::discordant(candidate, champion);
        Discordant {
            candidate_only_wrong: pairs.candidate_only,
            champion_only_wrong: pairs.champion_only,
        }
    });
    let reply = evidence.candidate.and_then(Asked::reply);
    let measured = Measured {
        golden_records: evidence.golden.cases.len(),
        golden_furthest: reply.map(|reply| golden::distance(evidence.golden, &reply.golden)),
        holdout_records: labels.len(),
        candidate_wrong: candidate.as_deref().map(count),
        champion_wrong: champion.as_deref().map(count),
        pairs,
        requests_timed: reply.map(|reply| reply.latencies_ms.len()),
        memory: reply.and_then(|reply| reply.memory),
    };
    (accuracy, measured)
}

fn conclude(checks: &[Check], evidence: &Evidence<'_>, accuracy: Option<f64>) -> (Verdict, String) {
    let having = |finding| checks.iter().filter(move |check| check.outcome == finding);
    let others = |count: usize, how: &str| match count {
        0 | 1 => String::new(),
        more => format!("; {} {how}", plural(more as u64 - 1, "more check")),
    };
    if let Some(first) = having(Finding::Fail).next() {
        return (
            Verdict::Fail,
            format!("{}{}", first.why, others(having(Finding::Fail).count(), "failed")),
        );
    }
    if let Some(first) = having(Finding::Inconclusive).next() {
        let more = others(having(Finding::Inconclusive).count(), "could not be decided");
        return (Verdict::Inconclusive, format!("{}{more}", first.why));
    }
    if let Some(first) = having(Finding::NotRun).next() {
        return (Verdict::Inconclusive, format!("the check `{}` was not reached", first.name));
    }
    let right = accuracy.map_or_else(String::new, checks::percent);
    let records = evidence.holdout.labels.len();
    let compared = match evidence.champion {
        Some(_) => "not worse than the champion",
        None => "compared with no champion, by bootstrap",
    };
    let count = checks.len();
    (
        Verdict::Pass,
        format!("all {count} checks passed: {right} right on {records} records, {compared}"),
    )
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::probe::{Answered, Memory};
    use crate::testing::LIMITS;

    const N: usize = 2000;

    fn limits(champion_needed: bool) -> Limits {
        Limits { champion_needed, ..LIMITS }
    }

    fn good() -> Reply {
        Reply {
            golden: Answered { labels: Some(vec![0]), score: vec![0.0] },
            holdout: Answered { labels: Some(vec![0; N]), score: vec![0.0; N] },
            latencies_ms: vec![1.0; 1000],
            memory: Some(Memory { before: 1, peak: 2 }),
            ..Reply::default()
        }
    }

    fn failed(stage: Stage) -> Reply {
        let failure = Failure { stage, reason: "because".to_owned() };
        Reply { failure: Some(failure), golden: good().golden, ..Reply::default() }
    }

    fn decided(
        kind: Kind,
        candidate: Option<Asked>,
        champion: Option<Asked>,
        needed: bool,
    ) -> (Verdict, String) {
        let model = Digest { sha256: "sha256:1".to_owned(), size: 9, kind };
        let golden = Golden::parse(r#"{"cases":[{"row":[1],"label":0,"score":0}]}"#).unwrap();
        let holdout = Holdout { rows: vec![0.0; N], labels: vec![0; N] };
        let evidence = Evidence {
            model: &model,
            candidate: candidate.as_ref(),
            champion: champion.as_ref(),
            golden: &golden,
            holdout: &holdout,
            held: None,
            width: 1,
        };
        let decision = decide(&evidence, &limits(needed)).unwrap();
        assert_eq!(decision.checks.len(), 9, "{:?}", decision.checks);
        (decision.verdict, decision.reason)
    }

    #[test]
    fn only_a_model_that_was_checked_all_through_passes() {
        use Verdict::{Fail, Inconclusive, Pass};
        let replied = |reply: Reply| Some(Asked::Replied(Box::new(reply)));
        let died = || Some(Asked::Died("the engine crashed on it (signal 11)".to_owned()));
        let other = Kind::Other { reason: "it is an empty file".to_owned() };
        let no_labels = Reply { holdout: Answered { labels: None, score: vec![0.0; N] }, ..good() };
        for (kind, candidate, champion, needed, verdict, reason) in [
            (
                Kind::Onnx,
                replied(good()),
                replied(good()),
                true,
                Pass,
                "all 9 checks passed: 100 % right",
            ),
            (Kind::Onnx, replied(good()), None, false, Pass, "all 9 checks passed"),
            (Kind::Onnx, replied(good()), None, true, Inconclusive, "there is no champion"),
            (Kind::Onnx, replied(good()), died(), true, Inconclusive, "the champion cannot answer"),
            (
                Kind::Onnx,
                replied(good()),
                replied(failed(Stage::Fit)),
                false,
                Inconclusive,
                "the champion cannot",
            ),
            (other, None, None, true, Fail, "the model is not ONNX: it is an empty file"),
            (Kind::Pickle, None, None, true, Fail, "the model is not ONNX: it is a Python pickle"),
            (Kind::Onnx, died(), None, true, Fail, "the engine crashed on it"),
            (Kind::Onnx, replied(failed(Stage::Load)), None, true, Fail, "because"),
            (Kind::Onnx, replied(failed(Stage::Fit)), None, true, Fail, "because"),
            (
                Kind::Onnx,
                replied(failed(Stage::Golden)),
                None,
                true,
                Fail,
                "of the golden set, because",
            ),
            (
                Kind::Onnx,
                replied(failed(Stage::Holdout)),
                None,
                true,
                Fail,
                "of the hold-out, because",
            ),
            (
                Kind::Onnx,
                replied(no_labels),
                replied(good()),
                true,
                Fail,
                "the model gives no labels",
            ),
            (Kind::Onnx, None, None, false, Inconclusive, "the check `engine` was not reached"),
        ] {
            let (got, why) = decided(kind, candidate, champion, needed);
            assert_eq!(got, verdict, "{why}");
            assert!(why.starts_with(reason), "{why}");
        }
    }
}

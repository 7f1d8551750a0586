//! The outcome of a rollback: verdict, outputs, event and decision record.

use std::collections::BTreeMap;

use contract::{Context, Outcome, Subject, Verdict};
use routes::{Confirmation, Route, span};
use words::{list, plural};

use crate::record::Details;
use crate::run::{Finished, Proof};
use crate::{Args, page, result};

/// The verdict on a proof, and why.
pub(crate) fn judge(
    proof: &Proof,
    bad: &str,
    route: &Route,
    ours: bool,
    args: &Args,
) -> (Verdict, String) {
    let (scan, generation) = (&proof.scan, route.generation);
    let limit = span(args.confirm_timeout);
    let scorers = match &proof.confirmation {
        Confirmation::Refused { scorer, error } => {
            let reason =
                format!("scorer {scorer} does not follow generation {generation}: {error}");
            return (Verdict::Fail, reason);
        }
        Confirmation::TimedOut { missing } if missing.is_empty() => {
            let reason = format!(
                "generation {generation} is written, but no scorer of this stream was live within {limit}"
            );
            return (Verdict::Inconclusive, reason);
        }
        Confirmation::TimedOut { missing } => {
            let who = list(missing);
            let reason = format!(
                "generation {generation} is written, but not confirmed within {limit} by {who}"
            );
            return (Verdict::Inconclusive, reason);
        }
        Confirmation::Confirmed { scorers, .. } => plural(scorers.len() as u64, "scorer"),
    };
    if scan.offences > 0 {
        let first = scan.shown.first().map_or("", String::as_str);
        let count = plural(scan.offences, "later answer");
        let of = if scan.offences == 1 { "is" } else { "are" };
        return (Verdict::Fail, format!("{count} {of} not by the good model: {first}"));
    }
    let good = &route.champion.digest;
    let done = match ours {
        true => format!("the stream is back on {good} since generation {generation}"),
        false => format!("the stream is on {good} already, and {bad} has no share of it"),
    };
    let seen = match scan.observed {
        0 => format!(
            "no later answer came within {}, so this rests on the scorers' word alone",
            span(args.observe)
        ),
        1 => "the one later answer is not the bad model's".to_owned(),
        count => format!("none of {} later answers is the bad model's", report::count(count)),
    };
    let gave = plural(scan.answers, "answer");
    let reason = format!("{done}; {scorers} confirmed and {seen}; it gave {gave}");
    (Verdict::Pass, reason)
}

/// Everything to report.
pub(crate) fn outcome(
    finished: Finished,
    inputs: BTreeMap<String, String>,
    context: &Context,
) -> Outcome {
    let details = Details::from(&finished);
    let event = finished.event;
    let features = stream::Topics::of(&context.common.stream).features;
    let event = Subject::new(event, &context.common.stream, &result::result(&finished, &features));
    let Finished { verdict, reason, bad, after, proof, .. } = finished;
    let good = after.as_ref().map(|route| &route.champion);
    let scan = proof.as_ref().map(|proof| &proof.scan);
    let ranges = scan.map(|scan| scan.window().to_string()).unwrap_or_default();
    let text = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
    let outputs = BTreeMap::from([
        ("bad", bad),
        ("good", good.map(|good| good.digest.clone()).unwrap_or_default()),
        ("generation", text(after.as_ref().map(|route| route.generation))),
        ("answers", text(scan.map(|scan| scan.answers))),
        ("ranges", ranges),
    ]);
    let (details, page) = contract::record::drawn(details, page::render);
    Outcome { verdict, reason, event, inputs, outputs, details, page }
}

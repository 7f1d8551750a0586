//! The outcome: verdict, event, outputs and decision record.

use std::collections::BTreeMap;

use contract::results::{Model, Shadow};
use contract::{Context, EventType, Outcome, Subject, Verdict, by_verdict};

use crate::check::Check;
use crate::decide::{self, Limits};
use crate::disagreements::Disagreement;
use crate::models::Found;
use crate::read::Read;
use crate::record::{Compared, Details, NotCompared};
use crate::tally::{SEED, Tally};
use crate::window::Plan;
use crate::{Against, FAILED, PASSED, UNDECIDED, page, result};

/// A comparison that has ended.
pub(crate) struct Finished<'a> {
    pub against: Against,
    pub limits: &'a Limits,
    pub candidate: Found,
    pub champion: Found,
    pub plan: Plan,
    pub read: Read,
    pub tally: Tally,
    pub checks: Vec<Check>,
    pub largest: Vec<Disagreement>,
}

/// A verdict without a comparison.
pub(crate) fn not_compared(
    limits: &Limits,
    verdict: Verdict,
    reason: String,
    candidate: Model,
    champion: Option<Model>,
    inputs: BTreeMap<String, String>,
) -> Outcome {
    let event = Subject::new(
        event(verdict),
        candidate.digest.clone(),
        &result::not_compared(limits, candidate.clone()),
    );
    let details = Details::NotCompared(NotCompared { candidate, champion });
    let (details, page) = contract::record::drawn(details, page::render);
    Outcome { verdict, reason, event, inputs, outputs: BTreeMap::new(), details, page }
}

/// The verdict of a comparison of candidate and champion.
pub(crate) fn compared(
    context: &Context,
    finished: Finished<'_>,
    inputs: BTreeMap<String, String>,
) -> Outcome {
    let Finished { against, limits, candidate, champion, plan, .. } = finished;
    let Finished { read: Read { offsets, stopped }, tally, checks, largest, .. } = finished;
    let planned = plan.records();
    let (verdict, reason) = decide::verdict(&tally, planned, limits, &checks);
    let (candidate, champion) = (candidate.model(), champion.model());
    let read = offsets.to_string();
    let features = stream::Topics::of(&context.common.stream).features;
    let window = contract::results::ranges(&features, &offsets);
    let result = result::compared(&candidate, &champion, window, &tally, &checks, limits);
    let disagreement = result.disagreement.map_or_else(String::new, |share| format!("{share:.6}"));
    let outputs = [
        ("champion", champion.digest.clone()),
        ("window", read.clone()),
        ("disagreement", disagreement),
    ];
    let event = Subject::new(event(verdict), candidate.digest.clone(), &result);
    let details = Details::Compared(Box::new(Compared {
        against,
        candidate,
        champion,
        window: (&plan).into(),
        planned,
        read,
        stopped,
        limits: limits.clone(),
        checks,
        counts: (&tally).into(),
        latency: (&tally.latency).into(),
        largest,
        sample: tally.sample.kept().to_vec(),
        seed: SEED,
    }));
    let (details, page) = contract::record::drawn(details, page::render);
    Outcome { verdict, reason, event, inputs, outputs: outputs.into(), details, page }
}

fn event(verdict: Verdict) -> EventType<Shadow> {
    by_verdict(verdict, [PASSED, FAILED, UNDECIDED])
}

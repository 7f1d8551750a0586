//! The outcome: verdict, event, outputs and decision record.

use std::collections::BTreeMap;

use contract::results::Model;
use contract::{Outcome, Subject, by_verdict};
use sandbox::Report;

use crate::decide::{Asked, Decision};
use crate::record::{Details, Guard, ModelFile, Ports};
use crate::{Args, Champion, Given, REJECTED, UNDECIDED, VALIDATED, answers, page, result};

/// What came of asking the candidate and the champion.
pub(crate) fn outcome(
    args: &Args,
    given: &Given,
    candidate: Option<Asked>,
    champion: Option<Asked>,
    held: Option<Report>,
    decision: Decision,
) -> Outcome {
    let file = &given.model;
    let model = Model::of_file(&file.sha256, &args.model.to_string())
        .or_own_name(own_name(candidate.as_ref()));
    let compared = given.champion.as_ref().map(|file| {
        (file, champion_model(args, given, &file.sha256).or_own_name(own_name(champion.as_ref())))
    });
    let accuracy = decision.accuracy.map_or_else(String::new, |share| format!("{share:.6}"));
    let named = compared.as_ref().map(|(_, model)| model.clone());
    let result = result::result(args, given, &decision, model.clone(), named);
    let reply = candidate.as_ref().and_then(Asked::reply);
    let details = Details {
        model: ModelFile::new(file, model),
        champion: compared.map(|(file, model)| ModelFile::new(file, model)),
        checks: decision.checks,
        measured: decision.measured,
        sandbox: held.map(|held| held.guards.into_iter().map(Guard::from).collect()),
        ports: reply
            .map(|reply| Ports { inputs: reply.inputs.clone(), outputs: reply.outputs.clone() }),
        answers: answers::of(candidate.as_ref(), champion.as_ref(), &given.golden),
    };
    let (details, page) = contract::record::drawn(details, page::render);
    Outcome {
        verdict: decision.verdict,
        reason: decision.reason,
        event: Subject::new(
            by_verdict(decision.verdict, [VALIDATED, REJECTED, UNDECIDED]),
            &file.sha256,
            &result,
        ),
        inputs: given.digests.clone(),
        outputs: BTreeMap::from([
            ("model-digest", file.sha256.clone()),
            ("model-size", file.size.to_string()),
            ("model-kind", file.kind.name().to_owned()),
            ("accuracy", accuracy),
        ]),
        details,
        page,
    }
}

/// By the file that the flag names, or by the image of the stream's route.
fn champion_model(args: &Args, given: &Given, digest: &str) -> Model {
    match &args.champion {
        Some(Champion::File(file)) => Model::of_file(digest, &file.to_string()),
        Some(Champion::Current) | None => {
            let image = given.digests.get(crate::files::CHAMPION_SOURCE);
            Model::of_image(digest, image.map_or("", String::as_str))
        }
    }
}

fn own_name(asked: Option<&Asked>) -> Option<&str> {
    asked?.reply()?.own_name.as_deref()
}

//! What the event says of a rollback.

use contract::results::{Answered, Model, Rollback};
use routes::{Confirmation, ModelRef, Route};

use crate::run::Finished;
use crate::scan::Scan;

/// The result, for consumers of the event; `features` is the topic whose records were answered.
pub(crate) fn result(finished: &Finished, features: &str) -> Rollback {
    let Finished { after, wrote, proof, .. } = finished;
    let scan = proof.as_ref().map(|proof| &proof.scan);
    let confirmed_by = match proof.as_ref().map(|proof| &proof.confirmation) {
        Some(Confirmation::Confirmed { scorers, .. }) => scorers.clone(),
        _ => Vec::new(),
    };
    Rollback {
        bad: bad(finished),
        good: after.as_ref().map(|route| of_image(&route.champion)),
        generation: after.as_ref().map(|route| route.generation),
        wrote_route: *wrote,
        answers: scan.map_or(0, |scan| scan.answers),
        answered: scan.map(|scan| answered(scan, features)).unwrap_or_default(),
        later_answers: scan.map_or(0, |scan| scan.observed),
        offences: scan.map_or(0, |scan| scan.offences),
        confirmed_by,
    }
}

/// The bad model, if one was found, with its image where a route names it.
pub(crate) fn bad(finished: &Finished) -> Option<Model> {
    let Finished { bad: digest, before, after, .. } = finished;
    let of_route = |route: &Route| {
        let candidate = route.candidate.as_ref().map(|candidate| candidate.model.clone());
        let previous = route.previous.as_ref().map(|previous| previous.model.clone());
        [Some(route.champion.clone()), candidate, previous]
    };
    let models = [before, after].into_iter().flatten().flat_map(of_route).flatten();
    let known = models.into_iter().find(|model| model.digest == *digest);
    let known = known.map(|model| of_image(&model));
    let bare = || Model { digest: digest.clone(), name: None, image: None };
    (!digest.is_empty()).then(|| known.unwrap_or_else(bare))
}

fn of_image(model: &ModelRef) -> Model {
    Model::of_image(&model.digest, &model.image)
}

fn answered(scan: &Scan, features: &str) -> Vec<Answered> {
    let range = |range: crate::scan::Range| Answered {
        topic: features.to_owned(),
        partition: range.partition,
        from: range.first,
        to: range.last + 1,
        count: range.count,
    };
    scan.ranges().into_iter().map(range).collect()
}

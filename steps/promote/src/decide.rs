//! What to do with the route: pure.

use contract::Step as _;
use contract::event::OutcomeEvent;
use routes::{Decision, ModelRef, Route, ledger};

use crate::{Promote, Strategy};

/// What promoting means for the present route.
#[derive(Debug, PartialEq)]
pub(crate) enum Plan {
    /// The model is the champion by this very release: an earlier run got this far.
    Finish,
    Write(Box<Route>),
    Refuse(String),
}

/// What to do with a route that the scorers did not confirm.
#[derive(Debug, PartialEq)]
pub(crate) enum Back {
    To(Box<Route>),
    /// The stream had none before.
    Retire,
    /// Others rest on it, or it was confirmed before.
    Stay,
}

/// Decides from the present route; `until` is the end of the bake time.
pub(crate) fn plan(
    now: Option<&Route>,
    stream: &str,
    model: &ModelRef,
    strategy: Strategy,
    release: &str,
    until: String,
) -> Plan {
    match (now, strategy) {
        (Some(route), _) if route.champion.digest == model.digest => {
            if route.promoted_by == release {
                return Plan::Finish;
            }
            match &route.candidate {
                // The same model by another release: from here on this one answers for it.
                None => {
                    Plan::Write(Box::new(Route { promoted_by: release.into(), ..route.clone() }))
                }
                Some(other) => Plan::Refuse(on_trial(&other.model.digest)),
            }
        }
        (None, Strategy::Bootstrap) => {
            Plan::Write(Box::new(Route::bootstrap(stream, model.clone())))
        }
        (Some(route), Strategy::Bootstrap) => Plan::Refuse(format!(
            "this stream has a champion, {}, so there is nothing to bootstrap; release {} made it that",
            route.champion.digest,
            if route.promoted_by.is_empty() { &route.release } else { &route.promoted_by },
        )),
        (None, Strategy::Canary | Strategy::BlueGreen) => Plan::Refuse(
            "this stream has no champion to compare with; the first one needs bootstrap".into(),
        ),
        (Some(route), Strategy::Canary | Strategy::BlueGreen) => match &route.candidate {
            Some(candidate) if candidate.model.digest == model.digest => {
                Plan::Write(Box::new(route.promoted(model.clone(), until)))
            }
            Some(other) => Plan::Refuse(on_trial(&other.model.digest)),
            None => Plan::Refuse("no canary of this model is on the stream".into()),
        },
    }
}

fn on_trial(digest: &str) -> String {
    format!("the candidate on the stream is {digest}, not this model")
}

/// The way back from a route of this run; `before` is the one that it followed on.
pub(crate) fn back(before: Option<&Route>) -> Back {
    before.map_or(Back::Retire, |before| Back::To(Box::new(before.without_candidate())))
}

/// The way back from a route that an earlier run of `release` wrote; `is_emitted` where its event says that this was
/// confirmed.
pub(crate) fn back_from(route: &Route, release: &str, is_emitted: bool) -> Back {
    if is_emitted || begun_on(route, release).is_none() || route.candidate.is_some() {
        return Back::Stay;
    }
    match &route.previous {
        Some(previous) => {
            let by = previous.promoted_by.clone();
            Back::To(Box::new(route.restored(previous.model.clone(), by)))
        }
        None if route.is_first() => Back::Retire,
        None => Back::Stay,
    }
}

/// What stands in the route beside its reason: a run that was ended before it emitted its event finds there what it began
/// from. Its verdict is up to the scorers, and so is the id of its event.
pub(crate) fn decision(digest: &str, before: Option<&Route>) -> Decision {
    Decision {
        step: Promote::NAME.into(),
        verdict: None,
        event: None,
        model: digest.into(),
        from: before.map(|route| route.generation),
    }
}

/// The generation that a promotion begins from, in words.
pub(crate) fn generation(from: Option<u64>) -> String {
    from.map_or_else(|| "no route".into(), |generation| format!("generation {generation}"))
}

/// What the promotion began from, in words, that `release` wrote this route for, if it did.
pub(crate) fn begun_on(route: &Route, release: &str) -> Option<String> {
    let decision = route.decision.as_ref().filter(|it| it.step == Promote::NAME)?;
    let is_own = route.promoted_by == release && route.release == release;
    let is_its_model = decision.model == route.champion.digest;
    (is_own && is_its_model).then(|| generation(decision.from))
}

/// The last event by which `release` promoted `model`, if that model was not rolled back since.
pub(crate) fn emitted_promotion<'a>(
    events: &'a [OutcomeEvent],
    stream: &str,
    release: &str,
    model: &ModelRef,
) -> Option<&'a OutcomeEvent> {
    let mut last = None;
    for event in events.iter().filter(|event| event.custom_data.stream == stream) {
        let is_its = ledger::promoted(event).is_some_and(|one| one.digest == model.digest);
        if is_its && event.custom_data.release == release {
            last = Some(event);
        } else if ledger::rolled_back(event) == Some(&model.digest) {
            last = None;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(n: u8) -> ModelRef {
        ModelRef { digest: format!("sha256:{n}"), image: format!("oci:m{n}") }
    }

    fn planned(now: Option<&Route>, n: u8, strategy: Strategy) -> Plan {
        plan(now, "s", &model(n), strategy, "r", "then".into())
    }

    #[test]
    fn only_what_was_tried_or_the_first_model_is_promoted() {
        let stream = Route { promoted_by: "first".into(), ..Route::bootstrap("s", model(1)) };
        let trial = stream.with_candidate(model(2), 0.5);

        assert!(
            matches!(planned(None, 1, Strategy::Bootstrap), Plan::Write(r) if r.champion == model(1))
        );
        assert!(matches!(planned(None, 1, Strategy::Canary), Plan::Refuse(_)));
        let Plan::Refuse(why) = planned(Some(&stream), 2, Strategy::Bootstrap) else { panic!() };
        assert!(why.contains("sha256:1") && why.contains("release first"), "{why}");
        assert!(matches!(planned(Some(&stream), 2, Strategy::Canary), Plan::Refuse(_)));
        assert!(matches!(planned(Some(&trial), 3, Strategy::Canary), Plan::Refuse(_)));
        let Plan::Write(route) = planned(Some(&trial), 2, Strategy::Canary) else {
            panic!("not written")
        };
        assert_eq!((route.champion.clone(), route.share()), (model(2), 0.0));
        assert_eq!(route.previous.as_ref().map(|it| it.promoted_by.as_str()), Some("first"));

        let switched = stream.with_candidate(model(2), 1.0);
        assert!(
            matches!(planned(Some(&switched), 2, Strategy::BlueGreen), Plan::Write(r) if r == route)
        );
        assert!(matches!(planned(Some(&stream), 2, Strategy::BlueGreen), Plan::Refuse(_)));
        assert!(matches!(planned(None, 2, Strategy::BlueGreen), Plan::Refuse(_)));
    }

    #[test]
    fn a_champion_of_this_release_is_finished_and_one_of_another_is_taken_over() {
        let ours = Route { promoted_by: "r".into(), ..Route::bootstrap("s", model(1)) };
        let theirs = Route { promoted_by: "x".into(), ..ours.clone() };
        for strategy in [Strategy::Canary, Strategy::Bootstrap, Strategy::BlueGreen] {
            assert_eq!(planned(Some(&ours), 1, strategy), Plan::Finish);
            // Also when others have begun a canary since.
            let now = ours.with_candidate(model(2), 0.5);
            assert_eq!(planned(Some(&now), 1, strategy), Plan::Finish);
            assert_eq!(planned(Some(&theirs), 1, strategy), Plan::Write(Box::new(ours.clone())));
            let now = theirs.with_candidate(model(2), 0.5);
            assert!(matches!(planned(Some(&now), 1, strategy), Plan::Refuse(_)));
        }
    }

    #[test]
    fn what_was_never_confirmed_goes_back_to_what_was_before() {
        let id = || "x".to_owned();
        let written = |route: Route, before: Option<&Route>| Route {
            promoted_by: "r".into(),
            release: "r".into(),
            reason: "a sentence that nobody reads anything out of".into(),
            decision: Some(decision(&route.champion.digest, before)),
            ..route
        };
        let first = Route { id: id(), epoch: id(), ..Route::bootstrap("s", model(1)) };
        let first = written(first, None);
        assert_eq!(begun_on(&first, "r").as_deref(), Some("no route"));
        assert_eq!(back_from(&first, "r", false), Back::Retire);
        assert_eq!(back_from(&first, "r", true), Back::Stay);

        let by = Route { promoted_by: "first".into(), generation: 4, ..first.clone() };
        let second = written(by.promoted(model(2), String::new()), Some(&by));
        let second = Route { id: "y".into(), ..second };
        assert_eq!(begun_on(&second, "r").as_deref(), Some("generation 4"));
        let Back::To(route) = back_from(&second, "r", false) else { panic!("it stays") };
        assert_eq!((route.champion, route.promoted_by), (model(1), "first".into()));
        for (route, why) in [
            (second.with_candidate(model(3), 0.5), "others try a model on it"),
            (Route { release: "x".into(), ..second.clone() }, "others wrote since"),
            (Route { decision: None, ..second.clone() }, "it wrote since"),
            (
                Route { decision: Some(decision("sha256:9", Some(&by))), ..second.clone() },
                "it was about another model",
            ),
        ] {
            assert_eq!(back_from(&route, "r", false), Back::Stay, "{why}");
        }
        assert_eq!(back_from(&second, "other", false), Back::Stay);
        assert_eq!(back(None), Back::Retire);
        let trial = by.with_candidate(model(2), 0.5);
        assert_eq!(back(Some(&trial)), Back::To(Box::new(by)));
    }
}

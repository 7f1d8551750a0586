//! Whether a canary may begin, or has ended already. Pure.

use contract::{Step as _, Verdict};
use routes::{ModelRef, Route};

use crate::policy::gate::Outcome;
use crate::{CanaryGate, Strategy};

/// What the route says to a gate that wants to begin.
#[derive(Debug, PartialEq)]
pub(crate) enum Admission<'a> {
    /// On the stream that has this route.
    Begin(&'a Route),
    /// Nothing is to be changed, and this is why.
    Refuse(Outcome),
    /// An earlier run with the same event id decided this and took the share back, but may not have emitted its event.
    Decided(Outcome),
}

/// Decides from the present route; `event` is the id of this run's outcome event.
pub(crate) fn admit<'a>(
    now: Option<&'a Route>,
    model: &ModelRef,
    strategy: Strategy,
    release: &str,
    event: &str,
) -> Admission<'a> {
    let refuse = |verdict, reason: String| Admission::Refuse(Outcome { verdict, reason });
    let Some(route) = now else {
        return refuse(
            Verdict::Fail,
            "this stream has no champion to compare with; the first model needs a bootstrap".into(),
        );
    };
    if let Some(outcome) = decided(route, release, event) {
        return Admission::Decided(outcome);
    }
    match (strategy, route.champion.digest == model.digest) {
        (Strategy::AA, false) => {
            return refuse(
                Verdict::Inconclusive,
                format!(
                    "an a-a run compares the champion with itself, and that is {}",
                    route.champion.digest
                ),
            );
        }
        (Strategy::Canary | Strategy::BlueGreen, true) => {
            return refuse(Verdict::Fail, "this model is the champion already".into());
        }
        _ => {}
    }
    match (&route.candidate, route.tried_by()) {
        (Some(other), Some(by)) if by != release => refuse(
            Verdict::Inconclusive,
            format!(
                "release {by} has {} on trial; a stream has one canary at a time",
                other.model.digest
            ),
        ),
        _ => Admission::Begin(route),
    }
}

/// What an earlier run with the same event had decided before it took the share back.
///
/// The route's sentence is what it said of it, and is passed on as it is: nothing is read out of it.
fn decided(route: &Route, release: &str, event: &str) -> Option<Outcome> {
    if route.release != release || route.candidate.is_some() {
        return None;
    }
    let decision = route.decision.as_ref().filter(|it| it.step == CanaryGate::NAME)?;
    let verdict = decision.verdict.filter(|_| decision.event.as_deref() == Some(event))?;
    Some(Outcome { verdict, reason: route.reason.clone() })
}

#[cfg(test)]
mod tests {
    use routes::Decision;

    use super::*;

    fn model(n: u8) -> ModelRef {
        ModelRef { digest: format!("sha256:{n}"), image: format!("oci:m{n}") }
    }

    fn route(release: &str, reason: &str, candidate: Option<u8>) -> Route {
        let first = Route::bootstrap("s", model(1));
        let route = candidate.map_or(first.clone(), |n| first.with_candidate(model(n), 0.05));
        Route { release: release.into(), reason: reason.into(), ..route }
    }

    fn entered(now: Option<&Route>) -> Admission<'_> {
        admit(now, &model(2), Strategy::Canary, "r", "e1")
    }

    fn verdict(admission: Admission<'_>) -> Verdict {
        match admission {
            Admission::Refuse(outcome) => outcome.verdict,
            other => panic!("{other:?}"),
        }
    }

    fn begins(route: &Route) -> bool {
        entered(Some(route)) == Admission::Begin(route)
    }

    #[test]
    fn a_canary_begins_beside_a_champion_and_alone() {
        assert_eq!(verdict(entered(None)), Verdict::Fail);
        assert!(begins(&route("x", "promoted", None)));
        assert_eq!(verdict(entered(Some(&route("x", "canary", Some(3))))), Verdict::Inconclusive);
        assert_eq!(verdict(entered(Some(&route("x", "canary", Some(2))))), Verdict::Inconclusive);
        let champion = Route { champion: model(2), ..route("x", "", None) };
        assert_eq!(verdict(entered(Some(&champion))), Verdict::Fail);
    }

    #[test]
    fn an_a_a_run_is_for_the_champion_alone() {
        let now = route("x", "", None);
        let entered = |model| admit(Some(&now), &model, Strategy::AA, "r", "e1");
        assert_eq!(entered(model(1)), Admission::Begin(&now));
        assert_eq!(verdict(entered(model(2))), Verdict::Inconclusive);
    }

    #[test]
    fn what_a_killed_run_of_this_release_left_is_taken_over() {
        assert!(begins(&route("r", "canary of sha256:2 at 25 %", Some(2))));
        assert!(begins(&route("r", "canary-gate left before a verdict", None)));
    }

    /// The route by which the run with event `event` took the share back.
    fn left(release: &str, verdict: Option<Verdict>, reason: &str, event: &str) -> Route {
        let decision = Decision {
            step: "canary-gate".into(),
            verdict,
            event: Some(event.into()),
            model: model(2).digest,
            from: Some(3),
        };
        Route { decision: Some(decision), ..route(release, reason, None) }
    }

    #[test]
    fn a_decision_without_its_event_is_passed_on_and_not_tried_again() {
        // Only an a-a run takes the share back after a pass.
        for verdict in [Verdict::Fail, Verdict::Inconclusive, Verdict::Pass] {
            // Whatever the sentence says: it is for people.
            for reason in ["harm: 3 of 4", "late", "", "canary-gate pass: x [event e9]"] {
                let outcome = Outcome { verdict, reason: reason.into() };
                let left = left("r", Some(verdict), reason, "e1");
                assert_eq!(entered(Some(&left)), Admission::Decided(outcome));
            }
        }
    }

    #[test]
    fn another_run_decides_for_itself() {
        let fail = Some(Verdict::Fail);
        let by_another_step = {
            let mut left = left("r", fail, "x", "e1");
            left.decision.as_mut().expect("it has one").step = "promote".into();
            left
        };
        for (left, why) in [
            (left("r", fail, "x", "e2"), "it had other flags"),
            (left("q", fail, "x", "e1"), "it was another release's"),
            (left("r", None, "x", "e1"), "it left before a verdict"),
            (route("r", "canary-gate fail: x [event e1]", None), "a sentence is no decision"),
            (by_another_step, "another step decided"),
        ] {
            assert!(begins(&left), "{why}");
        }
    }
}

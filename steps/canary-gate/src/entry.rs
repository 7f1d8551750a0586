//! Whether a canary may begin, or has ended already. Pure.

use contract::Verdict;
use routes::{ModelRef, Route};

use crate::Strategy;
use crate::gate::Ending;

/// What the route says to a gate that wants to begin.
#[derive(Debug, PartialEq)]
pub(crate) enum Entry<'a> {
    /// On the stream that has this route.
    Begin(&'a Route),
    /// Nothing is to be changed, and this is why.
    Refuse(Ending),
    /// An earlier run with the same event id decided this and took the share back, but may not have told it.
    Decided(Ending),
}

/// Decides from the present route; `event` is the id of this run's outcome event.
pub(crate) fn entry<'a>(
    now: Option<&'a Route>,
    model: &ModelRef,
    strategy: Strategy,
    release: &str,
    event: &str,
) -> Entry<'a> {
    let refuse = |verdict, reason: String| Entry::Refuse(Ending { verdict, reason });
    let Some(route) = now else {
        return refuse(
            Verdict::Fail,
            "this stream has no champion to compare with; the first model needs a bootstrap".into(),
        );
    };
    if let Some(ending) = decided(route, release, event) {
        return Entry::Decided(ending);
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
        _ => Entry::Begin(route),
    }
}

/// The route's reason after a decision: a run that was killed before it told the event finds it here.
pub(crate) fn note(verdict: Verdict, reason: &str, event: &str) -> String {
    format!("canary-gate {verdict}: {reason} [event {event}]")
}

fn decided(route: &Route, release: &str, event: &str) -> Option<Ending> {
    if route.release != release || route.candidate.is_some() {
        return None;
    }
    let said = route.reason.strip_prefix("canary-gate ")?;
    let said = said.strip_suffix(&format!(" [event {event}]"))?;
    let (verdict, reason) = said.split_once(": ")?;
    let verdict = match verdict {
        "fail" => Verdict::Fail,
        "inconclusive" => Verdict::Inconclusive,
        // Only an a-a run takes the share back after a pass.
        "pass" => Verdict::Pass,
        _ => return None,
    };
    Some(Ending { verdict, reason: reason.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(n: u8) -> ModelRef {
        ModelRef { digest: format!("sha256:{n}"), image: format!("oci:m{n}") }
    }

    fn route(release: &str, reason: &str, candidate: Option<u8>) -> Route {
        let first = Route::bootstrap("s", model(1));
        let route = candidate.map_or(first.clone(), |n| first.with_candidate(model(n), 0.05));
        Route { release: release.into(), reason: reason.into(), ..route }
    }

    fn entered(now: Option<&Route>) -> Entry<'_> {
        entry(now, &model(2), Strategy::Canary, "r", "e1")
    }

    fn verdict(entry: Entry<'_>) -> Verdict {
        match entry {
            Entry::Refuse(ending) => ending.verdict,
            other => panic!("{other:?}"),
        }
    }

    fn begins(route: &Route) -> bool {
        entered(Some(route)) == Entry::Begin(route)
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
        let entered = |model| entry(Some(&now), &model, Strategy::AA, "r", "e1");
        assert_eq!(entered(model(1)), Entry::Begin(&now));
        assert_eq!(verdict(entered(model(2))), Verdict::Inconclusive);
    }

    #[test]
    fn what_a_killed_run_of_this_release_left_is_taken_over() {
        assert!(begins(&route("r", "canary of sha256:2 at 25 %", Some(2))));
        assert!(begins(&route("r", "canary-gate left before a verdict", None)));
    }

    #[test]
    fn a_decision_that_was_not_told_is_told_and_not_tried_again() {
        for (verdict, reason) in [(Verdict::Fail, "harm: 3 of 4"), (Verdict::Inconclusive, "late")]
        {
            let left = route("r", &note(verdict, reason, "e1"), None);
            let ending = Ending { verdict, reason: reason.into() };
            assert_eq!(entered(Some(&left)), Entry::Decided(ending));
        }
        // Another run: other flags, or another release.
        assert!(begins(&route("r", &note(Verdict::Fail, "x", "e2"), None)));
        assert!(begins(&route("q", &note(Verdict::Fail, "x", "e1"), None)));
    }
}

//! Which model is bad and what to do about it. Pure.

use contract::event::OutcomeEvent;
use routes::Route;

use crate::known_good::{Good, last_known_good};

/// The value of `--bad` for the exit handler of a release.
pub(crate) const LEFT_BEHIND: &str = "left-behind";

/// What to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Plan {
    /// The bad model is the candidate, or the champion: this route ends that.
    Write { bad: String, route: Box<Route>, good: Option<Good> },
    /// An earlier run of this rollback wrote the route and was ended before it told so.
    Resume { bad: String },
    /// The bad model has no part in the route.
    Nothing { bad: String },
    /// Nothing can be done, and why.
    Refuse { bad: String, reason: String },
}

/// Decides from the present route and the event log. `named` is `--bad`; `event` the id of this run's event.
pub(crate) fn plan(
    now: Option<&Route>,
    named: &str,
    release: &str,
    event: &str,
    events: &[OutcomeEvent],
) -> Plan {
    let Some(route) = now else {
        return match named.starts_with("sha256:") || named == LEFT_BEHIND {
            true => Plan::Nothing { bad: named.trim_start_matches(LEFT_BEHIND).to_owned() },
            false => Plan::Refuse {
                bad: String::new(),
                reason: "this stream has no route, so nobody answers it".into(),
            },
        };
    };
    if let Some(bad) = written(route, release, event) {
        return Plan::Resume { bad };
    }
    let candidate = route.candidate.as_ref().map(|candidate| &candidate.model.digest);
    let champion = &route.champion.digest;
    let bad = match named {
        "candidate" => candidate.cloned(),
        // What a release left behind: never a champion, and never what another release is trying.
        LEFT_BEHIND if route.release == release => candidate.cloned(),
        LEFT_BEHIND => None,
        "champion" => Some(champion.clone()),
        "" if candidate.is_some() => candidate.cloned(),
        // Without a name, only what this release itself promoted: a release that never got that far must not take a
        // sound champion away.
        "" if route.release == release => Some(champion.clone()),
        "" => None,
        digest => Some(digest.to_owned()),
    };
    let Some(bad) = bad else { return Plan::Nothing { bad: String::new() } };
    if candidate == Some(&bad) {
        return Plan::Write { bad, route: Box::new(route.without_candidate()), good: None };
    }
    if *champion != bad {
        return Plan::Nothing { bad };
    }
    match last_known_good(events, &route.stream, &bad, route) {
        Some(good) => {
            let restored = Box::new(route.restored(good.model.clone()));
            Plan::Write { bad, route: restored, good: Some(good) }
        }
        None => Plan::Refuse {
            reason: format!(
                "nothing to go back to: no model but {bad} was promoted on this stream and not rolled back"
            ),
            bad,
        },
    }
}

/// The generation at which this release left a candidate behind, if it did; also once a rollback took that back.
///
/// It makes the ids of two rollbacks differ that one release needs: one for each time that it left something behind.
pub(crate) fn left_behind(now: Option<&Route>, release: &str) -> Option<u64> {
    let route = now.filter(|route| route.release == release)?;
    match &route.candidate {
        Some(_) => Some(route.generation),
        None => route.reason.starts_with(NOTE).then(|| route.generation.saturating_sub(1)),
    }
}

const NOTE: &str = "rollback of ";

/// The reason that the route gets; a run that is ended before it told its event finds it there.
pub(crate) fn note(bad: &str, event: &str) -> String {
    format!("{NOTE}{bad} [event {event}]")
}

fn written(route: &Route, release: &str, event: &str) -> Option<String> {
    let bad = route.reason.strip_prefix(NOTE)?;
    let bad = bad.strip_suffix(&format!(" [event {event}]"))?;
    (route.release == release).then(|| bad.to_owned())
}

#[cfg(test)]
mod tests {
    use routes::ModelRef;

    use super::*;

    fn model(n: u8) -> ModelRef {
        ModelRef { digest: format!("sha256:{n}"), image: format!("oci:m{n}") }
    }

    fn bad(plan: Plan) -> (&'static str, String) {
        match plan {
            Plan::Write { bad, .. } => ("write", bad),
            Plan::Resume { bad } => ("resume", bad),
            Plan::Nothing { bad } => ("nothing", bad),
            Plan::Refuse { bad, .. } => ("refuse", bad),
        }
    }

    fn decided(now: Option<&Route>, named: &str) -> (&'static str, String) {
        bad(plan(now, named, "r", "e1", &[]))
    }

    /// 2 is the champion, 1 was before.
    fn promoted(release: &str) -> Route {
        let route = Route::bootstrap("s", model(1)).promoted(model(2), String::new());
        Route { release: release.into(), ..route }
    }

    #[test]
    fn whom_the_flag_means() {
        let digest = |n: u8| model(n).digest;
        let alone = promoted("other");
        let trial = alone.with_candidate(model(3), 0.05);
        let ours = promoted("r");
        for (now, named, expected) in [
            (&trial, "", ("write", digest(3))),
            (&trial, "candidate", ("write", digest(3))),
            (&trial, "sha256:3", ("write", digest(3))),
            (&trial, "champion", ("write", digest(2))),
            (&trial, "sha256:2", ("write", digest(2))),
            (&trial, "sha256:4", ("nothing", digest(4))),
            (&alone, "", ("nothing", String::new())),
            (&alone, "candidate", ("nothing", String::new())),
            (&alone, "champion", ("write", digest(2))),
            (&alone, "sha256:1", ("nothing", digest(1))),
            (&ours, "", ("write", digest(2))),
        ] {
            assert_eq!(decided(Some(now), named), expected, "{named} on {now:?}");
        }
        assert_eq!(decided(None, "sha256:1"), ("nothing", digest(1)));
        assert_eq!(decided(None, "").0, "refuse");
    }

    #[test]
    fn left_behind_is_the_candidate_of_this_release_and_nothing_else() {
        let trial = |release: &str| Route {
            release: release.into(),
            ..promoted("x").with_candidate(model(3), 0.05)
        };
        let nothing = ("nothing", String::new());
        assert_eq!(decided(Some(&trial("r")), LEFT_BEHIND), ("write", model(3).digest));
        assert_eq!(decided(Some(&trial("other")), LEFT_BEHIND), nothing);
        assert_eq!(decided(Some(&promoted("r")), LEFT_BEHIND), nothing, "it was promoted");
        assert_eq!(decided(None, LEFT_BEHIND), nothing);

        let left = Route { generation: 7, ..trial("r") };
        assert_eq!(left_behind(Some(&left), "r"), Some(7));
        assert_eq!(left_behind(Some(&left), "other"), None);
        let back =
            Route { generation: 8, reason: note("sha256:3", "e1"), ..left.without_candidate() };
        assert_eq!(left_behind(Some(&back), "r"), Some(7), "the run that was ended after it wrote");
        assert_eq!(left_behind(Some(&promoted("r")), "r"), None);
        assert_eq!(left_behind(None, "r"), None);
    }

    #[test]
    fn a_bad_candidate_leaves_the_champion_and_a_bad_champion_goes_with_its_trial() {
        let trial = promoted("other").with_candidate(model(3), 0.05);
        let Plan::Write { route, good, .. } = plan(Some(&trial), "", "r", "e1", &[]) else {
            panic!("not written")
        };
        assert_eq!((route.champion, route.candidate, good), (model(2), None, None));
        assert!(route.previous.is_some());
        let Plan::Write { route, good, .. } = plan(Some(&trial), "champion", "r", "e1", &[]) else {
            panic!("not written")
        };
        assert_eq!((route.champion, route.candidate, route.previous), (model(1), None, None));
        assert_eq!(good.map(|good| good.promoted_by), Some("route".into()));
    }

    #[test]
    fn without_a_good_model_nothing_is_written() {
        let first = Route::bootstrap("s", model(1));
        assert_eq!(decided(Some(&first), "champion"), ("refuse", model(1).digest));
    }

    #[test]
    fn a_route_that_this_run_wrote_before_is_not_written_again() {
        let back = promoted("r").restored(model(1));
        let back = Route { reason: note("sha256:2", "e1"), ..back };
        for named in ["", "champion", "sha256:2"] {
            assert_eq!(decided(Some(&back), named), ("resume", model(2).digest), "{named}");
        }
        let other = Route { reason: note("sha256:2", "e2"), ..back };
        assert_eq!(decided(Some(&other), "sha256:2").0, "nothing");
    }
}

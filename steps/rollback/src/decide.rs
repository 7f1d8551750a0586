//! Which model is bad and what to do about it. Pure.

use contract::event::OutcomeEvent;
use routes::{Route, ledger};

use crate::known_good::{Good, last_known_good};
use crate::written::Written;

/// The value of `--bad` for the exit handler of a release.
pub(crate) const LEFT_BEHIND: &str = "left-behind";

/// What is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known<'a> {
    /// The route in force.
    pub(crate) now: Option<&'a Route>,
    /// The stream's routes that the topic still has, oldest first.
    pub(crate) history: &'a [Route],
    pub(crate) events: &'a [OutcomeEvent],
}

/// What this run was asked for.
pub(crate) struct Asked<'a> {
    /// `--bad`.
    pub(crate) bad: &'a str,
    pub(crate) release: &'a str,
    /// The id of this run's event, given the generation in which the bad model was found. Each time that a model has to
    /// go is another rollback, with an event of its own.
    pub(crate) event: &'a dyn Fn(Option<u64>) -> String,
}

/// What to do.
#[derive(Debug, PartialEq)]
pub(crate) struct Decided {
    pub(crate) bad: String,
    /// The generation in which the bad model has its part, or had it before this rollback.
    pub(crate) at: Option<u64>,
    pub(crate) plan: Plan,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Plan {
    /// The bad model is the candidate, or the champion: this route ends that.
    Write { route: Box<Route>, good: Option<Good> },
    /// An earlier run of this rollback wrote the route.
    Resume,
    /// The bad model has no part in the route.
    Nothing,
    /// Nothing can be done, and why.
    Refuse(String),
}

/// Decides.
pub(crate) fn decide(known: &Known<'_>, asked: &Asked<'_>) -> Decided {
    let nothing = |bad: String| Decided { bad, at: None, plan: Plan::Nothing };
    let is_named = asked.bad.starts_with("sha256:");
    let Some(route) = known.now else {
        return match asked.bad {
            LEFT_BEHIND => nothing(String::new()),
            digest if is_named => nothing(digest.to_owned()),
            _ => Decided {
                plan: Plan::Refuse("this stream has no route, so nobody answers it".into()),
                ..nothing(String::new())
            },
        };
    };
    let resumed = |it: Written| Decided { bad: it.bad, at: Some(it.at), plan: Plan::Resume };
    if let Some(written) = own(route, asked) {
        return resumed(written);
    }
    let bad = bad(known, route, asked);
    let candidate = route.candidate.as_ref().map(|candidate| &candidate.model.digest);
    let at = Some(route.generation);
    match bad {
        Some(bad) if candidate == Some(&bad) => {
            let route = Box::new(route.without_candidate());
            Decided { bad, at, plan: Plan::Write { route, good: None } }
        }
        Some(bad) if bad == route.champion.digest => {
            let plan = match last_known_good(known.events, &unreported(known), &bad, route) {
                Some(good) => {
                    let to = route.restored(good.model.clone(), good.promoted_by.clone());
                    Plan::Write { route: Box::new(to), good: Some(good) }
                }
                None => Plan::Refuse(format!(
                    "nothing to go back to: no model but {bad} was promoted on this stream and not rolled back"
                )),
            };
            Decided { bad, at, plan }
        }
        // An earlier run of this rollback may have been ended before its event, and others have written since.
        bad => match own_unreported(known, asked) {
            Some(it) if !is_named || Some(&it.bad) == bad.as_ref() => resumed(it),
            _ => nothing(bad.unwrap_or_default()),
        },
    }
}

/// The model that `--bad` means now.
fn bad(known: &Known<'_>, route: &Route, asked: &Asked<'_>) -> Option<String> {
    let candidate = route.candidate.as_ref();
    // What other releases try or promoted is theirs, whoever wrote the route last.
    let tried = candidate.filter(|_| route.tried_by() == Some(asked.release));
    match asked.bad {
        "candidate" => candidate.map(|candidate| candidate.model.digest.clone()),
        "champion" => Some(route.champion.digest.clone()),
        LEFT_BEHIND => tried.map(|candidate| candidate.model.digest.clone()),
        "" => tried.map(|candidate| candidate.model.digest.clone()).or_else(|| {
            let is_own = promoter(known, route) == Some(asked.release);
            is_own.then(|| route.champion.digest.clone())
        }),
        digest => Some(digest.to_owned()),
    }
}

/// The release that promoted the champion.
///
/// By the events it is the last that said so, unless the route says that another one has written this champion since: that
/// stands in it from the write that made it champion, whoever writes later. So a promotion that was ended before its event
/// is one all the same.
fn promoter<'a>(known: &Known<'a>, route: &'a Route) -> Option<&'a str> {
    let by_route = Some(route.promoted_by.as_str()).filter(|release| !release.is_empty());
    let Some(last) = standing(route, known.events).pop() else { return by_route };
    let by_event = last.custom_data.outputs.get("generation").and_then(|text| text.parse().ok());
    match (by_route, by_event) {
        (Some(by_route), Some(by_event)) if made_champion(known, route) > by_event => {
            Some(by_route)
        }
        _ => Some(&last.custom_data.release),
    }
}

/// The generation in which the champion became that by this release, as far as the topic still says.
fn made_champion(known: &Known<'_>, route: &Route) -> u64 {
    let same = |before: &&Route| {
        before.champion == route.champion && before.promoted_by == route.promoted_by
    };
    let first = known.history.iter().rev().take_while(same).last();
    first.map_or(route.generation, |first| first.generation)
}

/// The events by which the champion was promoted since it was last rolled back.
fn standing<'a>(route: &Route, events: &'a [OutcomeEvent]) -> Vec<&'a OutcomeEvent> {
    let mut standing = Vec::new();
    for event in events.iter().filter(|event| event.custom_data.stream == route.stream) {
        if ledger::promoted(event).is_some_and(|model| model.digest == route.champion.digest) {
            standing.push(event);
        } else if ledger::rolled_back(event) == Some(&route.champion.digest)
            && event.custom_data.verdict == contract::Verdict::Pass
        {
            standing.clear();
        }
    }
    standing
}

/// This very rollback, if it wrote the route.
fn own(route: &Route, asked: &Asked<'_>) -> Option<Written> {
    let written = Written::of(route).filter(|_| route.release == asked.release)?;
    ((asked.event)(Some(written.at)) == written.event).then_some(written)
}

/// Rollbacks that wrote a route and emitted no event.
fn unreported(known: &Known<'_>) -> Vec<Written> {
    known.history.iter().filter_map(Written::of).filter(|it| !is_emitted(known, it)).collect()
}

/// The last of them that is this very rollback.
fn own_unreported(known: &Known<'_>, asked: &Asked<'_>) -> Option<Written> {
    let mut written = known.history.iter().rev().filter_map(|route| own(route, asked));
    written.find(|it| !is_emitted(known, it))
}

fn is_emitted(known: &Known<'_>, written: &Written) -> bool {
    known.events.iter().any(|event| event.context.id == written.event)
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "histories.rs"]
mod histories;

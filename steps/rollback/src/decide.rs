//! Which model is bad and what to do about it. Pure.

use contract::event::OutcomeEvent;
use routes::{Route, ledger};

use crate::known_good::{Good, last_known_good};
use crate::note::Note;

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
    let resumed = |note: Note| Decided { bad: note.bad, at: Some(note.at), plan: Plan::Resume };
    if let Some(note) = written(route, asked) {
        return resumed(note);
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
            let plan = match last_known_good(known.events, &untold(known), &bad, route) {
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
        // An earlier run of this rollback may have been ended before it told so, and others have written since.
        bad => match untold_of(known, asked) {
            Some(note) if !is_named || Some(&note.bad) == bad.as_ref() => resumed(note),
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
    let told = last.custom_data.outputs.get("generation").and_then(|text| text.parse().ok());
    match (by_route, told) {
        (Some(by_route), Some(told)) if made_champion(known, route) > told => Some(by_route),
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

/// The note on the route, if this very rollback wrote it.
fn written(route: &Route, asked: &Asked<'_>) -> Option<Note> {
    let note = Note::of(route).filter(|_| route.release == asked.release)?;
    ((asked.event)(Some(note.at)) == note.event).then_some(note)
}

/// Rollbacks that wrote a route and did not tell so.
fn untold(known: &Known<'_>) -> Vec<Note> {
    known.history.iter().filter_map(Note::of).filter(|note| !is_told(known, note)).collect()
}

/// The last of them that is this very rollback.
fn untold_of(known: &Known<'_>, asked: &Asked<'_>) -> Option<Note> {
    let notes = known.history.iter().rev().filter_map(|route| written(route, asked));
    notes.into_iter().find(|note| !is_told(known, note))
}

fn is_told(known: &Known<'_>, note: &Note) -> bool {
    known.events.iter().any(|event| event.context.id == note.event)
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "histories.rs"]
mod histories;

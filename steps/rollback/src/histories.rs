//! Random histories of releases on one stream: what a rollback without `--bad`, or with `--bad=left-behind`, may touch.

use std::collections::{BTreeMap, BTreeSet};

use routes::{Decision, ModelRef, Stamp};
use serde_json::json;
use stats::random::Random;

use super::tests::emitted;
use super::*;

const RELEASES: [&str; 5] = ["a", "b", "c", "d", "e"];
const MODELS: u64 = 4;

/// Seeded: the same histories in every run.
struct Dice(Random);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0.bits() % n
    }

    fn release(&mut self) -> &'static str {
        RELEASES[self.below(RELEASES.len() as u64) as usize]
    }

    fn model(&mut self) -> ModelRef {
        let digest = format!("sha256:{}", self.below(MODELS));
        ModelRef { image: format!("oci:{digest}"), digest }
    }
}

/// A stream, its events, and what really happened.
#[derive(Default)]
struct World {
    history: Vec<Route>,
    events: Vec<OutcomeEvent>,
    /// Who ever promoted a model.
    promoters: BTreeMap<String, BTreeSet<&'static str>>,
    /// Who made the present champion that, unless a rollback brought it back.
    champion_of: Option<&'static str>,
    emitted: u64,
}

impl World {
    fn now(&self) -> Option<&Route> {
        self.history.last()
    }

    fn write(&mut self, route: Route, release: &str, reason: &str) {
        self.write_decided(route, release, reason, None);
    }

    fn write_decided(
        &mut self,
        route: Route,
        release: &str,
        reason: &str,
        decision: Option<Decision>,
    ) {
        let generation = self.now().map_or(0, |last| last.generation) + 1;
        let id = format!("id{generation}");
        let stamp = Stamp { id, generation, begins: false, release, reason, decision };
        let written = route.stamped(self.now(), stamp);
        self.history.push(written);
    }

    fn emit(&mut self, step: &str, release: &str, verdict: &str, digest: &str, id: Option<String>) {
        self.emitted += 1;
        let generation = self.now().map_or(0, |route| route.generation).to_string();
        let (inputs, outputs) = match step {
            "promote" => (
                json!({ "model": digest, "image": format!("oci:{digest}") }),
                json!({ "generation": generation }),
            ),
            _ => (json!({}), json!({ "bad": digest })),
        };
        let id = id.unwrap_or_else(|| format!("event {}", self.emitted));
        self.events.push(emitted(step, release, verdict, &id, (inputs, outputs)));
    }

    /// A promotion as `promote` writes it; it may be ended before its event.
    fn promote(&mut self, route: Route, release: &'static str, is_ended: bool) {
        let digest = route.champion.digest.clone();
        self.write(route, release, "promote");
        self.promoters.entry(digest.clone()).or_default().insert(release);
        self.champion_of = Some(release);
        if !is_ended {
            self.emit("promote", release, "pass", &digest, None);
        }
    }

    /// One thing that happens to a stream.
    fn live(&mut self, dice: &mut Dice) {
        let (release, model, is_ended) = (dice.release(), dice.model(), dice.below(4) == 0);
        let Some(route) = self.now().cloned() else {
            return self.promote(Route::bootstrap("s", model), release, is_ended);
        };
        match (dice.below(6), &route.candidate) {
            (0 | 1, None) if model.digest != route.champion.digest => {
                self.write(route.with_candidate(model, 0.05), release, "canary");
            }
            (0, Some(candidate)) => {
                let (owner, model) = (candidate.release.clone(), candidate.model.clone());
                self.write(route.with_candidate(model, 0.5), &owner, "canary");
            }
            (1, Some(candidate)) => {
                let owner = candidate.release.clone();
                self.write(route.without_candidate(), &owner, "canary-gate fail");
            }
            (2 | 3, Some(candidate)) => {
                let owner = RELEASES.into_iter().find(|it| *it == candidate.release);
                let model = candidate.model.clone();
                self.promote(route.promoted(model, String::new()), owner.expect("one"), is_ended);
            }
            // The same model once more.
            (4, None) => {
                let claimed = Route { promoted_by: release.into(), ..route };
                self.promote(claimed, release, is_ended);
            }
            (5, _) => {
                let bad =
                    ["champion", "candidate", &model.digest][dice.below(3) as usize].to_owned();
                self.roll_back(&bad, release, is_ended);
            }
            _ => {}
        }
    }

    fn decide(&self, bad: &str, release: &str) -> (Decided, String) {
        let event = |at: Option<u64>| format!("rollback {bad} by {release} at {at:?}");
        let known = Known { now: self.now(), history: &self.history, events: &self.events };
        let decided = decide(&known, &Asked { bad, release, event: &event });
        let id = event(decided.at);
        (decided, id)
    }

    /// As the step does it; it may be ended between route and event. Whether it wrote.
    fn roll_back(&mut self, bad: &str, release: &str, is_ended: bool) -> bool {
        let (decided, id) = self.decide(bad, release);
        if self.events.iter().any(|event| event.context.id == id) {
            return false;
        }
        let Decided { bad, at, plan } = decided;
        let (wrote, verdict) = match plan {
            Plan::Write { route, .. } => {
                let champion = self.now().map(|now| now.champion.digest.clone());
                if champion.as_ref() != Some(&route.champion.digest) {
                    self.champion_of = None;
                }
                let written =
                    Written { bad: bad.clone(), at: at.expect("it was found"), event: id.clone() };
                self.write_decided(*route, release, &written.reason(), Some(written.decision()));
                (true, "pass")
            }
            Plan::Resume | Plan::Nothing => (false, "pass"),
            Plan::Refuse(_) => (false, "fail"),
        };
        if !(wrote && is_ended) {
            self.emit("rollback", release, verdict, &bad, Some(id));
        }
        wrote
    }
}

/// What was seen over all histories, so that none of it is held by accident.
#[derive(Debug, Default)]
struct Counts {
    candidates: u64,
    champions: u64,
    nothing: u64,
    own_kept_for_want_of_a_good_one: u64,
    left_behind: u64,
}

#[test]
fn a_release_takes_back_what_it_promoted_and_nothing_of_others() {
    let mut counts = Counts::default();
    for seed in 1..=1_000 {
        let (mut dice, mut world) = (Dice(Random::seeded(seed)), World::default());
        for _ in 0..30 {
            world.live(&mut dice);
            let release = dice.release();
            match dice.below(3) {
                0 => without_a_name(&mut world, release, &mut counts, dice.below(4) == 0),
                1 => left_behind(&mut world, release, &mut counts),
                _ => {}
            }
        }
    }
    let Counts { candidates, champions, nothing, own_kept_for_want_of_a_good_one, left_behind } =
        counts;
    let all = [candidates, champions, nothing, own_kept_for_want_of_a_good_one, left_behind];
    assert!(all.iter().all(|count| *count > 30), "{all:?}");
}

fn without_a_name(world: &mut World, release: &'static str, counts: &mut Counts, is_ended: bool) {
    let Some(before) = world.now().cloned() else { return };
    let own = before.candidate.as_ref().is_some_and(|candidate| candidate.release == release);
    let is_its = world.champion_of == Some(release);
    let champion = &before.champion.digest;
    let (decided, id) = world.decide("", release);
    let is_emitted = world.events.iter().any(|event| event.context.id == id);
    match &decided.plan {
        Plan::Write { route, .. } => {
            assert!(!is_emitted, "a model that has to go is not kept by an earlier event");
            if route.champion.digest == *champion {
                assert!(own && decided.bad != *champion, "another's candidate: {before:#?}");
                counts.candidates += 1;
            } else {
                let promoters = world.promoters.get(champion);
                assert!(
                    promoters.is_some_and(|them| them.contains(release)),
                    "{release} deposes what it did not promote: {before:#?}"
                );
                // Whoever made it champion in the end; where a rollback brought it back, whoever had done so.
                assert!(world.champion_of.is_none_or(|by| by == release), "{before:#?}");
                counts.champions += 1;
            }
        }
        Plan::Refuse(_) => {
            assert!(is_its || world.champion_of.is_none());
            counts.own_kept_for_want_of_a_good_one += 1;
        }
        // It has just taken its candidate back, and a run that is repeated changes nothing more.
        Plan::Resume if Written::of(&before).is_some_and(|written| written.event == id) => {}
        Plan::Nothing | Plan::Resume => {
            assert!(!own && !is_its, "{release} cannot take back its own: {before:#?}");
            counts.nothing += 1;
        }
    }
    world.roll_back("", release, is_ended);
    let now = world.now().expect("a route");
    assert!(now.champion.digest == *champion || !own && now.champion.digest != decided.bad);
}

fn left_behind(world: &mut World, release: &'static str, counts: &mut Counts) {
    let Some(before) = world.now().cloned() else { return };
    let own = before.candidate.as_ref().is_some_and(|candidate| candidate.release == release);
    let wrote = world.roll_back(LEFT_BEHIND, release, false);
    let after = world.now().expect("a route");
    assert_eq!(after.champion, before.champion, "left-behind touched a champion");
    assert_eq!(after.promoted_by, before.promoted_by);
    assert_eq!(wrote, own, "{before:#?}");
    assert_eq!(after.candidate.is_some(), before.candidate.is_some() && !own);
    counts.left_behind += u64::from(wrote);
}

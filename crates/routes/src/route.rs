//! The route of a stream, and the changes it may go through.

use contract::Verdict;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Split;

/// Who answers a stream, as it stands on the routes topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(expecting = "a route")]
pub struct Route {
    pub stream: String,
    /// Unique: which route this is. A scorer names it once it is in force; a generation alone is no proof, for a topic
    /// that was lost and made anew, or brought back from a copy, has the same generation twice.
    #[serde(default)]
    pub id: String,
    /// The `id` of the route with which the stream began on this topic. A scorer takes a route of another epoch whatever
    /// its generation.
    #[serde(default)]
    pub epoch: String,
    /// Grows with every change; within an epoch a scorer never goes back to a lower one.
    pub generation: u64,
    pub champion: ModelRef,
    /// The release that promoted the champion; later changes by others leave it as it is.
    #[serde(default)]
    pub promoted_by: String,
    /// Answers its share of the keys; the champion answers the rest.
    pub candidate: Option<Candidate>,
    /// How keys are split between the two.
    #[serde(default)]
    pub split: Split,
    /// The former champion, kept loaded for a while so that going back needs no loading.
    pub previous: Option<Previous>,
    /// The release that made this change.
    pub release: String,
    /// Why, in one sentence for people; no program reads anything out of it.
    pub reason: String,
    /// The decision behind it, for a run that goes on after the one that wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// RFC 3339.
    pub at: String,
}

/// What the step that wrote a route had decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(expecting = "a decision with `step` and `model`")]
pub struct Decision {
    /// The step's name.
    pub step: String,
    /// Nothing where the run has not reached its verdict yet, for instance because the scorers have yet to confirm.
    #[serde(default)]
    pub verdict: Option<Verdict>,
    /// The id of the run's outcome event; nothing where that depends on a verdict to come.
    #[serde(default)]
    pub event: Option<String>,
    /// Digest of the model that it is about.
    pub model: String,
    /// The generation that it was decided from; nothing where the stream had no route.
    #[serde(default)]
    pub from: Option<u64>,
}

/// A model and where its bytes are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(expecting = "a model with `digest` and `image`")]
pub struct ModelRef {
    /// `sha256:` of the model file: the model's identity everywhere.
    pub digest: String,
    /// The image that carries it, by digest: `oci:<folder>@sha256:…` or `<registry>/<repository>@sha256:…`.
    pub image: String,
}

/// A model on trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(expecting = "a candidate with `model` and `share`")]
pub struct Candidate {
    pub model: ModelRef,
    /// From 0 (loaded, answers nothing) to 1 (answers all).
    pub share: f64,
    /// The release that tries it; later changes by others leave it as it is.
    #[serde(default)]
    pub release: String,
}

/// A former champion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(expecting = "a former champion with `model` and `until`")]
pub struct Previous {
    pub model: ModelRef,
    /// Until when scorers keep it loaded, RFC 3339: the end of the bake time.
    pub until: String,
    /// The release that had promoted it.
    #[serde(default)]
    pub promoted_by: String,
}

/// What a write adds to a route.
#[derive(Clone, Debug)]
pub struct Stamp<'a> {
    pub id: String,
    pub generation: u64,
    /// Whether the stream begins anew, also where there is a route before.
    pub begins: bool,
    pub release: &'a str,
    pub reason: &'a str,
    pub decision: Option<Decision>,
}

/// The highest generation there may be: readers in any language hold it exactly (2^53 - 1).
pub const MAX_GENERATION: u64 = (1 << 53) - 1;

impl ModelRef {
    /// Why this names no model, if so.
    pub fn defect(&self) -> Option<String> {
        stream::ModelDigest::try_from(&*self.digest).err().map(|error| error.to_string())
    }
}

impl Route {
    /// The first route of a stream. Who promoted the champion is filled in when the route is written.
    pub fn bootstrap(stream: &str, champion: ModelRef) -> Self {
        Self {
            stream: stream.to_owned(),
            id: String::new(),
            epoch: String::new(),
            generation: 0,
            champion,
            promoted_by: String::new(),
            candidate: None,
            split: Split::default(),
            previous: None,
            release: String::new(),
            reason: String::new(),
            decision: None,
            at: String::new(),
        }
    }

    /// The candidate answers `share` of the keys. Whose it is is filled in when the route is written.
    #[must_use]
    pub fn with_candidate(&self, model: ModelRef, share: f64) -> Self {
        let release = String::new();
        Self { candidate: Some(Candidate { model, share, release }), ..self.clone() }
    }

    /// The champion answers everything.
    #[must_use]
    pub fn without_candidate(&self) -> Self {
        Self { candidate: None, ..self.clone() }
    }

    /// `model` becomes the champion, and the former champion is kept as `previous` until then. Who promoted it is filled
    /// in when the route is written.
    #[must_use]
    pub fn promoted(&self, model: ModelRef, until: String) -> Self {
        let promoted_by = self.promoted_by.clone();
        let previous = Some(Previous { model: self.champion.clone(), until, promoted_by });
        let promoted_by = String::new();
        Self { previous, champion: model, promoted_by, candidate: None, ..self.clone() }
    }

    /// `good`, which the release `promoted_by` had promoted, answers everything; what answered before is dropped.
    #[must_use]
    pub fn restored(&self, good: ModelRef, promoted_by: String) -> Self {
        Self { champion: good, promoted_by, candidate: None, previous: None, ..self.clone() }
    }

    /// The route as it is written after `last`.
    ///
    /// A champion that is another than before counts as promoted by the writing release, and a candidate as tried by it,
    /// unless the route says otherwise.
    #[must_use]
    pub fn stamped(self, last: Option<&Self>, stamp: Stamp<'_>) -> Self {
        let kept = last.filter(|last| !last.epoch.is_empty() && !stamp.begins);
        let mut route = Self {
            epoch: kept.map_or_else(|| stamp.id.clone(), |last| last.epoch.clone()),
            id: stamp.id,
            generation: stamp.generation,
            release: stamp.release.to_owned(),
            reason: stamp.reason.to_owned(),
            decision: stamp.decision,
            at: contract::event::now(),
            ..self
        };
        let is_new = last.is_none_or(|last| last.champion.digest != route.champion.digest);
        if route.promoted_by.is_empty() && is_new {
            stamp.release.clone_into(&mut route.promoted_by);
        }
        if let Some(candidate) = &mut route.candidate
            && candidate.release.is_empty()
        {
            stamp.release.clone_into(&mut candidate.release);
        }
        route
    }

    /// The release that tries the candidate, whoever wrote the route last.
    pub fn tried_by(&self) -> Option<&str> {
        self.candidate.as_ref().map(|candidate| match candidate.release.as_str() {
            "" => self.release.as_str(),
            release => release,
        })
    }

    /// Whether the stream began with this route on this topic.
    pub fn is_first(&self) -> bool {
        !self.id.is_empty() && self.id == self.epoch
    }

    /// Whether this route stands behind `other` on the same topic: it is one that is known or overtaken.
    pub fn is_overtaken_by(&self, other: &Self) -> bool {
        self.epoch == other.epoch && self.generation <= other.generation
    }

    /// The candidate's share; 0 where there is none.
    pub fn share(&self) -> f64 {
        self.candidate.as_ref().map_or(0.0, |candidate| candidate.share)
    }

    /// Why nobody must follow this route, if so.
    pub fn defect(&self) -> Option<String> {
        if !(1..=MAX_GENERATION).contains(&self.generation) {
            return Some(format!(
                "{} is no generation; they go from 1 to {MAX_GENERATION}",
                self.generation
            ));
        }
        let models = [
            Some(&self.champion),
            self.candidate.as_ref().map(|c| &c.model),
            self.previous.as_ref().map(|previous| &previous.model),
        ];
        if let Some(defect) = models.into_iter().flatten().find_map(ModelRef::defect) {
            return Some(defect);
        }
        let share = self.share();
        (!(0.0..=1.0).contains(&share)).then(|| format!("{share} is no share"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(n: u8) -> ModelRef {
        ModelRef {
            digest: format!("sha256:{}", format!("{n:02x}").repeat(32)),
            image: format!("oci:m{n}"),
        }
    }

    #[test]
    fn a_release_from_bootstrap_to_rollback() {
        let first = Route::bootstrap("s", model(1));
        let trial = first.with_candidate(model(2), 0.05);
        assert_eq!((trial.share(), trial.champion.clone()), (0.05, model(1)));
        let promoted = trial.promoted(model(2), "2026-01-01T00:00:00Z".into());
        assert_eq!(
            (promoted.champion.clone(), promoted.previous.clone().map(|previous| previous.model)),
            (model(2), Some(model(1)))
        );
        assert_eq!(promoted.share(), 0.0);
        let back = promoted.restored(model(1), "r-1".into());
        assert_eq!((back.champion, back.previous), (model(1), None));
        assert_eq!(back.promoted_by, "r-1");
    }

    #[test]
    fn whoever_writes_later_leaves_who_promoted_and_who_tries_as_it_is() {
        let write = |last: Option<&Route>, route: Route, release: &str| {
            let generation = last.map_or(0, |last| last.generation) + 1;
            let id = format!("{release}{generation}");
            let stamp =
                Stamp { id, generation, begins: false, release, reason: "", decision: None };
            route.stamped(last, stamp)
        };
        let first = write(None, Route::bootstrap("s", model(1)), "a");
        assert!(first.is_first() && first.promoted_by == "a");
        let trial = write(Some(&first), first.with_candidate(model(2), 0.1), "b");
        assert!(!trial.is_first() && trial.epoch == first.id && trial.promoted_by == "a");
        let by = |route: &Route| route.candidate.as_ref().map(|it| it.release.clone());
        assert_eq!(by(&trial), Some("b".into()));
        assert_eq!(by(&write(Some(&trial), trial.clone(), "c")), Some("b".into()));
        let promoted = write(Some(&trial), trial.promoted(model(2), String::new()), "b");
        assert_eq!(promoted.promoted_by, "b");
        assert_eq!(promoted.previous.as_ref().map(|it| it.promoted_by.as_str()), Some("a"));
        let back = write(Some(&promoted), promoted.restored(model(1), "a".into()), "c");
        assert_eq!((back.release.as_str(), back.promoted_by.as_str()), ("c", "a"));

        // The topic was brought back from a copy.
        let stamp = Stamp {
            id: "x".into(),
            generation: 9,
            begins: true,
            release: "d",
            reason: "",
            decision: None,
        };
        let anew = back.clone().stamped(Some(&back), stamp);
        assert!(anew.is_first() && anew.promoted_by == "a", "{anew:?}");
    }

    #[test]
    fn a_decision_belongs_to_the_write_that_it_led_to() {
        let decision = Decision {
            step: "canary-gate".into(),
            verdict: Some(Verdict::Fail),
            event: Some("e1".into()),
            model: model(2).digest,
            from: Some(4),
        };
        let decided = Route { decision: Some(decision), ..Route::bootstrap("s", model(1)) };
        let text = serde_json::to_value(&decided).expect("a route is JSON");
        assert_eq!(text["decision"]["verdict"], "fail");
        assert_eq!(serde_json::from_value::<Route>(text.clone()).expect("as written"), decided);
        // Routes from before this was written have none.
        let mut old = text;
        old.as_object_mut().expect("an object").remove("decision");
        assert_eq!(serde_json::from_value::<Route>(old).expect("an older route").decision, None);
        // Whoever writes next has decided something else, or nothing.
        let id = String::new();
        let stamp =
            Stamp { id, generation: 5, begins: false, release: "x", reason: "", decision: None };
        assert_eq!(decided.clone().stamped(Some(&decided), stamp).decision, None);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let first = || Route { generation: 1, ..Route::bootstrap("s", model(1)) };
        assert_eq!(first().with_candidate(model(2), 0.5).defect(), None);
        for share in [-0.1, 1.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(first().with_candidate(model(2), share).defect().is_some(), "{share}");
        }
        for generation in [0, MAX_GENERATION + 1, u64::MAX] {
            assert!(Route { generation, ..first() }.defect().is_some(), "{generation}");
        }
        for digest in ["", "sha256:12", &model(0xab).digest.to_uppercase(), &"a".repeat(71)] {
            let broken = ModelRef { digest: digest.into(), image: String::new() };
            for route in [
                Route { champion: broken.clone(), ..first() },
                first().with_candidate(broken.clone(), 0.1),
                first().restored(broken.clone(), String::new()).promoted(model(2), String::new()),
            ] {
                assert!(route.defect().is_some(), "{digest}");
            }
        }
    }

    #[test]
    fn only_within_an_epoch_a_route_is_overtaken() {
        let route = |epoch: &str, generation| Route {
            epoch: epoch.into(),
            generation,
            ..Route::bootstrap("s", model(1))
        };
        assert!(route("a", 1).is_overtaken_by(&route("a", 2)));
        assert!(route("a", 2).is_overtaken_by(&route("a", 2)));
        assert!(!route("a", 3).is_overtaken_by(&route("a", 2)));
        assert!(!route("b", 1).is_overtaken_by(&route("a", 2)));
    }
}

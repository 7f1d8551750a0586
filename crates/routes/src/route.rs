//! The route of a stream, and the changes it may go through.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who answers a stream, as it stands on the routes topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(expecting = "a route")]
pub struct Route {
    pub stream: String,
    /// Grows by one with every change; a scorer never goes back to a lower one.
    pub generation: u64,
    pub champion: ModelRef,
    /// Answers its share of the keys; the champion answers the rest.
    pub candidate: Option<Candidate>,
    /// The former champion, kept loaded for a while so that going back needs no loading.
    pub previous: Option<Previous>,
    /// The release that made this change.
    pub release: String,
    /// Why, in one sentence.
    pub reason: String,
    /// RFC 3339.
    pub at: String,
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
}

/// A former champion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(expecting = "a former champion with `model` and `until`")]
pub struct Previous {
    pub model: ModelRef,
    /// Until when scorers keep it loaded, RFC 3339: the end of the bake time.
    pub until: String,
}

impl Route {
    /// The first route of a stream.
    pub fn bootstrap(stream: &str, champion: ModelRef) -> Self {
        Self {
            stream: stream.to_owned(),
            generation: 0,
            champion,
            candidate: None,
            previous: None,
            release: String::new(),
            reason: String::new(),
            at: String::new(),
        }
    }

    /// The candidate answers `share` of the keys.
    #[must_use]
    pub fn with_candidate(&self, model: ModelRef, share: f64) -> Self {
        Self { candidate: Some(Candidate { model, share }), ..self.clone() }
    }

    /// The champion answers everything.
    #[must_use]
    pub fn without_candidate(&self) -> Self {
        Self { candidate: None, ..self.clone() }
    }

    /// `model` becomes the champion, and the former champion is kept as `previous` until then.
    #[must_use]
    pub fn promoted(&self, model: ModelRef, until: String) -> Self {
        let previous = Some(Previous { model: self.champion.clone(), until });
        Self { previous, champion: model, candidate: None, ..self.clone() }
    }

    /// `good` answers everything; what answered before is dropped.
    #[must_use]
    pub fn restored(&self, good: ModelRef) -> Self {
        Self { champion: good, candidate: None, previous: None, ..self.clone() }
    }

    /// The candidate's share; 0 where there is none.
    pub fn share(&self) -> f64 {
        self.candidate.as_ref().map_or(0.0, |candidate| candidate.share)
    }

    /// Why a scorer must not follow this route, if so.
    pub fn defect(&self) -> Option<String> {
        let models = [
            Some(&self.champion),
            self.candidate.as_ref().map(|c| &c.model),
            self.previous.as_ref().map(|previous| &previous.model),
        ];
        for model in models.into_iter().flatten() {
            let hex = model.digest.strip_prefix("sha256:").unwrap_or_default();
            if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Some(format!("`{}` is no model digest", model.digest));
            }
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
        let back = promoted.restored(model(1));
        assert_eq!((back.champion, back.previous), (model(1), None));
    }

    #[test]
    fn a_scorer_refuses_what_makes_no_sense() {
        assert_eq!(Route::bootstrap("s", model(1)).with_candidate(model(2), 0.5).defect(), None);
        for share in [-0.1, 1.1, f64::NAN] {
            assert!(
                Route::bootstrap("s", model(1)).with_candidate(model(2), share).defect().is_some()
            );
        }
        let broken = ModelRef { digest: "sha256:12".into(), image: String::new() };
        assert!(Route::bootstrap("s", broken).defect().is_some());
    }
}

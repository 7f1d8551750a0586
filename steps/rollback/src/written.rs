//! What a rollback leaves in the route that it writes: a run that was ended before it emitted its event finds it there.
//! Pure.

use routes::{Decision, Route};

use crate::Rollback;
use contract::Step;

/// A rollback that wrote a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) bad: String,
    /// The generation in which the bad model had its part.
    pub(crate) at: u64,
    /// The id of the outcome event.
    pub(crate) event: String,
}

impl Written {
    /// The route's reason, for people.
    pub(crate) fn reason(&self) -> String {
        format!("rollback of {} found in generation {}", self.bad, self.at)
    }

    /// The same for programs. Its verdict is reached once the scorers have confirmed.
    pub(crate) fn decision(self) -> Decision {
        Decision {
            step: Rollback::NAME.into(),
            verdict: None,
            event: Some(self.event),
            model: self.bad,
            from: Some(self.at),
        }
    }

    /// The rollback that wrote a route, if one did.
    pub(crate) fn of(route: &Route) -> Option<Self> {
        let decision = route.decision.clone().filter(|it| it.step == Rollback::NAME)?;
        Some(Self { bad: decision.model, at: decision.from?, event: decision.event? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use routes::ModelRef;

    #[test]
    fn a_rollback_is_read_out_of_its_route_whatever_the_sentence_says() {
        let model = ModelRef { digest: String::new(), image: String::new() };
        let route = |decision: Option<Decision>, reason: &str| Route {
            decision,
            reason: reason.into(),
            ..Route::bootstrap("s", model.clone())
        };
        let written = Written { bad: "sha256:1".into(), at: 7, event: "e1".into() };
        let decision = written.clone().decision();
        for sentence in [written.reason().as_str(), "", "promote sha256:9 [event e2]"] {
            assert_eq!(
                Written::of(&route(Some(decision.clone()), sentence)),
                Some(written.clone())
            );
            assert_eq!(Written::of(&route(None, sentence)), None, "{sentence}");
        }
        for other in [
            Decision { step: "promote".into(), ..decision.clone() },
            Decision { from: None, ..decision.clone() },
            Decision { event: None, ..decision },
        ] {
            assert_eq!(Written::of(&route(Some(other.clone()), "")), None, "{other:?}");
        }
    }
}

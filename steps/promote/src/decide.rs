//! What to do with the route: pure.

use routes::{ModelRef, Route};

use crate::Strategy;

/// What promoting means for the present route.
#[derive(Debug, PartialEq)]
pub(crate) enum Plan {
    /// The model is the champion already: an earlier run got this far.
    AlreadyDone,
    Write(Box<Route>),
    Refuse(String),
}

/// Decides from the present route; `until` is the end of the bake time.
pub(crate) fn plan(
    now: Option<&Route>,
    stream: &str,
    model: &ModelRef,
    strategy: Strategy,
    until: String,
) -> Plan {
    match (now, strategy) {
        (Some(route), _) if route.champion.digest == model.digest && route.candidate.is_none() => {
            Plan::AlreadyDone
        }
        (None, Strategy::Bootstrap) => {
            Plan::Write(Box::new(Route::bootstrap(stream, model.clone())))
        }
        (Some(_), Strategy::Bootstrap) => {
            Plan::Refuse("this stream has a champion, so there is nothing to bootstrap".into())
        }
        (None, Strategy::Canary | Strategy::BlueGreen) => Plan::Refuse(
            "this stream has no champion to compare with; the first one needs bootstrap".into(),
        ),
        (Some(route), Strategy::Canary | Strategy::BlueGreen) => match &route.candidate {
            Some(candidate) if candidate.model.digest == model.digest => {
                Plan::Write(Box::new(route.promoted(model.clone(), until)))
            }
            Some(other) => Plan::Refuse(format!(
                "the candidate on the stream is {}, not this model",
                other.model.digest
            )),
            None => Plan::Refuse("no canary of this model is on the stream".into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(n: u8) -> ModelRef {
        ModelRef { digest: format!("sha256:{n}"), image: format!("oci:m{n}") }
    }

    #[test]
    fn only_what_was_tried_or_the_first_model_is_promoted() {
        let stream = Route::bootstrap("s", model(1));
        let trial = stream.with_candidate(model(2), 0.5);
        let planned =
            |now: Option<&Route>, n, strategy| plan(now, "s", &model(n), strategy, "then".into());

        assert!(
            matches!(planned(None, 1, Strategy::Bootstrap), Plan::Write(r) if r.champion == model(1))
        );
        assert!(matches!(planned(None, 1, Strategy::Canary), Plan::Refuse(_)));
        assert!(matches!(planned(Some(&stream), 2, Strategy::Bootstrap), Plan::Refuse(_)));
        assert!(matches!(planned(Some(&stream), 2, Strategy::Canary), Plan::Refuse(_)));
        assert!(matches!(planned(Some(&trial), 3, Strategy::Canary), Plan::Refuse(_)));
        let Plan::Write(route) = planned(Some(&trial), 2, Strategy::Canary) else {
            panic!("not written")
        };
        assert_eq!((route.champion.clone(), route.share()), (model(2), 0.0));
        assert_eq!(planned(Some(&route), 2, Strategy::Canary), Plan::AlreadyDone);

        let switched = stream.with_candidate(model(2), 1.0);
        assert!(
            matches!(planned(Some(&switched), 2, Strategy::BlueGreen), Plan::Write(r) if r == route)
        );
        assert!(matches!(planned(Some(&stream), 2, Strategy::BlueGreen), Plan::Refuse(_)));
        assert!(matches!(planned(None, 2, Strategy::BlueGreen), Plan::Refuse(_)));
    }
}

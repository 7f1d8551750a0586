//! The newest route that was seen, for those who only have to know how far that is.

use std::sync::{Mutex, PoisonError};

use routes::Route;

/// Set by the thread that follows the routes.
#[derive(Default)]
pub(crate) struct Seen(Mutex<Option<Route>>);

/// How far that is, against a route that is on the topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// That route was not seen yet.
    Behind,
    /// That route or a later one was seen.
    There,
    /// The one that was seen is of another epoch; which of the two is later, the topic says.
    Elsewhere,
}

impl Seen {
    pub(crate) fn set(&self, route: Option<&Route>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = route.cloned();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    pub(crate) fn reaches(&self, needed: Option<&Route>) -> Reach {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (seen.as_ref(), needed) {
            (_, None) => Reach::There,
            (None, Some(_)) => Reach::Behind,
            (Some(seen), Some(needed)) if needed.is_overtaken_by(seen) => Reach::There,
            (Some(seen), Some(needed)) if seen.epoch == needed.epoch => Reach::Behind,
            _ => Reach::Elsewhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use routes::ModelRef;

    #[test]
    fn a_higher_generation_of_another_epoch_is_not_there_yet() {
        let route = |epoch: &str, generation| {
            let model = ModelRef { digest: String::new(), image: String::new() };
            Some(Route { epoch: epoch.into(), generation, ..Route::bootstrap("s", model) })
        };
        for (seen, needed, reach) in [
            (None, None, Reach::There),
            (route("a", 5), None, Reach::There),
            (None, route("a", 1), Reach::Behind),
            (route("a", 5), route("a", 6), Reach::Behind),
            (route("a", 6), route("a", 6), Reach::There),
            (route("a", 7), route("a", 6), Reach::There),
            (route("lost", 7), route("anew", 1), Reach::Elsewhere),
        ] {
            let newest = Seen::default();
            newest.set(seen.as_ref());
            assert_eq!(newest.reaches(needed.as_ref()), reach, "{seen:?} {needed:?}");
            assert_eq!(newest.is_empty(), seen.is_none());
        }
    }
}

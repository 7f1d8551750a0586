//! What a rollback leaves in the reason of the route that it writes: a run that was ended before it told its event finds
//! it there. Pure.

use routes::Route;

/// A rollback that wrote a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) bad: String,
    /// The generation in which the bad model had its part.
    pub(crate) at: u64,
    /// The id of the outcome event.
    pub(crate) event: String,
}

impl Note {
    /// As the route's reason.
    pub(crate) fn text(&self) -> String {
        format!("rollback of {} found in generation {} [event {}]", self.bad, self.at, self.event)
    }

    /// The note on a route, if a rollback wrote it.
    pub(crate) fn of(route: &Route) -> Option<Self> {
        let rest = route.reason.strip_prefix("rollback of ")?.strip_suffix(']')?;
        let (rest, event) = rest.rsplit_once(" [event ")?;
        let (bad, at) = rest.rsplit_once(" found in generation ")?;
        Some(Self { bad: bad.to_owned(), at: at.parse().ok()?, event: event.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use routes::ModelRef;

    #[test]
    fn a_note_is_read_back() {
        let model = ModelRef { digest: String::new(), image: String::new() };
        let route =
            |reason: &str| Route { reason: reason.into(), ..Route::bootstrap("s", model.clone()) };
        let note = Note { bad: "sha256:1".into(), at: 7, event: "e1".into() };
        assert_eq!(Note::of(&route(&note.text())), Some(note));
        for other in [
            "",
            "rollback of sha256:1",
            "promote sha256:1",
            "rollback of x found in generation y [event e]",
        ] {
            assert_eq!(Note::of(&route(other)), None, "{other}");
        }
    }
}

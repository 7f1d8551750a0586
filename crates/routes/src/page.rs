//! Models and confirmations as report pages show them. Pure.

use report::{Check, Model, Outcome};

use crate::{Confirmation, ModelRef};

impl ModelRef {
    /// The model as a page names it; `role` is what it is to that page.
    pub fn on_page(&self, role: &str) -> Model {
        Model::of_image(role, &self.digest, &self.image)
    }
}

impl Confirmation {
    /// Who confirmed, as a line of a page; `all` says it where every live scorer did.
    pub fn check(&self, all: impl FnOnce(&[String]) -> String) -> Check {
        let (value, outcome) = match self {
            Self::Confirmed { scorers, .. } => (all(scorers), Outcome::of(!scorers.is_empty())),
            Self::Refused { scorer, .. } => (format!("refused by {scorer}"), Outcome::Fail),
            Self::TimedOut { missing } if missing.is_empty() => {
                ("none was live".to_owned(), Outcome::Inconclusive)
            }
            Self::TimedOut { missing } => {
                (format!("missing: {}", missing.join(", ")), Outcome::Inconclusive)
            }
        };
        Check::new("Scorers that confirmed", value, "every live one", outcome)
    }
}

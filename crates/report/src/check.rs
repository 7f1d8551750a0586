//! What was decided, and on what: verdicts, and checks with their values beside their thresholds.

use maud::{Markup, html};

use crate::text::{plain, prose};

/// What a step decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    Fail,
    Inconclusive,
}

/// One thing that was looked at: its value beside the threshold it was held against.
#[derive(Debug, Clone)]
pub struct Check {
    pub name: String,
    pub value: String,
    pub threshold: String,
    pub outcome: Outcome,
    /// What a reader should know beyond the numbers; may be empty.
    pub note: String,
}

/// How a check ended. Only [`Outcome::Pass`] is shown with a tick, and it asks for evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// There is evidence, and the threshold was held.
    Pass,
    /// There is evidence, and the threshold was broken.
    Fail,
    /// There is evidence, and not enough of it either way.
    Inconclusive,
    /// There is nothing to judge by: no data, or an earlier check decided. Never counts as passed.
    NotRun,
}

// === impl Verdict ===

impl Verdict {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Pass => "Pass",
            Self::Fail => "Fail",
            Self::Inconclusive => "Inconclusive",
        }
    }

    pub(crate) fn outcome(self) -> Outcome {
        match self {
            Self::Pass => Outcome::Pass,
            Self::Fail => Outcome::Fail,
            Self::Inconclusive => Outcome::Inconclusive,
        }
    }
}

// === impl Check ===

impl Check {
    pub fn new(
        name: impl Into<String>,
        value: impl Into<String>,
        threshold: impl Into<String>,
        outcome: Outcome,
    ) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            threshold: threshold.into(),
            outcome,
            note: String::new(),
        }
    }

    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    pub(crate) fn row(&self) -> Markup {
        html! {
            tr class=(self.outcome.class()) {
                td class="result" { span class="badge" { (icon(self.outcome)) (self.outcome.word()) } }
                td class="what" { (prose(&capitalised(&self.name))) @if !self.note.is_empty() { p class="note" { (prose(&capitalised(&self.note))) } } }
                td class="value" data-label="Value" { (prose(or_dash(&self.value))) }
                td class="value" data-label="Threshold" { (prose(or_dash(&self.threshold))) }
            }
        }
    }
}

// === impl Outcome ===

impl Outcome {
    /// Held or broken, for checks that know no third way.
    #[must_use]
    pub fn of(passed: bool) -> Self {
        if passed { Self::Pass } else { Self::Fail }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Pass => "Held",
            Self::Fail => "Broken",
            Self::Inconclusive => "Undecided",
            Self::NotRun => "Not judged",
        }
    }

    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::NotRun => "not-run",
        }
    }
}

/// A shape that says the outcome without colour.
pub(crate) fn icon(outcome: Outcome) -> Markup {
    let shape = match outcome {
        Outcome::Pass => "M7 12.5l3.4 3.5L17 8.7",
        Outcome::Fail => "M8 8l8 8M16 8l-8 8",
        Outcome::Inconclusive => "M9.2 9.4a2.8 2.8 0 1 1 4.4 2.3c-1 .7-1.6 1.2-1.6 2.3M12 17.1v.1",
        Outcome::NotRun => "M8 12h8",
    };
    html! {
        svg class="icon" viewBox="0 0 24 24" aria-hidden="true" {
            circle cx="12" cy="12" r="11" {}
            path d=(shape) {}
        }
    }
}

/// A text that begins a line; a name such as `f1` or `demo-scorer`, or a digest, stays as it is.
pub(crate) fn capitalised(text: &str) -> String {
    let first = text
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .trim_end_matches([',', ';'])
        .trim_end_matches("'s");
    let is_word = first.len() > 1 && first.chars().all(char::is_alphabetic);
    let mut letters = text.chars();
    match letters.next() {
        Some(letter) if is_word => letter.to_uppercase().chain(letters).collect(),
        _ => text.to_owned(),
    }
}

fn or_dash(text: &str) -> &str {
    if plain(text).trim().is_empty() { "–" } else { text }
}

//! What happened one after another, such as the steps of a release.

use maud::{Markup, html};

use crate::check::{Verdict, icon};
use crate::text::prose;

/// One thing that happened.
#[derive(Debug, Clone)]
pub struct Moment {
    /// When, as people read it.
    pub at: String,
    /// Who, such as the name of a step.
    pub who: String,
    pub verdict: Verdict,
    pub reason: String,
    /// The address of its report; may be empty. Anything but a web address is shown and not linked.
    pub link: String,
    /// The digest of its report, where it has one.
    pub digest: String,
}

pub(crate) fn render(title: &str, moments: &[Moment]) -> Markup {
    html! {
        section {
            h2 { (prose(title)) }
            ol class="timeline card" { @for moment in moments { (moment.render()) } }
        }
    }
}

impl Moment {
    fn render(&self) -> Markup {
        let outcome = self.verdict.outcome();
        html! {
            li class=(outcome.class()) {
                (icon(outcome))
                div class="moment" {
                    p class="what" {
                        strong { (prose(&self.who)) } " "
                        span class="badge" { (self.verdict.word()) }
                        @if !self.at.is_empty() { span class="when" { (prose(&self.at)) } }
                    }
                    p { (prose(&self.reason)) }
                    @if !self.link.is_empty() || !self.digest.is_empty() {
                        p class="note" {
                            @if self.is_web() {
                                a href=(self.link) rel="noreferrer" { "Report of " (self.who) }
                            } @else if !self.link.is_empty() {
                                "Report at " (prose(&self.link))
                            } @else {
                                "Report with digest " (prose(&self.digest))
                            }
                        }
                    }
                }
            }
        }
    }

    fn is_web(&self) -> bool {
        ["https://", "http://"].iter().any(|scheme| self.link.starts_with(scheme))
            && !self.link.contains(|letter: char| letter.is_control() || letter.is_whitespace())
    }
}

/// `2026-11-24T01:49:32.139631702Z` reads `2026-11-24 01:49:32 UTC`; any other form stays as it is.
#[must_use]
pub fn to_the_second(time: &str) -> String {
    match (time.get(..10), time.get(10..11), time.get(11..19)) {
        (Some(day), Some("T"), Some(clock)) if time.ends_with('Z') => format!("{day} {clock} UTC"),
        _ => time.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_are_linked() {
        let of = |link: &str| {
            let moment = Moment {
                at: String::new(),
                who: "promote".into(),
                verdict: Verdict::Pass,
                reason: String::new(),
                link: link.into(),
                digest: String::new(),
            };
            render("Steps", &[moment]).into_string()
        };
        assert!(
            of("https://reports.example/r-1").contains("<a href=\"https://reports.example/r-1\"")
        );
        for bad in
            ["javascript:alert(1)", "data:text/html,x", "oci://r.example/a@sha256:1", "https://a b"]
        {
            assert!(!of(bad).contains("<a "), "{bad}");
            assert!(of(bad).contains(bad), "{bad}");
        }
    }
}

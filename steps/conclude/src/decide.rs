//! How a release ended, from the outcomes of its steps. Pure.

use contract::Verdict;
use report::to_the_second;
use routes::ledger::{Promotion, TakenBack};

use crate::Goal;
use crate::failures::Failure;
use crate::record::StepOutcome;

/// How a release ended.
#[derive(Debug, PartialEq)]
pub(crate) struct Ending {
    pub(crate) verdict: Verdict,
    /// The step that decided; empty where none emitted an event.
    pub(crate) step: String,
    pub(crate) reason: String,
}

/// Decides. A step that was run again counts with its last word; `promotion` is the last one of this release, with who
/// took it back since, whichever release that was.
pub(crate) fn ending(
    outcomes: &[StepOutcome],
    promotion: Option<&Promotion>,
    failures: &[Failure],
    goal: Goal,
) -> Ending {
    let last = |step: &str| outcomes.iter().rfind(|outcome| outcome.step == step);
    let passed = |step: &str| last(step).filter(|outcome| outcome.verdict == Verdict::Pass);
    let reached = match goal {
        Goal::Promoted => passed("promote"),
        Goal::Shadowed => passed("shadow-test"),
    };
    if let Some(reached) = reached {
        return match (goal, promotion.and_then(|it| Some((it, it.taken_back.as_ref()?)))) {
            (Goal::Promoted, Some((promotion, back))) => taken_back(promotion, back),
            (Goal::Promoted, None) => ended_well(reached, "promoted"),
            (Goal::Shadowed, _) => ended_well(reached, "dry run, no traffic was moved"),
        };
    }
    // A step without an event ended after all that did emit one.
    if let Some(failure) = speaking(failures) {
        let step = failure.task.split('(').next().unwrap_or_default().to_owned();
        let reason = format!("{step} reached no verdict: {}", failure.message);
        return Ending { verdict: Verdict::Fail, step, reason };
    }
    let said = |outcome: &StepOutcome| Ending {
        verdict: outcome.verdict,
        step: outcome.step.clone(),
        reason: format!("{} {}: {}", outcome.step, outcome.verdict, outcome.reason),
    };
    // The rollback only carries out what another step said.
    let decided = outcomes
        .iter()
        .rfind(|outcome| outcome.verdict != Verdict::Pass && outcome.step != "rollback");
    if let Some(decided) = decided {
        return said(decided);
    }
    match outcomes.iter().rfind(|outcome| outcome.step != "rollback").or(outcomes.last()) {
        Some(last) => Ending {
            verdict: Verdict::Fail,
            step: last.step.clone(),
            reason: format!(
                "the release was ended after {} said {}, before it reached its goal",
                last.step, last.verdict
            ),
        },
        None => Ending {
            verdict: Verdict::Fail,
            step: String::new(),
            reason: "no step of this release said anything".into(),
        },
    }
}

fn ended_well(reached: &StepOutcome, what: &str) -> Ending {
    let reason = format!("{what}: {}", reached.reason);
    Ending { verdict: Verdict::Pass, step: reached.step.clone(), reason }
}

/// The model was champion once, and that is over.
fn taken_back(promotion: &Promotion, back: &TakenBack) -> Ending {
    let (from, to) = (to_the_second(&promotion.at), to_the_second(&back.at));
    let (release, verdict, why) = (&back.release, back.verdict, &back.reason);
    let reason = match verdict {
        Verdict::Pass => format!(
            "promoted at {from}, and taken back since: by the rollback of release {release} at {to}: {why}"
        ),
        _ => format!(
            "promoted at {from}, and found bad since: the rollback of release {release} at {to} ended with {verdict}: \
             {why}"
        ),
    };
    Ending { verdict: Verdict::Fail, step: "rollback".into(), reason }
}

/// The failure that says most: the last try of a task, not the node around its tries, which only says that they ended.
fn speaking(failures: &[Failure]) -> Option<&Failure> {
    let tries = failures.iter().filter(|failure| failure.task.ends_with(')'));
    tries.max_by_key(|failure| &failure.task).or(failures.first())
}

#[cfg(test)]
mod tests {
    use Verdict::{Fail, Inconclusive, Pass};

    use contract::event::ReportPlace;

    use super::*;

    fn outcome(step: &str, verdict: Verdict) -> StepOutcome {
        let (event_type, at) = ("dev.cdeventsx.x-y.z.0.1.0".into(), String::new());
        StepOutcome {
            step: step.into(),
            event_type,
            verdict,
            reason: "because".into(),
            at,
            report: ReportPlace::default(),
        }
    }

    fn promotion(by: Option<(&str, Verdict)>) -> Promotion {
        let model = routes::ModelRef { digest: "sha256:1".into(), image: String::new() };
        let taken_back = by.map(|(release, verdict)| TakenBack {
            release: release.into(),
            at: "2026-01-02T00:00:00Z".into(),
            event: "e".into(),
            verdict,
            reason: "back on 1".into(),
        });
        Promotion { release: "r".into(), model, at: "2026-01-01T00:00:00Z".into(), taken_back }
    }

    /// As if nobody had taken anything back.
    fn ending(outcomes: &[StepOutcome], failures: &[Failure], goal: Goal) -> Ending {
        super::ending(outcomes, None, failures, goal)
    }

    #[test]
    fn who_decided() {
        let (validated, shadowed) = (outcome("validate-model", Pass), outcome("shadow-test", Pass));
        let gate = |verdict| outcome("canary-gate", verdict);
        for (events, verdict, step, reason) in [
            (vec![], Fail, "", "no step of this release said anything"),
            (
                vec![validated.clone()],
                Fail,
                "validate-model",
                "the release was ended after validate-model said pass, before it reached its goal",
            ),
            (
                vec![outcome("validate-model", Fail)],
                Fail,
                "validate-model",
                "validate-model fail: because",
            ),
            (
                vec![shadowed.clone(), gate(Fail), outcome("rollback", Pass)],
                Fail,
                "canary-gate",
                "canary-gate fail: because",
            ),
            (
                vec![shadowed.clone(), gate(Inconclusive), outcome("rollback", Pass)],
                Inconclusive,
                "canary-gate",
                "canary-gate inconclusive: because",
            ),
            (
                vec![gate(Pass), outcome("rollback", Pass)],
                Fail,
                "canary-gate",
                "the release was ended after canary-gate said pass, before it reached its goal",
            ),
            (vec![gate(Pass), outcome("promote", Fail)], Fail, "promote", "promote fail: because"),
            (vec![gate(Pass), outcome("promote", Pass)], Pass, "promote", "promoted: because"),
            (
                vec![gate(Pass), outcome("promote", Pass), outcome("rollback", Pass)],
                Pass,
                "promote",
                "promoted: because",
            ),
            (
                vec![gate(Fail), gate(Pass), outcome("promote", Pass)],
                Pass,
                "promote",
                "promoted: because",
            ),
        ] {
            let expected = Ending { verdict, step: step.into(), reason: reason.into() };
            assert_eq!(ending(&events, &[], Goal::Promoted), expected, "{events:?}");
        }
    }

    #[test]
    fn a_promotion_that_was_taken_back_is_over_whoever_took_it_back() {
        let events = [outcome("canary-gate", Pass), outcome("promote", Pass)];
        let ended = |by| super::ending(&events, Some(&promotion(by)), &[], Goal::Promoted);
        assert_eq!(ended(None).verdict, Pass);
        for (by, words) in [
            (
                ("r", Pass),
                "promoted at 2026-01-01 00:00:00 UTC, and taken back since: by the rollback of release r at 2026-01-02",
            ),
            (("other", Pass), "by the rollback of release other at"),
            (
                ("other", Inconclusive),
                "found bad since: the rollback of release other at 2026-01-02",
            ),
            (("other", Fail), "ended with fail: back on 1"),
        ] {
            let ended = ended(Some(by));
            assert_eq!((ended.verdict, ended.step.as_str()), (Fail, "rollback"), "{by:?}");
            assert!(ended.reason.contains(words), "{}", ended.reason);
        }
    }

    #[test]
    fn a_dry_run_is_over_with_its_shadow() {
        let dry = |events: &[StepOutcome]| ending(events, &[], Goal::Shadowed);
        let passed = dry(&[outcome("shadow-test", Pass)]);
        assert_eq!((passed.verdict, passed.step.as_str()), (Pass, "shadow-test"));
        assert_eq!(dry(&[outcome("shadow-test", Inconclusive)]).verdict, Inconclusive);
    }

    #[test]
    fn a_task_without_an_event_decides() {
        let failure =
            |task: &str, message: &str| Failure { task: task.into(), message: message.into() };
        let failures = [
            failure("canary-gate", "retryStrategy.expression evaluated to false"),
            failure("canary-gate(1)", "pod deleted"),
            failure("canary-gate(0)", "broker away"),
        ];
        let ended = ending(&[outcome("shadow-test", Pass)], &failures, Goal::Promoted);
        assert_eq!(ended.reason, "canary-gate reached no verdict: pod deleted");
    }
}

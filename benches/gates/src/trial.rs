//! All gates on the same canaries, healthy and harmful, as they are and calibrated.

use crate::judge::{Judge, Verdict};
use crate::judges::{PEERS, headgate};
use crate::random::seeded;
use crate::scenario::{MINUTES, PLAN, Scenario, step_at};
use crate::stream::{Stream, simulate};

/// What a gate does with one scenario.
#[derive(Clone, Default)]
pub(crate) struct Figures {
    /// Part of the healthy candidates that were rolled back.
    pub(crate) false_rollback: f64,
    /// The same by the steps of the plan: where a gate spends its false alarms, it finds harm soon.
    pub(crate) false_by_step: [f64; PLAN.len()],
    /// Part of the harmful candidates that were promoted.
    pub(crate) missed: f64,
    /// Part of the harmful candidates that were rolled back before the deadline.
    pub(crate) found: f64,
    /// Part of all candidates about which it was decided before the deadline.
    pub(crate) decided: f64,
    /// Records that the harmful candidate answered until it was rolled back; without a rollback, all
    /// that it answered until the deadline.
    pub(crate) harm_records_median: f64,
    pub(crate) minutes_median: f64,
}

pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) figures: Figures,
    /// With the threshold at which it rolls back as many healthy candidates as Headgate; ours as is.
    pub(crate) calibrated: Figures,
}

/// One gate's way through one canary.
struct Course {
    verdict: Verdict,
    /// Minutes until the verdict.
    at: f64,
    /// The running maximum of the score, by the minute.
    scores: Vec<f64>,
}

/// The courses of one gate, with what the candidates had answered by the end of each minute.
#[derive(Default)]
struct Courses {
    healthy: Vec<Course>,
    harmful: Vec<(Course, usize)>,
}

/// Simulates `runs` healthy and `runs` harmful canaries on as many threads as there are processors.
pub(crate) fn compare(scenario: &Scenario, runs: usize, seed: u64) -> Vec<Row> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(runs.max(1));
    let parts: Vec<(Vec<Courses>, Vec<Vec<u64>>)> = std::thread::scope(|scope| {
        let start = |thread: usize| {
            scope.spawn(move || {
                // Each run has its own seed, so that the number of threads changes nothing.
                simulate_runs(scenario, (thread..runs).step_by(threads), seed)
            })
        };
        let handles: Vec<_> = (0..threads).map(start).collect();
        let join = |handle: std::thread::ScopedJoinHandle<'_, _>| {
            handle.join().expect("a simulation does not panic")
        };
        handles.into_iter().map(join).collect()
    });
    let mut gates: Vec<Courses> = (0..=PEERS.len()).map(|_| Courses::default()).collect();
    let mut answered = Vec::new();
    for (courses, by_run) in parts {
        let before = answered.len();
        answered.extend(by_run);
        for (gate, part) in gates.iter_mut().zip(courses) {
            gate.healthy.extend(part.healthy);
            gate.harmful.extend(part.harmful.into_iter().map(|(c, run)| (c, run + before)));
        }
    }
    rows(&gates, &answered)
}

fn simulate_runs(
    scenario: &Scenario,
    runs: impl Iterator<Item = usize>,
    seed: u64,
) -> (Vec<Courses>, Vec<Vec<u64>>) {
    let mut gates: Vec<Courses> = (0..=PEERS.len()).map(|_| Courses::default()).collect();
    let mut answered = Vec::new();
    for run in runs {
        for harmful in [false, true] {
            let mut random = seeded(seed ^ (2 * run as u64 + u64::from(harmful)) << 8);
            let ratio = if harmful { scenario.harm } else { 1.0 };
            let stream = simulate(scenario, ratio, &mut random);
            for (gate, courses) in gates.iter_mut().enumerate() {
                let course = follow(gate, &stream);
                if harmful {
                    courses.harmful.push((course, answered.len()));
                } else {
                    courses.healthy.push(course);
                }
            }
            if harmful {
                answered.push(stream.minutes.iter().map(|minute| minute.answered).collect());
            }
        }
    }
    (gates, answered)
}

fn follow(gate: usize, stream: &Stream) -> Course {
    let mut judge: Box<dyn Judge> = match gate.checked_sub(1) {
        None => headgate::start(&stream.history),
        Some(peer) => (PEERS[peer].start)(&stream.history),
    };
    let mut course =
        Course { verdict: Verdict::Open, at: MINUTES as f64, scores: Vec::with_capacity(MINUTES) };
    let mut highest = f64::NEG_INFINITY;
    for minute in 1..=MINUTES {
        let look = judge.look(&stream.minutes[..minute]);
        highest = highest.max(look.score);
        course.scores.push(highest);
        if course.verdict == Verdict::Open && look.verdict != Verdict::Open {
            course.verdict = look.verdict;
            course.at = (minute - 1) as f64 + look.part;
        }
    }
    course
}

fn rows(gates: &[Courses], answered: &[Vec<u64>]) -> Vec<Row> {
    let ours = figures(&gates[0], answered);
    let peers = PEERS.iter().zip(&gates[1..]).map(|(peer, courses)| Row {
        name: peer.name,
        figures: figures(courses, answered),
        calibrated: figures(&calibrated(courses, ours.false_rollback), answered),
    });
    let headgate = Row { name: "headgate", figures: ours.clone(), calibrated: ours.clone() };
    std::iter::once(headgate).chain(peers).collect()
}

/// The same canaries judged with the lowest threshold that rolls at most this part of the healthy
/// candidates back; all others are promoted at the end.
fn calibrated(courses: &Courses, false_rollback: f64) -> Courses {
    let mut highest: Vec<f64> =
        courses.healthy.iter().filter_map(|course| course.scores.last().copied()).collect();
    highest.sort_unstable_by(|a, b| b.total_cmp(a));
    let allowed = (false_rollback * highest.len() as f64).round() as usize;
    // Reached by those that are allowed, and by no one else.
    let beyond = highest.get(allowed).copied().unwrap_or(f64::NEG_INFINITY);
    let judge = |course: &Course| {
        let at = course.scores.iter().position(|&score| score > beyond);
        Course {
            verdict: if at.is_some() { Verdict::Rollback } else { Verdict::Promote },
            at: at.map_or(MINUTES as f64, |minute| minute as f64 + 1.0),
            scores: Vec::new(),
        }
    };
    Courses {
        healthy: courses.healthy.iter().map(judge).collect(),
        harmful: courses.harmful.iter().map(|(course, run)| (judge(course), *run)).collect(),
    }
}

fn figures(courses: &Courses, answered: &[Vec<u64>]) -> Figures {
    let part = |count: usize, of: usize| count as f64 / of.max(1) as f64;
    let harmful = |verdict: Verdict| {
        let of = courses.harmful.len();
        part(courses.harmful.iter().filter(|(course, _)| course.verdict == verdict).count(), of)
    };
    let healthy = |verdict: Verdict| {
        let of = courses.healthy.len();
        part(courses.healthy.iter().filter(|course| course.verdict == verdict).count(), of)
    };
    let until = |course: &Course| match course.verdict {
        Verdict::Rollback => course.at,
        _ => MINUTES as f64,
    };
    let records = |(course, run): &(Course, usize)| {
        let (whole, rest) = (until(course).floor() as usize, until(course).fract());
        let minutes = &answered[*run];
        let last = minutes.get(whole).map_or(0.0, |&records| records as f64 * rest);
        minutes[..whole].iter().sum::<u64>() as f64 + last
    };
    let mut false_by_step = [0.0; PLAN.len()];
    for course in courses.healthy.iter().filter(|course| course.verdict == Verdict::Rollback) {
        // A verdict at the end of a minute belongs to that minute.
        let minute = (course.at.ceil() as usize).saturating_sub(1);
        false_by_step[step_at(minute)] += part(1, courses.healthy.len());
    }
    Figures {
        false_rollback: healthy(Verdict::Rollback),
        false_by_step,
        missed: harmful(Verdict::Promote),
        found: harmful(Verdict::Rollback),
        decided: 1.0 - 0.5 * (healthy(Verdict::Open) + harmful(Verdict::Open)),
        harm_records_median: median(courses.harmful.iter().map(records)),
        minutes_median: median(courses.harmful.iter().map(|(course, _)| until(course))),
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(scores: &[f64]) -> Course {
        Course { verdict: Verdict::Open, at: MINUTES as f64, scores: scores.to_vec() }
    }

    #[test]
    fn calibration_lets_as_many_healthy_candidates_go_as_it_may() {
        let courses = Courses {
            healthy: (0..100).map(|run| course(&[0.0, f64::from(run)])).collect(),
            harmful: vec![(course(&[0.0, 94.0, 96.0]), 0), (course(&[0.0, 1.0, 2.0]), 0)],
        };
        let answered = vec![vec![10; MINUTES]];
        let figures = figures(&calibrated(&courses, 0.05), &answered);
        assert_eq!((figures.false_rollback, figures.found, figures.missed), (0.05, 0.5, 0.5));
        assert!((figures.false_by_step[0] - 0.05).abs() < 1e-12);
        let one = super::figures(
            &calibrated(
                &Courses { harmful: courses.harmful.into_iter().take(1).collect(), ..courses },
                0.05,
            ),
            &answered,
        );
        assert_eq!(one.harm_records_median, 30.0);
    }
}

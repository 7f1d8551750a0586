//! Held against traffic in memory: a trial asks for nothing that only the routes topic has.
#![expect(clippy::unwrap_used, reason = "tests")]

use contract::Verdict;
use testkit::model;
use testkit::traffic::InMemory;

use super::*;

/// Traffic with a champion, and a trial of a candidate at half of the keys.
fn at_half() -> (InMemory, Trial) {
    let traffic = InMemory::of("s");
    let first = Route::bootstrap("s", model(1));
    traffic.writer().unwrap().write(first, "r-0", "a test", None).unwrap();
    let mut trial = Trial::open(Arc::new(traffic.clone()), "s", "r-1", model(2), "event").unwrap();
    assert!(matches!(trial.raise(0.5).unwrap(), Wrote::Done(route) if route.share() == 0.5));
    (traffic, trial)
}

fn share(traffic: &InMemory) -> f64 {
    traffic.route().unwrap().unwrap().share()
}

#[test]
fn whoever_leaves_leaves_no_share_unless_it_was_to_be_kept() {
    let (traffic, trial) = at_half();
    drop(trial);
    assert_eq!(share(&traffic), 0.0);
    let (traffic, mut trial) = at_half();
    trial.keep();
    drop(trial);
    assert_eq!(share(&traffic), 0.5);
}

#[test]
fn a_way_back_that_fails_once_is_gone_once_more() {
    let (traffic, mut trial) = at_half();
    traffic.fail_writes(1);
    let wrote = trial.take_back("a test", Some(Verdict::Fail)).unwrap().unwrap();
    let Wrote::Done(route) = wrote else { panic!("{wrote:?}") };
    assert_eq!((route.share(), share(&traffic)), (0.0, 0.0));
    assert_eq!(route.decision.unwrap().verdict, Some(Verdict::Fail));
}

#[test]
fn whoever_takes_over_keeps_what_they_wrote() {
    let (traffic, mut trial) = at_half();
    let mut other = traffic.writer().unwrap();
    let theirs = other.current().unwrap().with_candidate(model(3), 0.1);
    other.write(theirs, "r-2", "a test", None).unwrap();
    assert_eq!(trial.taken_over().unwrap().unwrap().release, "r-2");
    assert!(matches!(trial.raise(0.7).unwrap(), Wrote::TakenOver(route) if route.release == "r-2"));
    drop(trial);
    assert_eq!(share(&traffic), 0.1);
}

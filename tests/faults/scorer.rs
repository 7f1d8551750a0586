//! The scorer killed under load: whatever moment it is, every record is answered once.

use std::time::Duration;

use routes::{RouteWriter as _, Routes};
use stats::random::Random;

use testkit::live::{Live, until};

/// Records a second: more than a scorer that is killed all the time answers.
const RATE: u32 = 8_000;
const ROUNDS: usize = 6;
/// Decides after how many answers each kill comes.
const SEED: u64 = 20_260_607;

#[test]
fn a_scorer_killed_again_and_again_answers_every_record_once() {
    let live = Live::new("killed");
    let mut random = Random::seeded(SEED);
    let mut scorer = live.scorer("a");
    let champion = live.bootstrap("linear");
    let candidate = live.image("boosting", "second");
    let audit = live.audit();
    let replay = live.replay(RATE);
    for round in 0..ROUNDS {
        // The route changes under way, so that answers by a stale one would show.
        let share = [0.25, 0.0, 0.5][round % 3];
        let mut routes = Routes::open(live.kafka(), &live.stage.stream).unwrap();
        let route = routes.current().unwrap().with_candidate(candidate.clone(), share);
        routes.write(route, "second", "a share", None).unwrap();

        let enough = audit.count() + 1 + random.bits() % 8_000;
        until("answers between two kills", || (audit.count() >= enough).then_some(()));
        // Answers are seen right after a commit; the kill shall fall anywhere between two.
        std::thread::sleep(Duration::from_millis(random.bits() % 100));
        scorer.kill();
        scorer = live.scorer("a");
    }
    let found = live.assert_exactly_once(replay.finish().unwrap(), audit);
    assert!(found.by_model(&champion.digest).0 > 0 && found.by_model(&candidate.digest).0 > 0);
    scorer.end();
}

#[test]
fn what_a_killed_scorer_leaves_is_answered_by_the_other() {
    let live = Live::new("two");
    let (first, second) = (live.scorer("a"), live.scorer("b"));
    live.bootstrap("boosting");
    first.await_partitions(1);
    second.await_partitions(1);
    let audit = live.audit();
    let replay = live.replay(RATE);
    let after = |more: u64| {
        let enough = audit.count() + more;
        until("answers", || (audit.count() >= enough).then_some(()));
    };
    after(10_000);
    let given = second.times_given_partitions();
    first.kill();
    // Once the group has noticed, the second gets the partitions of the first.
    second.await_partitions(given + 1);
    after(5_000);
    let first = live.scorer("a");
    first.await_partitions(1);
    after(5_000);
    live.assert_exactly_once(replay.finish().unwrap(), audit);
    first.end();
    second.end();
}

#[test]
fn a_broker_killed_and_started_again_costs_no_record_and_doubles_none() {
    let broker = testkit::kafka::OwnBroker::new();
    let live = Live::on(&broker.bootstrap, None, "outage");
    let scorer = live.scorer("a");
    live.bootstrap("boosting");
    let replay = live.replay(RATE);
    let predictions = live.topics().predictions;
    // A broker that has just come back does not lead its partitions yet, which is a transient failure.
    let answered = || match live.kafka().extent(&predictions) {
        Ok(window) => Some(window.len()),
        Err(error) => {
            assert_eq!(fault::exit_code(&error), fault::exit::TRANSIENT, "{error:#}");
            None
        }
    };
    until("answers", || answered().filter(|count| *count > 10_000));
    broker.kill();
    broker.start_again();
    let before = until("the predictions", answered);
    until("answers after the outage", || answered().filter(|count| *count > before + 10_000));
    live.assert_exactly_once(replay.finish().unwrap(), live.audit());
    scorer.end();
}

//! The scorer killed under load: whatever moment it is, every record is answered once.

use std::time::Duration;

use routes::Routes;

use crate::live::{Live, until};

/// Records a second: more than a scorer that is killed all the time answers.
const RATE: u32 = 8_000;
const ROUNDS: usize = 6;
/// Decides after how many answers each kill comes.
const SEED: u64 = 20_260_607;

/// Seeded numbers (splitmix64), so that a run can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

#[test]
fn a_scorer_killed_again_and_again_answers_every_record_once() {
    let live = Live::new("killed");
    let mut random = Random(SEED);
    let mut scorer = live.scorer("a");
    let champion = live.bootstrap("linear");
    let candidate = live.image("boosting", "second");
    let audit = live.audit();
    let replay = live.replay(RATE);
    for round in 0..ROUNDS {
        // The route changes under way, so that answers by a stale one would show.
        let share = [0.25, 0.0, 0.5][round % 3];
        let mut routes = Routes::open(&live.kafka, &live.stream).unwrap();
        let route = routes.current().unwrap().with_candidate(candidate.clone(), share);
        routes.write(route, "second", "a share").unwrap();

        let enough = audit.count() + 1 + random.below(8_000);
        until("answers between two kills", || (audit.count() >= enough).then_some(()));
        drop(scorer);
        scorer = live.scorer("a");
    }
    let found = live.assert_exactly_once(replay, audit);
    assert!(found.by_model(&champion.digest).0 > 0 && found.by_model(&candidate.digest).0 > 0);
    scorer.stop(Duration::from_secs(15)).unwrap();
}

#[test]
fn what_a_killed_scorer_leaves_is_answered_by_the_other() {
    let live = Live::new("two");
    let (first, second) = (live.scorer("a"), live.scorer("b"));
    live.bootstrap("boosting");
    live.await_scorers(2);
    let audit = live.audit();
    let replay = live.replay(RATE);
    let after = |more: u64| {
        let enough = audit.count() + more;
        until("answers", || (audit.count() >= enough).then_some(()));
    };
    after(10_000);
    // Both had partitions; the second gets those of the first once the group has noticed.
    drop(first);
    after(30_000);
    let first = live.scorer("a");
    after(10_000);
    live.assert_exactly_once(replay, audit);
    for scorer in [first, second] {
        scorer.stop(Duration::from_secs(15)).unwrap();
    }
}

#![expect(clippy::unwrap_used, reason = "tests")]
use super::*;
use crate::testing::{Random, assert_close};

const WATCH: Watch = Watch { alpha: 0.05, tuned_for: 1_000 };

fn ones(events: u64, trials: u64) -> ClusteredMean {
    let mut values = ClusteredMean::default();
    // Evenly spread, so that nothing looks dependent.
    for trial in 0..trials {
        let one = (trial + 1) * events / trials > trial * events / trials;
        values.observe(f64::from(u8::from(one)), None);
    }
    values
}

/// What a claim made at any of the looks is.
#[derive(Debug, Default, PartialEq)]
struct Claims {
    beyond: bool,
    within: bool,
}

/// Watches 6,000 values, with a look after every 20 from 500 on.
fn watched(limit: f64, mut next: impl FnMut(u64) -> (f64, Option<u64>)) -> Claims {
    let (mut values, mut claims) = (ClusteredMean::default(), Claims::default());
    for n in 1..=6_000 {
        let (value, key) = next(n);
        values.observe(value, key);
        if n >= 500 && n % 20 == 0 {
            let evidence = WATCH.rate_evidence(&values, limit).unwrap();
            claims.beyond |= evidence.beyond >= 20f64.ln();
            claims.within |= evidence.within >= 20f64.ln();
        }
    }
    claims
}

#[test]
fn a_claim_is_made_exactly_when_the_limit_is_not_within_the_bounds() {
    for (events, trials) in
        [(0, 300), (1, 40), (12, 400), (50, 1_000), (1_000, 1_000), (900, 9_000)]
    {
        let values = ones(events, trials);
        let bounds = WATCH.rate_bounds(&values).unwrap();
        assert!(bounds.contains(bounds.estimate), "{bounds:?}");
        for limit in [0.005, 0.02, 0.05, 0.11, 0.5, 0.99] {
            let evidence = WATCH.rate_evidence(&values, limit).unwrap();
            assert_eq!(evidence.beyond >= 20f64.ln(), bounds.lower > limit, "{bounds:?} {limit}");
            assert_eq!(evidence.within >= 20f64.ln(), bounds.upper < limit, "{bounds:?} {limit}");
        }
    }
    assert!(WATCH.rate_bounds(&ClusteredMean::default()).is_err());
    assert!(Watch { alpha: 0.5, ..WATCH }.rate_bounds(&ones(1, 9)).is_err());
}

#[test]
fn one_sided_evidence_is_the_two_sided_one_doubled_where_it_decides() {
    // Also for a million values, where the incomplete beta function is far out in its tail.
    for (events, trials) in [(80, 1_000), (5_450, 100_000), (51_200, 1_000_000)] {
        let values = ones(events, trials);
        let evidence = WATCH.rate_evidence(&values, 0.05).unwrap();
        let (n, p) = (trials as f64, 0.05_f64);
        let rho = precision(p * (1.0 - p) * 1_000.0, 0.05, Sides::Upper);
        let (sum, time) = (events as f64 - p * n, p * (1.0 - p) * n);
        let both = beta_binomial_log_e(sum, time, rho, (p, 1.0 - p), Sides::Both);
        assert!((0.3..=1.0).contains(&(evidence.beyond - both)), "{evidence:?} {both}");
        assert!(evidence.within < 0.0);
    }
}

#[test]
fn few_failures_show_a_small_rate_soon() {
    let needed = |limit: f64| {
        (1..).find(|n| WATCH.rate_evidence(&ones(0, *n), limit).unwrap().within >= 20f64.ln())
    };
    // ln 20 / 0.01 = 300 is the least for any test that keeps 5 %.
    assert!((300..=600).contains(&needed(0.01).unwrap()), "{:?}", needed(0.01));
}

#[test]
fn a_rate_at_its_limit_is_seldom_claimed_to_be_beyond_it_or_within() {
    let mut random = Random::seeded(61);
    let (mut beyond, mut within) = (0, 0);
    for _ in 0..400 {
        let claims = watched(0.05, |n| (f64::from(u8::from(random.chance(0.05))), Some(n)));
        beyond += usize::from(claims.beyond);
        within += usize::from(claims.within);
    }
    assert!(beyond <= 20 && within <= 20, "{beyond} and {within} of 400");
}

#[test]
fn the_promise_is_kept_where_neighbours_go_together() {
    let mut random = Random::seeded(62);
    let (mut beyond, mut within) = (0, 0);
    for _ in 0..400 {
        let mut state = random.normal();
        let claims = watched(0.1, |_| {
            // An AR(1) with 0.6 that exceeds a limit one time in ten.
            state = 0.6 * state + 0.8 * random.normal();
            (f64::from(u8::from(state > 1.281_551_6)), None)
        });
        beyond += usize::from(claims.beyond);
        within += usize::from(claims.within);
    }
    assert!(beyond <= 20 && within <= 20, "{beyond} and {within} of 400");
}

#[test]
fn the_promise_is_kept_where_the_values_of_a_key_go_together() {
    let mut random = Random::seeded(63);
    let (mut beyond, mut within) = (0, 0);
    for _ in 0..400 {
        // 300 keys of which one in ten fails half of the time.
        let rates: Vec<f64> =
            (0..300).map(|_| if random.chance(0.1) { 0.5 } else { 0.0 }).collect();
        let claims = watched(0.05, |_| {
            let key = (random.uniform() * 300.0) as usize;
            (f64::from(u8::from(random.chance(rates[key]))), Some(key as u64 * 0x9e37_79b9))
        });
        beyond += usize::from(claims.beyond);
        within += usize::from(claims.within);
    }
    assert!(beyond <= 20 && within <= 20, "{beyond} and {within} of 400");
}

#[test]
fn a_mean_at_its_limit_is_seldom_claimed_to_be_beyond_it() {
    let mut random = Random::seeded(64);
    let mut wrong = 0;
    for run in 0..400 {
        let (mut values, mut state) = (ClusteredMean::default(), 0.0);
        // Every second run with neighbours that go together.
        let memory = if run % 2 == 0 { 0.0_f64 } else { 0.6 };
        let mut claimed = false;
        for n in 1..=6_000 {
            state = memory * state + (1.0 - memory * memory).sqrt() * random.normal();
            values.observe(0.3 + state, None);
            if n >= 500 && n % 20 == 0 {
                let evidence = WATCH.mean_evidence(&values, 0.3).unwrap();
                claimed |= evidence.beyond.max(evidence.within) >= 20f64.ln();
            }
        }
        wrong += usize::from(claimed);
    }
    assert!(wrong <= 20, "{wrong} of 400");
}

#[test]
fn the_evidence_about_a_mean_says_what_its_bounds_say() {
    let mut random = Random::seeded(65);
    let mut values = ClusteredMean::default();
    (0..2_000).for_each(|_| values.observe(0.2 + random.normal(), None));
    let bounds = WATCH.mean_bounds(&values).unwrap();
    for limit in [0.01, 0.05, 0.1, 0.2, 0.3, 0.4] {
        let evidence = WATCH.mean_evidence(&values, limit).unwrap();
        let beyond = bounds.lower > limit || bounds.upper < -limit;
        let within = bounds.lower > -limit && bounds.upper < limit;
        assert_eq!(
            (evidence.beyond >= 20f64.ln(), evidence.within >= 20f64.ln()),
            (beyond, within)
        );
    }
    let mut few = ClusteredMean::default();
    (0..99).for_each(|_| few.observe(1.0, None));
    assert!(WATCH.mean_bounds(&few).is_err());
    few.observe(1.0, None);
    let same = WATCH.mean_bounds(&few).unwrap();
    assert_close(same.upper - same.lower, 0.0, 0.0);
}

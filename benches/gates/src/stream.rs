//! One canary as it really goes, minute by minute; all gates see the same one.

use stats::cluster::{Aggregation, KeyWeights, SeenKeys, extra_variance};
use stats::random::GOLDEN;
use stats::sequential::Stage;

use crate::random::{Laws, Random};
use crate::scenario::{HISTORY, Kind, MINUTES, PLAN, Scenario, share_at};

/// What is known at the end of a minute: the records whose outcome became known in it.
#[derive(Default)]
pub(crate) struct Minute {
    pub(crate) candidate: Arm,
    pub(crate) champion: Arm,
    /// The failures among them, in the order in which they became known.
    pub(crate) failures: Vec<Failure>,
    /// Records that the candidate answered in this minute, known or not: what harm is counted in.
    pub(crate) answered: u64,
    pub(crate) share: f64,
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Arm {
    pub(crate) records: u64,
    pub(crate) failures: u64,
}

#[derive(Clone, Copy)]
pub(crate) struct Failure {
    pub(crate) candidate: bool,
    /// The candidate's share when the record was answered.
    pub(crate) share: f64,
    pub(crate) key: u64,
}

/// What a gate may know of the champion before the canary.
pub(crate) struct History {
    /// Failures a record.
    pub(crate) base_rate: f64,
    pub(crate) extra_variance: f64,
    pub(crate) aggregation: Aggregation,
    /// Events to expect at each share, from the last two hours.
    pub(crate) stages: Vec<Stage>,
}

pub(crate) struct Stream {
    pub(crate) history: History,
    pub(crate) minutes: Vec<Minute>,
}

/// The failure rates of one model over time.
struct Rates {
    state: f64,
    outage: usize,
}

struct Keys {
    /// Cumulative part of the failures.
    cumulative: Vec<f64>,
    /// A key is the candidate's while its place is below the share.
    places: Vec<f64>,
}

pub(crate) fn simulate(scenario: &Scenario, ratio: f64, random: &mut Random) -> Stream {
    let keys = keys(scenario, random);
    let history = history(scenario, &keys, random);
    let mut rates = [Rates::new(), Rates::new()];
    let mut outage = Rates::new();
    let mut minutes = Vec::with_capacity(MINUTES);
    let mut waiting = Waiting::default();
    let phase = random.uniform();
    for minute in 0..MINUTES {
        let share = share_at(minute);
        let base = scenario.base_rate * common(scenario, minute, phase, &mut outage, random);
        let [candidate_rate, champion_rate] =
            [0, 1].map(|model| base * rates[model].next(scenario, random));
        let drawn = keys.as_ref().map_or(share, |keys| keys.candidate_part(share));
        let all = poisson_records(random, scenario.records_a_minute);
        let answered = random.binomial(all, drawn);
        let mut failures = match &keys {
            Some(keys) => keys.failures(base * all as f64, share, ratio, random),
            None => {
                let candidate = random.binomial(answered, (candidate_rate * ratio).min(1.0));
                let champion = random.binomial(all - answered, champion_rate.min(1.0));
                plain(candidate, champion, share, random)
            }
        };
        shuffle(&mut failures, random);
        let known = [answered, all - answered];
        let (known, failures) = match scenario.kind {
            Kind::DelayedLabels { delay, lost } => {
                waiting.pass(known, failures, delay, lost, random)
            }
            _ => (known, failures),
        };
        let count = |candidate: bool| {
            failures.iter().filter(|failure| failure.candidate == candidate).count() as u64
        };
        minutes.push(Minute {
            candidate: Arm { records: known[0].max(count(true)), failures: count(true) },
            champion: Arm { records: known[1].max(count(false)), failures: count(false) },
            failures,
            answered,
            share,
        });
    }
    Stream { history, minutes }
}

/// Records of a minute: Poisson, by its normal limit where that is close.
fn poisson_records(random: &mut Random, mean: u64) -> u64 {
    if mean < 100 {
        return random.poisson(mean as f64);
    }
    (mean as f64 + (mean as f64).sqrt() * random.normal()).round().max(0.0) as u64
}

impl Rates {
    fn new() -> Self {
        Self { state: f64::NAN, outage: 0 }
    }

    /// What one model's rate is multiplied by in the next minute; 1 on average.
    fn next(&mut self, scenario: &Scenario, random: &mut Random) -> f64 {
        let Kind::Autocorrelated { correlation, deviation } = scenario.kind else { return 1.0 };
        self.state = if self.state.is_nan() {
            deviation * random.normal()
        } else {
            let fresh = deviation * (1.0 - correlation * correlation).sqrt();
            correlation * self.state + fresh * random.normal()
        };
        (self.state - 0.5 * deviation * deviation).exp()
    }
}

/// What the rates of both models are multiplied by in a minute.
fn common(
    scenario: &Scenario,
    minute: usize,
    phase: f64,
    outage: &mut Rates,
    random: &mut Random,
) -> f64 {
    match scenario.kind {
        Kind::Bursts { every, minutes, times } => {
            if outage.outage > 0 {
                outage.outage -= 1;
            } else if random.chance(1.0 / every) {
                outage.outage = minutes;
            }
            if outage.outage > 0 { times } else { 1.0 }
        }
        Kind::Rhythm { amplitude } => {
            let turn = std::f64::consts::TAU * (minute as f64 / MINUTES as f64 + phase);
            1.0 + amplitude * turn.sin()
        }
        _ => 1.0,
    }
}

fn keys(scenario: &Scenario, random: &mut Random) -> Option<Keys> {
    let Kind::ClusteredKeys { keys, shape } = scenario.kind else { return None };
    let mut sum = 0.0;
    let mut cumulative: Vec<f64> = (0..keys)
        .map(|_| {
            sum += random.gamma(shape);
            sum
        })
        .collect();
    cumulative.iter_mut().for_each(|part| *part /= sum);
    Some(Keys { cumulative, places: (0..keys).map(|_| random.uniform()).collect() })
}

impl Keys {
    fn draw(&self, random: &mut Random) -> usize {
        let at = random.uniform();
        self.cumulative.partition_point(|&part| part < at).min(self.cumulative.len() - 1)
    }

    /// All keys have as many records.
    fn candidate_part(&self, share: f64) -> f64 {
        let candidates = self.places.iter().filter(|&&place| place < share).count();
        candidates as f64 / self.places.len() as f64
    }

    /// The failures of a minute with `mean` failures of the champion alone: the candidate's keys
    /// fail `ratio` times as often, so all are drawn as often and the champion's thinned out.
    fn failures(&self, mean: f64, share: f64, ratio: f64, random: &mut Random) -> Vec<Failure> {
        let more = ratio.max(1.0);
        (0..random.poisson(mean * more))
            .filter_map(|_| {
                let key = self.draw(random);
                let candidate = self.places[key] < share;
                let kept = if candidate { ratio / more } else { 1.0 / more };
                random.chance(kept).then(|| Failure { candidate, share, key: hash(key as u64) })
            })
            .collect()
    }
}

fn plain(candidate: u64, champion: u64, share: f64, random: &mut Random) -> Vec<Failure> {
    (0..candidate + champion)
        .map(|i| Failure { candidate: i < candidate, share, key: random.bits() })
        .collect()
}

fn shuffle(failures: &mut [Failure], random: &mut Random) {
    for i in (1..failures.len()).rev() {
        failures.swap(i, (random.uniform() * (i + 1) as f64) as usize);
    }
}

/// Records whose label has not come yet.
#[derive(Default)]
struct Waiting {
    records: [u64; 2],
    failures: Vec<Failure>,
}

impl Waiting {
    /// Takes what was answered in a minute and gives what became known in it; delays are geometric.
    fn pass(
        &mut self,
        records: [u64; 2],
        failures: Vec<Failure>,
        delay: f64,
        lost: f64,
        random: &mut Random,
    ) -> ([u64; 2], Vec<Failure>) {
        let kept: Vec<Failure> = failures.into_iter().filter(|_| !random.chance(lost)).collect();
        self.failures.extend(kept);
        let now = 1.0 - (-1.0 / delay).exp();
        let mut known = [0; 2];
        for model in 0..2 {
            self.records[model] += random.binomial(records[model], 1.0 - lost);
            known[model] = random.binomial(self.records[model], now);
            self.records[model] -= known[model];
        }
        let (mut due, mut later) = (Vec::new(), Vec::new());
        for failure in std::mem::take(&mut self.failures) {
            if random.chance(now) { due.push(failure) } else { later.push(failure) }
        }
        self.failures = later;
        (known, due)
    }
}

/// Twelve hours of the champion alone.
fn history(scenario: &Scenario, keys: &Option<Keys>, random: &mut Random) -> History {
    let (mut rates, mut outage) = (Rates::new(), Rates::new());
    let mut weights = KeyWeights::default();
    let mut seen = SeenKeys::new(100_000);
    let phase = random.uniform();
    let mean = scenario.records_a_minute as f64 * scenario.base_rate;
    let mut by_minute = Vec::with_capacity(HISTORY);
    let mut counted = [0; PLAN.len()];
    for minute in 0..HISTORY {
        let rate =
            common(scenario, minute, phase, &mut outage, random) * rates.next(scenario, random);
        let failures = random.poisson(mean * rate);
        by_minute.push(failures);
        // The last two hours stand for the canary.
        let stage = (minute + MINUTES).checked_sub(HISTORY).map(stage_at);
        for _ in 0..failures {
            let key = match keys {
                Some(keys) => hash(keys.draw(random) as u64),
                None => random.bits(),
            };
            weights.observe(key);
            if let Some(stage) = stage {
                counted[stage] += u64::from(seen.is_new(key));
            }
        }
    }
    let aggregation = Aggregation::from_history(&weights);
    let stages = PLAN.iter().zip(counted);
    History {
        base_rate: by_minute.iter().sum::<u64>() as f64
            / (HISTORY as f64 * scenario.records_a_minute as f64),
        extra_variance: extra_variance(&by_minute),
        aggregation,
        stages: stages.map(|(&(share, _), events)| Stage { share, events }).collect(),
    }
}

fn stage_at(minute: usize) -> usize {
    PLAN.iter().position(|&(share, _)| share == share_at(minute)).unwrap_or(0)
}

fn hash(key: u64) -> u64 {
    (key + 1).wrapping_mul(GOLDEN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::seeded;
    use crate::scenario::SCENARIOS;

    #[test]
    fn streams_have_the_rates_that_they_should() {
        for scenario in &SCENARIOS {
            let mut random = seeded(3);
            let (mut candidate, mut champion) = (Arm::default(), Arm::default());
            for _ in 0..60 {
                for minute in simulate(scenario, 2.0, &mut random).minutes {
                    for (sum, arm) in
                        [(&mut candidate, minute.candidate), (&mut champion, minute.champion)]
                    {
                        sum.records += arm.records;
                        sum.failures += arm.failures;
                    }
                }
            }
            let rate = |arm: Arm| arm.failures as f64 / arm.records as f64;
            let ratio = rate(candidate) / rate(champion);
            // Rhythm and outages move the rate over the minutes in which the shares differ.
            assert!((1.6..=2.5).contains(&ratio), "{}: {ratio}", scenario.name);
        }
    }

    #[test]
    fn the_history_says_what_is_special() {
        let mut random = seeded(4);
        for scenario in &SCENARIOS {
            let found: Vec<History> =
                (0..20).map(|_| simulate(scenario, 1.0, &mut random).history).collect();
            let by_key = found.iter().filter(|h| h.aggregation == Aggregation::ByKey).count();
            let varies = found.iter().filter(|h| h.extra_variance > 0.0).count();
            let clustered = matches!(scenario.kind, Kind::ClusteredKeys { .. });
            assert_eq!(by_key, if clustered { 20 } else { 0 }, "{}", scenario.name);
            match scenario.kind {
                Kind::Autocorrelated { .. } => assert_eq!(varies, 20),
                // What is left of a fast wave is held against both models; that only costs time.
                Kind::Rhythm { .. } => {}
                _ => assert!(varies <= 4, "{}: {varies}", scenario.name),
            }
        }
    }
}

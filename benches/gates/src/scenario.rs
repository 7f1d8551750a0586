//! The streams on which the gates are compared.

/// Minutes of a canary, and of the history before it.
pub(crate) const MINUTES: usize = 120;
pub(crate) const HISTORY: usize = 720;

/// The plan that all gates follow: the candidate's share, and for how many minutes.
pub(crate) const PLAN: [(f64, usize); 3] = [(0.05, 30), (0.25, 30), (0.5, 60)];

/// How a stream behaves.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// What is special, for the table.
    pub(crate) about: &'static str,
    pub(crate) records_a_minute: u64,
    /// The champion's failures a record.
    pub(crate) base_rate: f64,
    /// The harmful candidate's failures over the champion's.
    pub(crate) harm: f64,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// Every record fails on its own.
    Independent,
    /// The logarithm of each model's rate is an AR(1) by the minute, of its own.
    Autocorrelated { correlation: f64, deviation: f64 },
    /// Keys stay with a model, and few keys have most of the failures.
    ClusteredKeys { keys: usize, shape: f64 },
    /// Now and then both models fail `times` as often for some minutes.
    Bursts { every: f64, minutes: usize, times: f64 },
    /// The rate of both follows a wave over the time of the canary.
    Rhythm { amplitude: f64 },
    /// A label comes so many minutes after its record on average, or never.
    DelayedLabels { delay: f64, lost: f64 },
}

/// Share of the candidate in a minute.
pub(crate) fn share_at(minute: usize) -> f64 {
    PLAN[step_at(minute)].0
}

/// The step of the plan that a minute belongs to; the last one has no end.
pub(crate) fn step_at(minute: usize) -> usize {
    let mut end = 0;
    let is_later = |(_, minutes): &&(f64, usize)| {
        end += minutes;
        minute >= end
    };
    PLAN.iter().take_while(is_later).count().min(PLAN.len() - 1)
}

pub(crate) const SCENARIOS: [Scenario; 8] = [
    Scenario {
        name: "independent",
        about: "every record on its own, 2 % fail, harm is 1.5 times as many",
        records_a_minute: 1000,
        base_rate: 0.02,
        harm: 1.5,
        kind: Kind::Independent,
    },
    Scenario {
        name: "rare-failures",
        about: "0.1 % fail, harm is 4 times as many",
        records_a_minute: 1000,
        base_rate: 0.001,
        harm: 4.0,
        kind: Kind::Independent,
    },
    Scenario {
        name: "autocorrelated",
        about: "each model's rate is an AR(1) of its own, rho 0.6; harm is twice as many",
        records_a_minute: 1000,
        base_rate: 0.02,
        harm: 2.0,
        kind: Kind::Autocorrelated { correlation: 0.6, deviation: 0.3 },
    },
    Scenario {
        name: "clustered-keys",
        about: "3,000 sticky keys, few have most of the failures; harm is 3 times as many",
        records_a_minute: 1000,
        base_rate: 0.02,
        harm: 3.0,
        kind: Kind::ClusteredKeys { keys: 3000, shape: 0.3 },
    },
    Scenario {
        name: "low-traffic",
        about: "20 records a minute, 2 % fail, harm is 5 times as many",
        records_a_minute: 20,
        base_rate: 0.02,
        harm: 5.0,
        kind: Kind::Independent,
    },
    Scenario {
        name: "bursts",
        about: "outages of both models, 8 times as many for 5 minutes; harm is 1.5 times as many",
        records_a_minute: 1000,
        base_rate: 0.02,
        harm: 1.5,
        kind: Kind::Bursts { every: 40.0, minutes: 5, times: 8.0 },
    },
    Scenario {
        name: "rhythm",
        about: "the rate of both rises and falls with the hour; harm is 1.5 times as many",
        records_a_minute: 1000,
        base_rate: 0.02,
        harm: 1.5,
        kind: Kind::Rhythm { amplitude: 0.7 },
    },
    Scenario {
        name: "delayed-labels",
        about: "labels come 20 minutes later, 10 % never; harm is 1.5 times as many",
        records_a_minute: 1000,
        base_rate: 0.02,
        harm: 1.5,
        kind: Kind::DelayedLabels { delay: 20.0, lost: 0.1 },
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_fills_the_time() {
        assert_eq!(PLAN.iter().map(|(_, minutes)| minutes).sum::<usize>(), MINUTES);
        assert_eq!((share_at(0), share_at(30), share_at(119)), (0.05, 0.25, 0.5));
        assert_eq!([29, 30, 59, 60, 500].map(step_at), [0, 1, 1, 2, 2]);
    }
}

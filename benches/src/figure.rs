//! What was measured, for people and for machines.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

/// The smallest, middle and largest of several measurements.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    #[serde(serialize_with = "rounded")]
    pub min: f64,
    #[serde(serialize_with = "rounded")]
    pub median: f64,
    /// Nearest rank; only where there are enough measurements for it to mean something.
    #[serde(serialize_with = "rounded_option", skip_serializing_if = "Option::is_none")]
    pub p99: Option<f64>,
    #[serde(serialize_with = "rounded")]
    pub max: f64,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    Higher,
    Lower,
}

/// The result of a bench; its JSON is the last line of stdout.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    pub bench: &'static str,
    pub unit: &'static str,
    pub ours: Spread,
    pub peers: BTreeMap<&'static str, Spread>,
    /// Ours to the best peer by medians; above 1 is better, whichever way the unit goes.
    pub ratio: f64,
}

/// From this many measurements on a 99th percentile is printed.
const ENOUGH: usize = 100;

impl Spread {
    /// # Panics
    /// Without any measurement.
    pub fn of(measured: &[f64]) -> Self {
        assert!(!measured.is_empty(), "a bench measures something");
        let mut sorted = measured.to_vec();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        let median = f64::midpoint(sorted[(n - 1) / 2], sorted[n / 2]);
        let rank = (n * 99).div_ceil(100);
        let p99 = (n >= ENOUGH).then(|| sorted[rank - 1]);
        Self { min: sorted[0], median, p99, max: sorted[n - 1] }
    }
}

impl Figure {
    pub fn new(
        bench: &'static str,
        unit: &'static str,
        better: Better,
        ours: &[f64],
        peers: &[(&'static str, &[f64])],
    ) -> Self {
        let ours = Spread::of(ours);
        let peers: BTreeMap<_, _> =
            peers.iter().map(|(name, measured)| (*name, Spread::of(measured))).collect();
        let ratios = peers.values().map(|peer| match better {
            Better::Higher => ours.median / peer.median,
            Better::Lower => peer.median / ours.median,
        });
        let ratio = ratios.fold(f64::INFINITY, f64::min);
        Self { bench, unit, ours, peers, ratio: (ratio * 100.0).round() / 100.0 }
    }

    /// Prints the table and the JSON line.
    ///
    /// # Errors
    /// None that a number could cause; `serde_json`'s signature has one.
    #[expect(clippy::print_stdout, reason = "stdout is where a bench's figures go")]
    pub fn print(&self) -> serde_json::Result<()> {
        println!("\n{} ({})", self.bench, self.unit);
        println!("{:28} {:>12} {:>12} {:>12} {:>12}", "", "min", "median", "p99", "max");
        let mut rows = vec![("ours", &self.ours)];
        rows.extend(self.peers.iter().map(|(name, spread)| (*name, spread)));
        for (name, spread) in rows {
            let p99 = spread.p99.map_or_else(|| "-".to_owned(), |p99| format!("{p99:.1}"));
            let Spread { min, median, max, .. } = spread;
            println!("{name:28} {min:12.1} {median:12.1} {p99:>12} {max:12.1}");
        }
        println!("ours is {:.2} times the best peer\n", self.ratio);
        println!("{}", serde_json::to_string(self)?);
        Ok(())
    }
}

/// No measurement here is good for more digits: whole numbers from a thousand on, else two decimals.
fn rounded<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if number.abs() >= 1000.0 {
        serializer.serialize_i64(number.round() as i64)
    } else {
        serializer.serialize_f64((number * 100.0).round() / 100.0)
    }
}

fn rounded_option<S: Serializer>(number: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        Some(number) => rounded(number, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_as_many_digits_as_they_are_good_for() {
        let json = serde_json::json!(Spread::of(&[482_913.27, 12.3456]));
        assert_eq!(json, serde_json::json!({"min": 12.35, "median": 241_463, "max": 482_913}));
    }

    #[test]
    fn a_spread_has_the_middle_of_even_and_odd_counts() {
        let spread = |measured: &[f64]| {
            let Spread { min, median, max, p99 } = Spread::of(measured);
            (min, median, max, p99)
        };
        assert_eq!(spread(&[3.0, 1.0, 2.0]), (1.0, 2.0, 3.0, None));
        assert_eq!(spread(&[4.0, 1.0]), (1.0, 2.5, 4.0, None));
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(spread(&hundred), (1.0, 50.5, 100.0, Some(99.0)));
    }

    #[test]
    fn the_ratio_is_to_the_best_peer_and_above_one_is_better() {
        let ratio = |better, ours: f64, peers: [f64; 2]| {
            let peers = [("a", &peers[..1]), ("b", &peers[1..])];
            Figure::new("b", "u", better, &[ours], &peers).ratio
        };
        assert_eq!(ratio(Better::Higher, 300.0, [100.0, 150.0]), 2.0);
        assert_eq!(ratio(Better::Lower, 10.0, [100.0, 50.0]), 5.0);
    }
}

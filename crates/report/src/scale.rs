//! From values to pixels: the range of an axis, its ticks, and which values can be drawn at all.

use crate::number;

/// Values beyond this size cannot be drawn: their differences overflow.
const DRAWABLE: f64 = 1e300;

/// Where on an axis the values `low..=high` come to lie, linear or by powers of ten.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    low: f64,
    high: f64,
    log: bool,
    from: f64,
    to: f64,
}

/// A tick: its value, and what it reads.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    pub(crate) value: f64,
    pub(crate) label: String,
}

/// Whether a value has a place on such an axis.
pub(crate) fn drawable(value: f64, log: bool) -> bool {
    value.is_finite() && value.abs() <= DRAWABLE && (!log || value > f64::MIN_POSITIVE)
}

impl Scale {
    /// A scale over all drawable `values`, widened to round numbers, that maps onto the pixels `from..to`.
    ///
    /// No value at all gives 0..1 (1..10 on a log axis), a single one gets room on both sides.
    pub(crate) fn over(values: impl Iterator<Item = f64>, log: bool, from: f64, to: f64) -> Self {
        let (mut low, mut high) = values
            .filter(|value| drawable(*value, log))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        if low > high {
            (low, high) = if log { (1.0, 10.0) } else { (0.0, 1.0) };
        }
        if log {
            low = 10_f64.powf(low.log10().floor().max(-300.0));
            high = 10_f64.powf(high.log10().ceil().min(300.0));
            if low >= high {
                high = low * 10.0;
            }
        } else {
            if high - low <= f64::EPSILON * high.abs().max(low.abs()) {
                let room = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
                (low, high) = (low - room, high + room);
            }
            let step = nice_step(high - low, 5);
            (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
        }
        Self { low, high, log, from, to }
    }

    /// A scale over exactly `low..high`, for axes whose ends are given.
    pub(crate) fn exactly(low: f64, high: f64, log: bool, from: f64, to: f64) -> Self {
        match drawable(low, log) && drawable(high, log) && low < high {
            true => Self { low, high, log, from, to },
            false => Self::over([low, high].into_iter(), log, from, to),
        }
    }

    /// The pixel of a value; a value outside the range lies at the edge.
    pub(crate) fn pixel(&self, value: f64) -> f64 {
        let share = match self.log {
            true => (value.log10() - self.low.log10()) / (self.high.log10() - self.low.log10()),
            false => (value - self.low) / (self.high - self.low),
        };
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// The lowest and the highest value shown.
    pub(crate) fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// About `wanted` round ticks; powers of ten on a log axis.
    pub(crate) fn ticks(&self, wanted: usize, percent: bool) -> Vec<Tick> {
        match self.log {
            true => self.decades(wanted, percent),
            false => self.rounds(wanted, percent),
        }
    }

    fn rounds(&self, wanted: usize, percent: bool) -> Vec<Tick> {
        let step = nice_step(self.high - self.low, wanted);
        let first = (self.low / step - 1e-9).ceil();
        (0..=2 * wanted)
            .map(|position| (first + position as f64) * step)
            .take_while(|value| *value <= self.high + step * 1e-9)
            .map(|value| Tick { value, label: label(value, step, percent) })
            .collect()
    }

    fn decades(&self, wanted: usize, percent: bool) -> Vec<Tick> {
        if self.high / self.low < 30.0 {
            return self.within_a_decade(percent);
        }
        let (first, last) = (self.low.log10().ceil() as i32, self.high.log10().floor() as i32);
        let stride = ((last - first).max(0) as usize).div_ceil(wanted + 1).max(1);
        (first..=last)
            .step_by(stride)
            .map(|power| {
                let value = 10_f64.powi(power);
                let plain = percent || (-4..6).contains(&power);
                let label = if plain { label(value, value, percent) } else { power_of_ten(power) };
                Tick { value, label }
            })
            .collect()
    }
}

impl Scale {
    /// 1, 2 and 5 of each power of ten, where powers alone would leave the axis bare.
    fn within_a_decade(&self, percent: bool) -> Vec<Tick> {
        let (first, last) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let inside =
            |value: &f64| (self.low * (1.0 - 1e-9)..=self.high * (1.0 + 1e-9)).contains(value);
        let values = (first..=last)
            .flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)))
            .filter(inside);
        let ticks: Vec<Tick> = values
            .map(|value| Tick {
                value,
                label: label(value, 10_f64.powf(value.log10().floor()), percent),
            })
            .collect();
        match ticks.is_empty() {
            true => vec![Tick { value: self.low, label: label(self.low, self.low, percent) }],
            false => ticks,
        }
    }
}

fn label(value: f64, step: f64, percent: bool) -> String {
    match percent {
        true => format!("{} %", number::tick(value * 100.0, step * 100.0)),
        false => number::tick(value, step),
    }
}

/// `7` reads `10⁷`.
fn power_of_ten(power: i32) -> String {
    const RAISED: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let raised = power.to_string();
    let raised =
        raised.chars().map(|sign| sign.to_digit(10).map_or('⁻', |digit| RAISED[digit as usize]));
    format!("10{}", raised.collect::<String>())
}

/// The 1-2-5 step that divides `span` into about `wanted` parts.
fn nice_step(span: f64, wanted: usize) -> f64 {
    let rough = (span / wanted.max(1) as f64).max(f64::MIN_POSITIVE);
    let power = 10_f64.powf(rough.log10().floor());
    let factor = match rough / power {
        rest if rest <= 1.0 => 1.0,
        rest if rest <= 2.0 => 2.0,
        rest if rest <= 5.0 => 5.0,
        _ => 10.0,
    };
    (factor * power).max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: Scale) -> Vec<String> {
        scale.ticks(5, false).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_are_round_and_cover_the_values() {
        let scale = Scale::over([0.3, 9.7].into_iter(), false, 0.0, 100.0);
        assert_eq!(labels(scale), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(scale.pixel(5.0), 50.0);

        let scale = Scale::over([0.002, 40.0].into_iter(), true, 0.0, 100.0);
        assert_eq!(labels(scale), ["0.001", "0.01", "0.1", "1", "10", "100"]);
        assert!((scale.pixel(0.1) - 40.0).abs() < 1e-9);

        let scale = Scale::over([1e-8, 1e-6].into_iter(), true, 0.0, 100.0);
        assert_eq!(labels(scale), ["10⁻⁸", "10⁻⁷", "10⁻⁶"]);
    }

    #[test]
    fn odd_ranges_still_give_a_few_finite_ticks() {
        for values in [
            vec![],
            vec![f64::NAN],
            vec![f64::INFINITY, f64::NEG_INFINITY],
            vec![0.0],
            vec![7.25; 3],
            vec![-1e300, 1e300],
            vec![f64::MIN_POSITIVE, f64::MIN_POSITIVE * 2.0],
            vec![1.0, 1.0 + f64::EPSILON],
            vec![f64::MAX, f64::MIN],
        ] {
            for log in [false, true] {
                let scale = Scale::over(values.iter().copied(), log, 300.0, 20.0);
                let ticks = scale.ticks(5, false);
                assert!((1..=12).contains(&ticks.len()), "{values:?} {log}: {ticks:?}");
                assert!(ticks.iter().all(|tick| scale.pixel(tick.value).is_finite()));
            }
        }
    }

    #[test]
    fn a_given_range_that_is_none_is_not_taken() {
        assert!(Scale::exactly(1.0, 1.0, false, 0.0, 1.0).pixel(1.0).is_finite());
        assert!(Scale::exactly(f64::NAN, 0.0, true, 0.0, 1.0).pixel(5.0).is_finite());
    }
}

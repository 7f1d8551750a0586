//! Two (or more) distributions over the same bins, so that a shift is seen at once.

use maud::{Markup, html};

use super::frame::{Drawing, Frame, Key, figure, left_out, path, px};
use super::{Axis, Tone};
use crate::scale::{Scale, drawable};
use crate::text::plain;

/// Distributions over shared bins, each drawn as its own share, so samples of different size compare.
#[derive(Debug, Clone, Default)]
pub struct Histogram {
    pub title: String,
    /// One sentence on how to read it.
    pub caption: String,
    pub x: Axis,
    /// One more than there are bins, rising. Open ends (infinite) are drawn as wide as their neighbour.
    pub edges: Vec<f64>,
    pub distributions: Vec<Distribution>,
    unplaced: usize,
}

/// How many records of one kind fell into each bin.
#[derive(Debug, Clone, Default)]
pub struct Distribution {
    pub name: String,
    pub counts: Vec<f64>,
    pub tone: Tone,
}

// === impl Histogram ===

impl Histogram {
    /// A histogram over given bins; `edges` holds one more value than each distribution has counts.
    pub fn new(title: impl Into<String>, x: Axis, edges: Vec<f64>) -> Self {
        Self { title: title.into(), x, edges, ..Self::default() }
    }

    /// Counts raw samples into `bins` bins of one width over all of them (or over the axis' range).
    /// Values that are not finite are left out, and the page says how many.
    pub fn of_samples(
        title: impl Into<String>,
        x: Axis,
        bins: usize,
        samples: &[(&str, &[f64], Tone)],
    ) -> Self {
        let bins = bins.clamp(1, 400);
        let place = |value: f64| if x.log { value.log10() } else { value };
        let back = |value: f64| if x.log { 10_f64.powf(value) } else { value };
        let fits = |value: f64| {
            drawable(value, x.log)
                && x.range.is_none_or(|(low, high)| value >= low && value <= high)
        };
        let values = || samples.iter().flat_map(|sample| sample.1.iter().copied());
        // Without a given range, the bins reach over all values, to round ends.
        let (low, high) = match x.range {
            Some((low, high)) => Scale::exactly(low, high, x.log, 0.0, 1.0).ends(),
            None => Scale::over(values(), x.log, 0.0, 1.0).ends(),
        };
        let (low, high) = (place(low), place(high));
        let width = (high - low) / bins as f64;
        let edges = (0..=bins).map(|edge| back(low + width * edge as f64)).collect();
        let distributions = samples
            .iter()
            .map(|(name, sample, tone)| {
                let mut counts = vec![0.0; bins];
                for value in sample.iter().copied().filter(|value| fits(*value)) {
                    let bin = ((place(value) - low) / width).max(0.0) as usize;
                    counts[bin.min(bins - 1)] += 1.0;
                }
                Distribution { name: (*name).to_owned(), counts, tone: *tone }
            })
            .collect();
        let unplaced = values().filter(|value| !fits(*value)).count();
        Self { title: title.into(), caption: String::new(), x, edges, distributions, unplaced }
    }

    #[must_use]
    pub fn caption(mut self, caption: impl Into<String>) -> Self {
        self.caption = caption.into();
        self
    }

    #[must_use]
    pub fn distribution(mut self, name: impl Into<String>, counts: Vec<f64>, tone: Tone) -> Self {
        self.distributions.push(Distribution { name: name.into(), counts, tone });
        self
    }

    pub(crate) fn render(&self) -> Markup {
        let key = |(position, one)| {
            let one: &Distribution = one;
            Key { name: &one.name, class: one.tone.class(position), dot: true }
        };
        let keys: Vec<Key<'_>> = self.distributions.iter().enumerate().map(key).collect();
        figure(&self.title, &self.caption, &keys, |frame| self.draw(frame), Frame::HALF)
    }

    fn draw(&self, frame: Frame) -> Drawing {
        let edges = closed(&self.edges, self.x.log);
        let even = self.x.log || is_even(&edges);
        let y = match even {
            true => Axis::new("share of records").percent(),
            false => Axis::new("share per unit"),
        };
        let heights: Vec<Vec<f64>> =
            self.distributions.iter().map(|one| heights(&one.counts, &edges, even)).collect();
        let upward = frame.upward(&y, heights.iter().flatten().copied().chain([0.0]));
        let frame = frame.with_room_for(&upward, y.percent);
        let across = match (edges.first(), edges.last()) {
            (Some(low), Some(high)) => frame.across(
                &Axis { range: self.x.range.or(Some((*low, *high))), ..self.x.clone() },
                edges.iter().copied(),
            ),
            _ => frame.across(&self.x, std::iter::empty()),
        };
        let empty = heights.iter().flatten().all(|height| *height <= 0.0);
        let marks = html! {
            (frame.axes(&self.x, &across, &y, &upward))
            @for (position, (one, heights)) in self.distributions.iter().zip(&heights).enumerate() {
                g class=(one.tone.class(position)) {
                    title { (plain(&one.name)) }
                    @if !empty { (path("hist", outline(&edges, heights, &across, &upward))) }
                }
            }
            // Invisible columns over the whole height carry the numbers of each bin.
            @for (bin, pair) in edges.windows(2).enumerate() {
                @let (left, right) = (across.pixel(pair[0]), across.pixel(pair[1]));
                rect class="hover" x=(px(left)) width=(px((right - left).max(0.0))) y=(px(frame.top)) height=(px(frame.bottom - frame.top)) {
                    title { (self.label(bin, pair)) }
                }
            }
            @if empty { (frame.nothing()) }
        };
        let mut notes: Vec<String> = left_out(self.unplaced).into_iter().collect();
        if self.edges.iter().any(|edge| edge.is_infinite()) {
            notes.push(
                "The outermost bins are open; they are drawn as wide as their neighbours."
                    .to_owned(),
            );
        }
        Drawing { size: (frame.width, frame.height), marks, notes }
    }

    fn label(&self, bin: usize, edges: &[f64]) -> String {
        let mut label = format!("{} to {}", crate::number(edges[0]), crate::number(edges[1]));
        for one in &self.distributions {
            let total: f64 = one.counts.iter().filter(|count| usable(**count)).sum();
            let count = one.counts.get(bin).copied().unwrap_or(0.0);
            let share = if total > 0.0 { count / total } else { 0.0 };
            label.push_str(&format!(
                "\n{}: {} ({})",
                plain(&one.name),
                crate::number(count),
                crate::percent(share)
            ));
        }
        label
    }
}

fn usable(count: f64) -> bool {
    count.is_finite() && (0.0..1e300).contains(&count)
}

/// The edges in rising order, with open ends closed by the width of the neighbour.
fn closed(edges: &[f64], log: bool) -> Vec<f64> {
    let inner: Vec<f64> = edges.iter().copied().filter(|edge| drawable(*edge, log)).collect();
    let Some((first, last)) = inner.first().copied().zip(inner.last().copied()) else {
        return Vec::new();
    };
    let width = |pair: Option<&[f64]>| pair.map_or(1.0, |pair| (pair[1] - pair[0]).abs());
    let ratio = |pair: Option<&[f64]>| pair.map_or(10.0, |pair| pair[1] / pair[0]);
    let mut closed = inner.clone();
    if edges.first().is_some_and(|edge| !drawable(*edge, log)) {
        closed.insert(
            0,
            match log {
                true => first / ratio(inner.windows(2).next()),
                false => first - width(inner.windows(2).next()),
            },
        );
    }
    if edges.last().is_some_and(|edge| !drawable(*edge, log)) {
        closed.push(match log {
            true => last * ratio(inner.windows(2).next_back()),
            false => last + width(inner.windows(2).next_back()),
        });
    }
    closed
}

fn is_even(edges: &[f64]) -> bool {
    let Some((first, last)) = edges.first().zip(edges.last()) else { return true };
    let width = (last - first) / (edges.len().max(2) - 1) as f64;
    edges.windows(2).all(|pair| ((pair[1] - pair[0]) - width).abs() <= width.abs() * 1e-6)
}

/// Shares per bin; where bins differ in width, shares per unit, for the eye compares areas.
fn heights(counts: &[f64], edges: &[f64], even: bool) -> Vec<f64> {
    let total: f64 = counts.iter().filter(|count| usable(**count)).sum();
    edges
        .windows(2)
        .enumerate()
        .map(|(bin, pair)| {
            let count = counts.get(bin).copied().filter(|count| usable(*count)).unwrap_or(0.0);
            let share = if total > 0.0 { count / total } else { 0.0 };
            match even || pair[1] <= pair[0] {
                true => share,
                false => share / (pair[1] - pair[0]),
            }
        })
        .collect()
}

fn outline(edges: &[f64], heights: &[f64], across: &Scale, upward: &Scale) -> String {
    let (Some(first), Some(last)) = (edges.first(), edges.last()) else { return String::new() };
    let base = px(upward.pixel(0.0));
    let mut data = format!("M{} {base}", px(across.pixel(*first)));
    for (pair, height) in edges.windows(2).zip(heights) {
        data.push_str(&format!("V{}H{}", px(upward.pixel(*height)), px(across.pixel(pair[1]))));
    }
    data.push_str(&format!("V{base}H{}Z", px(across.pixel(*last))));
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_counted_into_shared_bins() {
        let histogram = Histogram::of_samples(
            "scores",
            Axis::new("score"),
            4,
            &[("a", &[0.0, 0.1, 1.0, f64::NAN], Tone::Auto), ("b", &[0.6], Tone::Auto)],
        );
        assert_eq!(histogram.edges, [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(histogram.distributions[0].counts, [2.0, 0.0, 0.0, 1.0]);
        assert_eq!(histogram.distributions[1].counts, [0.0, 0.0, 1.0, 0.0]);
        assert_eq!(histogram.unplaced, 1);
    }

    #[test]
    fn uneven_bins_are_drawn_by_area() {
        let edges = closed(&[f64::NEG_INFINITY, 0.0, 1.0, 4.0, f64::INFINITY], false);
        assert_eq!(edges, [-1.0, 0.0, 1.0, 4.0, 7.0]);
        assert!(!is_even(&edges));
        assert_eq!(heights(&[0.0, 5.0, 5.0, 0.0], &edges, false), [0.0, 0.5, 0.5 / 3.0, 0.0]);
    }
}

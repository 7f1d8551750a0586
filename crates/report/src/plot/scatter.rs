//! Paired values, one dot a pair: where two models answer the same record.

use maud::{Markup, html};

use super::frame::{Frame, Key, figure, left_out, px};
use super::{Axis, Threshold, Tone};
use crate::scale::drawable;

/// So many dots are drawn at most; the page says when there were more.
const MOST_DOTS: usize = 2000;

/// Groups of dots over two axes.
#[derive(Debug, Clone, Default)]
pub struct ScatterPlot {
    pub title: String,
    /// One sentence on how to read it.
    pub caption: String,
    pub x: Axis,
    pub y: Axis,
    pub groups: Vec<PointGroup>,
    /// Draws where both values are equal.
    pub diagonal: bool,
    /// Horizontal levels.
    pub thresholds: Vec<Threshold>,
}

/// Dots of one kind, such as the records on which two models disagree.
#[derive(Debug, Clone, Default)]
pub struct PointGroup {
    pub name: String,
    pub points: Vec<(f64, f64)>,
    pub tone: Tone,
}

// === impl ScatterPlot ===

impl ScatterPlot {
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Self {
        Self { title: title.into(), x, y, ..Self::default() }
    }

    #[must_use]
    pub fn caption(mut self, caption: impl Into<String>) -> Self {
        self.caption = caption.into();
        self
    }

    /// Later groups are drawn above earlier ones.
    #[must_use]
    pub fn group(mut self, name: impl Into<String>, points: Vec<(f64, f64)>, tone: Tone) -> Self {
        self.groups.push(PointGroup { name: name.into(), points, tone });
        self
    }

    #[must_use]
    pub fn diagonal(mut self) -> Self {
        self.diagonal = true;
        self
    }

    #[must_use]
    pub fn threshold(mut self, value: f64, label: impl Into<String>) -> Self {
        self.thresholds.push(Threshold::new(value, label));
        self
    }

    pub(crate) fn render(&self) -> Markup {
        let frame = Frame::HALF;
        let has_place =
            |point: &(f64, f64)| drawable(point.0, self.x.log) && drawable(point.1, self.y.log);
        let groups: Vec<Vec<(f64, f64)>> = self
            .groups
            .iter()
            .map(|group| group.points.iter().copied().filter(has_place).collect())
            .collect();
        let all: usize = self.groups.iter().map(|group| group.points.len()).sum();
        let drawable_ones: usize = groups.iter().map(Vec::len).sum();
        let upward = frame.upward(
            &self.y,
            groups
                .iter()
                .flatten()
                .map(|point| point.1)
                .chain(self.thresholds.iter().map(Threshold::with_headroom)),
        );
        let frame = frame.with_room_for(&upward, self.y.percent);
        let across = frame.across(&self.x, groups.iter().flatten().map(|point| point.0));
        let quotas = quotas(&groups.iter().map(Vec::len).collect::<Vec<_>>(), MOST_DOTS);

        let mut notes: Vec<String> = left_out(all - drawable_ones).into_iter().collect();
        for ((group, points), quota) in self.groups.iter().zip(&groups).zip(&quotas) {
            if *quota < points.len() {
                notes.push(format!(
                    "{}: {} of {} points drawn, evenly picked.",
                    group.name,
                    crate::count(*quota as u64),
                    crate::count(points.len() as u64)
                ));
            }
        }
        let drawing = html! {
            (frame.axes(&self.x, &across, &self.y, &upward))
            @if self.diagonal {
                @let (low, high) = shared(across.ends(), upward.ends());
                line class="diagonal" x1=(px(across.pixel(low))) y1=(px(upward.pixel(low)))
                    x2=(px(across.pixel(high))) y2=(px(upward.pixel(high))) { title { "both equal" } }
            }
            @for threshold in self.thresholds.iter().filter(|one| drawable(one.value, self.y.log)) {
                (frame.threshold(&upward, threshold.value, &threshold.label))
            }
            @for (position, ((group, points), quota)) in self.groups.iter().zip(&groups).zip(&quotas).enumerate() {
                g class=(format!("scatter {}", group.tone.class(position))) {
                    title { (group.name) }
                    @for (x, y) in evenly(points, *quota) {
                        circle cx=(px(across.pixel(x))) cy=(px(upward.pixel(y))) r="2.6" {}
                    }
                }
            }
            @if drawable_ones == 0 { (frame.nothing()) }
        };
        let keys: Vec<Key<'_>> = self
            .groups
            .iter()
            .enumerate()
            .map(|(position, group)| Key {
                name: &group.name,
                class: group.tone.class(position),
                dot: true,
            })
            .collect();
        figure(&self.title, &self.caption, &notes, &keys, (frame.width, frame.height), &drawing)
    }
}

/// The stretch of values that both axes show.
fn shared(one: (f64, f64), other: (f64, f64)) -> (f64, f64) {
    let low = one.0.max(other.0);
    (low, one.1.min(other.1).max(low))
}

/// How many dots each group gets: all of a small group, and what is left goes to the large ones by size.
fn quotas(sizes: &[usize], most: usize) -> Vec<usize> {
    let mut quotas = vec![0; sizes.len()];
    let mut by_size: Vec<usize> = (0..sizes.len()).collect();
    by_size.sort_by_key(|group| sizes[*group]);
    let mut left = most;
    for (position, group) in by_size.iter().enumerate() {
        let fair = left / (by_size.len() - position);
        quotas[*group] = sizes[*group].min(fair);
        left -= quotas[*group];
    }
    quotas
}

/// `wanted` of the points at even distances, the first always among them.
fn evenly(points: &[(f64, f64)], wanted: usize) -> impl Iterator<Item = (f64, f64)> {
    (0..wanted).map(move |position| points[position * points.len() / wanted])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rare_group_is_drawn_in_full_beside_a_large_one() {
        assert_eq!(quotas(&[40_000, 41], MOST_DOTS), [1959, 41]);
        assert_eq!(quotas(&[40_000, 40_000], MOST_DOTS), [1000, 1000]);
        assert_eq!(quotas(&[3, 0], MOST_DOTS), [3, 0]);
    }

    #[test]
    fn points_are_picked_over_the_whole_range() {
        let points: Vec<(f64, f64)> = (0..100).map(|n| (f64::from(n), 0.0)).collect();
        let picked: Vec<f64> = evenly(&points, 4).map(|point| point.0).collect();
        assert_eq!(picked, [0.0, 25.0, 50.0, 75.0]);
        assert_eq!(evenly(&[], 0).count(), 0);
    }
}

//! Paired values, one dot a pair: where two models answer the same record.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::frame::{Drawing, Frame, Key, figure, left_out, px};
use super::{Axis, Threshold, Tone};
use crate::scale::{Scale, drawable};
use crate::text::plain;

/// So many dots are drawn at most; the page says when there were more.
const MAX_DOTS: usize = 2000;
/// Points closer than so many pixels are one dot.
const PLACE: f64 = 2.0;

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
        let key = |(position, group)| {
            let group: &PointGroup = group;
            Key { name: &group.name, class: group.tone.class(position), dot: true }
        };
        let keys: Vec<Key<'_>> = self.groups.iter().enumerate().map(key).collect();
        figure(&self.title, &self.caption, &keys, |frame| self.draw(frame), Frame::HALF)
    }

    fn draw(&self, frame: Frame) -> Drawing {
        let most = if frame.is_narrow() { MAX_DOTS / 2 } else { MAX_DOTS };
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
        let dots: Vec<Vec<Dot>> =
            groups.iter().map(|points| merged(points, &across, &upward)).collect();
        let quotas = quotas(&dots.iter().map(Vec::len).collect::<Vec<_>>(), most);

        let mut notes: Vec<String> = left_out(all - drawable_ones).into_iter().collect();
        if dots.iter().flatten().any(|dot| dot.records > 1) {
            notes.push("A larger dot stands for several records in one place.".to_owned());
        }
        for ((group, dots), quota) in self.groups.iter().zip(&dots).zip(&quotas) {
            if *quota < dots.len() {
                notes.push(format!(
                    "{}: {} of {} places drawn, evenly picked.",
                    plain(&group.name),
                    crate::count(*quota as u64),
                    crate::count(dots.len() as u64)
                ));
            }
        }
        let marks = html! {
            (frame.axes(&self.x, &across, &self.y, &upward))
            @if self.diagonal {
                @let (low, high) = shared(across.ends(), upward.ends());
                line class="diagonal" x1=(px(across.pixel(low))) y1=(px(upward.pixel(low)))
                    x2=(px(across.pixel(high))) y2=(px(upward.pixel(high))) { title { "both equal" } }
            }
            @for threshold in self.thresholds.iter().filter(|one| drawable(one.value, self.y.log)) {
                (frame.threshold(&upward, threshold.value, &threshold.label))
            }
            @for (position, ((group, dots), quota)) in self.groups.iter().zip(&dots).zip(&quotas).enumerate() {
                g class=(format!("scatter {}", group.tone.class(position))) {
                    title { (plain(&group.name)) }
                    @for dot in evenly(dots, *quota) {
                        circle cx=(px(dot.x)) cy=(px(dot.y)) r=(px(dot.radius())) {
                            @if dot.records > 1 { title { (plain(&group.name)) ": " (crate::count(dot.records as u64)) } }
                        }
                    }
                }
            }
            @if drawable_ones == 0 { (frame.nothing()) }
        };
        Drawing { size: (frame.width, frame.height), marks, notes }
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

/// Records that lie within one place of the drawing.
struct Dot {
    x: f64,
    y: f64,
    records: usize,
}

/// Merges points that look the same, so that ten thousand equal answers are seen as such and not as one.
fn merged(points: &[(f64, f64)], across: &Scale, upward: &Scale) -> Vec<Dot> {
    let mut places = BTreeMap::<(i64, i64), Dot>::new();
    for (x, y) in points {
        let (x, y) = (across.pixel(*x), upward.pixel(*y));
        let place = ((x / PLACE).round() as i64, (y / PLACE).round() as i64);
        places.entry(place).or_insert(Dot { x, y, records: 0 }).records += 1;
    }
    places.into_values().collect()
}

impl Dot {
    /// Grows with the power of ten: 1 record 2.4, a thousand 6.3.
    fn radius(&self) -> f64 {
        2.4 + 1.3 * (self.records as f64).log10()
    }
}

/// `wanted` of the dots at even distances, the first always among them.
fn evenly(dots: &[Dot], wanted: usize) -> impl Iterator<Item = &Dot> {
    (0..wanted).map(move |position| &dots[position * dots.len() / wanted])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_a_line(points: impl Iterator<Item = u32>) -> Vec<Dot> {
        let scale = Scale::exactly(0.0, 1000.0, false, 0.0, 1000.0);
        merged(&points.map(|at| (f64::from(at), 0.0)).collect::<Vec<_>>(), &scale, &scale)
    }

    #[test]
    fn a_rare_group_is_drawn_in_full_beside_a_large_one() {
        assert_eq!(quotas(&[40_000, 41], MAX_DOTS), [1959, 41]);
        assert_eq!(quotas(&[40_000, 40_000], MAX_DOTS), [1000, 1000]);
        assert_eq!(quotas(&[3, 0], MAX_DOTS), [3, 0]);
    }

    #[test]
    fn equal_points_become_one_larger_dot() {
        let dots = on_a_line([7, 7, 7, 900].into_iter());
        assert_eq!(dots.iter().map(|dot| dot.records).collect::<Vec<_>>(), [3, 1]);
        assert!(dots[0].radius() > dots[1].radius());
    }

    #[test]
    fn dots_are_picked_over_the_whole_range() {
        let dots = on_a_line((0..100).map(|place| place * 10));
        assert_eq!(
            evenly(&dots, 4).map(|dot| dot.x).collect::<Vec<_>>(),
            [0.0, 250.0, 500.0, 750.0]
        );
        assert_eq!(evenly(&[], 0).count(), 0);
    }
}

//! Lines over time or over records, with the levels and moments that decided.

use maud::{Markup, html};

use super::frame::{Drawing, Frame, Key, figure, fit, left_out, path, px, text_width};
use super::{Axis, Threshold, Tone};
use crate::scale::{Scale, drawable};
use crate::text::plain;

/// More points than this are thinned out to the lowest and highest of each stretch.
const MAX_POINTS: usize = 2000;
/// Up to this many points each gets a dot that gives its value when pointed at.
const MAX_DOTS: usize = 80;

/// Several series over one horizontal axis.
#[derive(Debug, Clone, Default)]
pub struct LinePlot {
    pub title: String,
    /// One sentence on how to read it.
    pub caption: String,
    pub x: Axis,
    pub y: Axis,
    pub series: Vec<Series>,
    pub bands: Vec<Band>,
    pub thresholds: Vec<Threshold>,
    pub markers: Vec<Marker>,
    /// Takes half the width of the page, beside the next one.
    pub is_half: bool,
}

/// One line.
#[derive(Debug, Clone, Default)]
pub struct Series {
    pub name: String,
    /// In the order of x.
    pub points: Vec<(f64, f64)>,
    /// The value holds until the next point, as a share does.
    pub steps: bool,
    pub tone: Tone,
}

/// An area between a lower and an upper bound, such as a confidence sequence.
#[derive(Debug, Clone, Default)]
pub struct Band {
    pub name: String,
    /// x, lower, upper; in the order of x.
    pub points: Vec<(f64, f64, f64)>,
    pub tone: Tone,
}

/// A moment that matters, such as the one of the decision.
#[derive(Debug, Clone)]
pub struct Marker {
    pub x: f64,
    pub label: String,
    /// The moment that the plot leads to.
    pub is_decision: bool,
}

// === impl LinePlot ===

impl LinePlot {
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Self {
        Self { title: title.into(), x, y, ..Self::default() }
    }

    #[must_use]
    pub fn caption(mut self, caption: impl Into<String>) -> Self {
        self.caption = caption.into();
        self
    }

    /// Half the width of the page.
    #[must_use]
    pub fn half(mut self) -> Self {
        self.is_half = true;
        self
    }

    #[must_use]
    pub fn series(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    #[must_use]
    pub fn band(mut self, band: Band) -> Self {
        self.bands.push(band);
        self
    }

    #[must_use]
    pub fn threshold(mut self, value: f64, label: impl Into<String>) -> Self {
        self.thresholds.push(Threshold::new(value, label));
        self
    }

    #[must_use]
    pub fn marker(mut self, x: f64, label: impl Into<String>) -> Self {
        self.markers.push(Marker { x, label: label.into(), is_decision: false });
        self
    }

    /// Marks the moment of the decision, more strongly than any other.
    #[must_use]
    pub fn decision(mut self, x: f64, label: impl Into<String>) -> Self {
        self.markers.push(Marker { x, label: label.into(), is_decision: true });
        self
    }

    pub(crate) fn render(&self) -> Markup {
        let series = self.series.iter().enumerate().map(|(position, one)| Key {
            name: &one.name,
            class: one.tone.class(position),
            dot: false,
        });
        let bands = self.bands.iter().enumerate().map(|(position, one)| Key {
            name: &one.name,
            class: one.tone.class(position),
            dot: true,
        });
        let keys: Vec<_> = series.chain(bands).collect();
        let frame = if self.is_half { Frame::HALF } else { Frame::WIDE };
        figure(&self.title, &self.caption, &keys, |frame| self.draw(frame), frame)
    }

    fn draw(&self, frame: Frame) -> Drawing {
        let most = if frame.is_narrow() { MAX_POINTS / 4 } else { MAX_POINTS };
        let dotted = if frame.is_narrow() { MAX_DOTS / 3 } else { MAX_DOTS };
        let mut notes = Vec::new();
        let lines: Vec<Vec<(f64, f64)>> = self.series.iter().map(|one| self.drawn(one)).collect();
        let bands: Vec<Vec<(f64, f64, f64)>> =
            self.bands.iter().map(|one| self.within(one)).collect();
        let lost = self.series.iter().map(|one| one.points.len()).sum::<usize>()
            + self.bands.iter().map(|one| one.points.len()).sum::<usize>()
            - lines.iter().map(Vec::len).sum::<usize>()
            - bands.iter().map(Vec::len).sum::<usize>();
        notes.extend(left_out(lost));

        let upward = frame.upward(
            &self.y,
            lines
                .iter()
                .flatten()
                .map(|point| point.1)
                .chain(bands.iter().flatten().flat_map(|point| [point.1, point.2]))
                .chain(self.thresholds.iter().map(Threshold::with_headroom)),
        );
        let frame = frame.with_room_for(&upward, self.y.percent);
        let across = frame.across(
            &self.x,
            lines
                .iter()
                .flatten()
                .map(|point| point.0)
                .chain(bands.iter().flatten().map(|point| point.0))
                .chain(self.markers.iter().map(|marker| marker.x)),
        );
        let empty = lines.iter().all(Vec::is_empty) && bands.iter().all(Vec::is_empty);
        let shown: Vec<Vec<(f64, f64)>> = lines.iter().map(|line| thin(line, most)).collect();
        for ((series, line), shown) in self.series.iter().zip(&lines).zip(&shown) {
            if shown.len() < line.len() {
                notes.push(format!(
                    "{}: {} of {} points drawn, the lowest and highest of each stretch.",
                    plain(&series.name),
                    crate::count(shown.len() as u64),
                    crate::count(line.len() as u64)
                ));
            }
        }

        let marks = html! {
            (frame.axes(&self.x, &across, &self.y, &upward))
            @for (position, (band, points)) in self.bands.iter().zip(&bands).enumerate() {
                g class=(band.tone.class(position)) {
                    title { (plain(&band.name)) }
                    (path("band", area(points, &across, &upward)))
                }
            }
            @for threshold in self.thresholds.iter().filter(|one| drawable(one.value, self.y.log)) {
                (frame.threshold(&upward, threshold.value, &threshold.label))
            }
            @for (position, (series, points)) in self.series.iter().zip(&shown).enumerate() {
                g class=(series.tone.class(position)) {
                    title { (plain(&series.name)) }
                    (path("line", trace(points, series.steps, &across, &upward)))
                    @if points.len() <= dotted {
                        @for (x, y) in points {
                            circle class="dot" cx=(px(across.pixel(*x))) cy=(px(upward.pixel(*y))) r="3" {
                                title { (format!("{}: {} at {}", plain(&series.name), value(*y, &self.y), value(*x, &self.x))) }
                            }
                        }
                    }
                }
            }
            @for (row, marker) in self.markers.iter().filter(|one| drawable(one.x, self.x.log)).enumerate() {
                (moment(&frame, &across, marker, row))
            }
            @if empty { (frame.nothing()) }
        };
        Drawing { size: (frame.width, frame.height), marks, notes }
    }

    fn drawn(&self, series: &Series) -> Vec<(f64, f64)> {
        let has_place =
            |point: &(f64, f64)| drawable(point.0, self.x.log) && drawable(point.1, self.y.log);
        series.points.iter().copied().filter(has_place).collect()
    }

    fn within(&self, band: &Band) -> Vec<(f64, f64, f64)> {
        let has_place = |point: &(f64, f64, f64)| {
            drawable(point.0, self.x.log)
                && drawable(point.1, self.y.log)
                && drawable(point.2, self.y.log)
        };
        band.points.iter().copied().filter(has_place).collect()
    }
}

// === impl Series ===

impl Series {
    pub fn new(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.into(), points, ..Self::default() }
    }

    /// Draws the line as stairs: the value holds until the next point.
    #[must_use]
    pub fn steps(mut self) -> Self {
        self.steps = true;
        self
    }

    #[must_use]
    pub fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }
}

// === impl Band ===

impl Band {
    pub fn new(name: impl Into<String>, points: Vec<(f64, f64, f64)>) -> Self {
        Self { name: name.into(), points, ..Self::default() }
    }

    #[must_use]
    pub fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }
}

fn value(value: f64, axis: &Axis) -> String {
    match (axis.percent, axis.unit.is_empty()) {
        (true, _) => crate::percent(value),
        (false, true) => crate::number(value),
        (false, false) => format!("{} {}", crate::number(value), axis.unit),
    }
}

/// Keeps first, last, lowest and highest of each stretch, so that no peak is lost.
fn thin(points: &[(f64, f64)], most: usize) -> Vec<(f64, f64)> {
    if points.len() <= most {
        return points.to_vec();
    }
    let stretch = points.len().div_ceil(most / 4);
    points
        .chunks(stretch)
        .flat_map(|chunk| {
            let by_height = |one: &usize, other: &usize| chunk[*one].1.total_cmp(&chunk[*other].1);
            let mut kept = vec![0, chunk.len() - 1];
            kept.extend((0..chunk.len()).min_by(by_height));
            kept.extend((0..chunk.len()).max_by(by_height));
            kept.sort_unstable();
            kept.dedup();
            kept.into_iter().map(|position| chunk[position]).collect::<Vec<_>>()
        })
        .collect()
}

fn trace(points: &[(f64, f64)], steps: bool, across: &Scale, upward: &Scale) -> String {
    let mut data = String::with_capacity(points.len() * 12);
    for (position, (x, y)) in points.iter().enumerate() {
        let (x, y) = (px(across.pixel(*x)), px(upward.pixel(*y)));
        match (position, steps) {
            (0, _) => data.push_str(&format!("M{x} {y}")),
            (_, true) => data.push_str(&format!("H{x}V{y}")),
            (_, false) => data.push_str(&format!("L{x} {y}")),
        }
    }
    data
}

fn area(points: &[(f64, f64, f64)], across: &Scale, upward: &Scale) -> String {
    let upper = points.iter().map(|(x, _, high)| (*x, *high));
    let lower = points.iter().rev().map(|(x, low, _)| (*x, *low));
    let mut data = trace(&upper.chain(lower).collect::<Vec<_>>(), false, across, upward);
    if !data.is_empty() {
        data.push('Z');
    }
    data
}

/// A vertical line with its label, on the side where there is room; labels take turns in height.
fn moment(frame: &Frame, across: &Scale, marker: &Marker, row: usize) -> Markup {
    let at = across.pixel(marker.x);
    let (before, behind) = (at - frame.left - 8.0, frame.right - at - 8.0);
    let (x, anchor, room) = match text_width(&marker.label) > behind && before > behind {
        true => (at - 6.0, "end", before),
        false => (at + 6.0, "start", behind),
    };
    let label = fit(&marker.label, room);
    html! {
        g class=(if marker.is_decision { "marker decision" } else { "marker" }) {
            title { (plain(&marker.label)) }
            line x1=(px(at)) x2=(px(at)) y1=(px(frame.top)) y2=(px(frame.bottom)) {}
            text x=(px(x)) y=(px(frame.top + 12.0 + (row % 5) as f64 * 15.0)) text-anchor=(anchor) { (label) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_the_ends_and_every_extreme() {
        let mut points: Vec<(f64, f64)> = (0..50_000).map(|n| (f64::from(n), 0.5)).collect();
        points[31_337].1 = 9.0;
        points[4].1 = -9.0;
        let kept = thin(&points, MAX_POINTS);
        assert!(kept.len() <= MAX_POINTS, "{}", kept.len());
        assert!(kept.contains(&(31_337.0, 9.0)) && kept.contains(&(4.0, -9.0)));
        assert_eq!((kept[0], kept[kept.len() - 1]), (points[0], points[49_999]));
        assert!(kept.is_sorted_by(|one, next| one.0 < next.0));
    }

    #[test]
    fn a_step_line_holds_its_value_until_the_next_point() {
        let across = Scale::exactly(0.0, 10.0, false, 0.0, 100.0);
        let upward = Scale::exactly(0.0, 1.0, false, 100.0, 0.0);
        assert_eq!(trace(&[(0.0, 0.0), (5.0, 1.0)], true, &across, &upward), "M0 100H50V0");
        assert_eq!(trace(&[(0.0, 0.0), (5.0, 1.0)], false, &across, &upward), "M0 100L50 0");
        assert_eq!(area(&[], &across, &upward), "");
    }
}

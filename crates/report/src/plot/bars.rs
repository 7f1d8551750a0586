//! One bar a name: which of many quantities stands out.

use maud::{Markup, html};

use super::frame::{Drawing, Frame, figure, fit, left_out, px, text_width};
use super::{Axis, Threshold, Tone};
use crate::scale::{Scale, drawable};
use crate::text::plain;

const ROW: f64 = 26.0;
const TOP: f64 = 24.0;

/// Horizontal bars, for names need room.
#[derive(Debug, Clone, Default)]
pub struct Bars {
    pub title: String,
    /// One sentence on how to read it.
    pub caption: String,
    pub value: Axis,
    pub bars: Vec<Bar>,
    /// Vertical levels.
    pub thresholds: Vec<Threshold>,
}

/// A name and its value.
#[derive(Debug, Clone, Default)]
pub struct Bar {
    pub label: String,
    pub value: f64,
    pub tone: Tone,
}

// === impl Bars ===

impl Bars {
    pub fn new(title: impl Into<String>, value: Axis) -> Self {
        Self { title: title.into(), value, ..Self::default() }
    }

    #[must_use]
    pub fn caption(mut self, caption: impl Into<String>) -> Self {
        self.caption = caption.into();
        self
    }

    #[must_use]
    pub fn bar(mut self, label: impl Into<String>, value: f64, tone: Tone) -> Self {
        self.bars.push(Bar { label: label.into(), value, tone });
        self
    }

    #[must_use]
    pub fn threshold(mut self, value: f64, label: impl Into<String>) -> Self {
        self.thresholds.push(Threshold::new(value, label));
        self
    }

    pub(crate) fn render(&self) -> Markup {
        figure(&self.title, &self.caption, &[], |frame| self.draw(frame), Frame::HALF)
    }

    fn draw(&self, frame: Frame) -> Drawing {
        let width = frame.width;
        let widest = self.bars.iter().map(|bar| text_width(&bar.label)).fold(40.0, f64::max);
        // Names may be of wider letters than ticks.
        let left = (widest * 1.15 + 16.0).min(width * 0.42);
        // Beyond the longest bar its own value must find room.
        let figures = self.bars.iter().map(|bar| text_width(&self.shown(bar.value)));
        let right = width - figures.fold(40.0, f64::max) - 14.0;
        let bottom = TOP + ROW * self.bars.len().max(2) as f64 + 4.0;
        let values = self
            .bars
            .iter()
            .map(|bar| bar.value)
            .chain(self.thresholds.iter().map(|threshold| threshold.value))
            .chain((!self.value.log).then_some(0.0))
            .chain(self.bars.is_empty().then_some(1.0));
        let across = match self.value.range {
            Some((low, high)) => Scale::exactly(low, high, self.value.log, left, right),
            None => Scale::over(values, self.value.log, left, right),
        };
        let zero = across.pixel(0.0_f64.max(f64::MIN_POSITIVE));
        let lost = self.bars.iter().filter(|bar| !drawable(bar.value, self.value.log)).count();
        let wanted = ((right - left) / 60.0) as usize;
        let marks = html! {
            g class="grid" {
                @for tick in across.ticks(wanted.clamp(1, 4), self.value.percent) {
                    @let at = px(across.pixel(tick.value));
                    line x1=(at) x2=(at) y1=(px(TOP)) y2=(px(bottom)) {}
                    text class="tick" x=(at) y=(px(bottom + 17.0)) text-anchor="middle" { (tick.label) }
                }
            }
            text class="axis" x=(px((left + right) / 2.0)) y=(px(bottom + 37.0)) text-anchor="middle" { (fit(&self.value.title(), right - left)) }
            @for (row, bar) in self.bars.iter().enumerate() {
                @let middle = middle(row);
                text class="name" x=(px(left - 8.0)) y=(px(middle)) dy="0.35em" text-anchor="end" { (fit(&bar.label, (left - 10.0) / 1.15)) }
                @if drawable(bar.value, self.value.log) {
                    @let end = across.pixel(bar.value);
                    g class=(bar.tone.class(0)) {
                        title { (format!("{}: {}", plain(&bar.label), self.shown(bar.value))) }
                        rect class="bar" x=(px(end.min(zero))) width=(px((end - zero).abs().max(1.0))) y=(px(middle - 8.0)) height="16" rx="2" {}
                    }
                }
            }
            @for threshold in self.thresholds.iter().filter(|one| drawable(one.value, self.value.log)) {
                @let at = across.pixel(threshold.value);
                @let turned = at + text_width(&threshold.label) > width - 4.0;
                g class="threshold" {
                    line x1=(px(at)) x2=(px(at)) y1=(px(TOP - 6.0)) y2=(px(bottom)) {}
                    text x=(px(if turned { at + 2.0 } else { at - 2.0 })) y=(px(TOP - 11.0))
                        text-anchor=(if turned { "end" } else { "start" }) { (fit(&threshold.label, width - 8.0)) }
                }
            }
            // Above the levels, so that no line runs through a number.
            @for (row, bar) in self.bars.iter().enumerate() {
                @let fits = drawable(bar.value, self.value.log);
                @let end = if fits { across.pixel(bar.value).max(zero) } else { left };
                text class="figure" x=(px(end + 6.0)) y=(px(middle(row))) dy="0.35em" { (self.shown(bar.value)) }
            }
            @if self.bars.is_empty() {
                text class="nothing" x=(px(width / 2.0)) y=(px((TOP + bottom) / 2.0)) text-anchor="middle" { "no data" }
            }
        };
        let notes: Vec<String> = left_out(lost).into_iter().collect();
        Drawing { size: (width, bottom + 46.0), marks, notes }
    }

    fn shown(&self, value: f64) -> String {
        if self.value.percent { crate::percent(value) } else { crate::number(value) }
    }
}

/// The height of a row's middle.
fn middle(row: usize) -> f64 {
    TOP + ROW * row as f64 + ROW / 2.0 + 2.0
}

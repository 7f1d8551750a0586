//! The frame that all plots with two axes share: grid, ticks, titles, legend, caption.

use maud::{Markup, PreEscaped, html};

use super::Axis;
use crate::scale::Scale;
use crate::text::{plain, prose};

/// Font units a character takes at the size of tick labels, measured generously.
const GLYPH: f64 = 6.4;

/// The canvas and the rectangle within it that holds data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
}

/// A name in the legend with the class of its colour, and the shape of its key.
pub(crate) struct Key<'a> {
    pub(crate) name: &'a str,
    pub(crate) class: &'a str,
    pub(crate) dot: bool,
}

impl Frame {
    /// Over the full width of the page, for what runs over time.
    pub(crate) const WIDE: Self =
        Self { width: 1040.0, height: 320.0, left: 72.0, right: 1020.0, top: 22.0, bottom: 268.0 };
    /// Half the page.
    pub(crate) const HALF: Self =
        Self { width: 510.0, height: 340.0, left: 66.0, right: 494.0, top: 22.0, bottom: 288.0 };
    /// A phone, a column of a tablet or of a sheet of paper.
    pub(crate) const NARROW: Self =
        Self { width: 340.0, height: 280.0, left: 56.0, right: 326.0, top: 22.0, bottom: 228.0 };

    /// Whether this is the drawing for narrow pages.
    pub(crate) fn is_narrow(&self) -> bool {
        self.width <= Self::NARROW.width
    }

    /// This frame with as much room on the left as the tick labels of the vertical axis take.
    pub(crate) fn with_room_for(self, upward: &Scale, percent: bool) -> Self {
        let widest =
            upward.ticks(5, percent).iter().map(|tick| text_width(&tick.label)).fold(0.0, f64::max);
        Self { left: (widest + 18.0).clamp(self.left.min(44.0), self.right / 2.0), ..self }
    }

    /// The scale of a horizontal axis in this frame.
    pub(crate) fn across(&self, axis: &Axis, values: impl Iterator<Item = f64>) -> Scale {
        match axis.range {
            Some((low, high)) => Scale::exactly(low, high, axis.log, self.left, self.right),
            None => Scale::over(values, axis.log, self.left, self.right),
        }
    }

    /// The scale of a vertical axis in this frame; pixels count downwards.
    pub(crate) fn upward(&self, axis: &Axis, values: impl Iterator<Item = f64>) -> Scale {
        match axis.range {
            Some((low, high)) => Scale::exactly(low, high, axis.log, self.bottom, self.top),
            None => Scale::over(values, axis.log, self.bottom, self.top),
        }
    }

    /// Grid lines, tick labels and axis titles.
    pub(crate) fn axes(&self, x: &Axis, across: &Scale, y: &Axis, upward: &Scale) -> Markup {
        let wanted = ((self.right - self.left) / 80.0) as usize;
        html! {
            g class="grid" {
                @for tick in upward.ticks(5, y.percent) {
                    @let at = px(upward.pixel(tick.value));
                    line x1=(px(self.left)) x2=(px(self.right)) y1=(at) y2=(at) {}
                    text class="tick" x=(px(self.left - 8.0)) y=(at) dy="0.35em" text-anchor="end" { (tick.label) }
                }
                @for tick in across.ticks(wanted, x.percent) {
                    @let at = px(across.pixel(tick.value));
                    line x1=(at) x2=(at) y1=(px(self.bottom)) y2=(px(self.bottom + 5.0)) {}
                    @let (beside, anchor) = self.within(across.pixel(tick.value), &tick.label);
                    text class="tick" x=(px(beside)) y=(px(self.bottom + 18.0)) text-anchor=(anchor) { (tick.label) }
                }
                line class="base" x1=(px(self.left)) x2=(px(self.right)) y1=(px(self.bottom)) y2=(px(self.bottom)) {}
            }
            text class="axis" x=(px((self.left + self.right) / 2.0)) y=(px(self.bottom + 38.0)) text-anchor="middle" { (fit(&x.title(), self.width - self.left)) }
            @let start = if self.is_narrow() { 2.0 } else { self.left };
            text class="axis" x=(px(start)) y=(px(self.top - 9.0)) text-anchor="start" { (fit(&y.title(), self.width - start)) }
        }
    }

    /// A dashed horizontal line at a level that decides.
    pub(crate) fn threshold(&self, upward: &Scale, value: f64, label: &str) -> Markup {
        let at = upward.pixel(value);
        // Beneath the line where it is too near to the top for text above it.
        let text = if at - self.top < 16.0 { at + 14.0 } else { at - 5.0 };
        html! {
            g class="threshold" {
                line x1=(px(self.left)) x2=(px(self.right)) y1=(px(at)) y2=(px(at)) {}
                text x=(px(self.left + 8.0)) y=(px(text)) { (fit(&plain(label), self.right - self.left - 8.0)) }
            }
        }
    }

    /// Where a label in the middle below `at` must begin so that neither edge cuts it.
    fn within(&self, at: f64, label: &str) -> (f64, &'static str) {
        let half = text_width(label) / 2.0;
        if at + half > self.width {
            (self.width - 1.0, "end")
        } else if at - half < 0.0 {
            (1.0, "start")
        } else {
            (at, "middle")
        }
    }

    /// What stands where no value could be drawn.
    pub(crate) fn nothing(&self) -> Markup {
        html! {
            text class="nothing" x=(px((self.left + self.right) / 2.0)) y=(px((self.top + self.bottom) / 2.0)) text-anchor="middle" { "no data" }
        }
    }
}

/// One drawing of a plot, made for a width.
pub(crate) struct Drawing {
    pub(crate) size: (f64, f64),
    pub(crate) marks: Markup,
    /// What a reader of this drawing should know, such as how many points are not in it.
    pub(crate) notes: Vec<String>,
}

/// The figure around a plot: title, legend, a drawing for wide pages and one for narrow ones, caption and notes.
///
/// The style sheet shows one of the two: text that is scaled with its drawing is too small on a phone.
pub(crate) fn figure(
    title: &str,
    caption: &str,
    keys: &[Key<'_>],
    draw: impl Fn(Frame) -> Drawing,
    wide: Frame,
) -> Markup {
    let drawings = [("large", draw(wide)), ("small", draw(Frame::NARROW))];
    let (title, caption) = (plain(title), caption);
    let label = match caption.is_empty() {
        true => title.clone(),
        false => format!("{title}. {}", plain(caption)),
    };
    html! {
        figure class=(if wide.width > Frame::HALF.width { "plot wide" } else { "plot" }) {
            h3 { (title) }
            @if !keys.is_empty() {
                ul class="legend" {
                    @for key in keys {
                        li class=(key.class) { span class=(if key.dot { "key dot" } else { "key" }) {} (prose(key.name)) }
                    }
                }
            }
            @for (class, drawing) in &drawings {
                div class=(format!("canvas {class}")) {
                    svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label=(label)
                        viewBox=(format!("0 0 {} {}", px(drawing.size.0), px(drawing.size.1))) {
                        (drawing.marks)
                    }
                }
            }
            @if !caption.is_empty() { figcaption { (prose(caption)) } }
            @for (class, drawing) in &drawings {
                @if !drawing.notes.is_empty() { p class=(format!("note {class}")) { (drawing.notes.join(" ")) } }
            }
        }
    }
}

/// A coordinate with a tenth of a pixel; what is no number lies at zero rather than breaking the page.
pub(crate) fn px(value: f64) -> String {
    match value.is_finite() {
        true => {
            let text = format!("{value:.1}");
            text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
        }
        false => "0".to_owned(),
    }
}

/// About how wide a text is, in pixels of the canvas.
pub(crate) fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * GLYPH
}

/// A text that is cut where it would be wider than `room` pixels.
pub(crate) fn fit(text: &str, room: f64) -> String {
    let text = &plain(text);
    let most = (room / GLYPH).max(4.0) as usize;
    match text.chars().count() > most {
        true => text.chars().take(most - 1).chain(['…']).collect(),
        false => text.to_owned(),
    }
}

/// A note where values could not be drawn.
pub(crate) fn left_out(points: usize) -> Option<String> {
    let note = match points {
        0 => return None,
        1 => "1 value has no place on these axes (not finite, out of range, or not positive on a log axis) and is not drawn.".to_owned(),
        many => format!(
            "{} values have no place on these axes (not finite, out of range, or not positive on a log axis) and are not drawn.",
            crate::count(many as u64)
        ),
    };
    Some(note)
}

/// Path data is made of numbers and letters only, so it needs no escaping and skips it.
pub(crate) fn path(class: &str, data: String) -> Markup {
    html! { path class=(class) d=(PreEscaped(data)) {} }
}

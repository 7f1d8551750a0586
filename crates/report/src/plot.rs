//! Plots as inline SVG: what they have in common, which is axes, colours, legend and the frame around the data.

mod bars;
mod frame;
mod histogram;
mod line;
mod scatter;

use maud::Markup;

pub use bars::{Bar, Bars};
pub use histogram::{Distribution, Histogram};
pub use line::{Band, LinePlot, Marker, Series};
pub use scatter::{PointGroup, ScatterPlot};

/// Any of the plots a page can show.
#[derive(Debug, Clone)]
pub enum Plot {
    Line(LinePlot),
    Scatter(ScatterPlot),
    Histogram(Histogram),
    Bars(Bars),
}

/// One axis: what it measures, in which unit, and how.
#[derive(Debug, Clone, Default)]
pub struct Axis {
    pub label: String,
    /// Shown behind the label in brackets.
    pub unit: String,
    /// By powers of ten; values of zero and below cannot be drawn then, and the plot says how many there were.
    pub log: bool,
    /// Values are shares (0 to 1) and read as percentages.
    pub percent: bool,
    /// The ends of the axis, where they shall not follow the data.
    pub range: Option<(f64, f64)>,
}

/// A level that decides: a dashed line with its meaning beside it.
#[derive(Debug, Clone)]
pub struct Threshold {
    pub value: f64,
    pub label: String,
}

/// Who a series belongs to. The same party has the same colour on every page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tone {
    Champion,
    Candidate,
    /// Harm, refusal, drift.
    Alarm,
    /// Proof that something holds.
    Good,
    /// The next free colour.
    #[default]
    Auto,
}

// === impl Plot ===

impl Plot {
    pub(crate) fn render(&self) -> Markup {
        match self {
            Self::Line(plot) => plot.render(),
            Self::Scatter(plot) => plot.render(),
            Self::Histogram(plot) => plot.render(),
            Self::Bars(plot) => plot.render(),
        }
    }
}

impl From<LinePlot> for Plot {
    fn from(plot: LinePlot) -> Self {
        Self::Line(plot)
    }
}

impl From<ScatterPlot> for Plot {
    fn from(plot: ScatterPlot) -> Self {
        Self::Scatter(plot)
    }
}

impl From<Histogram> for Plot {
    fn from(plot: Histogram) -> Self {
        Self::Histogram(plot)
    }
}

impl From<Bars> for Plot {
    fn from(plot: Bars) -> Self {
        Self::Bars(plot)
    }
}

// === impl Axis ===

impl Axis {
    /// A linear axis that follows its data.
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), ..Self::default() }
    }

    #[must_use]
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = unit.into();
        self
    }

    #[must_use]
    pub fn log(mut self) -> Self {
        self.log = true;
        self
    }

    #[must_use]
    pub fn percent(mut self) -> Self {
        self.percent = true;
        self
    }

    /// Fixed ends, such as 0 and 1 for a score.
    #[must_use]
    pub fn range(mut self, low: f64, high: f64) -> Self {
        self.range = Some((low, high));
        self
    }

    pub(crate) fn title(&self) -> String {
        match self.unit.is_empty() {
            true => self.label.clone(),
            false => format!("{} ({})", self.label, self.unit),
        }
    }
}

// === impl Threshold ===

impl Threshold {
    pub fn new(value: f64, label: impl Into<String>) -> Self {
        Self { value, label: label.into() }
    }

    /// What an axis must reach to show this level with some room above it.
    pub(crate) fn with_headroom(&self) -> f64 {
        if self.value > 0.0 { self.value * 1.15 } else { self.value }
    }
}

// === impl Tone ===

impl Tone {
    /// The CSS class that sets the colour; `position` among the series chooses where no party does.
    pub(crate) fn class(self, position: usize) -> &'static str {
        const AUTO: [&str; 5] = ["tone-1", "tone-2", "tone-3", "tone-4", "tone-5"];
        match self {
            Self::Champion => "tone-champion",
            Self::Candidate => "tone-candidate",
            Self::Alarm => "tone-alarm",
            Self::Good => "tone-good",
            Self::Auto => AUTO[position % AUTO.len()],
        }
    }
}

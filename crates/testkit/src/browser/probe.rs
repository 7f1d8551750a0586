//! The script that measures a page from inside, and what it found.

use serde::Deserialize;

pub(super) const SCRIPT: &str = include_str!("probe.js");

/// Sizes in CSS pixels.
#[derive(Debug, Clone, Deserialize)]
pub struct Measured {
    /// Word and reason of the verdict banner, as far as visible.
    pub verdict: String,
    pub window_width: f64,
    /// Wider than the window means that a reader must scroll sideways.
    pub content_width: f64,
    pub height: f64,
    /// How many resources the page fetched, or tried to.
    pub loaded: usize,
    /// Those that are shown at this width.
    pub plots: Vec<PlotBox>,
    /// What stands out of the window or of its own box.
    pub beyond: Vec<String>,
    /// Values, thresholds and key figures that cannot be read whole.
    pub hidden_values: Vec<String>,
    /// Text and marks below the contrast that WCAG's level AA asks for, with the ratio found.
    pub faint: Vec<String>,
    pub lowest_contrast: f64,
    /// On paper: what the end of a sheet may cut in two.
    pub cut_in_print: Vec<String>,
    /// All visible text.
    pub text: String,
    /// The texts of all headlines.
    pub headlines: Vec<String>,
}

/// One plot as drawn.
#[derive(Debug, Clone, Deserialize)]
pub struct PlotBox {
    pub title: String,
    pub width: f64,
    pub height: f64,
    /// Paths, dots and bars that take up room.
    pub marks: usize,
    /// Texts that stand out of the drawing.
    pub cut: Vec<String>,
    /// Pairs of texts that lie on each other.
    pub overlaps: Vec<String>,
    /// As it is on the screen, after the drawing is scaled.
    pub smallest_text: f64,
    /// Lines that mark the moment of the decision, and how many of them lie inside of drawing and window.
    pub decisions: usize,
    pub decisions_inside: usize,
    /// The plot says itself that it has no data.
    pub empty: bool,
}

#[cfg(test)]
impl Measured {
    /// Of an empty page.
    pub(super) fn nothing() -> Self {
        Self {
            verdict: String::new(),
            window_width: 0.0,
            content_width: 0.0,
            height: 0.0,
            loaded: 0,
            plots: Vec::new(),
            beyond: Vec::new(),
            hidden_values: Vec::new(),
            faint: Vec::new(),
            lowest_contrast: 99.0,
            cut_in_print: Vec::new(),
            text: String::new(),
            headlines: Vec::new(),
        }
    }
}

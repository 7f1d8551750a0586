//! The script that measures a page from inside, and what it found.

use anyhow::{Context, Result};
use serde::Deserialize;

const SCRIPT: &str = include_str!("probe.js");
/// A page under test forbids itself all scripts, the probe's too; so the copy that is measured goes without.
const POLICY: &str = "http-equiv=\"Content-Security-Policy\"";
const MARK: &str = "data-measured=\"";

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
    pub plots: Vec<PlotBox>,
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
    /// The plot says itself that it has no data.
    pub empty: bool,
}

/// The page with the probe as its last element.
pub(super) fn with_probe(html: &str) -> Result<String> {
    let (body, rest) = html.rsplit_once("</body>").context("the page has no </body>")?;
    let body = body.replacen(POLICY, "name=\"policy-off-while-measured\"", 1);
    Ok(format!("{body}<script>{SCRIPT}</script></body>{rest}"))
}

/// What the probe left in the dumped document.
pub(super) fn read(dom: &str) -> Result<Measured> {
    let start = dom.find(MARK).context("the probe did not run in the browser")? + MARK.len();
    let end = dom[start..].find('"').context("the probe's result has no end")? + start;
    let json = dom[start..end].replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">");
    serde_json::from_str(&json.replace("&nbsp;", " ").replace("&amp;", "&"))
        .context("the probe's result is not what was expected")
}

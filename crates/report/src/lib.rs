//! Self-contained report pages: one HTML file with a verdict, why it was reached, and the evidence.
//!
//! A page is written next to the decision record of a step and is read in a browser, months later and without network.
//! So it holds everything itself: inline styles, inline SVG, no script, no font, no link to anything.
//! Everything here is plain data in, one string out; nothing is read, written or measured.
//!
//! ```
//! use report::{Axis, Check, LinePlot, Outcome, Page, Series, Tone, Verdict};
//!
//! let page = Page::new("canary-gate", "Canary of fraud-42", Verdict::Pass, "no harm seen at 50 % of the keys")
//!     .fact("Stream", "payments")
//!     .check(Check::new("error rate", "0.4 %", "at most 1 %", Outcome::Pass))
//!     .plot(
//!         LinePlot::new("Share of the candidate", Axis::new("time").unit("s"), Axis::new("share").percent())
//!             .series(Series::new("share", vec![(0.0, 0.01), (4.0, 0.05)]).steps().tone(Tone::Candidate)),
//!     );
//! assert!(page.render().starts_with("<!DOCTYPE html>"));
//! ```

mod check;
mod model;
mod number;
mod page;
mod plot;
mod scale;
mod table;
mod text;
mod timeline;

pub use check::{Check, Outcome, Verdict};
pub use model::Model;
pub use number::{Unit, bytes, count, number, percent, plural, seconds};
pub use page::{Figure, Page};
pub use plot::{
    Axis, Band, Bar, Bars, Distribution, Histogram, LinePlot, Marker, Plot, PointGroup,
    ScatterPlot, Series, Threshold, Tone,
};
pub use table::Table;
pub use timeline::{Moment, to_the_second};

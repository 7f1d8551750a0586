//! Looks at a page in a real browser (Debian's chromium, headless), for no parser knows what a reader sees.

mod picture;
mod pipe;
mod probe;
mod words;

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

pub use picture::Picture;
use pipe::Browser;
pub use probe::{Measured, PlotBox};

/// How to look at a page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// Of the file with the picture.
    pub name: &'static str,
    /// Width of the window in CSS pixels.
    pub width: u32,
    /// Whether the reader prefers dark pages.
    pub dark: bool,
    /// On paper: A4, with the margins that browsers give it.
    pub print: bool,
}

/// What the browser showed.
#[derive(Debug)]
pub struct Seen {
    pub measured: Measured,
    pub picture: Picture,
    /// Complaints on the browser's console, such as a load that the page's policy forbids.
    pub complaints: Vec<String>,
}

/// Smaller text in a plot cannot be read, in CSS pixels.
const SMALLEST: f64 = 9.5;

impl Look {
    pub const PHONE: Self = Self { name: "phone-light", width: 390, dark: false, print: false };
    pub const PHONE_DARK: Self = Self { name: "phone-dark", dark: true, ..Self::PHONE };
    pub const TABLET: Self = Self { name: "tablet-light", width: 768, ..Self::PHONE };
    pub const TABLET_DARK: Self = Self { name: "tablet-dark", dark: true, ..Self::TABLET };
    pub const DESKTOP: Self = Self { name: "desktop-light", width: 1280, ..Self::PHONE };
    pub const DESKTOP_DARK: Self = Self { name: "desktop-dark", dark: true, ..Self::DESKTOP };
    pub const PRINT: Self = Self { name: "print", width: 703, dark: false, print: true };

    /// Every way in which a page has to read well.
    pub const ALL: [Self; 7] = [
        Self::PHONE,
        Self::PHONE_DARK,
        Self::TABLET,
        Self::TABLET_DARK,
        Self::DESKTOP,
        Self::DESKTOP_DARK,
        Self::PRINT,
    ];
}

/// Asserts that a report page reads well in every [`Look`]: nothing stands out of window, box or plot; every value and
/// threshold is visible; text has contrast; the decision lies inside its plot; the words are for people; nothing is
/// loaded; no sheet of paper cuts what belongs together.
///
/// Pictures go to `pictures`, named after the page, for people to look at.
///
/// # Panics
/// When the page does not read well, or there is no chromium; the message says which and how to mend it.
pub fn assert_reads_well(page: &Path, pictures: &Path) -> Vec<Seen> {
    let stem = page.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let pages = [(stem, page.to_owned())];
    assert_all_read_well(&pages, pictures).remove(0)
}

/// The same for many pages, with one browser: each is a name for its pictures and a file.
///
/// # Panics
/// When one of them does not read well; the message names every fault of every page.
pub fn assert_all_read_well(
    pages: &[(String, std::path::PathBuf)],
    pictures: &Path,
) -> Vec<Vec<Seen>> {
    let look_at = || -> Result<(Vec<Vec<Seen>>, Vec<String>)> {
        let mut browser = Browser::start()?;
        let (mut all, mut faults) = (Vec::new(), Vec::new());
        for (name, page) in pages {
            browser.open(page)?;
            let mut seen = Vec::new();
            for look in Look::ALL {
                let picture = pictures.join(format!("{name}-{}.png", look.name));
                let one = looked(&mut browser, look, &picture)?;
                let found = one.faults(look);
                faults.extend(found.iter().map(|fault| format!("{name} ({}): {fault}", look.name)));
                seen.push(one);
            }
            let paper = pictures.join(format!("{name}-print.pdf"));
            printed(&mut browser, &paper)?;
            all.push(seen);
        }
        Ok((all, faults))
    };
    let (all, faults) = look_at().unwrap_or_else(|error| panic!("{error:#}"));
    assert!(faults.is_empty(), "{}\npictures: {}", faults.join("\n"), pictures.display());
    all
}

/// Writes pages to `pictures` and asserts that they read well there: for pages that a test renders itself.
///
/// # Panics
/// As [`assert_all_read_well`], or when `pictures` cannot be written to.
pub fn assert_pages_read_well(pages: &[(String, String)], pictures: &Path) -> Vec<Vec<Seen>> {
    let write = || -> std::io::Result<Vec<(String, std::path::PathBuf)>> {
        std::fs::create_dir_all(pictures)?;
        let mut files = Vec::new();
        for (name, html) in pages {
            let file = pictures.join(format!("{name}.html"));
            std::fs::write(&file, html)?;
            files.push((name.clone(), file));
        }
        Ok(files)
    };
    let files = write().unwrap_or_else(|error| panic!("{}: {error}", pictures.display()));
    assert_all_read_well(&files, pictures)
}

/// Opens a page, measures it and takes a picture of its whole length into `picture`.
///
/// # Errors
/// When chromium is missing or ends badly, or the page cannot be read.
pub fn see(page: &Path, look: Look, picture: &Path) -> Result<Seen> {
    let mut browser = Browser::start()?;
    browser.open(page)?;
    looked(&mut browser, look, picture)
}

fn looked(browser: &mut Browser, look: Look, picture: &Path) -> Result<Seen> {
    let size = |height: u32| json!({ "width": look.width, "height": height, "deviceScaleFactor": 1, "mobile": false });
    browser.ask("Emulation.setDeviceMetricsOverride", size(900))?;
    let theme = if look.dark { "dark" } else { "light" };
    let media = json!({
        "media": if look.print { "print" } else { "" },
        "features": [{ "name": "prefers-color-scheme", "value": theme }],
    });
    browser.ask("Emulation.setEmulatedMedia", media)?;
    let found = browser.evaluate(probe::SCRIPT)?;
    let measured: Measured =
        serde_json::from_value(found).context("the probe's result is not what was expected")?;

    let height = measured.height.ceil().clamp(400.0, 16_000.0) as u32;
    browser.ask("Emulation.setDeviceMetricsOverride", size(height))?;
    let shot = browser.ask("Page.captureScreenshot", json!({ "format": "png" }))?;
    let target = std::path::absolute(picture)?;
    write(&target, &shot)?;
    let complaints = browser.complaints.clone();
    Ok(Seen { measured, picture: Picture::read(&target)?, complaints })
}

/// The page on paper, for people to look at.
fn printed(browser: &mut Browser, to: &Path) -> Result<()> {
    let a4 = json!({ "paperWidth": 8.27, "paperHeight": 11.69, "preferCSSPageSize": true });
    let pdf = browser.ask("Page.printToPDF", a4)?;
    write(to, &pdf)
}

fn write(target: &Path, answer: &Value) -> Result<()> {
    use base64::Engine as _;
    if let Some(parent) = target.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let data = answer["data"].as_str().context("the browser gave no data")?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(data)?;
    std::fs::write(target, bytes).with_context(|| format!("write {}", target.display()))
}

impl Seen {
    /// What a reader would stumble over; empty when the page reads well.
    #[must_use]
    pub fn faults(&self, look: Look) -> Vec<String> {
        let mut faults = self.complaints.clone();
        let seen = &self.measured;
        faults.extend(words::faults(seen));
        for (what, found) in [
            ("stands out of the window or its box", &seen.beyond),
            ("cannot be read whole", &seen.hidden_values),
            ("has less contrast than AA asks for", &seen.faint),
            ("may be cut by the end of a sheet", &seen.cut_in_print),
        ] {
            faults.extend(found.iter().map(|one| format!("'{one}' {what}")));
        }
        let mut fault = |bad: bool, text: String| {
            if bad {
                faults.push(text);
            }
        };
        fault(seen.verdict.trim().is_empty(), "no verdict is visible".into());
        fault(seen.loaded > 0, format!("the page loads {} things", seen.loaded));
        fault(
            seen.content_width > seen.window_width,
            format!("content is {} wide in a window of {}", seen.content_width, seen.window_width),
        );
        for plot in &seen.plots {
            let name = &plot.title;
            fault(
                plot.width < 200.0 || plot.height < 60.0,
                format!("plot '{name}' is {} by {}", plot.width, plot.height),
            );
            fault(plot.marks == 0 && !plot.empty, format!("plot '{name}' has no marks"));
            fault(!plot.cut.is_empty(), format!("plot '{name}' cuts the texts {:?}", plot.cut));
            fault(
                plot.smallest_text < SMALLEST,
                format!("plot '{name}' has text of {:.1} pixels", plot.smallest_text),
            );
            fault(
                plot.decisions != plot.decisions_inside,
                format!("plot '{name}' does not show the line of the decision"),
            );
        }
        let picture = &self.picture;
        fault(
            picture.colours < 12 || picture.inked < 0.01,
            format!("the picture is blank: {picture:?}"),
        );
        fault(
            look.dark != (picture.ground < 100),
            format!("ground has brightness {} where dark is {}", picture.ground, look.dark),
        );
        faults
    }
}

/// Looks at the pages of a step in every [`Look`], and leaves page, pictures and paper in `target/screenshots`.
///
/// # Panics
/// As [`assert_all_read_well`].
pub fn assert_step_reads_well(step: &str, pages: &[(String, String)]) -> Vec<Vec<Seen>> {
    let named: Vec<(String, String)> =
        pages.iter().map(|(name, html)| (format!("{step}-{name}"), html.clone())).collect();
    assert_pages_read_well(&named, &crate::root().join("target/screenshots"))
}

/// The decision records in `steps/<step>/samples/pages`: name and record, by name.
///
/// # Panics
/// When there are none, or one is no JSON.
#[must_use]
pub fn sample_records(step: &str) -> Vec<(String, Value)> {
    let folder = crate::root().join("steps").join(step).join("samples/pages");
    let read = || -> Result<Vec<(String, Value)>> {
        let mut records = Vec::new();
        for entry in std::fs::read_dir(&folder)? {
            let file = entry?.path();
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            records.push((name, serde_json::from_slice(&std::fs::read(&file)?)?));
        }
        anyhow::ensure!(!records.is_empty(), "no sample");
        records.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(records)
    };
    read().unwrap_or_else(|error| panic!("{}: {error:#}", folder.display()))
}

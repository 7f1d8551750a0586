//! Looks at a page in a real browser (Debian's chromium, headless), for no parser knows what a reader sees.
//!
//! The browser is told to keep to itself: own profile in a new folder, no updates, no sync, no first-run pages.

mod probe;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};

pub use probe::{Measured, PlotBox};

/// How to look at a page.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Width of the window in pixels; chromium shows nothing narrower than 500.
    pub width: u32,
    /// Whether the reader prefers dark pages.
    pub dark: bool,
}

/// What the browser showed.
#[derive(Debug)]
pub struct Seen {
    pub measured: Measured,
    pub picture: Picture,
    /// Complaints on the browser's console, such as a load that the page's policy forbids.
    pub complaints: Vec<String>,
}

/// A screenshot of the whole page.
#[derive(Debug)]
pub struct Picture {
    pub file: PathBuf,
    pub width: u32,
    pub height: u32,
    /// How many different colours it has; a blank page has one.
    pub colours: usize,
    /// Share of pixels that differ from the most frequent colour.
    pub inked: f64,
    /// Brightness of the most frequent colour, 0 to 255.
    pub ground: u8,
}

impl Look {
    pub const LIGHT: Self = Self { width: 1280, dark: false };
    pub const DARK: Self = Self { width: 1280, dark: true };
    pub const NARROW: Self = Self { width: 500, dark: false };
}

/// Asserts that a report page reads well: light, dark and narrow; every plot has a size and marks in it;
/// nothing stands out of the page or its plot; nothing is loaded.
///
/// Pictures go to `pictures`, named after the page, for people to look at.
///
/// # Panics
/// When the page does not read well, or there is no chromium; the message says which and how to mend it.
pub fn assert_reads_well(page: &Path, pictures: &Path) -> Vec<Seen> {
    [("light", Look::LIGHT), ("dark", Look::DARK), ("narrow", Look::NARROW)]
        .into_iter()
        .map(|(name, look)| {
            let stem = page.file_stem().unwrap_or_default().to_string_lossy();
            let picture = pictures.join(format!("{stem}-{name}.png"));
            let seen = see(page, look, &picture).unwrap_or_else(|error| panic!("{error:#}"));
            let faults = seen.faults(look);
            assert!(faults.is_empty(), "{} ({name}): {}", page.display(), faults.join("; "));
            seen
        })
        .collect()
}

/// Opens a page, measures it and takes a picture of its whole length into `picture`.
///
/// # Errors
/// When chromium is missing or ends badly, or the page cannot be read.
pub fn see(page: &Path, look: Look, picture: &Path) -> Result<Seen> {
    let folder = tempfile::tempdir()?;
    let html = std::fs::read_to_string(page).with_context(|| format!("read {}", page.display()))?;
    let probed = folder.path().join("probed.html");
    std::fs::write(&probed, probe::with_probe(&html)?)?;
    let dom = chromium(&probed, look, 900, &["--dump-dom".into()])?;
    let measured = probe::read(&String::from_utf8_lossy(&dom.stdout))?;

    let height = measured.height.ceil().clamp(400.0, 16_000.0) as u32;
    let target = std::path::absolute(picture)?;
    if let Some(parent) = target.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let shot = chromium(page, look, height, &[format!("--screenshot={}", target.display())])?;
    let complaints = String::from_utf8_lossy(&shot.stderr)
        .lines()
        .filter(|line| line.contains(":CONSOLE"))
        .map(str::to_owned)
        .collect();
    Ok(Seen { measured, picture: Picture::read(&target)?, complaints })
}

impl Seen {
    /// What a reader would stumble over; empty when the page reads well.
    #[must_use]
    pub fn faults(&self, look: Look) -> Vec<String> {
        let mut faults = self.complaints.clone();
        let mut fault = |bad: bool, text: String| {
            if bad {
                faults.push(text);
            }
        };
        let seen = &self.measured;
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

impl Picture {
    fn read(file: &Path) -> Result<Self> {
        let opened = std::fs::File::open(file)
            .with_context(|| format!("chromium wrote no picture to {}", file.display()))?;
        let mut reader = png::Decoder::new(std::io::BufReader::new(opened)).read_info()?;
        let size = reader.output_buffer_size().context("the picture is too large")?;
        let mut pixels = vec![0; size];
        let info = reader.next_frame(&mut pixels)?;
        let each = info.color_type.samples();
        ensure!(each >= 3, "a picture without colours: {:?}", info.color_type);
        let mut frequency = std::collections::HashMap::<[u8; 3], usize>::new();
        for pixel in pixels[..info.buffer_size()].chunks_exact(each) {
            *frequency.entry([pixel[0], pixel[1], pixel[2]]).or_default() += 1;
        }
        let all: usize = frequency.values().sum();
        let (ground, most) = frequency
            .iter()
            .max_by_key(|(_, count)| **count)
            .context("a picture without pixels")?;
        Ok(Self {
            file: file.to_owned(),
            width: info.width,
            height: info.height,
            colours: frequency.len(),
            inked: (all - most) as f64 / all as f64,
            ground: (ground.iter().map(|part| u32::from(*part)).sum::<u32>() / 3) as u8,
        })
    }
}

/// Runs chromium on a local file, with a bound on its time.
fn chromium(page: &Path, look: Look, height: u32, actions: &[String]) -> Result<Output> {
    let profile = tempfile::tempdir()?;
    let mut command = Command::new("timeout");
    command
        .args(["--kill-after=5", "120"])
        .arg(program()?)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--hide-scrollbars",
        ])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--disable-dev-shm-usage", "--enable-logging=stderr"])
        // 0 is dark and 1 is light, in the order of the browser's own enumeration.
        .arg(format!("--blink-settings=preferredColorScheme={}", u8::from(!look.dark)))
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--window-size={},{height}", look.width))
        .args(actions)
        .arg(format!("file://{}", std::path::absolute(page)?.display()));
    let output = command.output().context("run `timeout`, of coreutils")?;
    ensure!(
        output.status.success(),
        "chromium ended with {} on {}: {}",
        output.status,
        page.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(output)
}

fn program() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    ["chromium", "chromium-browser", "google-chrome"]
        .iter()
        .flat_map(|name| std::env::split_paths(&path).map(move |folder| folder.join(name)))
        .find(|file| file.is_file())
        .context("no chromium on this machine, and pages are looked at in a real browser; hint: `apt-get install chromium`")
}

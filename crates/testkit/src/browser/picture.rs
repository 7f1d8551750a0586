//! A screenshot, and what can be said of it without eyes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

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

impl Picture {
    pub(super) fn read(file: &Path) -> Result<Self> {
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

//! The table of sizes.

use crate::assemble::Assembled;
use crate::catalogue::Entry;

/// One line an image, in megabytes of 10^6 bytes; `tls` as it was compiled.
pub fn table(images: &[(&Entry, Assembled)], tls: bool) -> String {
    let mut text =
        format!("{:<16} {:>10} {:>10} {:>8}\n", "image", "packed MB", "unpacked", "budget");
    for (entry, image) in images {
        let over = if image.unpacked > entry.budget(tls) { "  OVER BUDGET" } else { "" };
        text += &format!(
            "{:<16} {:>10} {:>10} {:>8}{over}\n",
            entry.name,
            megabytes(image.packed),
            megabytes(image.unpacked),
            megabytes(entry.budget(tls))
        );
    }
    text
}

/// The names of the images over budget.
pub fn over_budget<'a>(images: &[(&'a Entry, Assembled)], tls: bool) -> Vec<&'a str> {
    let over = images.iter().filter(|(entry, image)| image.unpacked > entry.budget(tls));
    over.map(|(entry, _)| entry.name).collect()
}

#[expect(clippy::cast_precision_loss, reason = "sizes of images are far below 2^52")]
fn megabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}

//! The table of sizes.

use crate::assemble::Assembled;
use crate::catalogue::Entry;
use crate::programs::Profile;

/// One line an image, in megabytes of 10^6 bytes; `tls` and `profile` as it was compiled.
pub fn table(images: &[(&Entry, Assembled)], profile: Profile, tls: bool) -> String {
    let budget = |entry: &Entry, image: &Assembled| match profile {
        // Quick to compile is not small, and nobody ships it.
        Profile::Dev => "none".to_owned(),
        Profile::Release if image.unpacked > entry.budget(tls) => {
            format!("{}  OVER BUDGET", megabytes(entry.budget(tls)))
        }
        Profile::Release => megabytes(entry.budget(tls)),
    };
    let mut text =
        format!("{:<16} {:>10} {:>10} {:>8}\n", "image", "packed MB", "unpacked", "budget");
    for (entry, image) in images {
        text += &format!(
            "{:<16} {:>10} {:>10} {:>8}\n",
            entry.name,
            megabytes(image.packed),
            megabytes(image.unpacked),
            budget(entry, image)
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

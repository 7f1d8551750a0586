//! What the event says about an image: the reason, the result, the package address.

use contract::results::{Model, Packaging};
use registry::{Outcome, Published, Reference};
use words::plural;

use crate::args::Args;
use crate::build::Read;

/// What the event says; `published` is there where an image was written.
pub(crate) fn result(args: &Args, published: Option<&Published>, read: &Read) -> Packaging {
    let model = Model::of_file(read.model.digest.as_str(), &args.model.to_string());
    Packaging {
        model: Model { image: published.map(|published| published.image.clone()), ..model },
        expected: args.model_digest.to_string(),
        image_digest: published.map(|published| published.digest.to_string()),
        size: read.model.size,
        bytes_sent: published.map_or(0, |published| published.bytes_sent),
        bytes_skipped: published.map_or(0, |published| published.bytes_skipped),
    }
}

/// One sentence on what was done.
pub(crate) fn reason(published: &Published) -> String {
    if published.bytes_sent == 0 {
        return format!(
            "the model is in {}, which was there already; nothing was sent",
            published.image
        );
    }
    let mounted = published.blobs.iter().filter(|blob| blob.outcome == Outcome::Mounted).count();
    let mounted = match mounted {
        0 => String::new(),
        mounted => format!(", {} mounted", plural(mounted as u64, "layer")),
    };
    format!(
        "the model is in {}; {} sent, {} were there already{mounted}",
        published.image,
        report::bytes(published.bytes_sent),
        report::bytes(published.bytes_skipped)
    )
}

/// The image as a package address (purl type `oci`): name, digest, and the repository where there is one.
pub(crate) fn package(published: &Published, target: &Reference) -> String {
    let digest = published.digest.as_str().replace(':', "%3A");
    match target {
        Reference::Layout { dir, .. } => {
            let name = dir.file_name().map(|it| it.to_string_lossy().to_lowercase());
            format!("pkg:oci/{}@{digest}", escaped(&name.unwrap_or_default()))
        }
        Reference::Registry { host, repository, .. } => {
            let name = repository.rsplit('/').next().unwrap_or(repository);
            let place = escaped(&format!("{host}/{repository}"));
            format!("pkg:oci/{name}@{digest}?repository_url={place}")
        }
    }
}

/// Percent-encodes all but what a package address may hold as it is.
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let encode = |byte: u8| {
        if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn published(sent: u64, outcome: Outcome) -> Published {
        let digest = registry::Digest::of(b"manifest");
        let blob = registry::BlobReport {
            title: "base layer".to_owned(),
            digest: digest.clone(),
            size: 1,
            outcome,
            bytes_sent: 0,
        };
        Published {
            image: "oci:images@sha256:1".to_owned(),
            digest,
            tags: Vec::new(),
            blobs: vec![blob],
            manifest: Outcome::Existing,
            bytes_sent: sent,
            bytes_skipped: 1 << 20,
        }
    }

    #[test]
    fn the_reason_says_what_travelled() {
        let nothing = reason(&published(0, Outcome::Existing));
        assert!(nothing.ends_with("which was there already; nothing was sent"), "{nothing}");
        let some = reason(&published(3 << 20, Outcome::Mounted));
        assert!(some.contains("3 MiB sent, 1 MiB were there already, 1 layer mounted"), "{some}");
    }

    #[test]
    fn package_addresses_follow_the_purl_specification() {
        let published = published(0, Outcome::Existing);
        let hex = published.digest.hex();
        let of = |target: &str| package(&published, &target.parse().unwrap());
        assert_eq!(
            of("localhost:5000/team/shuttle:v1"),
            format!("pkg:oci/shuttle@sha256%3A{hex}?repository_url=localhost%3A5000/team/shuttle")
        );
        assert_eq!(of("oci:out/My Images:v1"), format!("pkg:oci/my%20images@sha256%3A{hex}"));
    }
}

//! Models on a page: a name for people beside the digest that identifies them.

use maud::{Markup, html};

use crate::text;

/// A model, and what it is to the page.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// Such as `Candidate`.
    pub role: String,
    /// Empty where nobody gave one.
    pub name: String,
    pub digest: String,
    /// Where its image lies; may be empty.
    pub image: String,
}

impl Model {
    /// A model that an image carries.
    pub fn of_image(
        role: impl Into<String>,
        digest: impl Into<String>,
        image: impl Into<String>,
    ) -> Self {
        let image = image.into();
        let name = name_of_image(&image);
        Self { role: role.into(), name, digest: digest.into(), image }
    }

    /// A model that lies in a file.
    pub fn of_file(role: impl Into<String>, digest: impl Into<String>, file: &str) -> Self {
        let name = name_of_file(file);
        Self { role: role.into(), name, digest: digest.into(), image: String::new() }
    }

    /// Its name, or else the first digits of its digest.
    #[must_use]
    pub fn called(&self) -> String {
        match self.name.is_empty() {
            true => text::short(&self.digest),
            false => text::plain(&self.name),
        }
    }

    pub(crate) fn render(&self) -> Markup {
        html! {
            div class="model" {
                dt { (text::prose(&self.role)) }
                dd {
                    @if !self.name.is_empty() { strong { (text::prose(&self.name)) } }
                    (text::value(&self.digest))
                    @if !self.image.is_empty() {
                        span class="note" { "image " (text::prose(&self.image)) }
                    }
                }
            }
        }
    }
}

/// The name of a file without folder and extension; of an artifact (`oci://…#file`), that of the file in it.
fn name_of_file(path: &str) -> String {
    let path = path.rsplit('#').next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    name.rsplit_once('.')
        .filter(|(stem, _)| !stem.is_empty())
        .map_or(name, |(stem, _)| stem)
        .to_owned()
}

/// The name within an image's reference: the repository without its registry, with the tag where it has one.
///
/// `registry.example:5000/shuttle/boosting:v3@sha256:…` is `shuttle/boosting:v3`; a layout on disk (`oci:…`) is called
/// by its folder.
fn name_of_image(image: &str) -> String {
    words::model_name::of_image(image).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_give_models_their_names() {
        for (image, name) in [
            ("registry.example:5000/shuttle/boosting:v3@sha256:12", "shuttle/boosting:v3"),
            ("localhost/shuttle@sha256:12", "shuttle"),
            ("shuttle/boosting:v3", "shuttle/boosting:v3"),
            ("oci:/tmp/layouts/boosting:v3", "boosting:v3"),
            ("oci:x", "x"),
            ("sha256", "sha256"),
            ("", ""),
        ] {
            assert_eq!(name_of_image(image), name, "{image}");
        }
    }

    #[test]
    fn files_give_models_their_names() {
        let files = [
            "demo/models/boosting.onnx",
            "oci://r.io/a@sha256:1#boosting.onnx",
            "/boosting",
            ".onnx",
            "",
        ];
        let names = ["boosting", "boosting", "boosting", ".onnx", ""];
        assert_eq!(files.map(name_of_file), names);
    }

    #[test]
    fn a_model_without_a_name_is_called_by_its_digest() {
        let digest = "sha256:0123456789abcdef";
        let of =
            |name: &str| Model { name: name.into(), digest: digest.into(), ..Model::default() };
        assert_eq!((of("c").called(), of("").called()), ("c".into(), "0123456789ab".into()));
    }
}

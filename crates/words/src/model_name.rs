//! What people call a model: a short name beside its digest, the same in events and on pages.

/// Longer names are cut off.
const MAX_LENGTH: usize = 80;
/// Names of files that say nothing; the folder around them says more.
const GENERIC: [&str; 2] = ["model", "onnx"];

/// The name of the model in an image: the repository without its registry, with the tag where it has one.
///
/// `registry.example:5000/shuttle/boosting:v3@sha256:…` is `shuttle/boosting:v3`; a layout on disk (`oci:…`) is called
/// by its folder. It is for eyes alone: two models may have one name, and only the digest tells them apart.
#[must_use]
pub fn of_image(image: &str) -> Option<String> {
    let reference = image.split('@').next().unwrap_or_default();
    if let Some(layout) = reference.strip_prefix("oci:").filter(|rest| !rest.starts_with("//")) {
        return clean(last(layout.trim_end_matches('/')));
    }
    let reference = reference.strip_prefix("oci://").unwrap_or(reference);
    match reference.split_once('/') {
        // As Docker has it: what holds a point or a colon before the first slash is a host.
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => clean(rest),
        _ => clean(reference),
    }
}

/// The name of the model in a file, or in an artifact's file (`oci://…#<file>`): the file's without its ending, or that
/// of what is around it where the file is called `model`.
#[must_use]
pub fn of_file(place: &str) -> Option<String> {
    let (around, file) = match (place.split_once('#'), place.rsplit_once('/')) {
        (Some((artifact, file)), _) => (of_image(artifact), file),
        (None, Some((folder, file))) => (clean(last(folder)), file),
        (None, None) => (None, place),
    };
    let stem = last(file);
    let stem = stem.strip_suffix(".onnx").unwrap_or(stem);
    match GENERIC.contains(&stem) {
        true => around.or_else(|| clean(stem)),
        false => clean(stem),
    }
}

/// The name that a file or image gave, or else the one that the model's file holds inside, where the first says nothing.
#[must_use]
pub fn or_own(given: Option<String>, own: Option<&str>) -> Option<String> {
    match given {
        Some(given) if !GENERIC.contains(&given.as_str()) => Some(given),
        given => {
            let own = own.map(|own| own.split_whitespace().collect::<Vec<_>>().join("-"));
            own.as_deref().and_then(clean).or(given)
        }
    }
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Only what can break no line, page or terminal.
fn clean(name: &str) -> Option<String> {
    let kept = |c: &char| c.is_ascii_alphanumeric() || "._:/-".contains(*c);
    let name: String = name.chars().filter(kept).take(MAX_LENGTH).collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    #[test]
    fn an_image_gives_its_model_a_name() {
        for (image, name) in [
            ("oci:target/demo/images/boosting", "boosting"),
            ("registry.example:5000/shuttle/boosting:v3", "shuttle/boosting:v3"),
            ("localhost/shuttle", "shuttle"),
            ("shuttle/boosting:v3", "shuttle/boosting:v3"),
        ] {
            assert_eq!(of_image(image).as_deref(), Some(name), "{image}");
            assert_eq!(of_image(&format!("{image}@{HEX}")).as_deref(), Some(name), "{image}");
        }
        assert_eq!((of_image(""), of_image(&format!("@{HEX}"))), (None, None));
    }

    #[test]
    fn a_file_gives_its_model_a_name() {
        for (file, name) in [
            ("demo/models/linear.onnx", "linear"),
            ("/models/fraud/v2.1.onnx", "v2.1"),
            ("/models/fraud/model.onnx", "fraud"),
            ("model.onnx", "model"),
            (
                &format!("oci://registry.example/shuttle/retrained@{HEX}#model.onnx"),
                "shuttle/retrained",
            ),
            ("oci://registry.example/shuttle/all:1#memoriser.onnx", "memoriser"),
        ] {
            assert_eq!(of_file(file).as_deref(), Some(name), "{file}");
        }
    }

    #[test]
    fn the_files_own_name_stands_in_where_its_place_says_nothing() {
        let name = |file: &str, own| or_own(of_file(file), own);
        for (file, own, expected) in [
            ("demo/models/linear.onnx", Some("fraud v7"), Some("linear")),
            ("model.onnx", Some("fraud v7"), Some("fraud-v7")),
            ("model.onnx", Some(" \u{1b} "), Some("model")),
            ("model.onnx", None, Some("model")),
            ("", Some("fraud"), Some("fraud")),
            ("", None, None),
        ] {
            assert_eq!(name(file, own).as_deref(), expected, "{file} {own:?}");
        }
    }

    #[test]
    fn a_name_holds_nothing_that_breaks_a_line_or_a_page() {
        let file = format!("/models/<b>\u{1b}[31m\n\0{}.onnx", "x".repeat(1_000));
        assert_eq!(of_file(&file), Some(format!("b31m{}", "x".repeat(76))));
        assert_eq!((of_file(""), of_file("/")), (None, None));
    }
}

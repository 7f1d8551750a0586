//! Just enough YAML to write parameters as a person would.

/// How far `line` is indented.
pub(super) fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The name of the list item that begins on `line`.
pub(super) fn item(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let name = line.strip_prefix("- name: ").or_else(|| line.strip_prefix("- {name: "))?;
    name.split([',', '}']).next().map(str::trim)
}

/// `text` as a plain scalar where YAML reads it as the same text, else in quotes.
pub(super) fn scalar(text: &str) -> String {
    // Numbers and dates have many forms in YAML 1.1, which begin with one of these.
    let special = text.starts_with(|c: char| "-?:,[]{}#&*!|>'\"%@` .+=<".contains(c))
        || text.starts_with(|c: char| c.is_ascii_digit())
        || text.contains(": ")
        || text.contains(" #")
        || text.ends_with([':', ' '])
        || text.contains(['\n', '\t']);
    let words = ["", "true", "false", "yes", "no", "y", "n", "on", "off", "null", "~"];
    let other_type = words.contains(&text.to_lowercase().as_str());
    if special || other_type { quoted(text) } else { text.to_owned() }
}

/// `text` in double quotes.
pub(super) fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", escaped.replace('\n', "\\n").replace('\t', "\\t"))
}

/// A parameter as a template declares it.
pub(super) fn parameter(
    name: &str,
    about: &str,
    default: Option<&str>,
    choices: &[String],
) -> String {
    let mut text = format!("- name: {name}\n  description: {}\n", scalar(about));
    if let Some(default) = default {
        text.push_str(&format!("  default: {}\n", quoted(default)));
    }
    if !choices.is_empty() {
        let choices: Vec<String> = choices.iter().map(|choice| scalar(choice)).collect();
        text.push_str(&format!("  enum: [{}]\n", choices.join(", ")));
    }
    text
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_scalar_is_read_as_the_text_that_was_written() {
        let texts = [
            "",
            "plain words",
            "5%",
            "0.1",
            "true",
            "No",
            "a: b",
            "a #b",
            "- a",
            "oci:<folder>[:<tag>]",
            "%",
            "*",
            "a \"quoted\" word",
            "back\\slash",
            "trailing:",
            "5ms",
            "1e3",
            "~",
            "a, b",
            "'",
            "\"",
            "line\nbreak",
            "ü",
        ];
        for text in texts {
            for written in [scalar(text), quoted(text)] {
                let read: std::collections::BTreeMap<String, String> =
                    serde_saphyr::from_str(&format!("a: {written}\n")).unwrap();
                assert_eq!(read["a"], text, "{written}");
            }
        }
    }
}

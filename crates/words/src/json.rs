//! What is wrong with a JSON file that a person wrote: where, what was expected, what is there.

use serde::de::DeserializeOwned;

/// Reads a `T` out of JSON.
///
/// # Errors
/// The text is no JSON, or has another shape: the line, the field, what was expected and what was found, in words.
pub fn read_json<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        said(error.inner(), &path)
    })?;
    deserializer.end().map_err(|error| said(&error, "."))?;
    Ok(read)
}

fn said(error: &serde_json::Error, path: &str) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let what = text.strip_suffix(&place).unwrap_or(&text);
    let line = if error.line() == 0 { String::new() } else { format!("line {}: ", error.line()) };
    if !error.is_data() {
        return format!("{line}this is not JSON: {}", syntax(what));
    }
    // `.` is the whole document, and `?` a place that the reader did not name.
    let field = match path {
        "." | "?" => String::new(),
        path => format!("`{path}`: "),
    };
    format!("{line}{field}{}", shape(what))
}

fn syntax(what: &str) -> String {
    match what {
        what if what.starts_with("EOF") => "it ends in the middle".to_owned(),
        what => what.to_owned(),
    }
}

/// The words of serde, in plain ones.
fn shape(what: &str) -> String {
    if let Some(field) = what.strip_prefix("missing field ") {
        return format!("the field {field} is missing");
    }
    if let Some(field) = what.strip_prefix("duplicate field ") {
        return format!("the field {field} is there twice");
    }
    let expected = |rest: &str| {
        let (found, choices) = rest.split_once(", expected ")?;
        Some((found.to_owned(), choices.trim_start_matches("one of ").to_owned()))
    };
    if let Some((field, choices)) = what.strip_prefix("unknown field ").and_then(expected) {
        return format!("there is no field {field}; known are {choices}");
    }
    if let Some((word, choices)) = what.strip_prefix("unknown variant ").and_then(expected) {
        return format!("{word} is not known; write {choices}");
    }
    for prefix in ["invalid type: ", "invalid value: ", "invalid length "] {
        if let Some((found, wanted)) = what.strip_prefix(prefix).and_then(expected) {
            return format!("{} is expected, but {} is there", wish(&wanted), finding(&found));
        }
    }
    what.to_owned()
}

/// What serde found.
fn finding(found: &str) -> String {
    let number = ["integer `", "floating point `"].iter().find_map(|kind| found.strip_prefix(kind));
    if let Some(number) = number {
        return format!("the number {}", number.trim_end_matches('`'));
    }
    if let Some(text) = found.strip_prefix("string ") {
        return format!("the text {text}");
    }
    if let Some(word) = found.strip_prefix("boolean ") {
        return word.replace('`', "");
    }
    match found {
        "map" => "an object".to_owned(),
        "sequence" => "a list".to_owned(),
        "null" | "unit value" | "Option value" => "null".to_owned(),
        length if length.parse::<u64>().is_ok() => "a list".to_owned(),
        other => other.to_owned(),
    }
}

/// What serde expected.
fn wish(wanted: &str) -> String {
    match wanted {
        "f32" | "f64" | "a number" => "a number".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more,".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "a string" | "str" | "string" | "a borrowed string" => "a text".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a map" | "map" => "an object".to_owned(),
        "a sequence" | "sequence" => "a list".to_owned(),
        "string or map" => "a word".to_owned(),
        "null" | "unit" => "null".to_owned(),
        kind if kind.starts_with("struct ") => "an object".to_owned(),
        kind if kind.starts_with("enum ") => "a word".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its errors are of interest")]
    struct File {
        fields: Vec<Field>,
        #[serde(default)]
        records: u64,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its errors are of interest")]
    struct Field {
        name: String,
        kind: Kind,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Number,
        Text,
    }

    #[test]
    fn an_error_names_line_and_field_and_what_is_there() {
        for (text, expected) in [
            ("", "line 1: this is not JSON: it ends in the middle"),
            ("{\"fields\": [}", "line 1: this is not JSON: expected value"),
            ("[]", "line 1: an object is expected, but a list is there"),
            ("{}", "line 1: the field `fields` is missing"),
            ("{\"fields\": 3}", "line 1: `fields`: a list is expected, but the number 3 is there"),
            (
                "{\"fields\":\n [\"a\"]}",
                "line 2: `fields[0]`: an object is expected, but the text \"a\" is there",
            ),
            (
                "{\"fields\": [{\"name\": null, \"kind\": \"number\"}]}",
                "line 1: `fields[0].name`: a text is expected, but null is there",
            ),
            (
                "{\"fields\": [{\"name\": \"a\", \"kind\": \"float\"}]}",
                "line 1: `fields[0].kind`: `float` is not known; write `number` or `text`",
            ),
            (
                "{\"fields\": [], \"recs\": 1}",
                "line 1: `recs`: there is no field `recs`; known are `fields` or `records`",
            ),
            (
                "{\"fields\": [], \"records\": -1}",
                "line 1: `records`: a whole number, 0 or more, is expected, but the number -1 is there",
            ),
            ("{\"fields\": []} 3", "line 1: this is not JSON: trailing characters"),
        ] {
            let error =
                read_json::<File>(text).map(|_| String::new()).unwrap_or_else(|error| error);
            assert_eq!(error, expected, "{text}");
        }
    }
}

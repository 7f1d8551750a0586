//! The value of `--metrics`.

/// The list of metrics: the text of `--metrics` itself, or that of the file it names.
///
/// # Errors
/// The file cannot be read (exit 2).
pub(crate) fn metrics_text(flag: Option<&str>) -> anyhow::Result<Option<String>> {
    let Some(flag) = flag.filter(|flag| !flag.trim().is_empty()) else { return Ok(None) };
    if flag.trim_start().starts_with(['[', '{']) {
        return Ok(Some(flag.to_owned()));
    }
    regular_file::read_to_string(flag.as_ref(), regular_file::SETTINGS).map(Some).map_err(|error| {
        fault::usage(
            format!("--metrics {flag}: {error}"),
            "give a JSON list, or the path of a file that holds one",
        )
    })
}

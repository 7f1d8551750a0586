//! The part of Argo's expression language that the release uses: `{{…}}` and `when`.

use std::collections::BTreeMap;

/// Replaces every `{{name}}` in `text` by its value. As in Argo, the output of a task that did not run stays as it is.
///
/// # Errors
/// Another name has no value.
pub fn substitute(text: &str, values: &BTreeMap<String, String>) -> anyhow::Result<String> {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, tail) = after
            .split_once("}}")
            .ok_or_else(|| anyhow::anyhow!("`{text}` opens {{{{ and does not close it"))?;
        let name = name.trim();
        let value = values.get(name);
        result.push_str(before);
        match value {
            Some(value) => result.push_str(value),
            None if name.starts_with("tasks.") => result.push_str(&format!("{{{{{name}}}}}")),
            None => anyhow::bail!("`{name}` in `{text}` has no value"),
        }
        rest = tail;
    }
    Ok(result + rest)
}

/// Whether a `when` such as `pass == pass && canary != bootstrap` holds, after substitution.
///
/// `&&` binds tighter than `||`; parentheses are not used in our templates and are refused.
///
/// # Errors
/// A term is no comparison.
pub fn holds(when: &str) -> anyhow::Result<bool> {
    anyhow::ensure!(!when.contains(['(', ')']), "`{when}`: parentheses are not supported here");
    let mut any = false;
    for alternative in when.split("||") {
        let mut all = true;
        for term in alternative.split("&&") {
            all &= compare(term)?;
        }
        any |= all;
    }
    Ok(any)
}

fn compare(term: &str) -> anyhow::Result<bool> {
    let bare = |side: &str| side.trim().trim_matches(['"', '\'']).to_owned();
    if let Some((left, right)) = term.split_once("!=") {
        return Ok(bare(left) != bare(right));
    }
    match term.split_once("==") {
        Some((left, right)) => Ok(bare(left) == bare(right)),
        None => anyhow::bail!("`{}` is no comparison", term.trim()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn substitution_needs_every_value() {
        let values =
            BTreeMap::from([("inputs.parameters.stream".to_owned(), "shuttle".to_owned())]);
        assert_eq!(
            substitute("--stream={{inputs.parameters.stream}}", &values).unwrap(),
            "--stream=shuttle"
        );
        assert!(substitute("{{inputs.parameters.model}}", &values).is_err());
        assert!(substitute("{{open", &values).is_err());
        let skipped = "'{{tasks.a.outputs.parameters.verdict}}' == 'pass'";
        assert_eq!(substitute(skipped, &values).unwrap(), skipped);
        assert!(!holds(skipped).unwrap());
    }

    #[test]
    fn comparisons() {
        for (when, expected) in [
            ("pass == pass", true),
            ("'fail' == \"pass\"", false),
            ("a != b && c == c", true),
            ("a == b || c == c", true),
            ("a == b || c == c && d == e", false),
        ] {
            assert_eq!(holds(when).unwrap(), expected, "{when}");
        }
        assert!(holds("pass").is_err() && holds("(a == a)").is_err());
    }
}

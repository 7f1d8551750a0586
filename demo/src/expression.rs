//! The part of Argo's expression language that the release uses: `{{…}}`, `when` and `depends`.

use std::collections::BTreeMap;

/// Replaces every `{{name}}` in `text` by its value.
///
/// # Errors
/// A name has no value.
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
        result.push_str(value.ok_or_else(|| anyhow::anyhow!("`{name}` in `{text}` has no value"))?);
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

/// The tasks that a `depends` such as `build-image && shadow-test.Succeeded` names.
pub fn depends_on(depends: &str) -> Vec<String> {
    depends
        .split(['&', '|', ' ', '(', ')', '!'])
        .filter(|word| !word.is_empty())
        .map(|word| word.split('.').next().unwrap_or(word).to_owned())
        .collect()
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

    #[test]
    fn depends_names_tasks() {
        assert_eq!(
            depends_on("build-image && (shadow-test.Succeeded || x.Skipped)"),
            ["build-image", "shadow-test", "x"]
        );
    }
}

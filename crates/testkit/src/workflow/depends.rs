//! Argo's `depends`: which tasks must have ended, and how.

use std::collections::BTreeMap;

/// How a task of a DAG ended. One that fails ends the demo, so that is no case here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Succeeded,
    /// Its `when` did not hold.
    Skipped,
    /// Its `depends` did not hold.
    Omitted,
}

/// Whether a `depends` such as `a && (b.Succeeded || b.Skipped)` holds; an empty one does.
///
/// A bare name stands for a task that succeeded or was skipped.
///
/// # Errors
/// The text is no such expression, or names a task that has not ended.
pub fn holds(depends: &str, ended: &BTreeMap<String, Ended>) -> anyhow::Result<bool> {
    let words = words(depends);
    if words.is_empty() {
        return Ok(true);
    }
    let mut rest = words.as_slice();
    let value = any(&mut rest, ended)?;
    anyhow::ensure!(rest.is_empty(), "`{depends}`: `{}` is too much", rest.join(" "));
    Ok(value)
}

/// The tasks that a `depends` names.
pub fn names(depends: &str) -> Vec<String> {
    let words = words(depends);
    let named = words.iter().filter(|word| !["&&", "||", "(", ")"].contains(&word.as_str()));
    named.map(|word| word.split('.').next().unwrap_or(word).to_owned()).collect()
}

fn words(depends: &str) -> Vec<String> {
    let spaced = depends.replace('(', " ( ").replace(')', " ) ");
    spaced.split_whitespace().map(str::to_owned).collect()
}

fn any(rest: &mut &[String], ended: &BTreeMap<String, Ended>) -> anyhow::Result<bool> {
    let mut value = all(rest, ended)?;
    while rest.first().is_some_and(|word| word == "||") {
        *rest = &rest[1..];
        value |= all(rest, ended)?;
    }
    Ok(value)
}

fn all(rest: &mut &[String], ended: &BTreeMap<String, Ended>) -> anyhow::Result<bool> {
    let mut value = one(rest, ended)?;
    while rest.first().is_some_and(|word| word == "&&") {
        *rest = &rest[1..];
        value &= one(rest, ended)?;
    }
    Ok(value)
}

fn one(rest: &mut &[String], ended: &BTreeMap<String, Ended>) -> anyhow::Result<bool> {
    let Some((word, after)) = rest.split_first() else {
        anyhow::bail!("a `depends` ends too early");
    };
    *rest = after;
    if word == "(" {
        let value = any(rest, ended)?;
        anyhow::ensure!(rest.first().is_some_and(|word| word == ")"), "a `(` is not closed");
        *rest = &rest[1..];
        return Ok(value);
    }
    let (name, state) = word.split_once('.').unwrap_or((word, ""));
    let Some(how) = ended.get(name) else { anyhow::bail!("`{name}` has not ended") };
    match state {
        "" => Ok(matches!(how, Ended::Succeeded | Ended::Skipped)),
        "Succeeded" => Ok(*how == Ended::Succeeded),
        "Skipped" => Ok(*how == Ended::Skipped),
        "Omitted" => Ok(*how == Ended::Omitted),
        "Failed" | "Errored" | "Daemoned" => Ok(false),
        other => anyhow::bail!("`{other}` is no way for a task to end"),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn how_tasks_ended() {
        let ended = BTreeMap::from([
            ("a".to_owned(), Ended::Succeeded),
            ("b".to_owned(), Ended::Skipped),
            ("c".to_owned(), Ended::Omitted),
        ]);
        for (depends, expected) in [
            ("", true),
            ("a && b", true),
            ("b.Succeeded", false),
            ("c", false),
            ("a.Succeeded && (b.Succeeded || b.Skipped)", true),
            ("a.Failed || c.Omitted && b", true),
            ("(a.Failed || c.Omitted) && b.Succeeded", false),
        ] {
            assert_eq!(holds(depends, &ended).unwrap(), expected, "{depends}");
        }
        for wrong in ["d", "a &&", "(a", "a b", "a.Gone"] {
            assert!(holds(wrong, &ended).is_err(), "{wrong}");
        }
        assert_eq!(names("a && (b.Skipped || c.Omitted)"), ["a", "b", "c"]);
    }
}

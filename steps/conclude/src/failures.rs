//! What Argo says of failed tasks: `{{workflow.failures}}`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One failed node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// The task's name.
    #[serde(alias = "displayName", default)]
    pub task: String,
    #[serde(default)]
    pub message: String,
}

/// The failures in `text`. Empty, or Argo's own placeholder where it has no list, is none.
///
/// # Errors
/// The text is neither (exit 2).
pub(crate) fn parse(text: &str) -> anyhow::Result<Vec<Failure>> {
    let text = text.trim();
    if text.is_empty() || text.starts_with("{{") {
        return Ok(Vec::new());
    }
    // Argo quotes the list once, and once more where the parameter passes through a template.
    let inner = serde_json::from_str::<String>(text).unwrap_or_else(|_| text.to_owned());
    // Without a failure Argo says `null`.
    let list = serde_json::from_str::<Option<Vec<Failure>>>(&inner).map(Option::unwrap_or_default);
    list.map_err(|error| {
        fault::usage(
            format!("--failures is no list of failed tasks: {error}"),
            "pass {{workflow.failures}} as it is, or leave the flag away",
        )
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_list_of_argo_quoted_or_not() {
        let list = r#"[{"displayName":"shadow-test(0)","message":"main: OOMKilled","templateName":"main"}]"#;
        let quoted = serde_json::to_string(list).unwrap();
        let failure = Failure { task: "shadow-test(0)".into(), message: "main: OOMKilled".into() };
        for text in [list, quoted.as_str()] {
            assert_eq!(parse(text).unwrap(), std::slice::from_ref(&failure));
        }
        for none in ["", "null", "\"null\"", "[]", "{{workflow.failures}}"] {
            assert_eq!(parse(none).unwrap(), []);
        }
        assert!(parse("boom").is_err());
    }
}

//! The parameters of a release: rows of `workflow-templates/shared.yaml`, filled up from the flags that they go to.

use std::collections::BTreeSet;

use contract::describe::{Description, Flag};
use serde::Deserialize;

use super::{step, yaml};

/// `workflow-templates/shared.yaml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shared {
    candidate: Vec<Row>,
    release: Vec<Row>,
    training: Vec<Row>,
    pub(super) pod: String,
    pub(super) rights: String,
    pub(super) retry: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    #[serde(default)]
    to: Vec<String>,
    about: Option<String>,
    default: Option<String>,
    #[serde(default, rename = "enum")]
    choices: Vec<String>,
    /// What it is where no submitter gives it; without one it is a setting of the environment.
    value: Option<String>,
    /// Only a submitter knows it.
    #[serde(default)]
    submitted: bool,
}

/// A row with what it takes from its flag.
pub(super) struct Filled<'a> {
    row: &'a Row,
    about: String,
    default: Option<&'a str>,
    choices: &'a [String],
}

impl Shared {
    /// Reads the text of the file.
    ///
    /// # Errors
    /// It is not of that form.
    pub fn read(text: &str) -> Result<Self, String> {
        serde_saphyr::from_str(text).map_err(|error| error.to_string())
    }

    /// The rows of `template` that go to one of `names`, which are steps or sections; all where there are none.
    pub(super) fn rows<'a>(
        &'a self,
        template: &str,
        names: &[&str],
        by_hand: &BTreeSet<&str>,
        steps: &'a [Description],
    ) -> Result<Vec<Filled<'a>>, String> {
        let sections = match template {
            "model-release" => [("candidate", &self.candidate), ("release", &self.release)],
            "model-retrain" => [("release", &self.release), ("training", &self.training)],
            other => return Err(format!("{other} passes no parameters on")),
        };
        let known = |name: &str| {
            sections
                .iter()
                .any(|(section, rows)| *section == name || rows.iter().any(|row| row.names(name)))
        };
        if let Some(unknown) = names.iter().find(|name| !known(name)) {
            return Err(format!("no row goes to {unknown}"));
        }
        let mut filled = Vec::new();
        for (section, rows) in sections {
            for row in rows {
                let wanted = names.is_empty()
                    || names.contains(&section)
                    || names.iter().any(|name| row.flag_of(name).is_some());
                // Filled in any case, so that a row which goes nowhere is found.
                let row = row.filled(steps)?;
                if wanted && !by_hand.contains(row.row.name.as_str()) {
                    filled.push(row);
                }
            }
        }
        Ok(filled)
    }
}

impl Row {
    /// Whether it goes to `step` by name, and not as to every one.
    fn names(&self, step: &str) -> bool {
        self.to.iter().any(|target| target.split('.').next() == Some(step))
    }

    /// As which flag of `step` it goes there.
    fn flag_of(&self, step: &str) -> Option<&str> {
        self.to.iter().find_map(|target| {
            let (name, flag) = target.split_once('.').unwrap_or((target, &self.name));
            (name == step || name == "every").then_some(flag)
        })
    }

    fn filled<'a>(&'a self, steps: &'a [Description]) -> Result<Filled<'a>, String> {
        let mut first: Option<(&str, &Flag)> = None;
        for target in &self.to {
            let (name, flag) = target.split_once('.').unwrap_or((target, &self.name));
            let step = steps.iter().find(|step| step.name == name || name == "every");
            let Some(step) = step else { continue };
            let found = step::parameters(step).find(|(found, _)| *found == flag);
            let (_, found) = found.ok_or_else(|| {
                format!("shared.yaml: {}: {} has no flag --{flag}", self.name, step.name)
            })?;
            first = first.or(Some((name, found)));
        }
        let flag = first.map(|(_, flag)| flag);
        let about = match (&self.about, first) {
            (Some(about), _) => about.clone(),
            // What one step takes is said in its words, so whose they are.
            (None, Some((step, flag))) if self.to.len() == 1 && step != "every" => {
                format!("{step}: {}", flag.about)
            }
            (None, Some((_, flag))) => flag.about.clone(),
            (None, None) => {
                return Err(format!("shared.yaml: {}: say about, no step has it", self.name));
            }
        };
        let choices = if self.choices.is_empty() {
            flag.map_or(&[][..], |flag| &flag.choices)
        } else {
            &self.choices
        };
        let default = self.default.as_deref().or_else(|| flag.and_then(step::default));
        Ok(Filled { row: self, about, default, choices })
    }
}

/// What a workflow gets that is made from the template.
pub(super) fn setting(filled: &Filled<'_>) -> String {
    let name = &filled.row.name;
    if filled.row.submitted {
        return format!("- name: {name}\n");
    }
    if let Some(value) = &filled.row.value {
        return format!("- {{name: {name}, value: {}}}\n", yaml::quoted(value));
    }
    let (optional, default) = filled.default.map_or_else(Default::default, |default| {
        (", optional: true", format!(", default: {}", yaml::quoted(default)))
    });
    format!(
        "- {{name: {name}, valueFrom: {{configMapKeyRef: {{name: headgate, key: {name}{optional}}}{default}}}}}\n"
    )
}

/// What the DAG takes.
pub(super) fn input(filled: &Filled<'_>) -> String {
    yaml::parameter(&filled.row.name, &filled.about, filled.default, filled.choices)
}

/// What a task gets: one step under its own name for it, a DAG under the release's.
pub(super) fn argument(filled: &Filled<'_>, names: &[&str]) -> String {
    let name = filled.row.name.as_str();
    let given = match names {
        [step] => filled.row.flag_of(step).unwrap_or(name),
        _ => name,
    };
    format!("- {{name: {given}, value: \"{{{{inputs.parameters.{name}}}}}\"}}\n")
}

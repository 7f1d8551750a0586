//! Reads the shipped WorkflowTemplates: the order of a release, and how each step is called.

mod command_line;
pub mod depends;
pub mod expression;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;

pub use command_line::{arguments, command_line};

/// One task of the DAG.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    pub name: String,
    pub template_ref: TemplateRef,
    #[serde(default)]
    pub depends: String,
    #[serde(default)]
    pub when: String,
    #[serde(default)]
    pub arguments: Parameters,
}

/// Which template a task runs.
#[derive(Clone, Debug, Deserialize)]
pub struct TemplateRef {
    pub name: String,
    pub template: String,
}

/// A list of parameters.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Parameters {
    #[serde(default)]
    pub parameters: Vec<Parameter>,
}

/// A parameter: an input, an argument or an output.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parameter {
    pub name: String,
    #[serde(default)]
    pub value: Option<String>,
    #[serde(default)]
    pub default: Option<String>,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default, rename = "enum")]
    pub choices: Vec<String>,
    #[serde(default)]
    pub value_from: Option<ValueFrom>,
}

/// Where an output comes from.
#[derive(Clone, Debug, Deserialize)]
pub struct ValueFrom {
    #[serde(default)]
    pub path: Option<String>,
    #[serde(default)]
    pub default: Option<String>,
}

/// A template: a step's container, a DAG, or a pause.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Template {
    pub name: String,
    #[serde(default)]
    pub inputs: Parameters,
    #[serde(default)]
    pub outputs: Parameters,
    #[serde(default)]
    pub container: Option<Container>,
    /// What runs before the container, in the same pod.
    #[serde(default)]
    pub init_containers: Vec<Container>,
    #[serde(default)]
    pub dag: Option<Dag>,
}

/// How a step is called.
#[derive(Clone, Debug, Deserialize)]
pub struct Container {
    pub image: String,
    #[serde(default)]
    pub command: Vec<String>,
    #[serde(default)]
    pub args: Vec<String>,
}

/// The tasks of a DAG, in the order of the file; [`Dag::in_order`] respects `depends`.
#[derive(Clone, Debug, Deserialize)]
pub struct Dag {
    pub tasks: Vec<Task>,
}

/// A WorkflowTemplate file.
#[derive(Clone, Debug, Deserialize)]
pub struct WorkflowTemplate {
    pub metadata: Metadata,
    pub spec: Spec,
}

/// Its metadata.
#[derive(Clone, Debug, Deserialize)]
pub struct Metadata {
    pub name: String,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// Its spec.
#[derive(Clone, Debug, Deserialize)]
pub struct Spec {
    #[serde(default)]
    pub entrypoint: String,
    pub templates: Vec<Template>,
}

impl WorkflowTemplate {
    /// Reads `<folder>/<name>.yaml`.
    ///
    /// # Errors
    /// The file is missing or is no WorkflowTemplate.
    pub fn read(folder: &Path, name: &str) -> anyhow::Result<Self> {
        let path = folder.join(format!("{name}.yaml"));
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        serde_saphyr::from_str(&text).with_context(|| format!("parse {}", path.display()))
    }

    /// The template called `name`.
    ///
    /// # Errors
    /// There is none.
    pub fn template(&self, name: &str) -> anyhow::Result<&Template> {
        let found = self.spec.templates.iter().find(|template| template.name == name);
        found.with_context(|| format!("{} has no template {name}", self.metadata.name))
    }
}

impl Dag {
    /// The tasks after all that they depend on, else in the file's order.
    ///
    /// # Errors
    /// They depend on each other in a circle.
    pub fn in_order(&self) -> anyhow::Result<Vec<&Task>> {
        let mut waiting: Vec<&Task> = self.tasks.iter().collect();
        let mut ordered: Vec<&Task> = Vec::new();
        while !waiting.is_empty() {
            let done = |name: &String| ordered.iter().any(|task| task.name == *name);
            let ready =
                waiting.iter().position(|task| depends::names(&task.depends).iter().all(done));
            let next = ready.context("the tasks depend on each other in a circle")?;
            ordered.push(waiting.remove(next));
        }
        Ok(ordered)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn tasks_come_after_what_they_depend_on() {
        let task = |name: &str, depends: &str| Task {
            name: name.into(),
            template_ref: TemplateRef { name: name.into(), template: "main".into() },
            depends: depends.into(),
            when: String::new(),
            arguments: Parameters::default(),
        };
        let dag = Dag { tasks: vec![task("c", "a && b.Skipped"), task("b", "a"), task("a", "")] };
        let names: Vec<_> = dag.in_order().unwrap().iter().map(|task| task.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert!(Dag { tasks: vec![task("a", "b"), task("b", "a")] }.in_order().is_err());
    }
}

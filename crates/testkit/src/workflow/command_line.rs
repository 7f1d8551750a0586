//! How a task calls its step.

use std::collections::BTreeMap;

use anyhow::Context;

use super::expression::substitute;
use super::{Task, Template};

/// The program and arguments of `task`, as Argo would call them.
///
/// # Errors
/// The task gives a parameter that the template does not have, or misses one that it needs.
pub fn command_line(
    task: &Task,
    template: &Template,
    values: &BTreeMap<String, String>,
) -> anyhow::Result<(String, Vec<String>)> {
    let container = template.container.as_ref().context("a step's template has a container")?;
    let own = arguments(task, template, values)?;
    let program = container.command.first().context("a step's container has a command")?;
    let program = program.rsplit('/').next().unwrap_or(program).to_owned();
    let args =
        container.args.iter().map(|arg| substitute(arg, &own)).collect::<anyhow::Result<_>>()?;
    Ok((program, args))
}

/// The inputs of the task's template: what the task gives, else the defaults.
///
/// # Errors
/// As [`command_line`].
pub fn arguments(
    task: &Task,
    template: &Template,
    values: &BTreeMap<String, String>,
) -> anyhow::Result<BTreeMap<String, String>> {
    let mut own = BTreeMap::new();
    for input in &template.inputs.parameters {
        let given = task.arguments.parameters.iter().find(|argument| argument.name == input.name);
        let value = match given.and_then(|argument| argument.value.as_ref()) {
            Some(value) => substitute(value, values)?,
            None => input.default.clone().with_context(|| {
                format!("{} does not give {} to {}", "model-release", input.name, task.name)
            })?,
        };
        own.insert(format!("inputs.parameters.{}", input.name), value);
    }
    for argument in &task.arguments.parameters {
        let known = template.inputs.parameters.iter().any(|input| input.name == argument.name);
        anyhow::ensure!(known, "{} has no parameter {}", task.template_ref.name, argument.name);
    }
    Ok(own)
}

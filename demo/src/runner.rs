//! Carries out a release: the tasks of the shipped DAG, each by the step's own binary.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use contract::stop::Stop;

use testkit::programs::{Places, Running};
use testkit::workflow::depends::{self, Ended};
use testkit::workflow::expression::{holds, substitute};
use testkit::workflow::{Parameter, Task, Template, WorkflowTemplate, arguments, command_line};

use crate::screen::{Doing, Screen, brief};

/// How a task went.
#[derive(Clone, Debug)]
pub(crate) struct Ran {
    pub(crate) task: String,
    /// `pass`, `fail` or `inconclusive`.
    pub(crate) verdict: String,
    pub(crate) reason: String,
}

/// Runs releases.
pub(crate) struct Runner<'a> {
    pub(crate) places: &'a Places,
    pub(crate) screen: &'a Screen,
    /// The share that a release's candidate has now.
    pub(crate) share: &'a dyn Fn(&str) -> Option<f64>,
    pub(crate) templates: PathBuf,
    /// What every step finds in its environment.
    pub(crate) environment: BTreeMap<String, String>,
    /// No step outlives it.
    pub(crate) stop: &'a Stop,
}

impl Runner<'_> {
    /// Runs the release `name` with these inputs; the steps that ran, in order.
    ///
    /// # Errors
    /// A step reached no verdict, or the templates do not fit together.
    pub(crate) fn run(
        &self,
        name: &str,
        inputs: &BTreeMap<&str, String>,
    ) -> anyhow::Result<Vec<Ran>> {
        let file = WorkflowTemplate::read(&self.templates, "model-release")?;
        let entry = file.template(&file.spec.entrypoint)?;
        let mut ran = Vec::new();
        self.dag(name, entry, self.inputs(&entry.inputs.parameters, inputs)?, &mut ran)?;
        Ok(ran)
    }

    /// Runs the tasks of a DAG, and of the DAGs in it; `values` are its inputs.
    fn dag(
        &self,
        release: &str,
        template: &Template,
        mut values: BTreeMap<String, String>,
        ran: &mut Vec<Ran>,
    ) -> anyhow::Result<()> {
        let dag = template.dag.as_ref().with_context(|| format!("{} is no DAG", template.name))?;
        let mut ended = BTreeMap::new();
        for task in dag.in_order()? {
            let file = WorkflowTemplate::read(&self.templates, &task.template_ref.name)?;
            let template = file.template(&task.template_ref.template)?;
            let how = if !depends::holds(&task.depends, &ended)? {
                Ended::Omitted
            } else if !task.when.is_empty() && !holds(&substitute(&task.when, &values)?)? {
                Ended::Skipped
            } else {
                Ended::Succeeded
            };
            ended.insert(task.name.clone(), how);
            if how != Ended::Succeeded {
                continue;
            }
            let mut folder = None;
            if template.container.is_some() {
                folder = Some(self.emitted(release, task, template, &values, ran)?);
            } else if template.dag.is_some() {
                self.dag(release, template, arguments(task, template, &values)?, ran)?;
            }
            for output in &template.outputs.parameters {
                let key = format!("tasks.{}.outputs.parameters.{}", task.name, output.name);
                values.insert(key, output_value(output, folder.as_deref())?);
            }
        }
        Ok(())
    }

    /// Runs a step and says how it went; the folder of its outputs.
    fn emitted(
        &self,
        release: &str,
        task: &Task,
        template: &Template,
        values: &BTreeMap<String, String>,
        ran: &mut Vec<Ran>,
    ) -> anyhow::Result<PathBuf> {
        let folder = self.places.out.join("releases").join(release).join(&task.template_ref.name);
        let done = self.step(release, task, template, values, &folder)?;
        let reason = brief(&done.reason, &self.places.root);
        self.screen.say(&format!("{:<15} {:<5} {reason}", done.task, done.verdict));
        ran.push(done);
        Ok(folder)
    }

    /// The release's inputs: given, or by default.
    fn inputs(
        &self,
        inputs: &[Parameter],
        given: &BTreeMap<&str, String>,
    ) -> anyhow::Result<BTreeMap<String, String>> {
        let mut values = BTreeMap::new();
        for input in inputs {
            let value = given.get(input.name.as_str()).or(input.default.as_ref());
            let value = value.with_context(|| format!("model-release needs {}", input.name))?;
            values.insert(format!("inputs.parameters.{}", input.name), value.clone());
        }
        if let Some(unknown) = given.keys().find(|name| !inputs.iter().any(|i| i.name == **name)) {
            anyhow::bail!("model-release has no input {unknown}");
        }
        Ok(values)
    }

    fn step(
        &self,
        release: &str,
        task: &Task,
        template: &Template,
        values: &BTreeMap<String, String>,
        folder: &Path,
    ) -> anyhow::Result<Ran> {
        let (program, args) = command_line(task, template, values)?;
        std::fs::create_dir_all(folder)?;
        let (progress, log) = (folder.join("progress"), folder.join("log.jsonl"));
        let mut command = self.places.command(&program);
        command.args(&args).envs(&self.environment);
        command.env("HEADGATE_OUTPUTS", folder).env("ARGO_PROGRESS_FILE", &progress);
        let mut step = Running::start(&program, &mut command, &log)?;
        let status = loop {
            if let Some(status) = step.ended()? {
                break status;
            }
            if let Err(stopped) = self.stop.check() {
                // It takes back what it did, as it does on a cluster.
                step.signal("TERM")?;
                step.wait()?;
                return Err(stopped.into());
            }
            let (done, total) = read_progress(&progress);
            // By the program's name, as in the line that stays: a task may have another.
            let what = Doing { release, step: &program, share: (self.share)(release) };
            self.screen.progress(&what.text(done, total), done, total);
            std::thread::sleep(Duration::from_millis(40));
        };
        anyhow::ensure!(
            status.success(),
            "{program} of release {release} reached no verdict ({status}); its log: {}",
            log.display()
        );
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        Ok(Ran { task: program, verdict: read("verdict"), reason: read("reason") })
    }
}

/// What the step wrote, or the default where it did not run.
fn output_value(output: &Parameter, folder: Option<&Path>) -> anyhow::Result<String> {
    let from =
        output.value_from.as_ref().with_context(|| format!("{} has no valueFrom", output.name))?;
    let default =
        from.default.clone().with_context(|| format!("{} has no default", output.name))?;
    let Some(folder) = folder else { return Ok(default) };
    let path = from.path.as_deref().with_context(|| format!("{} has no path", output.name))?;
    let name = Path::new(path).file_name().context("an output is a file")?;
    Ok(std::fs::read_to_string(folder.join(name)).unwrap_or(default))
}

fn read_progress(file: &Path) -> (u64, u64) {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let parts = text
        .split_once('/')
        .and_then(|(done, total)| Some((done.parse().ok()?, total.parse().ok()?)));
    parts.unwrap_or((0, 1))
}

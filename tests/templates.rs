//! The shipped YAML against the steps' own definitions, both ways.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use contract::describe::{Description, Flag};
use demo::runner::command_line;
use demo::workflow::{Parameters, Release, Task, Template, TemplateRef, WorkflowTemplate};
use pipeline_tests::{StepUnderTest, root, steps};

/// Flags that are the template's own business, not parameters of a release.
const PLACES: [&str; 6] = [
    "--outputs",
    "--log",
    "--fail-on-verdict",
    "--kafka-config",
    "--kafka-timeout",
    "--events-topic",
];

fn template(step: &str) -> Template {
    let file = WorkflowTemplate::read(&root().join("workflow-templates"), step).unwrap();
    assert_eq!(file.metadata.name, step);
    for annotation in ["title", "description"] {
        let key = format!("workflows.argoproj.io/{annotation}");
        assert!(file.metadata.annotations.contains_key(&key), "{step}.yaml: annotation {key}");
    }
    file.template("main").unwrap().clone()
}

fn flags(described: &Description) -> BTreeMap<String, &Flag> {
    let parameter = |flag: &&Flag| !PLACES.contains(&flag.name.as_str());
    described.flags.iter().filter(parameter).map(|flag| (flag.name[2..].to_owned(), flag)).collect()
}

/// Sample values for parameters without a default, from the step's own samples.
fn samples(step: &str) -> BTreeMap<String, String> {
    let text =
        std::fs::read_to_string(root().join(format!("steps/{step}/samples/run.env"))).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("HEADGATE_")?.split_once('='));
    lines.map(|(name, value)| (name.to_lowercase().replace('_', "-"), value.to_owned())).collect()
}

#[test]
fn a_template_has_a_parameter_for_every_flag_and_the_same_words() {
    for StepUnderTest { name, describe, .. } in steps() {
        let described = describe();
        let flags = flags(&described);
        let inputs = template(name).inputs.parameters;
        let given: BTreeSet<&String> = inputs.iter().map(|input| &input.name).collect();
        assert_eq!(
            given,
            flags.keys().collect(),
            "workflow-templates/{name}.yaml: inputs.parameters"
        );
        for input in &inputs {
            let (flag, at) =
                (flags[&input.name], format!("workflow-templates/{name}.yaml: {}", input.name));
            assert_eq!(
                input.description.as_deref(),
                Some(flag.about.as_str()),
                "{at}: description"
            );
            assert_eq!(input.choices, flag.choices, "{at}: enum");
            let default = match flag.required {
                true => None,
                false => Some(flag.default.clone().unwrap_or_default()),
            };
            assert_eq!(input.default, default, "{at}: default");
        }
    }
}

#[test]
fn a_template_calls_its_step_with_every_parameter_and_the_step_understands() {
    let version = env!("CARGO_PKG_VERSION");
    for StepUnderTest { name, command, .. } in steps() {
        let template = template(name);
        let container = template.container.as_ref().unwrap();
        assert_eq!(container.image, format!("headgate/{name}:{version}"), "{name}.yaml: image");
        let mut arguments = samples(name);
        arguments.insert("brokers".into(), "kafka:9092".into());
        let task = Task {
            name: name.into(),
            template_ref: TemplateRef { name: name.into(), template: "main".into() },
            depends: String::new(),
            when: String::new(),
            arguments: Parameters::default(),
        };
        let mut filled = template.clone();
        for input in &mut filled.inputs.parameters {
            let sample = || arguments.get(&input.name).cloned();
            input.default = input
                .default
                .clone()
                .filter(|default| !default.is_empty())
                .or_else(sample)
                .or(Some(String::new()));
        }
        let (program, args) = command_line(&task, &filled, &BTreeMap::new()).unwrap();
        assert_eq!(program, name);
        let expected: Vec<String> = template
            .inputs
            .parameters
            .iter()
            .map(|i| format!("--{0}={{{{inputs.parameters.{0}}}}}", i.name))
            .collect();
        let mut given = container.args.clone();
        given.sort();
        let mut wanted = expected.clone();
        wanted.sort();
        assert_eq!(given, wanted, "workflow-templates/{name}.yaml: args");
        let argv = std::iter::once(program.into()).chain(args.into_iter().map(Into::into));
        let parsed = command().try_get_matches_from(contract::step::given(argv));
        assert!(parsed.is_ok(), "{name} refuses what its template gives: {}", parsed.unwrap_err());
    }
}

#[test]
fn a_template_declares_every_output_with_its_default() {
    for StepUnderTest { name, describe, .. } in steps() {
        let declared: BTreeMap<String, (String, String)> = template(name)
            .outputs
            .parameters
            .into_iter()
            .map(|output| {
                let from = output.value_from.unwrap();
                (output.name, (from.path.unwrap(), from.default.unwrap()))
            })
            .collect();
        let expected = describe()
            .outputs
            .into_iter()
            .map(|output| {
                (output.name.clone(), (format!("/tmp/outputs/{}", output.name), output.default))
            })
            .collect();
        assert_eq!(declared, expected, "workflow-templates/{name}.yaml: outputs.parameters");
    }
}

#[test]
fn the_release_gives_each_step_what_it_needs_and_reads_what_it_writes() {
    let folder = root().join("workflow-templates");
    let release = Release::read(&folder).unwrap();
    let mut known: BTreeSet<String> =
        release.inputs.iter().map(|input| format!("inputs.parameters.{}", input.name)).collect();
    for task in &release.tasks {
        let template = template(&task.template_ref.name);
        let inputs = &template.inputs.parameters;
        for argument in &task.arguments.parameters {
            let at = format!("model-release.yaml: {}.{}", task.name, argument.name);
            assert!(
                inputs.iter().any(|input| input.name == argument.name),
                "{at} is no parameter of the step"
            );
            for name in references(argument.value.as_deref().unwrap_or_default()) {
                assert!(known.contains(&name), "{at} reads {name}, which nothing before it gives");
            }
        }
        for input in inputs.iter().filter(|input| input.default.is_none()) {
            let given =
                task.arguments.parameters.iter().any(|argument| argument.name == input.name);
            assert!(given, "model-release.yaml: {} needs {}", task.name, input.name);
        }
        for name in references(&task.when) {
            assert!(known.contains(&name), "model-release.yaml: {}.when reads {name}", task.name);
        }
        for output in &template.outputs.parameters {
            known.insert(format!("tasks.{}.outputs.parameters.{}", task.name, output.name));
        }
    }
    let text = std::fs::read_to_string(folder.join("model-release.yaml")).unwrap();
    for input in &release.inputs {
        let used = text.matches(&format!("{{{{inputs.parameters.{}}}}}", input.name)).count();
        assert!(used > 0, "model-release.yaml: nothing reads {}", input.name);
        assert!(input.description.is_some(), "model-release.yaml: describe {}", input.name);
    }
    assert!(
        !text.contains("container:"),
        "model-release.yaml holds no container: a step is swapped by its name"
    );
}

/// The names between `{{` and `}}`.
fn references(text: &str) -> Vec<String> {
    let parts = text.split("{{").skip(1).filter_map(|part| part.split_once("}}"));
    parts.map(|(name, _)| name.trim().to_owned()).collect()
}

//! The shipped YAML against the steps' own definitions, both ways.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use contract::describe::{Description, Flag};
use demo::runner::command_line;
use demo::workflow::{Parameters, Task, Template, TemplateRef, WorkflowTemplate};
use pipeline_tests::templates::{PLACES, Shared, Templates};
use pipeline_tests::{StepUnderTest, generated, root, steps};

/// What writes the generated blocks, with the steps as they are.
fn templates() -> Templates {
    let shared = std::fs::read_to_string(root().join("workflow-templates/shared.yaml")).unwrap();
    let steps = steps().iter().map(|step| (step.describe)()).collect();
    Templates { steps, shared: Shared::read(&shared).unwrap() }
}

#[test]
fn a_generated_block_is_what_the_steps_say() {
    let templates = templates();
    let steps = templates.steps.iter().map(|step| step.name.as_str());
    for name in steps.chain(["model-release", "model-retrain"]) {
        let path = root().join(format!("workflow-templates/{name}.yaml"));
        generated::hold(&path, |text| templates.written(name, text).unwrap());
    }
}

#[test]
fn a_new_flag_is_one_line_of_rust() {
    let mut templates = templates();
    let step = templates.steps.iter_mut().find(|step| step.name == "promote").unwrap();
    let mut flag = step.flags.iter().find(|flag| flag.name == "--bake").unwrap().clone();
    (flag.name, flag.about) = ("--cool-down".to_owned(), "How long: to wait".to_owned());
    flag.default = Some("5m".to_owned());
    step.flags.push(flag);
    let old = std::fs::read_to_string(root().join("workflow-templates/promote.yaml")).unwrap();
    let new = templates.written("promote", &old).unwrap();
    let added: Vec<&str> = new.lines().filter(|line| !old.lines().any(|l| l == *line)).collect();
    let expected = [
        "          - name: cool-down",
        "            description: \"How long: to wait\"",
        "            default: \"5m\"",
        "          - \"--cool-down={{inputs.parameters.cool-down}}\"",
    ];
    let wanted = expected.into_iter().filter(|line| !old.contains(line));
    assert_eq!(added, wanted.collect::<Vec<_>>());
    assert!(added.len() >= 3, "{added:?}");
}

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

/// Every DAG that is shipped, with the file it stands in.
fn dags() -> Vec<(String, Template)> {
    let folder = root().join("workflow-templates");
    let names = std::fs::read_dir(&folder).unwrap().filter_map(|entry| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let name = name.strip_suffix(".yaml")?.to_owned();
        let text = std::fs::read_to_string(folder.join(format!("{name}.yaml"))).unwrap();
        text.contains("kind: WorkflowTemplate").then_some(name)
    });
    let files = names.map(|name| WorkflowTemplate::read(&folder, &name).unwrap());
    let each = files.flat_map(|file| {
        let templates = file.spec.templates.into_iter().filter(|template| template.dag.is_some());
        templates.map(move |template| (file.metadata.name.clone(), template)).collect::<Vec<_>>()
    });
    each.collect()
}

#[test]
fn a_dag_gives_each_step_what_it_needs_and_reads_what_it_writes() {
    let folder = root().join("workflow-templates");
    let dags = dags();
    assert!(dags.iter().any(|(file, dag)| file == "model-release" && dag.name == "traffic"));
    for (file, template) in dags {
        let dag = template.dag.as_ref().unwrap();
        let inputs = template.inputs.parameters.iter();
        let mut known: BTreeSet<String> =
            inputs.map(|input| format!("inputs.parameters.{}", input.name)).collect();
        let mut read = BTreeSet::new();
        for task in dag.in_order().unwrap() {
            let at = format!("{file}.yaml: {}.{}", template.name, task.name);
            let called = WorkflowTemplate::read(&folder, &task.template_ref.name).unwrap();
            let called = called.template(&task.template_ref.template).unwrap();
            let inputs = &called.inputs.parameters;
            let given = &task.arguments.parameters;
            for argument in given {
                let is_input = inputs.iter().any(|input| input.name == argument.name);
                assert!(is_input, "{at} gives {}, which is no parameter of it", argument.name);
            }
            for input in inputs.iter().filter(|input| input.default.is_none()) {
                let is_given = given.iter().any(|argument| argument.name == input.name);
                assert!(is_given, "{at} does not give {}", input.name);
            }
            let values = given.iter().filter_map(|argument| argument.value.as_deref());
            for name in values.chain([task.when.as_str()]).flat_map(references) {
                assert!(known.contains(&name), "{at} reads {name}, which nothing before it gives");
                read.insert(name);
            }
            for output in &called.outputs.parameters {
                known.insert(format!("tasks.{}.outputs.parameters.{}", task.name, output.name));
            }
        }
        for input in &template.inputs.parameters {
            let at = format!("{file}.yaml: {}: {}", template.name, input.name);
            assert!(read.contains(&format!("inputs.parameters.{}", input.name)), "{at}: not read");
            assert!(input.description.is_some(), "{at}: describe it");
        }
    }
}

#[test]
fn the_release_holds_no_container_so_that_a_step_is_swapped_by_its_name() {
    let text =
        std::fs::read_to_string(root().join("workflow-templates/model-release.yaml")).unwrap();
    assert!(!text.contains("container:"));
}

#[test]
fn a_verdict_is_compared_in_quotes_and_a_task_waits_for_how_another_ended() {
    // The output of a task that did not run stays as it is: without quotes that is no expression.
    for (file, template) in dags() {
        for task in &template.dag.as_ref().unwrap().tasks {
            let at = format!("{file}.yaml: {}.{}", template.name, task.name);
            let quoted = task.when.matches("'{{").count();
            assert_eq!(task.when.matches("{{").count(), quoted, "{at}: when");
            for word in task.depends.split([' ', '(', ')']).filter(|word| !word.is_empty()) {
                let told = word.contains('.') || ["&&", "||"].contains(&word);
                assert!(told, "{at}: depends on `{word}`; say .Succeeded, .Skipped, …");
            }
        }
    }
}

#[test]
fn what_runs_before_a_step_is_called_in_its_own_words() {
    let template = template("conclude");
    let rollback = &template.init_containers[0];
    let args = rollback.args.iter().map(|arg| match arg.split_once("={{") {
        Some((flag, _)) => format!("{flag}={}", if flag == "--cause" { "" } else { "kafka" }),
        None => arg.clone(),
    });
    let argv = std::iter::once("rollback".to_owned()).chain(args).map(Into::into);
    let command = steps().into_iter().find(|step| step.name == "rollback").unwrap().command;
    let parsed = command().try_get_matches_from(contract::step::given(argv));
    assert!(parsed.is_ok(), "conclude.yaml: rollback: {}", parsed.unwrap_err());
    assert_eq!(rollback.image, format!("headgate/rollback:{}", env!("CARGO_PKG_VERSION")));
}

/// The names between `{{` and `}}`.
fn references(text: &str) -> Vec<String> {
    let parts = text.split("{{").skip(1).filter_map(|part| part.split_once("}}"));
    parts.map(|(name, _)| name.trim().to_owned()).collect()
}

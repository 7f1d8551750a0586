//! One name each: folder = crate = binary = image = WorkflowTemplate = event source.
//!
//! These failures are the guide to adding a step: copy a folder, then follow them.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use pipeline_tests::{root, steps};

fn folders(path: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(root().join(path)).unwrap().map(Result::unwrap);
    let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir());
    folders.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

fn read(path: &str) -> String {
    let mend = format!("{path} is missing: copy the one of promote and change it");
    std::fs::read_to_string(root().join(path)).expect(&mend)
}

#[test]
fn every_folder_below_steps_is_listed_and_the_reverse() {
    let listed: BTreeSet<String> = steps().iter().map(|step| step.name.to_owned()).collect();
    assert_eq!(folders("steps"), listed, "add the step to `steps()` in tests/src/lib.rs");
}

#[test]
fn a_step_has_the_name_of_its_folder_everywhere() {
    let members = read("Cargo.toml");
    for step in steps() {
        let name = step.name;
        let package = read(&format!("steps/{name}/Cargo.toml"));
        assert!(
            package.contains(&format!("\nname = \"{name}\"\n")),
            "steps/{name}/Cargo.toml: name = \"{name}\""
        );
        assert!(
            members.contains(&format!("\"steps/{name}\"")),
            "add steps/{name} to the members in Cargo.toml"
        );
        let yaml = read(&format!("workflow-templates/{name}.yaml"));
        assert!(
            yaml.contains(&format!("\n  name: {name}\n")),
            "workflow-templates/{name}.yaml: metadata.name"
        );
        assert_eq!((step.command)().get_name(), name);
    }
}

#[test]
fn a_step_has_its_papers() {
    for step in steps() {
        let readme = read(&format!("steps/{}/README.md", step.name));
        assert!(
            readme.starts_with(&format!("# {}\n", step.name)),
            "steps/{}/README.md: its title",
            step.name
        );
        let about = (step.describe)().about;
        assert!(readme.contains(&about), "steps/{}/README.md should say: {about}", step.name);
        read(&format!("steps/{}/samples/run.env", step.name));
    }
}

#[test]
fn samples_set_only_flags_that_exist() {
    for step in steps() {
        let flags: BTreeSet<String> =
            (step.describe)().flags.into_iter().map(|flag| flag.env).collect();
        for line in read(&format!("steps/{}/samples/run.env", step.name)).lines() {
            let Some((name, _)) = line.split_once('=').filter(|_| !line.starts_with('#')) else {
                continue;
            };
            assert!(
                flags.contains(name),
                "steps/{}/samples/run.env sets {name}, which is no flag",
                step.name
            );
        }
    }
}

#[test]
fn no_step_knows_another() {
    let names: Vec<&str> = steps().iter().map(|step| step.name).collect();
    for step in &names {
        let package = read(&format!("steps/{step}/Cargo.toml"));
        for other in names.iter().filter(|other| *other != step) {
            let depends = package.lines().any(|line| {
                line.starts_with(&format!("{other}.")) || line.starts_with(&format!("{other} "))
            });
            assert!(
                !depends,
                "steps/{step} depends on {other}: what they share belongs into crates/"
            );
        }
    }
}

#[test]
fn every_flag_has_an_environment_variable_named_after_it() {
    for step in steps() {
        for flag in (step.describe)().flags {
            let expected = format!(
                "HEADGATE_{}",
                flag.name.trim_start_matches('-').replace('-', "_").to_uppercase()
            );
            assert_eq!(flag.env, expected, "{} {}", step.name, flag.name);
            assert!(
                !flag.about.is_empty() && !flag.about.ends_with('.'),
                "{} {}: help line",
                step.name,
                flag.name
            );
        }
        let without: Vec<_> = (step.command)()
            .get_arguments()
            .filter(|arg| arg.get_env().is_none())
            .map(|arg| arg.get_id().to_string())
            .collect();
        assert_eq!(
            without,
            ["describe"],
            "{}: every flag takes an environment variable",
            step.name
        );
    }
}

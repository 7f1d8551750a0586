//! What a newcomer meets first: tools, the build, and commands that a paper gives.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

use pipeline_tests::{root, steps};
use testkit::workflow::WorkflowTemplate;

#[path = "papers.rs"]
mod papers;

/// What the demo needs, and what every machine has.
const DEMO: [&str; 4] = ["cargo", "cc", "make", "python3"];
const BASE: [&str; 6] = ["bash", "env", "cut", "tr", "dirname", "awk"];

/// Runs a script with these programs on the `PATH` and no others; `fakes` are scripts put there under their name.
fn alone(programs: &[&str], fakes: &[(&str, &str)], script: &str, args: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    for program in programs {
        let found = Command::new("bash").args(["-c", &format!("command -v {program}")]).output();
        let found = String::from_utf8(found.unwrap().stdout).unwrap();
        std::os::unix::fs::symlink(found.trim(), folder.path().join(program)).unwrap();
    }
    for (name, text) in fakes {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    Command::new(root().join(script))
        .args(args)
        .current_dir(root())
        .env_remove("STEP_BIN_DIR")
        .env_remove("HEADGATE_KAFKA_CONFIG")
        .env("PATH", folder.path())
        .output()
        .unwrap()
}

fn tools(missing: &str, args: &[&str]) -> (bool, String) {
    let nothing = "#!/bin/sh\nexit 0\n";
    let fakes: Vec<(&str, &str)> =
        DEMO.into_iter().filter(|tool| *tool != missing).map(|tool| (tool, nothing)).collect();
    let output = alone(&BASE, &fakes, "scripts/tools", args);
    let stated = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(stated).unwrap())
}

#[test]
fn the_tools_of_the_demo_are_enough_and_each_of_them_is_needed() {
    let (enough, stated) = tools("nothing", &[]);
    assert!(enough && stated.contains("All that the demo needs is there"), "{stated}");
    assert!(stated.contains("chromium         missing"), "{stated}");
    let (enough, stated) = tools("nothing", &["test"]);
    assert!(!enough && stated.contains("apt-get install chromium"), "{stated}");
    for needed in DEMO {
        let (enough, stated) = tools(needed, &[]);
        assert!(!enough && stated.contains(&format!("{needed:<16} missing")), "{needed}: {stated}");
    }
    let (enough, stated) = tools("nothing", &["--quiet", "demo"]);
    assert!(enough && stated.is_empty(), "{stated}");
}

#[test]
fn continuous_integration_installs_every_tool_of_the_tests() {
    let tools = std::fs::read_to_string(root().join("scripts/tools")).unwrap();
    let ci = std::fs::read_to_string(root().join(".ci/run")).unwrap();
    let mut packages = 0;
    for line in tools.lines().filter(|line| line.split('|').count() == 4) {
        let cells: Vec<&str> = line.split('|').collect();
        let (uses, how) = (cells[1], cells[3].trim_end_matches('\''));
        let Some(package) = how.strip_prefix("apt-get install ") else { continue };
        packages += 1;
        let needed = uses.split(' ').any(|word| word == "test");
        assert!(!needed || ci.contains(package), ".ci/run does not install {package}");
    }
    assert!(packages > 10);
}

#[test]
fn every_build_of_a_newcomer_is_of_the_features_of_the_whole_workspace() {
    let cargo = "#!/bin/sh\necho \"cargo $*\"\n";
    let fakes = [("cargo", cargo), ("cc", cargo), ("make", cargo), ("python3", cargo)];
    let built = alone(&BASE, &fakes, "scripts/build", &["make-topics", "demo"]);
    let stated = String::from_utf8(built.stderr).unwrap();
    assert!(
        stated.contains("cargo build --color never --workspace --bin make-topics --bin demo"),
        "{stated}"
    );
    // A part of the workspace is another choice of features, and so everything once more.
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    let scripts = ["build", "run-step", "conformance"];
    let scripts = scripts.map(|name| std::fs::read_to_string(root().join("scripts").join(name)));
    let all = scripts.into_iter().map(Result::unwrap).chain([makefile]).collect::<String>();
    for line in
        all.lines().filter(|line| line.contains("cargo build") || line.contains("cargo run"))
    {
        let partial = line.contains("--package") || line.contains(" -p ");
        assert!(!partial || line.contains("--release"), "{line}");
        assert!(!line.contains("--quiet"), "it compiles in silence: {line}");
    }
}

#[test]
fn the_demo_builds_the_programs_that_it_runs_and_no_others() {
    let folder = root().join("workflow-templates");
    let release = WorkflowTemplate::read(&folder, "model-release").unwrap();
    let tasks = release.spec.templates.iter().filter_map(|template| template.dag.as_ref());
    let names = tasks.flat_map(|dag| &dag.tasks).map(|task| task.template_ref.name.clone());
    let known: BTreeSet<String> = steps().iter().map(|step| step.name.to_owned()).collect();
    let mut wanted: BTreeSet<String> = names.filter(|name| known.contains(name)).collect();
    wanted.extend(["demo".to_owned(), "scorer".to_owned()]);
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    let line = makefile.lines().find_map(|line| line.strip_prefix("demo_programs := "));
    let built: BTreeSet<String> = line.unwrap().split(' ').map(str::to_owned).collect();
    assert_eq!(built, wanted);
}

#[test]
fn the_help_of_a_program_begins_with_what_the_program_does() {
    let mut seen = BTreeMap::new();
    for program in
        ["make-topics", "show-event", "push-files", "conformance", "demo", "images", "scorer"]
    {
        let output = Command::new(pipeline_tests::binaries().join(program)).arg("--help").output();
        let stated = String::from_utf8(output.unwrap().stdout).unwrap();
        let first = stated.lines().next().unwrap().to_owned();
        assert!(!first.contains("flags") && !first.starts_with("Usage"), "{program}: {first}");
        // Two programs with the same first line have it from what they share.
        assert_eq!(seen.insert(first, program), None, "{program}");
    }
}

#[test]
fn what_was_not_checked_against_known_weaknesses_is_said_aloud() {
    let empty = tempfile::tempdir().unwrap();
    let output = Command::new(root().join("scripts/advisories"))
        .arg("--where-known")
        .env("CARGO_HOME", empty.path())
        .output()
        .unwrap();
    let stated = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && stated.contains("NOT CHECKED"), "{stated}");
}

#[test]
fn a_command_of_a_paper_runs_here_or_says_what_it_needs() {
    let mut marked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for command in papers::commands() {
        let at = format!("{}: {}", command.paper.display(), command.text);
        if let Some(need) = &command.needs {
            assert!(papers::NEEDS.contains(&need.as_str()), "{at}: needs={need}");
            marked.entry(need.clone()).or_default().insert(command.paper.display().to_string());
        }
        let word = command.text.split_whitespace().next().unwrap();
        let built = word.strip_prefix("target/debug/");
        let is_ours = built.is_some_and(|name| name == "scorer" || is_step(name));
        let elsewhere = ["make", "git", "kubectl", "argo", "export", "printf", "cargo"];
        assert!(is_ours || elsewhere.contains(&word), "{at}: {word} is on no PATH");
    }
    // What a paper cannot show on one machine; whoever adds one here has looked whether it really cannot.
    let of = |need: &str| marked[need].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(
        of("cluster"),
        ["README.md", "tests/argo/README.md", "workflow-templates/README.md"]
    );
    assert_eq!(of("registry"), ["README.md", "workflow-templates/README.md"]);
    let minutes =
        ["CONTRIBUTING.md", "benches/README.md", "benches/gates/README.md", "images/README.md"];
    assert_eq!(of("minutes"), minutes);
    let kafka = ["README.md", "steps/canary-gate/README.md", "steps/shadow-test/README.md"];
    assert_eq!(of("kafka"), kafka);
}

fn is_step(name: &str) -> bool {
    steps().iter().any(|step| step.name == name)
}

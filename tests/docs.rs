//! Prose rots, tested files do not: paths, links, make targets and flags named in the papers are real.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use contract::describe::Description;
use pipeline_tests::{root, steps};
use serde_json::Value;

/// Every Markdown file of the repository, by its path from the root.
fn papers() -> Vec<PathBuf> {
    let listed = std::process::Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "*.md"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr));
    let papers: Vec<PathBuf> =
        String::from_utf8(listed.stdout).unwrap().lines().map(PathBuf::from).collect();
    assert!(papers.contains(&PathBuf::from("README.md")), "README.md is missing");
    papers
}

fn read(paper: &Path) -> String {
    std::fs::read_to_string(root().join(paper)).unwrap()
}

/// What stands between single backticks, outside of code blocks.
fn code_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut in_block = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            words.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    words
}

#[test]
fn every_path_in_backticks_exists() {
    let tops: BTreeSet<String> = std::fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "target")
        .collect();
    for paper in papers() {
        for word in code_words(&read(&paper)) {
            let path = word.split(['#', ':']).next().unwrap_or_default();
            let is_path = path.contains('/')
                && !path.contains(|c: char| c.is_whitespace() || "<>*{}$…|,()=".contains(c))
                && tops.contains(path.split('/').next().unwrap_or_default());
            // From the root, or from where the paper lies.
            let beside = root().join(&paper).with_file_name(path);
            assert!(
                !is_path || root().join(path).exists() || beside.exists(),
                "{}: `{path}` does not exist; correct the paper or put the file there",
                paper.display()
            );
        }
    }
}

#[test]
fn every_relative_link_leads_somewhere() {
    let mut links = 0;
    for paper in papers() {
        let text = read(&paper);
        let targets = text
            .split("](")
            .skip(1)
            .filter_map(|part| part.split_once(')'))
            .map(|(target, _)| target);
        for target in targets.filter(|target| !target.contains("://") && !target.starts_with('#')) {
            let file = target.split('#').next().unwrap_or_default();
            let linked = root().join(&paper).parent().unwrap().join(file);
            assert!(linked.exists(), "{}: the link to {target} leads nowhere", paper.display());
            links += 1;
        }
    }
    assert!(links > 50, "only {links} links were found");
}

#[test]
fn every_make_target_that_a_paper_names_is_one_with_a_help_line() {
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    let targets: BTreeSet<&str> = makefile
        .lines()
        .filter_map(|line| {
            line.split_once(':').filter(|(_, rest)| rest.contains("##")).map(|(name, _)| name)
        })
        .collect();
    let mut named = 0;
    for paper in papers() {
        for name in make_targets(&read(&paper)) {
            assert!(
                targets.contains(name.as_str()),
                "{}: `make {name}` is no target with a ## text in the Makefile",
                paper.display()
            );
            named += 1;
        }
    }
    assert!(named > targets.len(), "{named} targets named: the papers are not read any more");
}

#[test]
fn a_make_target_is_found_where_a_command_begins() {
    let text = "`make demo`, or so to make sense of it\n$ make nothing\nmake test-argo ARGS=x\n`make FOR=x`\n";
    assert_eq!(make_targets(text), ["demo", "test-argo"]);
    assert_eq!(make_targets("make bless"), ["bless"]);
}

/// The targets of the `make` commands in `text`, each at the beginning of a line or of a word in backticks.
fn make_targets(text: &str) -> Vec<String> {
    let begins = |at: usize| text[..at].chars().last().is_none_or(|c| "`\n".contains(c));
    let commands = text.match_indices("make ").filter(|(at, _)| begins(*at));
    let names = commands.map(|(at, make)| {
        let rest = text[at + make.len()..].chars();
        rest.take_while(|c| c.is_ascii_lowercase() || *c == '-').collect::<String>()
    });
    names.filter(|name| !name.is_empty()).collect()
}

#[test]
fn a_steps_readme_names_only_flags_that_some_step_has() {
    let all = steps().into_iter().flat_map(|step| (step.describe)().flags);
    let flags: BTreeSet<String> = all.map(|flag| flag.name).collect();
    for step in steps() {
        let paper = PathBuf::from(format!("steps/{}/README.md", step.name));
        for word in code_words(&read(&paper)) {
            let flag: String = word
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '-' || c.is_ascii_digit())
                .collect();
            let known = flags.contains(&flag)
                || ["--describe", "--help", "--version"].contains(&flag.as_str());
            assert!(
                !word.starts_with("--") || known,
                "{}: no step has a flag {flag}",
                paper.display()
            );
        }
    }
}

#[test]
fn the_tables_of_flags_and_events_are_those_of_the_code() {
    for step in steps() {
        let paper = root().join(format!("steps/{}/README.md", step.name));
        generated(&paper, &reference(&(step.describe)()));
    }
}

#[test]
fn the_table_of_steps_is_that_of_the_code() {
    let mut table = String::from("| step | what it does | outputs | events |\n|---|---|---|---|\n");
    for step in steps() {
        let described = (step.describe)();
        let list = |names: Vec<String>| {
            names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ")
        };
        table.push_str(&format!(
            "| [{0}]({0}/README.md) | {1} | {2} | {3} |\n",
            described.name,
            described.about,
            list(described.outputs.into_iter().map(|output| output.name).collect()),
            list(described.events.into_iter().map(|event| event.event_type).collect()),
        ));
    }
    generated(&root().join("steps/README.md"), &table);
}

#[test]
fn the_readme_submits_releases_with_parameters_that_there_are() {
    let release =
        std::fs::read_to_string(root().join("workflow-templates/model-release.yaml")).unwrap();
    let release: Value = serde_saphyr::from_str(&release).unwrap();
    let parameters = release["spec"]["arguments"]["parameters"].as_array().unwrap();
    let parameters: BTreeSet<&str> =
        parameters.iter().filter_map(|it| it["name"].as_str()).collect();
    for paper in ["README.md", "workflow-templates/README.md"].map(Path::new) {
        let text = read(paper).replace(" -p ", " --parameter ");
        let given: Vec<&str> = text
            .split(" --parameter ")
            .skip(1)
            .chain(text.split("`--parameter ").skip(1))
            .filter_map(|part| Some(part.split_once('=')?.0))
            .filter(|name| !name.contains(char::is_whitespace))
            .collect();
        assert!(!given.is_empty(), "{}: it submits no release", paper.display());
        for name in given {
            assert!(
                parameters.contains(name),
                "{}: model-release has no parameter {name}",
                paper.display()
            );
        }
    }
}

#[test]
fn the_picture_of_the_release_names_its_tasks_and_no_others() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let release: Value =
        serde_saphyr::from_str(&read("workflow-templates/model-release.yaml")).unwrap();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    let templates = list(&release["spec"]["templates"]);
    let mut tasks: BTreeSet<String> = templates
        .iter()
        .flat_map(|template| list(&template["dag"]["tasks"]))
        .map(|task| name(&task))
        .collect();
    tasks.insert(name(&release["spec"]["hooks"]["exit"]["templateRef"]));

    let picture = read("docs/model-release.svg");
    let texts = picture.split("<text class=\"n\"").skip(1);
    let drawn: BTreeSet<String> = texts
        .filter_map(|text| text.split_once('>')?.1.split_once('<'))
        .map(|(name, _)| name.to_owned())
        .collect();
    assert_eq!(
        drawn, tasks,
        "docs/model-release.svg (left) and workflow-templates/model-release.yaml (right) differ: \
         draw each task as a box with <text class=\"n\">its name</text>, and look at it in a browser"
    );
}

fn reference(described: &Description) -> String {
    let cell = |text: &str| text.replace('|', "\\|");
    let mut text = String::from("| flag | default | what it is |\n|---|---|---|\n");
    for flag in &described.flags {
        let default = match (&flag.default, flag.required) {
            (_, true) => "required".to_owned(),
            (Some(default), _) if !default.is_empty() => format!("`{default}`"),
            _ => String::new(),
        };
        let choices =
            flag.choices.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", ");
        let choices = if choices.is_empty() { choices } else { format!(" ({choices})") };
        text.push_str(&format!(
            "| `{}` | {default} | {}{choices} |\n",
            flag.name,
            cell(&flag.about)
        ));
    }
    text.push_str(
        "\nEvery flag is also an environment variable, such as `HEADGATE_STREAM` for `--stream`.\n",
    );
    text.push_str("\n| output | default | what it is |\n|---|---|---|\n");
    for output in &described.outputs {
        let default =
            if output.default.is_empty() { String::new() } else { format!("`{}`", output.default) };
        text.push_str(&format!("| `{}` | {default} | {} |\n", output.name, cell(&output.about)));
    }
    text.push_str("\n| event | when |\n|---|---|\n");
    for event in &described.events {
        text.push_str(&format!("| `{}` | {} |\n", event.event_type, cell(&event.about)));
    }
    text
}

const BEGIN: &str = "<!-- generated by `make bless` -->\n";
const END: &str = "<!-- end -->\n";

/// Holds the generated part of `paper` to `content`; with `BLESS=1` writes it.
fn generated(paper: &Path, content: &str) {
    testkit::generated::hold(paper, |old| match (old.find(BEGIN), old.find(END)) {
        (Some(begin), Some(end)) => {
            format!("{}{BEGIN}\n{content}\n{}", &old[..begin], &old[end..])
        }
        _ => format!("{old}\n## Reference\n\n{BEGIN}\n{content}\n{END}"),
    });
}

//! The commands in the `console` blocks of the papers, and what each of them needs.
//!
//! A block without a mark runs on this machine beside `make demo ARGS=--keep`. One that cannot says what it needs behind
//! the word `console`: `needs=cluster`, and so on. `runs-on` marks a program that runs until it is asked to end.
#![allow(dead_code, reason = "each test uses a part")]

use std::path::PathBuf;

use pipeline_tests::root;

/// What a block may need that is not on every machine, or not within a test's time.
pub(crate) const NEEDS: [&str; 4] = ["cluster", "registry", "minutes", "kafka"];

/// One command of a block.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    /// Where it stands.
    pub(crate) paper: PathBuf,
    /// As written, its continuation lines joined.
    pub(crate) text: String,
    pub(crate) needs: Option<String>,
    pub(crate) runs_on: bool,
}

impl Command {
    /// Whether it runs beside a demo; the demo itself does already.
    pub(crate) fn runs_here(&self) -> bool {
        self.needs.is_none() && !self.text.starts_with("make demo")
    }
}

/// Every command of every paper.
pub(crate) fn commands() -> Vec<Command> {
    let listed = std::process::Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "*.md"])
        .current_dir(root())
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let commands: Vec<Command> = listed.lines().map(PathBuf::from).flat_map(of).collect();
    assert!(commands.len() > 20, "{commands:?}");
    commands
}

fn of(paper: PathBuf) -> Vec<Command> {
    let text = std::fs::read_to_string(root().join(&paper)).unwrap();
    parse(&text)
        .into_iter()
        .map(|(text, needs, runs_on)| Command { paper: paper.clone(), text, needs, runs_on })
        .collect()
}

fn parse(text: &str) -> Vec<(String, Option<String>, bool)> {
    let (mut found, mut block) = (Vec::new(), None);
    let mut joined = String::new();
    for line in text.lines().map(str::trim) {
        if let Some(marks) = line.strip_prefix("```") {
            let mut words = marks.split_whitespace();
            block = (block.is_none() && words.next() == Some("console"))
                .then(|| words.map(str::to_owned).collect::<Vec<_>>());
            continue;
        }
        let Some(marks) = &block else { continue };
        joined.push_str(line.strip_suffix('\\').unwrap_or(line));
        if line.ends_with('\\') || joined.trim().is_empty() {
            continue;
        }
        let needs = marks.iter().find_map(|mark| mark.strip_prefix("needs=")).map(str::to_owned);
        found.push((std::mem::take(&mut joined), needs, marks.iter().any(|it| it == "runs-on")));
    }
    found
}

#[test]
fn a_block_is_read_command_by_command_with_its_marks() {
    let text = "a\n```console needs=cluster\nx \\\n  y\nz\n```\n```text\nno\n```\n```console runs-on\nw\n```\n";
    let cluster = || Some("cluster".to_owned());
    assert_eq!(
        parse(text),
        [
            ("x y".into(), cluster(), false),
            ("z".into(), cluster(), false),
            ("w".into(), None, true)
        ]
    );
}

//! What people read in errors and logs is not Rust: no `{:?}`, no `?field`, no "(s)".
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use pipeline_tests::root;

/// Where a message for people begins.
const MESSAGES: [&str; 14] = [
    "anyhow!(",
    "bail!(",
    "ensure!(",
    "usage(",
    "passing(",
    "tracing::info!(",
    "tracing::warn!(",
    "tracing::error!(",
    "#[error(",
    ".context(",
    ".with_context(",
    "screen.say(",
    "inconclusive(",
    "fail(",
];

#[test]
fn messages_for_people_hold_no_rust() {
    let mut found = Vec::new();
    for file in sources() {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.strip_prefix(root()).unwrap().display().to_string();
        for (line, message) in messages(&text) {
            for wrong in wrong(message) {
                found.push(format!("{name}:{line}: {wrong}"));
            }
        }
        for (line, text) in code(&text).lines().enumerate().filter(|(_, text)| plural_s(text)) {
            found.push(format!("{name}:{}: {}: write words::plural", line + 1, text.trim()));
        }
    }
    assert!(
        found.is_empty(),
        "write it for people, with Display, words::duration, words::list or words::plural:\n{}",
        found.join("\n")
    );
}

#[test]
fn the_scan_finds_what_it_is_for() {
    let text = "tracing::warn!(?other, \"a\"); bail!(\"{x:?} (not {y})\"); usage(format!(\"{:?}\", z), \"b\");\n\
                tracing::info!(a = ?b, \"c\"); anyhow!(\"does it? yes\"); debug!(?fine);";
    let found: Vec<usize> = messages(text).map(|(_, message)| wrong(message).len()).collect();
    // In the order of MESSAGES.
    assert_eq!(found, [0, 1, 1, 1, 1]);
    assert!(plural_s("format!(\"{n} layer(s) mounted\")") && !plural_s("names(s)"));
}

/// The Rust files of what people run, without tests.
fn sources() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in ["contract", "crates", "steps", "scorer", "demo", "images"] {
        collect(&root().join(folder), &mut files);
    }
    assert!(files.len() > 200, "{} files: where are the sources?", files.len());
    files
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
        let skipped = ["tests", "testkit", "examples", "target", "fuzz", "tests.rs", "testing.rs"];
        if skipped.contains(&name.as_str()) || name.ends_with("_tests.rs") {
            continue;
        }
        if path.is_dir() {
            collect(&path, files);
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
}

/// The file up to its tests, without comments.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let line = |line: &str| if line.trim_start().starts_with("//") { "" } else { line }.to_owned();
    code.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Each message with the number of its line.
fn messages(text: &str) -> impl Iterator<Item = (usize, String)> {
    let code = code(text);
    let each = MESSAGES.iter().flat_map(move |begin| {
        let code = code.clone();
        let places: Vec<usize> = code.match_indices(begin).map(|(at, _)| at).collect();
        places.into_iter().filter_map(move |at| {
            let before = code[..at].chars().next_back().unwrap_or(' ');
            let inside = balanced(&code[at + begin.len()..]);
            let whole = !(before.is_alphanumeric() || before == '_');
            whole.then(|| (code[..at].lines().count().max(1), inside.to_owned()))
        })
    });
    each.collect::<Vec<_>>().into_iter()
}

/// The text up to the parenthesis that closes what was opened before it.
fn balanced(text: &str) -> &str {
    let mut open = 1;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return &text[..at];
        }
    }
    text
}

/// What of a message is Rust.
fn wrong(message: String) -> Vec<String> {
    let mut found = Vec::new();
    let (mut inside, mut letters) = (false, message.chars().peekable());
    let mut before = ',';
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if inside => {
                letters.next();
            }
            '"' => inside = !inside,
            '?' if inside && before != ' ' && letters.peek() == Some(&'}') => {
                found.push("prints with Debug".to_owned());
            }
            // `?error` and `error = ?error`, but not the operator after a call.
            '?' if !inside && [',', '(', '='].contains(&before) => {
                found.push("logs with Debug".to_owned());
            }
            _ => {}
        }
        if !letter.is_whitespace() || inside {
            before = letter;
        }
    }
    found
}

/// Whether a text in quotes has a count with "(s)".
fn plural_s(line: &str) -> bool {
    line.match_indices("(s)").any(|(at, _)| line[..at].matches('"').count() % 2 == 1)
}

//! The runs that the rules look at.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use kafka::Record;
use serde_json::Value;

use crate::Case;
use crate::process::Program;
use crate::stage::{Silence, Stage, nobody};

/// What one run did.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// None when a signal ended it, or it did not end within the limit.
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub took: Duration,
    pub stdout: String,
    pub stderr: String,
}

/// A run that was given all it needs.
#[derive(Clone, Debug, Default)]
pub struct VerdictRun {
    pub run: Run,
    /// The files below `--outputs`.
    pub outputs: BTreeMap<String, String>,
    pub events: Vec<Record>,
    /// What lies in the working folder afterwards.
    pub litter: Vec<String>,
    /// What the progress file holds, if it was written.
    pub progress: Option<String>,
}

/// Everything that the rules need to know of a step.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    pub describe: Run,
    pub help: Run,
    pub version: Run,
    pub unknown_flag: Run,
    pub missing_flag: Run,
    /// All settings from the environment.
    pub first: VerdictRun,
    /// All settings as flags, over an environment that names another [`ENVIRONMENT`].
    pub second: VerdictRun,
    /// Nobody listens where the broker should be.
    pub away: Run,
    /// `--kafka-config` names a file that is not there.
    pub no_config: Run,
    /// Sent SIGTERM in the middle of its run; None when it was never met there.
    pub stopped: Option<Run>,
}

/// What the runs are given; each stands somewhere in what a step writes or emits.
pub const RELEASE: &str = "conformance-7";
pub const ENVIRONMENT: &str = "conformance";
pub const CAUSE: &str = "the-event-that-led-here";
/// Stands in `--kafka-config` as a password.
pub const SECRET: &str = "kafka-config-secret-51c7d0";
/// `--kafka-timeout` of the run whose broker is away.
pub const PATIENCE: Duration = Duration::from_secs(1);
/// `--kafka-timeout` of the run that is stopped: long enough to be in the middle of it.
pub const LONG_PATIENCE: Duration = Duration::from_secs(5);
/// What a run may take beyond `--kafka-timeout`.
pub const GRACE: Duration = Duration::from_secs(10);

impl Evidence {
    /// What `--describe` printed, or null.
    pub fn description(&self) -> Value {
        serde_json::from_str(&self.describe.stdout).unwrap_or_default()
    }

    pub fn runs(&self) -> [(&'static str, &Run); 8] {
        [
            ("--describe", &self.describe),
            ("--help", &self.help),
            ("--version", &self.version),
            ("the run with an unknown flag", &self.unknown_flag),
            ("the run without a required flag", &self.missing_flag),
            ("the first run", &self.first.run),
            ("the second run", &self.second.run),
            ("the run without a broker", &self.away),
        ]
    }
}

/// Runs `command`, as a shell takes it, in all the ways that the rules ask for; each may take `limit`.
///
/// # Errors
/// The command cannot be started, or the in-memory broker fails. What the step does wrong is no error.
pub fn observe(command: &str, case: &Case, limit: Duration) -> anyhow::Result<Evidence> {
    let scratch = tempfile::tempdir()?;
    let folder = scratch.path().join("working-folder");
    std::fs::create_dir(&folder)?;
    let read_only = std::os::unix::fs::PermissionsExt::from_mode(0o555);
    std::fs::set_permissions(&folder, read_only)?;
    let config = scratch.path().join("kafka.properties");
    std::fs::write(&config, format!("# a test\nsasl.username=step\nsasl.password={SECRET}\n"))?;

    let program = Program { command, folder: &folder, limit };
    let stage = Stage::open(case)?;
    let here = scratch.path().display().to_string();
    let place =
        |(name, value): (&String, &String)| (name.clone(), value.replace("{scratch}", &here));
    let mut env: BTreeMap<String, String> = case.env.iter().map(place).collect();
    let settings = [
        ("RELEASE", RELEASE),
        ("ENVIRONMENT", ENVIRONMENT),
        ("CAUSE", CAUSE),
        ("KAFKA_TIMEOUT", "20s"),
        ("EVENTS_TOPIC", "headgate.events"),
        ("LOG", "debug"),
        ("BROKERS", &stage.brokers()),
        ("KAFKA_CONFIG", &config.display().to_string()),
        ("OUTPUTS", &scratch.path().join("outputs").display().to_string()),
    ];
    env.extend(settings.map(|(name, value)| (format!("HEADGATE_{name}"), value.to_owned())));
    let with = |changes: &[(&str, Option<&str>)]| {
        let mut env = env.clone();
        for (name, value) in changes {
            match value {
                Some(value) => drop(env.insert((*name).to_owned(), (*value).to_owned())),
                None => drop(env.remove(*name)),
            }
        }
        env
    };
    let alone = |flag: &str| program.run(&[flag.to_owned()], &BTreeMap::new());
    let silent = |brokers: &str, timeout: Duration| {
        let timeout = format!("{}s", timeout.as_secs());
        with(&[("HEADGATE_BROKERS", Some(brokers)), ("HEADGATE_KAFKA_TIMEOUT", Some(&timeout))])
    };

    let first = verdict_run(&program, &stage, scratch.path(), "first", &[], &env)?;
    let flags: Vec<String> = env
        .iter()
        .filter(|(name, _)| *name != "HEADGATE_OUTPUTS")
        .map(|(name, value)| format!("--{}={value}", flag(name)))
        .collect();
    let other = BTreeMap::from([("HEADGATE_ENVIRONMENT".to_owned(), "overridden".to_owned())]);
    let second = verdict_run(&program, &stage, scratch.path(), "second", &flags, &other)?;

    let silence = Silence::open()?;
    let mut step = program.start(&[], &silent(&silence.brokers()?, LONG_PATIENCE))?;
    let met = silence.meet(&mut step, limit)?;
    if met {
        step.terminate()?;
    }
    let stopped = step.end()?;

    Ok(Evidence {
        describe: alone("--describe")?,
        help: alone("--help")?,
        version: alone("--version")?,
        unknown_flag: program.run(&["--no-such-flag=1".to_owned()], &env)?,
        missing_flag: program.run(&[], &with(&[("HEADGATE_RELEASE", None)]))?,
        first,
        second,
        away: program.run(&[], &silent(&nobody()?, PATIENCE))?,
        no_config: program
            .run(&[], &with(&[("HEADGATE_KAFKA_CONFIG", Some("/no/such.properties"))]))?,
        stopped: met.then_some(stopped),
    })
}

/// `--kafka-timeout` of `HEADGATE_KAFKA_TIMEOUT`, without the dashes.
fn flag(env: &str) -> String {
    env.trim_start_matches("HEADGATE_").to_lowercase().replace('_', "-")
}

fn verdict_run(
    program: &Program<'_>,
    stage: &Stage,
    scratch: &Path,
    name: &str,
    flags: &[String],
    env: &BTreeMap<String, String>,
) -> anyhow::Result<VerdictRun> {
    let outputs = scratch.join(name);
    let progress = scratch.join(format!("{name}.progress"));
    let mut env = env.clone();
    env.insert("HEADGATE_OUTPUTS".into(), outputs.display().to_string());
    env.insert("ARGO_PROGRESS_FILE".into(), progress.display().to_string());
    let mark = stage.mark()?;
    let run = program.run(flags, &env)?;
    Ok(VerdictRun {
        run,
        outputs: files(&outputs)?,
        events: stage.since(&mark)?,
        litter: files(program.folder)?.into_keys().collect(),
        progress: std::fs::read_to_string(progress).ok(),
    })
}

/// Names and contents of the files in a folder; none where it is missing.
fn files(folder: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(BTreeMap::new()) };
    let mut found = BTreeMap::new();
    for entry in entries {
        let entry = entry?;
        let content = std::fs::read(entry.path()).unwrap_or_default();
        let name = entry.file_name().to_string_lossy().into_owned();
        found.insert(name, String::from_utf8_lossy(&content).into_owned());
    }
    Ok(found)
}

//! `--describe`: flags, outputs, events and exit codes as JSON, from the definitions that `--help` uses.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use fault::exit;

use crate::{CONTRACT_VERSION, Step, Verdict, outputs, step};

/// What a step says of itself.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Description {
    pub contract: String,
    pub name: String,
    pub version: String,
    /// One sentence.
    pub about: String,
    pub flags: Vec<Flag>,
    pub outputs: Vec<Output>,
    pub events: Vec<Event>,
    pub exit_codes: Vec<ExitCode>,
}

/// A command-line flag.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Flag {
    /// With the leading dashes.
    #[schemars(regex(pattern = r"^--[a-z][a-z0-9-]*$"))]
    pub name: String,
    /// The environment variable that sets it.
    #[schemars(regex(pattern = r"^HEADGATE_[A-Z0-9_]+$"))]
    pub env: String,
    pub about: String,
    pub required: bool,
    /// Absent where there is none.
    pub default: Option<String>,
    /// The closed set of values; empty where any is taken.
    #[serde(rename = "enum")]
    pub choices: Vec<String>,
    /// May be given more than once.
    pub repeatable: bool,
}

/// An output parameter: a file below `--outputs`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Output {
    pub name: String,
    pub about: String,
    pub default: String,
}

/// An event type.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    #[serde(rename = "type")]
    pub event_type: String,
    pub about: String,
    /// The one verdict that the type is emitted with.
    pub verdict: Verdict,
}

/// An exit code.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ExitCode {
    pub code: u8,
    pub about: String,
}

/// The description of `S`.
pub fn describe<S: Step>() -> Description {
    let command = step::command::<S>();
    let output = |spec: &outputs::OutputSpec| Output {
        name: spec.name.into(),
        about: spec.about.into(),
        default: spec.default.into(),
    };
    Description {
        contract: CONTRACT_VERSION.into(),
        name: S::NAME.into(),
        version: S::VERSION.into(),
        about: S::ABOUT.into(),
        flags: command
            .get_arguments()
            .filter(|flag| !flag.is_hide_set())
            .filter_map(flag)
            .collect(),
        outputs: outputs::COMMON_OUTPUTS.iter().chain(S::OUTPUTS).map(output).collect(),
        events: S::EVENTS
            .iter()
            .map(|event| Event {
                event_type: event.name.into(),
                about: event.about.into(),
                verdict: event.verdict,
            })
            .collect(),
        exit_codes: exit::ALL.map(|(code, about)| ExitCode { code, about: about.into() }).into(),
    }
}

/// `None` for flags that are not configuration, such as `--help`.
fn flag(arg: &clap::Arg) -> Option<Flag> {
    let takes_value = arg.get_action().takes_values();
    let defaults = arg.get_default_values();
    let choices = if takes_value { arg.get_possible_values() } else { Vec::new() };
    Some(Flag {
        name: format!("--{}", arg.get_long()?),
        env: arg.get_env()?.to_string_lossy().into_owned(),
        about: arg.get_help().map(ToString::to_string).unwrap_or_default(),
        required: arg.is_required_set(),
        default: match takes_value {
            true if defaults.is_empty() => None,
            true => Some(defaults.join(std::ffi::OsStr::new(",")).to_string_lossy().into_owned()),
            false => Some("false".into()),
        },
        choices: choices.iter().map(|choice| choice.get_name().to_owned()).collect(),
        repeatable: matches!(arg.get_action(), clap::ArgAction::Append),
    })
}

//! The rules, by section of the contract: pure functions over what was seen.

pub(crate) mod ending;
pub(crate) mod event;
pub(crate) mod faults;
pub(crate) mod invocation;
pub(crate) mod outputs;

use serde_json::Value;

use crate::evidence::{Run, VerdictRun};
use crate::rule::Seen;

/// The exit code in words, with the last thing that was said where it helps.
pub(crate) fn ended(run: &Run) -> String {
    let how = match (run.code, run.signal) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => format!("did not end within {:.0?}", run.took),
    };
    match run.stderr.trim().lines().last() {
        Some(line) => {
            format!("{how}; last on stderr: {}", line.chars().take(200).collect::<String>())
        }
        None => how,
    }
}

/// Wrong usage: exit code 2 and nothing on stdout.
pub(crate) fn refused(run: &Run) -> Seen {
    if !run.stdout.is_empty() {
        return Err(format!("on stdout: {}", run.stdout.trim()));
    }
    if run.code == Some(2) { Ok(ended(run)) } else { Err(ended(run)) }
}

/// Each element's text, of an array of objects.
pub(crate) fn texts(value: &Value, field: &str) -> Vec<String> {
    let of = |element: &Value| element[field].as_str().map(str::to_owned);
    value.as_array().into_iter().flatten().filter_map(of).collect()
}

/// The body of the first event of a run.
pub(crate) fn body(run: &VerdictRun) -> Result<Value, String> {
    let event = run.events.first().ok_or_else(|| format!("no event; {}", ended(&run.run)))?;
    let value = event.value.as_deref().unwrap_or_default();
    serde_json::from_slice(value).map_err(|error| format!("a body that is not JSON: {error}"))
}

/// Holds when `seen` is what was `wanted`.
pub(crate) fn equal(name: &str, seen: &str, wanted: &str) -> Seen {
    let stated = format!("{name} is `{seen}`");
    if seen == wanted { Ok(stated) } else { Err(format!("{stated}, expected `{wanted}`")) }
}

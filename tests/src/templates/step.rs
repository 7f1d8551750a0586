//! The blocks of a step's own template, from its `--describe`.

use contract::describe::{Description, Flag};

use super::yaml;

/// The flags that are parameters, by their names without the dashes.
pub fn parameters(step: &Description) -> impl Iterator<Item = (&str, &Flag)> {
    let flags = step.flags.iter().filter(|flag| !PLACES.contains(&flag.name.as_str()));
    flags.map(|flag| (flag.name.trim_start_matches('-'), flag))
}

/// Flags that are the template's own business, not parameters of a release.
const PLACES: [&str; 7] = [
    "--outputs",
    "--report-address",
    "--log",
    "--fail-on-verdict",
    "--kafka-config",
    "--kafka-timeout",
    "--events-topic",
];

/// The default that a template gives the parameter; an empty one counts as not given.
pub(super) fn default(flag: &Flag) -> Option<&str> {
    (!flag.required).then(|| flag.default.as_deref().unwrap_or_default())
}

pub(super) fn flags(step: &Description) -> String {
    let each = parameters(step)
        .map(|(name, flag)| yaml::parameter(name, &flag.about, default(flag), &flag.choices));
    each.collect()
}

pub(super) fn outputs(step: &Description) -> String {
    let each = step.outputs.iter().map(|output| {
        let (name, default) = (&output.name, yaml::scalar(&output.default));
        format!("- name: {name}\n  valueFrom: {{path: /tmp/outputs/{name}, default: {default}}}\n")
    });
    each.collect()
}

pub(super) fn args(step: &Description) -> String {
    let each = parameters(step)
        .map(|(name, _)| format!("- \"--{name}={{{{inputs.parameters.{name}}}}}\"\n"));
    each.collect()
}

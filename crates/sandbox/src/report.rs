//! What holds a process, for people and for the decision record.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Every guard that was asked for, in the order in which people care.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub guards: Vec<Guard>,
}

/// One guard: what it keeps away, or why it is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    pub name: String,
    /// What it does, as in `ABI 7: no files, no TCP`; with a guard that is lacking, what it would have done.
    pub effect: String,
    /// Why it is not there; `None` where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacking: Option<String>,
}

impl Guard {
    pub(crate) fn had(name: &str, effect: impl Into<String>) -> Guard {
        Guard { name: name.to_owned(), effect: effect.into(), lacking: None }
    }

    pub(crate) fn lacks(name: &str, effect: impl Into<String>, why: impl Into<String>) -> Guard {
        Guard { name: name.to_owned(), effect: effect.into(), lacking: Some(why.into()) }
    }
}

impl Report {
    /// The names of the guards, as in `landlock, limits; without seccomp`.
    pub fn names(&self) -> String {
        let names = |lacking: bool| {
            let guards = self.guards.iter().filter(|guard| guard.lacking.is_some() == lacking);
            guards.map(|guard| guard.name.as_str()).collect::<Vec<_>>().join(", ")
        };
        let (had, lacking) = (names(false), names(true));
        if lacking.is_empty() { had } else { format!("{had}; without {lacking}") }
    }

    /// The guards that are not there.
    pub fn lacking(&self) -> impl Iterator<Item = &Guard> {
        self.guards.iter().filter(|guard| guard.lacking.is_some())
    }
}

/// One line, as in `landlock (ABI 7: no files, no TCP), limits (…), without seccomp (the kernel has none)`.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Guard { name, effect, lacking }) in self.guards.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            match lacking {
                None => write!(f, "{comma}{name} ({effect})")?,
                Some(why) => write!(f, "{comma}without {name} ({why})")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_one_line_that_says_what_is_lacking() {
        let guards = vec![
            Guard::had("landlock", "ABI 7: no files"),
            Guard::lacks("seccomp", "42 system calls", "the kernel has none"),
        ];
        let report = Report { guards };
        assert_eq!(
            report.to_string(),
            "landlock (ABI 7: no files), without seccomp (the kernel has none)"
        );
        assert_eq!(report.lacking().count(), 1);
        assert_eq!(report.names(), "landlock; without seccomp");
    }
}

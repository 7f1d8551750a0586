//! The five releases of the demo and what is expected of each.

/// A model to release.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planned {
    /// The name in `demo/models/<name>.onnx`.
    pub(crate) model: &'static str,
    pub(crate) strategy: &'static str,
    /// The champion's model name, as validate-model wants it for comparison.
    pub(crate) champion: &'static str,
    /// What should come of it; anything else fails the demo.
    pub(crate) expected: Ending,
    /// For the timeline.
    pub(crate) story: &'static str,
}

/// How a release ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ending {
    Promoted,
    Rejected,
    FailedShadow,
    RolledBack,
    /// None of these: something is wrong.
    Unclear,
}

/// In this order.
pub(crate) const PLANNED: [Planned; 5] = [
    Planned {
        model: "linear",
        strategy: "bootstrap",
        champion: "",
        expected: Ending::Promoted,
        story: "the first champion",
    },
    Planned {
        model: "boosting",
        strategy: "canary",
        champion: "linear",
        expected: Ending::Promoted,
        story: "a better one",
    },
    Planned {
        model: "broken-width",
        strategy: "canary",
        champion: "boosting",
        expected: Ending::Rejected,
        story: "takes eight numbers where the stream has nine",
    },
    Planned {
        model: "memoriser",
        strategy: "canary",
        champion: "boosting",
        expected: Ending::FailedShadow,
        story: "knows the hold-out by heart, and little else",
    },
    Planned {
        model: "blind-spot",
        strategy: "canary",
        champion: "boosting",
        expected: Ending::RolledBack,
        story: "agrees with the champion, errs on the labels of one regime",
    },
];

impl Ending {
    /// As in the summary.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Promoted => "promoted",
            Self::Rejected => "rejected",
            Self::FailedShadow => "failed-shadow",
            Self::RolledBack => "rolled-back",
            Self::Unclear => "unclear",
        }
    }
}

/// The path of a model file, from the checkout on; empty for no model.
pub(crate) fn model_file(model: &str) -> String {
    match model {
        "" => String::new(),
        name => format!("demo/models/{name}.onnx"),
    }
}

//! Which images there are, and what each may weigh.

/// An image: programs, and whether they load ONNX Runtime.
#[derive(Debug)]
pub struct Entry {
    /// Name of the image.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// Package and program; the first is the entry point.
    pub programs: &'static [(&'static str, &'static str)],
    /// Whether the programs open ONNX Runtime's library. Such programs cannot be static.
    pub engine: bool,
}

/// Most bytes, unpacked, of an image without ONNX Runtime.
pub const PLAIN_BUDGET: u64 = 15_000_000;
/// Most bytes, unpacked, of an image with ONNX Runtime.
pub const ENGINE_BUDGET: u64 = 80_000_000;

/// What OpenSSL may add to a program.
pub const TLS_BUDGET: u64 = 6_000_000;

/// Every image.
pub const CATALOGUE: &[Entry] = &[
    Entry {
        name: "validate-model",
        about: "Judges whether a candidate model may enter a release at all",
        programs: &[("validate-model", "validate-model")],
        engine: true,
    },
    Entry {
        name: "build-image",
        about: "Packs a model and a base image into one reproducible OCI image",
        programs: &[("build-image", "build-image")],
        engine: false,
    },
    Entry {
        name: "shadow-test",
        about: "Compares candidate and champion on a window of the live stream without touching it",
        programs: &[("shadow-test", "shadow-test")],
        engine: true,
    },
    Entry {
        name: "canary-gate",
        about: "Raises the share of a candidate by steps and takes it back on harm",
        programs: &[("canary-gate", "canary-gate")],
        engine: false,
    },
    Entry {
        name: "promote",
        about: "Makes the candidate the champion and keeps the former one at hand",
        programs: &[("promote", "promote")],
        engine: false,
    },
    Entry {
        name: "rollback",
        about: "Returns a stream to its last known good model and proves it",
        programs: &[("rollback", "rollback")],
        engine: false,
    },
    Entry {
        name: "conclude",
        about: "Says how a release ended, so that one which did not reach its goal fails with the reason",
        programs: &[("conclude", "conclude")],
        engine: false,
    },
    Entry {
        name: "detect-drift",
        about: "Says when the features of a stream left the range the model was trained for",
        programs: &[("detect-drift", "detect-drift")],
        engine: false,
    },
    Entry {
        name: "train-linear",
        about: "Trains a logistic regression on the newest labelled records; the example for a team's own trainer",
        programs: &[("train-linear", "train-linear")],
        engine: false,
    },
    Entry {
        name: "scorer",
        about: "Answers a stream exactly once and switches models without a restart",
        programs: &[("scorer", "scorer")],
        engine: true,
    },
    Entry {
        name: "tools",
        about: "Makes the topics of a stream, shows events, pushes files to a registry",
        programs: &[
            ("contract", "make-topics"),
            ("contract", "show-event"),
            ("registry", "push-files"),
        ],
        engine: false,
    },
];

impl Entry {
    /// Most bytes that the image may have unpacked.
    pub fn budget(&self, tls: bool) -> u64 {
        // A budget is for one program; the tools share an image, not a pod.
        let programs = self.programs.len() as u64;
        let plain = if self.engine { ENGINE_BUDGET } else { PLAIN_BUDGET * programs };
        plain + if tls { TLS_BUDGET * programs } else { 0 }
    }
}

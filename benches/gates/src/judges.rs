//! The gates, each with its rule and where that rule was read.

pub(crate) mod argo;
pub(crate) mod fixed_z;
pub(crate) mod flagger;
pub(crate) mod growthbook;
pub(crate) mod headgate;
pub(crate) mod kayenta;

use crate::judge::Gate;

/// The peers; ours stands apart since it is not calibrated.
pub(crate) const PEERS: [Gate; 5] = [
    Gate { name: "kayenta", start: kayenta::start },
    Gate { name: "argo-rollouts", start: argo::start },
    Gate { name: "flagger", start: flagger::start },
    Gate { name: "fixed-z", start: fixed_z::start },
    Gate { name: "growthbook", start: growthbook::start },
];

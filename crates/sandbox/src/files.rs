//! No files and no network, by Landlock.

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, RestrictionStatus,
    Ruleset, RulesetAttr, RulesetStatus, Scope,
};

use crate::Guard;

const NAME: &str = "landlock";
const EFFECT: &str = "no files, no network";

/// Refuses every access to files by name, TCP, and signals and sockets of other processes, as far as the kernel can.
///
/// It holds the calling thread and what it starts; `threads` is how many there are.
pub(crate) fn forbid(threads: usize) -> Guard {
    if threads > 1 {
        return Guard::lacks(NAME, EFFECT, format!("{threads} threads were running before it"));
    }
    match restrict() {
        Ok(RestrictionStatus { ruleset: RulesetStatus::NotEnforced, landlock, .. }) => {
            let why = match landlock {
                LandlockStatus::NotImplemented => "the kernel has none",
                _ => "the kernel has it, but it is switched off",
            };
            Guard::lacks(NAME, EFFECT, why)
        }
        Ok(RestrictionStatus { landlock, .. }) => Guard::had(NAME, effect(landlock)),
        Err(error) => Guard::lacks(NAME, EFFECT, error.to_string()),
    }
}

fn restrict() -> Result<RestrictionStatus, landlock::RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V7))?
        .handle_access(AccessNet::from_all(ABI::V7))?
        .scope(Scope::from_all(ABI::V7))?
        .create()?
        .restrict_self()
}

fn effect(status: LandlockStatus) -> String {
    let LandlockStatus::Available { effective_abi, kernel_abi } = status else {
        return "no files".to_owned();
    };
    let version = kernel_abi.unwrap_or(effective_abi as i32);
    let more = match version {
        6.. => ", no TCP, no signals to others",
        4.. => ", no TCP",
        _ => "",
    };
    format!("ABI {version}: no files{more}")
}

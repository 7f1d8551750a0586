//! No privileges, now or later, and no way in for other processes.

use std::io;

use rustix::process::{
    DumpableBehavior, Signal, set_dumpable_behavior, set_parent_process_death_signal,
};
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set, set_capabilities, set_no_new_privs,
};

use crate::Guard;

/// Gives up every capability and the way to new ones, and ends with the parent.
pub(crate) fn drop_all() -> io::Result<Guard> {
    set_no_new_privs(true)?;
    // Kernels without ambient capabilities have none to clear.
    let _none = clear_ambient_capability_set();
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    hide()?;
    // Last, as a change of credentials clears it. A parent that is gone already shows at the end of stdin.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    Ok(Guard::had("privileges", "none and no new ones, no core dump, ends with its parent"))
}

/// Keeps other processes of the same user out of this one's memory and environment; without core dumps.
pub(crate) fn hide() -> io::Result<()> {
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

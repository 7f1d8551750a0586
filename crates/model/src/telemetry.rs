//! Keeps ONNX Runtime from calling its vendor.
//!
//! Its library resolves and connects to a host of its vendor unless an environment variable says otherwise when it
//! is loaded; what its interface has for this (`with_telemetry`) does not stop it.  The variable is set before
//! `main`, so that no program which loads a model can forget it, whatever environment it was started with, and so
//! that no other thread can be reading the environment meanwhile.

use std::env;

/// Set to `1` in every process that has this crate in it, and so in its children.
pub const TELEMETRY_VARIABLE: &str = "ORT_DISABLE_TELEMETRY";

/// Whether the variable is set as it must be.
pub(crate) fn is_off() -> bool {
    env::var_os(TELEMETRY_VARIABLE).is_some_and(|value| value == "1")
}

/// What the loader calls between loading the program and `main`.
#[used]
#[expect(unsafe_code, reason = "the section that the loader reads")]
// SAFETY: the section holds addresses of functions of this type, and nothing else is put there.
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = set;

extern "C" fn set() {
    // A model must not bring settings of its own for the session that it is loaded into either.
    for (name, value) in [(c"ORT_DISABLE_TELEMETRY", c"1"), (c"ORT_LOAD_CONFIG_FROM_MODEL", c"0")] {
        #[expect(unsafe_code, reason = "there is no safe way to set a variable for a C library")]
        // SAFETY: the texts end with NUL and live for ever.  Before `main` there is one thread, so nobody reads the
        // environment while it is changed.
        unsafe {
            libc::setenv(name.as_ptr(), value.as_ptr(), 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_with_this_crate_is_off_from_its_start() {
        assert!(is_off());
        assert_eq!(env::var("ORT_LOAD_CONFIG_FROM_MODEL").as_deref(), Ok("0"));
    }
}

//! What the program says where it was called wrongly.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::process::Command;

#[test]
fn wrong_usage_is_said_with_exit_2_and_without_a_backtrace() {
    for (args, words) in [
        (&[][..], "hint: make conformance STEP=<name>, with one of "),
        (&["--step=no-such-step"], "there is no step no-such-step"),
        (&["--command=true"], "no case is named"),
        (&["--command=true", "--case=/no/such/case"], "/no/such/case"),
    ] {
        let ran = Command::new(env!("CARGO_BIN_EXE_conformance"))
            .env_clear()
            .env("RUST_BACKTRACE", "1")
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
            .args(args)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(i32::from(fault::exit::USAGE)), "{args:?} {said}");
        assert!(said.contains(words), "{args:?} {said}");
        assert!(!said.contains("backtrace") && !said.contains("   0: "), "{args:?} {said}");
    }
}

//! Generated parts of files: written between two markers by `make bless`, held by every other run.

use std::path::Path;

/// Holds the file at `path` to what `make` makes of its text; with `BLESS=1` writes that.
///
/// # Panics
/// The file is not what `make` makes of it, or cannot be read or written.
pub fn hold(path: &Path, make: impl FnOnce(&str) -> String) {
    let at = path.display();
    let old = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{at}: {error}"));
    let new = make(&old);
    if old == new {
        return;
    }
    assert!(
        std::env::var_os("BLESS").is_some(),
        "{at} is not what the code says: run `make bless` and look at the difference"
    );
    // Other tests read the file meanwhile; they see it whole, old or new.
    let beside = path.with_extension("new");
    std::fs::write(&beside, new).unwrap_or_else(|error| panic!("{}: {error}", beside.display()));
    std::fs::rename(&beside, path).unwrap_or_else(|error| panic!("{at}: {error}"));
}

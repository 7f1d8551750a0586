//! Generated files and parts of files: written by `make bless`, held by every other run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Holds the file at `path` to what `make` makes of its text; with `BLESS=1` writes that.
///
/// # Panics
/// The file is not what `make` makes of it, or cannot be read or written.
pub fn hold(path: &Path, make: impl FnOnce(&str) -> String) {
    let old =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let new = make(&old);
    if old != new {
        write(path, &new, "is not what the code says: run `make bless` and look at the difference");
    }
}

/// Holds `folder` to `files`, text by name: each is there as it is here, and no other is; with `BLESS=1` writes them.
/// `mend` says whose word counts, and what to do where it is another than the file's.
///
/// # Panics
/// A file is another or cannot be written, or the folder has one that is not among `files`.
pub fn hold_folder(folder: &Path, files: &BTreeMap<String, String>, mend: &str) {
    let at = folder.display();
    for (name, new) in files {
        let path = folder.join(name);
        if std::fs::read_to_string(&path).unwrap_or_default() != *new {
            write(&path, new, mend);
        }
    }
    let there = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{at}: {error}"));
    let there = there.map(|it| it.unwrap_or_else(|error| panic!("{at}: {error}")));
    // A folder in it is another call's.
    let files_there = there.filter(|entry| !entry.path().is_dir());
    let there: BTreeSet<_> = files_there.map(|entry| entry.file_name()).collect();
    let wanted: BTreeSet<_> = files.keys().map(std::ffi::OsString::from).collect();
    assert_eq!(there, wanted, "{at} has a file that no type makes");
}

/// Writes a file anew, where that was asked for.
fn write(path: &Path, new: &str, mend: &str) {
    let at = path.display();
    assert!(std::env::var_os("BLESS").is_some(), "{at} {mend}");
    let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| {
        // Other tests read the file meanwhile; they see it whole, old or new.
        let beside = path.with_extension("new");
        std::fs::write(&beside, new)?;
        std::fs::rename(&beside, path)
    });
    written.unwrap_or_else(|error| panic!("{at}: {error}"));
}

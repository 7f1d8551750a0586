//! The version of ONNX Runtime's library, which `ort` reads and keeps to itself.

use std::ffi::CStr;
use std::path::Path;

use ort::sys::OrtApiBase;

/// What the library that is open already says of itself.
#[expect(unsafe_code, reason = "a function of a C library")]
pub(crate) fn of(library: &Path) -> Option<String> {
    // SAFETY: `ort` has opened this library, so that opening it again runs none of its code.
    let library = unsafe { libloading::Library::new(library) }.ok()?;
    // SAFETY: every ONNX Runtime has the function, with this signature since its first version.
    let base = unsafe {
        library.get::<unsafe extern "C" fn() -> *const OrtApiBase>(b"OrtGetApiBase").ok()?()
    };
    // SAFETY: the function gives a pointer to a constant of the library or null, which `as_ref` looks for; the text is
    // a constant of the library too, and is copied before the library could be closed.
    unsafe {
        let version = (base.as_ref()?.GetVersionString)();
        Some(CStr::from_ptr(version).to_str().ok()?.to_owned())
    }
}

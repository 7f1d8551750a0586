//! Secrets stay in files, which are read again for every request, so that they may be renewed at any time.

use std::fs;
use std::path::Path;

use reqwest::header::HeaderValue;

use crate::Error;

/// The secret in a file, without the white space around it.
///
/// # Errors
/// [`Error::File`], also where it is not UTF-8, and [`Error::Setting`] where it is empty.
pub fn secret(path: &Path) -> Result<String, Error> {
    let text =
        fs::read_to_string(path).map_err(|source| Error::File { path: path.into(), source })?;
    match text.trim() {
        "" => Err(Error::setting(path.display(), "it is empty", "mount the secret")),
        secret => Ok(secret.to_owned()),
    }
}

/// The `Authorization` that shows the token in a file, and shows itself in no message.
///
/// # Errors
/// Those of [`secret`], and [`Error::Setting`] where no header may hold it.
pub fn bearer(token_file: &Path) -> Result<HeaderValue, Error> {
    let token = format!("Bearer {}", secret(token_file)?);
    let mut value = HeaderValue::try_from(token).map_err(|_| {
        let why = "it holds what no header may hold";
        Error::setting(token_file.display(), why, "put only the token in")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_token_is_taken_from_its_file_and_never_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (text, expected) in [
            (b" t0ken\r\n".as_slice(), "Bearer t0ken"),
            (b"\n", "cannot be used: it is empty (hint: mount the secret)"),
            (b"t0ken\nt0ken", "no header may hold (hint: put only the token in)"),
            (b"t0ken\xff", "cannot read"),
        ] {
            fs::write(file.path(), text).unwrap();
            let read = bearer(file.path());
            let shown = format!("{read:?}");
            let told = read.map_or_else(|it| it.to_string(), |it| it.to_str().unwrap().to_owned());
            assert!(told.contains(expected) && !shown.contains("t0ken"), "{told} {shown}");
        }
    }
}

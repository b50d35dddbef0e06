//! Reading whole files: none is read that is no regular file or larger than expected.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;

use crate::error::Error;

/// The whole file, if there is one, of at most `limit` bytes.
///
/// # Errors
///
/// [`Error::Io`] if it cannot be read; [`Error::Data`] if it is larger, or no regular file: a pipe
/// or a device may have no end.
pub fn read_if_there(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    match read(path, limit) {
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
        content => content.map(Some),
    }
}

/// The whole file, of at most `limit` bytes.
///
/// # Errors
///
/// As [`read_if_there`], and [`Error::Io`] if there is none.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let failed = |error| Error::io("read", path)(error);
    // Asked before it is opened, for opening a pipe waits for its other end.
    let found = fs::metadata(path).map_err(failed)?;
    if !found.is_file() {
        return Err(Error::data(path, "not a regular file"));
    }
    let mut content = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut content))
        .map_err(|error| Error::io("read", path)(error))?;
    if content.len() as u64 > limit {
        return Err(Error::data(path, format!("more than {limit} bytes")));
    }
    Ok(content)
}

/// Text in UTF-8, as [`read`].
///
/// # Errors
///
/// As [`read`], and [`Error::Data`] if it is no text.
pub fn read_text(path: &Path, limit: u64) -> Result<String, Error> {
    let content = read(path, limit)?;
    String::from_utf8(content).map_err(|error| Error::data(path, format!("no text ({error})")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_whole_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert!(read_if_there(&path, 9).unwrap().is_none());
        fs::write(&path, "four").unwrap();
        assert_eq!(read_if_there(&path, 4).unwrap().unwrap(), b"four");
        let error = read(&path, 3).unwrap_err().to_string();
        assert!(error.ends_with("file: more than 3 bytes"), "{error}");
        let error = read(folder.path(), 9).unwrap_err().to_string();
        assert!(error.ends_with("not a regular file"), "{error}");
        fs::write(&path, [0xff]).unwrap();
        assert!(read_text(&path, 9).unwrap_err().to_string().contains("file: no text"));
    }

    #[test]
    #[cfg(unix)]
    fn what_has_no_end_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [&*pipe, Path::new("/dev/zero")] {
            assert!(read(path, 9).unwrap_err().to_string().ends_with("not a regular file"));
        }
    }
}

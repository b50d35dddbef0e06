//! Reading and writing whole files: none is read that is no regular file or larger than expected,
//! and none is half written.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use datasets::files;

use crate::measured::error::Error;

/// The whole file, if there is one, of at most `limit` bytes: [`datasets::files::read_if_there`].
pub(crate) fn read_if_there(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    Ok(files::read_if_there(path, limit)?)
}

/// The whole file, of at most `limit` bytes: [`datasets::files::read`].
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    Ok(files::read(path, limit)?)
}

/// Text in UTF-8: [`datasets::files::read_text`].
pub(crate) fn read_text(path: &Path, limit: u64) -> Result<String, Error> {
    Ok(files::read_text(path, limit)?)
}

/// Removes a file, if there is one.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Writes a file so that it is there either whole or not at all.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> Result<(), Error> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    let write = || {
        let mut builder = tempfile::Builder::new();
        // Readable like any other file, not by its owner alone as temporary files are.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(folder)?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(Error::io("write", path))
}

/// As [`write_whole`], of a file that only the holder of its lock writes: what a killed process has
/// left of it half written, which may be much, is replaced.
pub(crate) fn write_whole_alone(path: &Path, content: &[u8]) -> Result<(), Error> {
    let folder = path.parent().expect("a file that has a lock is in a folder");
    fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    let aside = aside(path);
    let write = || {
        let mut file = File::create(&aside)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&aside, path)
    };
    write().map_err(|error| {
        // A full disk has room again.
        let _ = fs::remove_file(&aside);
        Error::io("write", path)(error)
    })
}

/// Removes a file that [`write_whole_alone`] wrote, if there is one, and what is left half written.
pub(crate) fn remove_alone(path: &Path) -> Result<(), Error> {
    remove(&aside(path))?;
    remove(path)
}

/// Where a file is written before it gets its name.
fn aside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

/// Writes a file where a person says that it shall be: a link is followed, and what is there and is
/// no regular file stays as it is.
///
/// # Errors
///
/// [`Error::Io`] if it cannot be written, [`Error::Data`] if something else is there.
pub(crate) fn write_where_asked(path: &Path, content: &[u8]) -> Result<(), Error> {
    let target = followed(path).map_err(Error::io("write", path))?;
    match fs::symlink_metadata(&target) {
        Ok(there) if !there.is_file() => {
            Err(Error::data(path, "there is something that is no regular file; it stays"))
        }
        _ => write_whole(&target, content),
    }
}

/// Where a path leads that may be a link, also to what is not there yet.
fn followed(path: &Path) -> io::Result<PathBuf> {
    // As many as Linux follows.
    const LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        match fs::symlink_metadata(&path) {
            Ok(there) if there.is_symlink() => {
                let to = fs::read_link(&path)?;
                path = path.parent().unwrap_or(Path::new("")).join(to);
            }
            _ => return Ok(path),
        }
    }
    Err(io::Error::other("its links lead in a circle"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_half_written_is_replaced_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, left) = (folder.path().join("file"), folder.path().join("file.new"));
        fs::write(&left, "half of something long").unwrap();
        write_whole_alone(&path, b"whole").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert!(!left.exists());
        fs::write(&left, "half").unwrap();
        remove_alone(&path).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        remove_alone(&path).unwrap();
    }

    #[test]
    #[cfg(unix)]
    fn links_are_followed_and_what_is_no_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (link, to) in [("link", "target"), ("far", "link"), ("circle", "circle")] {
            std::os::unix::fs::symlink(to, at(link)).unwrap();
        }
        // To what is not there yet, and then to what is.
        for content in ["new", "newer"] {
            write_where_asked(&at("far"), content.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(at("target")).unwrap(), content);
            assert!(["link", "far"].iter().all(|name| at(name).is_symlink()));
        }
        assert!(write_where_asked(&at("circle"), b"").unwrap_err().to_string().contains("circle"));
        let pipe = at("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        std::os::unix::fs::symlink("pipe", at("to pipe")).unwrap();
        for path in [&*pipe, &at("to pipe"), folder.path()] {
            let error = write_where_asked(path, b"").unwrap_err().to_string();
            assert!(error.contains("no regular file; it stays"), "{error}");
        }
        use std::os::unix::fs::FileTypeExt;
        assert!(fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
    }
}

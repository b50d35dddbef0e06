//! Packed files: none is unpacked beyond what it can hold, whatever it says of itself.

use std::io::{self, Read};
use std::path::Path;

use lzma_rust2::XzReader;
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::files;
use crate::sum::hex;

/// Of a content that is known: its length and SHA-256.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) len: u64,
    pub(crate) sha256: &'static str,
}

/// Reads a gzip file whose unpacked content is known.
///
/// # Errors
///
/// [`Error::Io`] if it cannot be read, [`Error::Data`] if it is cut or altered.
pub(crate) fn read_gzip(path: &Path, known: Known) -> Result<Vec<u8>, Error> {
    let packed = files::read(path, u64::MAX)?;
    unpacked(path, "gzip", flate2::read::GzDecoder::new(&*packed), known)
}

/// Reads an xz file whose unpacked content is known.
///
/// # Errors
///
/// [`Error::Io`] if it cannot be read, [`Error::Data`] if it is cut or altered.
pub(crate) fn read_xz(path: &Path, known: Known) -> Result<Vec<u8>, Error> {
    let packed = files::read(path, u64::MAX)?;
    unpacked(path, "xz", XzReader::new(&*packed, false), known)
}

fn unpacked(path: &Path, kind: &str, from: impl Read, known: Known) -> Result<Vec<u8>, Error> {
    let mut content = Vec::new();
    from.take(known.len + 1)
        .read_to_end(&mut content)
        .map_err(|error| Error::data(path, format!("not a complete {kind} file ({error})")))?;
    let found = hex(&Sha256::digest(&content));
    if found != known.sha256 {
        let len = match content.len() as u64 {
            len if len > known.len => format!("more than {} bytes", known.len),
            len => format!("{len} bytes of SHA-256 {found}"),
        };
        let Known { len: expected, sha256 } = known;
        let reason =
            format!("altered: it unpacks to {len}, not to {expected} bytes of SHA-256 {sha256}");
        return Err(Error::data(path, reason));
    }
    Ok(content)
}

/// The largest file that is taken out of an archive, in bytes; a recording or a table of sentences
/// has a fraction of it.
pub(crate) const LARGEST_FILE: u64 = 64 << 20;
/// The most that an archive may unpack to, in bytes.
const LARGEST_ARCHIVE: u64 = 1 << 30;

/// Names and contents.
pub(crate) type Files = Vec<(String, Vec<u8>)>;

/// The files of a packed archive that `wanted` wants, by their names in it and in its order.
///
/// # Errors
///
/// [`Error::Io`] if it cannot be read; [`Error::Data`] if it is damaged, holds a file of more than
/// 64 MiB that is wanted, or more than 1 GiB altogether.
pub(crate) fn read_tar_xz(path: &Path, wanted: impl FnMut(&Path) -> bool) -> Result<Files, Error> {
    let packed = files::read(path, u64::MAX)?;
    read_tar(path, XzReader::new(&*packed, false), wanted)
}

/// As [`read_tar_xz`], of an archive that is not packed.
pub(crate) fn read_tar(
    path: &Path,
    from: impl Read,
    mut wanted: impl FnMut(&Path) -> bool,
) -> Result<Files, Error> {
    let damaged = |error: io::Error| Error::data(path, format!("not a readable archive ({error})"));
    let mut archive = tar::Archive::new(Bounded { from, left: LARGEST_ARCHIVE });
    let mut files = Vec::new();
    for entry in archive.entries().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        let name = entry.path().map_err(damaged)?.into_owned();
        if !entry.header().entry_type().is_file() || !wanted(&name) {
            continue;
        }
        let name = name.to_str().map(str::to_owned).ok_or_else(|| {
            Error::data(path, format!("{}: its name is not UTF-8", name.display()))
        })?;
        // What its header says of its size is a claim; what comes is counted.
        let mut content = Vec::new();
        let (size, mut entry) = (entry.size(), entry.take(LARGEST_FILE + 1));
        entry.read_to_end(&mut content).map_err(damaged)?;
        if content.len() as u64 > LARGEST_FILE {
            let reason = format!("{name} has more than {LARGEST_FILE} bytes");
            return Err(Error::data(path, reason));
        }
        if content.len() as u64 != size {
            return Err(Error::data(path, format!("{name} is cut")));
        }
        files.push((name, content));
    }
    Ok(files)
}

/// A reader that fails once it has given too much.
struct Bounded<R> {
    from: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            io::Error::other(format!("it unpacks to more than {LARGEST_ARCHIVE} bytes"))
        })?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::testing::mutations;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, name, *content).unwrap();
        }
        archive.into_inner().unwrap()
    }

    fn read(bytes: impl Read) -> Result<Files, Error> {
        read_tar(Path::new("x.tar"), bytes, |name| name.extension().is_some_and(|e| e == "wav"))
    }

    #[test]
    fn what_is_wanted_is_taken_out() {
        let bytes = archive(&[("a/1.wav", b"one"), ("a/README", b"no"), ("2.wav", b"")]);
        let expected = [("a/1.wav".to_owned(), b"one".to_vec()), ("2.wav".to_owned(), Vec::new())];
        assert_eq!(read(&*bytes).unwrap(), expected);
        let error = read(&bytes[..514]).unwrap_err().to_string();
        assert!(error.starts_with("x.tar: "), "{error}");
    }

    #[test]
    fn sizes_that_are_claimed_are_not_believed() {
        for claimed in [8 << 30, 1 << 40, 1 << 62, u64::MAX] {
            let mut header = tar::Header::new_gnu();
            header.set_path("1.wav").unwrap();
            header.set_size(claimed);
            header.set_cksum();
            let mut bytes = header.as_bytes().to_vec();
            bytes.extend([0; 700]);
            let error = read(&*bytes).unwrap_err().to_string();
            assert!(error.starts_with("x.tar: ") && !error.contains('\n'), "{error}");
            // As much as it says, and nothing that must be kept. More than a file can have is nonsense.
            let endless = read(bytes[..512].chain(io::repeat(0))).unwrap_err().to_string();
            let known = ["1.wav has more than 67108864 bytes", "size overflow"];
            assert!(endless.contains(known[usize::from(claimed == u64::MAX)]), "{endless}");
        }
        // What is not wanted is passed over, but not for ever.
        let mut header = tar::Header::new_gnu();
        header.set_path("README").unwrap();
        header.set_size(1 << 40);
        header.set_cksum();
        let error = read(header.as_bytes().chain(io::repeat(0))).unwrap_err().to_string();
        assert!(error.contains("it unpacks to more than 1073741824 bytes"), "{error}");
    }

    #[test]
    fn damaged_archives_are_refused_or_read_within_bounds() {
        let bytes = archive(&[("a/1.wav", b"one"), ("a/README", b"no"), ("2.wav", &[7; 600])]);
        for altered in mutations(&bytes, 2000) {
            if let Ok(files) = read(&*altered) {
                let taken: usize = files.iter().map(|(_, content)| content.len()).sum();
                assert!(taken <= altered.len());
            }
        }
    }

    #[test]
    fn known_contents_are_not_unpacked_beyond_their_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.gz");
        let pack = |content: &[u8]| {
            let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
            packed.write_all(content).unwrap();
            std::fs::write(&path, packed.finish().unwrap()).unwrap();
        };
        // SHA-256 of "abc", from the standard.
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let known = Known { len: 3, sha256 };
        pack(b"abc");
        assert_eq!(read_gzip(&path, known).unwrap(), b"abc");
        for (content, found) in [
            (
                vec![b'a'; 1 << 20],
                "it unpacks to more than 3 bytes, not to 3 bytes of SHA-256 ba78",
            ),
            (b"ab".to_vec(), "it unpacks to 2 bytes of SHA-256 "),
            (b"abd".to_vec(), "it unpacks to 3 bytes of SHA-256 "),
        ] {
            pack(&content);
            let error = read_gzip(&path, known).unwrap_err().to_string();
            assert!(error.contains("x.gz: altered: ") && error.contains(found), "{error}");
        }
    }
}

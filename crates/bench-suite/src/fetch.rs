//! Getting data sets that do not ship with the source from where they are published, and those that ship
//! from a clone.
//!
//! ```text
//! DATA/fetch/NAME/FILE.part   what came so far; the same command goes on from there
//! DATA/fetch/NAME/FILE        a file that has the size and the checksum of the catalogue
//! DATA/fetch/NAME/new/        what is made of it, until all of it is right
//! DATA/AT/                    the data set, which takes its place whole
//! ```

pub mod catalogue;
mod clone;
mod download;
pub mod entry;
mod mrpc;
#[cfg(test)]
mod tests;
mod unpack;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use datasets::DataSum;

use crate::measured::error::Error;
use crate::measured::files;
use crate::measured::lock::{self, Lock};
use crate::output::remark;
use crate::stop::Stop;
pub use clone::copy_shipped;
pub use download::Client;
use entry::{Made, Published};

/// Below the folder of data sets, where they are on their way into it.
const ON_THE_WAY: &str = "fetch";
/// Often enough to notice a stop at once, seldom enough to cost nothing.
const LOOK: Duration = Duration::from_millis(100);
/// No data set of the catalogue is larger when it is unpacked, in bytes, or has more files.
const LARGEST: unpack::Bounds = unpack::Bounds { bytes: 512 << 20, files: 10_000 };

/// What became of a data set that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// It was there.
    Before(PathBuf),
    /// It is there now.
    Now(PathBuf),
}

/// Gets a data set into a folder of data sets. What came is kept if this fails or is stopped, and is where
/// the next attempt begins. Of several processes one is at it, and the others wait.
///
/// # Errors
///
/// [`Error::Usage`] with what to put where if a server cannot be reached, sends something else or stops
/// sending; [`Error::Data`] if a file is not the one of the catalogue, [`Error::Io`] if one cannot be
/// written; [`Error::Interrupted`].
pub fn fetch(
    name: &str,
    published: &Published<'_>,
    folder: &Path,
    (client, stop): (&Client, &Stop),
) -> Result<Fetched, Error> {
    let at = folder.join(published.at);
    if at.exists() {
        return Ok(Fetched::Before(at));
    }
    let on_the_way = folder.join(ON_THE_WAY);
    let _lock = wait_for(&on_the_way.join(lock::LOCKS).join(name), name, stop)?;
    // Another may have had the lock.
    if at.exists() {
        return Ok(Fetched::Before(at));
    }
    let own = on_the_way.join(name);
    fs::create_dir_all(&own).map_err(Error::io("create", &own))?;
    for remote in published.files {
        let done = download::download(remote, &own.join(remote.file), (client, stop));
        // A folder where nothing came to is not kept.
        done.inspect_err(|_| drop(fs::remove_dir(&own)))?;
    }
    let new = own.join("new");
    make(published, &own, &new)?;
    let parent = at.parent().expect("a data set is in a folder");
    fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
    fs::rename(&new, &at).map_err(Error::io("create", &at))?;
    fs::remove_dir_all(&own).map_err(Error::io("remove", &own))?;
    Ok(Fetched::Now(at))
}

/// Removes what is left of finished downloads: locks that no one holds, and folders that are empty.
pub fn tidy(folder: &Path) {
    let on_the_way = folder.join(ON_THE_WAY);
    lock::sweep(&on_the_way.join(lock::LOCKS));
    // Where something is on its way it is not empty, and stays.
    let _ = fs::remove_dir(on_the_way);
}

/// The lock of a data set, when those who had it are done.
fn wait_for(path: &Path, name: &str, stop: &Stop) -> Result<Lock, Error> {
    let mut waits = false;
    loop {
        if let Some(lock) = Lock::take(path)? {
            return Ok(lock);
        }
        if !waits {
            remark(format_args!("waiting: {} is fetching {name}", Lock::holder(path)));
            waits = true;
        }
        if stop.is_asked() {
            return Err(Error::Interrupted);
        }
        std::thread::sleep(LOOK);
    }
}

/// Makes the data set of its files, and checks it.
fn make(published: &Published<'_>, from: &Path, new: &Path) -> Result<(), Error> {
    if new.exists() {
        fs::remove_dir_all(new).map_err(Error::io("remove", new))?;
    }
    fs::create_dir_all(new).map_err(Error::io("create", new))?;
    match published.made {
        Made::OfFiles => {
            for remote in published.files {
                let to = new.join(remote.file);
                fs::rename(from.join(remote.file), &to).map_err(Error::io("create", &to))?;
            }
        }
        Made::OfFolder { packing, folder, ending } => {
            let [remote] = published.files else {
                unreachable!("a folder is in one archive, as a test of the catalogue has it")
            };
            let archive = from.join(remote.file);
            unpack::unpack(packing, &archive, (folder, ending, new), LARGEST)?;
        }
        Made::Mrpc => mrpc::divide(from, new)?,
    }
    let Some(known) = published.contents else { return Ok(()) };
    let found = sum_of(new)?;
    if found == known {
        return Ok(());
    }
    // It is of no use, and neither is what it was made of.
    fs::remove_dir_all(from).map_err(Error::io("remove", from))?;
    let reason = format!("the SHA-256 of its files is {found}, not {known}; nothing of it is kept");
    Err(Error::data(Path::new(published.at), reason))
}

/// The checksum of the files of a folder, by their names, as a record has it of a data set.
fn sum_of(folder: &Path) -> Result<String, Error> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let entry = entry.map_err(Error::io("read", folder))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let mut parts = Vec::new();
    for name in names {
        let content = files::read(&folder.join(&name), LARGEST.bytes)?;
        parts.push((name, content));
    }
    Ok(DataSum::of("fetched", parts).sha256)
}

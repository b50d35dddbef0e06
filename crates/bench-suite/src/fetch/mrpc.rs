//! MRPC, which GLUE has no archive of: its users divide the published pairs by a list of GLUE's.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::measured::error::Error;
use crate::measured::files;

/// The pairs as they are published, and which of them are for testing.
pub(super) const PAIRS: &str = "msr_paraphrase_train.txt";
pub(super) const FOR_TESTING: &str = "mrpc_dev_ids.tsv";

/// Neither file is larger, in bytes.
const LARGEST: u64 = 4 << 20;

/// Writes `train.tsv` and `dev.tsv` as the script of GLUE's authors does.
///
/// # Errors
///
/// [`Error::Data`] if a line has not its columns.
pub(super) fn divide(from: &Path, to: &Path) -> Result<(), Error> {
    let [pairs, for_testing] = [PAIRS, FOR_TESTING].map(|name| from.join(name));
    let ids = files::read_text(&for_testing, LARGEST)?;
    let ids: BTreeSet<&str> = ids.lines().map(str::trim).collect();
    let text = files::read_text(&pairs, LARGEST)?;
    let mut lines = text.lines();
    let header = lines.next().unwrap_or_default();
    let [mut train, mut dev] = [0; 2].map(|_| format!("{header}\n"));
    for (index, line) in lines.enumerate() {
        let line = line.trim();
        let columns: Vec<&str> = line.split('\t').collect();
        let [_, first, second, _, _] = *columns else {
            let reason = format!("line {}: {} columns, not 5", index + 2, columns.len());
            return Err(Error::data(&pairs, reason));
        };
        let part =
            if ids.contains(format!("{first}\t{second}").as_str()) { &mut dev } else { &mut train };
        part.push_str(line);
        part.push('\n');
    }
    for (name, part) in [("train.tsv", train), ("dev.tsv", dev)] {
        let file = to.join(name);
        fs::write(&file, part).map_err(Error::io("write", &file))?;
    }
    Ok(())
}

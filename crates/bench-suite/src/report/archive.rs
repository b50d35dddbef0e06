//! One file to hand to a reviewer: the report with its records, and how to check and rerun them.
//!
//! The same store gives the same bytes: names are sorted, times and owners fixed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use datasets::sum::hex;

use super::contents::Report;
use crate::measured::error::Error;
use crate::measured::files::write_where_asked;
use crate::measured::hash::CODE_VERSION;
use crate::provenance;
use crate::store::Store;

/// The time of every file in the archive: the year 2000, for tools that warn of 1970.
const TIME: u64 = 946_684_800;

/// Packs what [`Report::write`] wrote to `store`, with the records and run notes of the report's
/// points, into `path`.
///
/// `arguments` are those of the command line that select the same points.
///
/// # Errors
///
/// [`Error::Io`] if a file of the store cannot be read or the archive not be written; [`Error::Data`]
/// if something is at `path` that is no regular file.
pub fn write(report: &Report, store: &Store, arguments: &str, path: &Path) -> Result<(), Error> {
    let mut files = BTreeMap::new();
    for name in ["report.html", "report.md", "report.json"] {
        files.insert(name.to_owned(), store.read(name)?);
    }
    for (point, ..) in report.sections.iter().flat_map(|section| &section.points) {
        files.extend(store.files(point)?);
    }
    files.insert("README.md".to_owned(), readme(report, arguments).into_bytes());
    let mut sums = String::new();
    for (name, content) in &files {
        writeln!(sums, "{}  {name}", hex(&Sha256::digest(content)))
            .expect("writing into a string cannot fail");
    }
    files.insert("SHA256SUMS".to_owned(), sums.into_bytes());
    let packed = pack(&folder(report), &files).map_err(Error::io("write", path))?;
    write_where_asked(path, &packed)
}

/// The folder into which the archive unpacks.
fn folder(report: &Report) -> String {
    format!("dither-{}", report.scale)
}

fn pack(folder: &str, files: &BTreeMap<String, Vec<u8>>) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(TIME);
        archive.append_data(&mut header, format!("{folder}/{name}"), &**content)?;
    }
    let mut packed = archive.into_inner()?;
    packed.flush()?;
    packed.finish()
}

fn readme(report: &Report, arguments: &str) -> String {
    let mut text = String::new();
    write_readme(&mut text, report, arguments).expect("writing into a string cannot fail");
    text
}

fn write_readme(text: &mut String, report: &Report, arguments: &str) -> std::fmt::Result {
    let points = || report.sections.iter().flat_map(|section| &section.points);
    let records = points().filter(|(_, record, _)| record.is_some()).count();
    let commits: BTreeSet<&str> =
        points().filter_map(|(.., run)| Some(&*run.as_ref()?.commit)).collect();
    let commits = commits.into_iter().map(|c| format!("`{c}`")).collect::<Vec<_>>().join(", ");
    let (code, commit) = (CODE_VERSION, provenance::COMMIT);
    // A commit that cannot be checked out is named all the same.
    let known = !commit.ends_with("-dirty") && commit != "unknown";
    let checkout = if known { format!("$ git checkout {commit}\n") } else { String::new() };
    writeln!(
        text,
        "# dither: a reproduction at {scale} scale\n\n\
         Of {total} claims, {words}. {records} records stand behind them.\n\n\
         | file | what |\n| --- | --- |\n\
         | `report.html` | the report, for a browser; needs no network |\n\
         | `report.md`, `report.json` | its claims and tables as text and for machines |\n\
         | `records/` | what each point measured, with its configuration and seed |\n\
         | `runs/` | when, where and how long each point ran |\n\
         | `SHA256SUMS` | checksums of all of these |\n\n\
         ## To check\n\n\
         In this folder:\n\n\
         ```console\n\
         $ sha256sum -c SHA256SUMS    # nothing was changed on the way\n\
         ```\n\n\
         In the source, at commit `{commit}`; `FOLDER` is this folder:\n\n\
         ```console\n\
         {checkout}\
         $ cargo xtask report{arguments} --out FOLDER      # the same report from the records\n\
         $ cargo xtask reproduce{arguments} --out again    # everything again, from nothing\n\
         $ diff -r FOLDER/records again/records\n\
         ```\n\n\
         The version of the code, `{code}`, is a hash of all sources that can change a number; a \
         record is found only by the version that made it. The points ran at: {commits}. \
         Fixed-point records are the same bytes on any machine; those of float and analog networks \
         on one kind of processor (`docs/architecture.md`, Reproducibility).\n\n\
         ## Data\n\n\
         What does not ship with the source is described in `docs/data.md` and found by \
         `--data FOLDER`.\n\n\
         | data set | SHA-256 |\n| --- | --- |",
        scale = report.scale,
        total = report.claims().count(),
        words = report.summary().words(),
    )?;
    let data: BTreeSet<(&str, &str)> =
        points().flat_map(|(point, ..)| &point.data).map(|d| (&*d.name, &*d.sha256)).collect();
    data.into_iter().try_for_each(|(name, sha256)| writeln!(text, "| {name} | `{sha256}` |"))
}

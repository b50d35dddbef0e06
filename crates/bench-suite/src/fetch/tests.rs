//! Against a server of their own on the loopback address: what is whole, and all that can go wrong.

mod server;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use datasets::DataFolder;
use datasets::sum::hex;
use sha2::{Digest, Sha256};

use super::entry::{Known, Made, Packing, Published, Remote};
use super::{Client, Fetched, fetch, tidy};
use crate::measured::error::Error;
use crate::stop::Stop;
use server::{Answer, Server};

/// What is fetched: more than what is read at a time.
fn content() -> Vec<u8> {
    (0..200_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn client() -> Client {
    Client::new(Duration::from_secs(10), None)
}

/// What a data folder is told of a file on a server.
struct Case {
    folder: tempfile::TempDir,
    url: String,
    bytes: u64,
    sha256: String,
}

impl Case {
    fn new(server: &Server, content: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("{}/file", server.url());
        Self { folder, url, bytes: content.len() as u64, sha256: sha256(content) }
    }

    /// What came of it before.
    fn with_part(self, part: &[u8]) -> Self {
        fs::create_dir_all(self.on_the_way()).unwrap();
        fs::write(self.part(), part).unwrap();
        self
    }

    fn on_the_way(&self) -> std::path::PathBuf {
        self.folder.path().join("fetch/set")
    }

    fn part(&self) -> std::path::PathBuf {
        self.on_the_way().join("file.part")
    }

    fn fetch_made(
        &self,
        made: Made<'_>,
        contents: Option<&str>,
        (client, stop): (&Client, &Stop),
    ) -> Result<Fetched, Error> {
        let known = Known::Exactly { bytes: self.bytes, sha256: &self.sha256 };
        let files = [Remote { url: &self.url, file: "file", known }];
        let published = Published { files: &files, made, at: "some/set", contents };
        let fetched = fetch("set", &published, self.folder.path(), (client, stop));
        tidy(self.folder.path());
        fetched
    }

    fn fetch(&self) -> Result<Fetched, Error> {
        self.fetch_made(Made::OfFiles, None, (&client(), &Stop::default()))
    }

    fn fails(&self, words: &[&str]) {
        fails(self.fetch(), words);
        assert!(!self.folder.path().join("some").exists(), "nothing takes its place");
    }

    fn is_whole(&self) {
        let at = self.folder.path().join("some/set");
        assert_eq!(self.fetch().unwrap(), Fetched::Now(at.clone()));
        assert!(fs::read(at.join("file")).unwrap() == content());
        let left: Vec<_> = fs::read_dir(self.folder.path()).unwrap().flatten().collect();
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(self.fetch().unwrap(), Fetched::Before(at));
    }
}

fn fails<T: std::fmt::Debug>(result: Result<T, Error>, words: &[&str]) {
    let error = result.unwrap_err().to_string();
    assert!(!error.contains('\n'), "{error}");
    for word in words {
        assert!(error.contains(word), "'{word}' is not in: {error}");
    }
}

#[test]
fn a_whole_file_takes_its_place() {
    let server = Server::new(|_| Answer::whole(content()));
    Case::new(&server, &content()).is_whole();
    assert_eq!(server.asked(), ["/file"], "what is there is not asked for");
}

#[test]
fn a_server_may_send_one_elsewhere() {
    let server = Server::new(|request| match request.path.as_str() {
        "/file" => Answer::new("302 Found", Vec::new()).with("Location", "/there"),
        _ => Answer::whole(content()),
    });
    Case::new(&server, &content()).is_whole();
    assert_eq!(server.asked(), ["/file", "/there"]);
}

#[test]
fn a_download_goes_on_where_it_broke_off() {
    let server = Server::new(|request| Answer::rest(&content(), request.from.unwrap()));
    Case::new(&server, &content()).with_part(&content()[..70_000]).is_whole();
    assert_eq!(server.asked(), ["/file from 70000"]);
    // All of it had come.
    Case::new(&server, &content()).with_part(&content()).is_whole();
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_server_may_know_no_ranges() {
    let server = Server::new(|_| Answer::whole(content()));
    Case::new(&server, &content()).with_part(&content()[..70_000]).is_whole();
    // Or refuse the one that it is asked for.
    let server = Server::new(|request| match request.from {
        Some(_) => Answer::new("416 Range Not Satisfiable", Vec::new()),
        None => Answer::whole(content()),
    });
    Case::new(&server, &content()).with_part(&content()[..70_000]).is_whole();
    assert_eq!(server.asked(), ["/file from 70000", "/file"]);
    // What is longer than the file is no part of it.
    Case::new(&server, &content()).with_part(&[0; 200_001]).is_whole();
    // Another part than the one that was asked for is no use.
    let server = Server::new(|_| Answer::rest(&content(), 60_000));
    let case = Case::new(&server, &content()).with_part(&content()[..70_000]);
    case.fails(&[&case.url, "another part"]);
    assert_eq!(fs::metadata(case.part()).unwrap().len(), 70_000);
}

#[test]
fn what_has_another_checksum_is_not_kept() {
    let mut other = content();
    other[100_000] ^= 1;
    let server = Server::new({
        let other = other.clone();
        move |_| Answer::whole(other.clone())
    });
    let case = Case::new(&server, &content());
    case.fails(&[&case.url, &sha256(&other), &sha256(&content()), "nothing of it is kept"]);
    assert!(!case.folder.path().join("fetch").exists());
}

#[test]
fn what_the_server_refuses_is_named_with_another_way() {
    let server = Server::new(|_| Answer::new("404 Not Found", b"no such file".to_vec()));
    let case = Case::new(&server, &content());
    let place = case.on_the_way().join("file").display().to_string();
    case.fails(&[&case.url, "404 Not Found", "brought by other means", &place]);
    // It was brought.
    fs::create_dir_all(case.on_the_way()).unwrap();
    fs::write(&place, content()).unwrap();
    case.is_whole();
    // No one is there.
    let case = Case { url: Server::gone(), ..Case::new(&server, &[]) };
    let case = Case { bytes: 9, ..case };
    case.fails(&[&case.url, "refused", "brought by other means"]);
}

#[test]
fn what_breaks_off_is_kept_and_goes_on() {
    let server = Server::new(|request| match request.from {
        None => Answer::whole(content()).cut(90_000),
        Some(from) => Answer::rest(&content(), from),
    });
    let case = Case::new(&server, &content());
    case.fails(&[&case.url, "after 90000 of 200000 bytes", "goes on from there"]);
    assert!(fs::read(case.part()).unwrap() == content()[..90_000]);
    case.is_whole();
    assert_eq!(server.asked(), ["/file", "/file from 90000"]);
}

#[test]
fn a_server_that_is_silent_is_given_up() {
    let server = Server::new(|_| Answer::whole(content()).cut(90_000).then_silent());
    let case = Case::new(&server, &content());
    let client = Client::new(Duration::from_millis(200), None);
    let fetched = case.fetch_made(Made::OfFiles, None, (&client, &Stop::default()));
    fails(fetched, &[&case.url, "timeout", "after 90000 of 200000 bytes", "goes on from there"]);
}

#[test]
fn a_server_that_has_another_length_is_named() {
    let server = Server::new(|_| Answer::whole(content()[..150_000].to_vec()));
    let case = Case::new(&server, &content());
    case.fails(&[&case.url, "150000 bytes", "not 200000"]);
    // Without a word on its length.
    let server = Server::new(|_| Answer::of_unsaid_length([content(), vec![0]].concat()));
    let case = Case::new(&server, &content());
    case.fails(&[&case.url, "more than its 200000 bytes"]);
    assert!(!case.part().exists());
}

#[test]
fn a_stop_keeps_what_came() {
    let server = Server::new(|request| Answer::rest(&content(), request.from.unwrap_or(0)));
    let case = Case::new(&server, &content()).with_part(&content()[..70_000]);
    let stop = Stop::default();
    stop.ask();
    let fetched = case.fetch_made(Made::OfFiles, None, (&client(), &stop));
    assert!(matches!(fetched, Err(Error::Interrupted)), "{fetched:?}");
    assert!(fs::metadata(case.part()).unwrap().len() >= 70_000);
    case.is_whole();
}

#[test]
fn of_several_at_once_one_fetches() {
    let server = Server::new(|_| {
        std::thread::sleep(Duration::from_millis(300));
        Answer::whole(content())
    });
    let case = Case::new(&server, &content());
    let fetched: Vec<Fetched> = std::thread::scope(|scope| {
        let started = [0, 1, 2].map(|_| scope.spawn(|| case.fetch().unwrap()));
        started.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(fetched.iter().filter(|f| matches!(f, Fetched::Now(_))).count(), 1, "{fetched:?}");
    assert_eq!(server.asked(), ["/file"]);
    let left: Vec<_> = fs::read_dir(case.folder.path()).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

/// A tar.gz archive of files with these names, each with its name as its content.
fn tar_gz(names: &[&str]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for name in names {
        let mut header = tar::Header::new_gnu();
        // The crate's own functions refuse what is tested here.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(name.len() as u64);
        header.set_cksum();
        packed.write_all(header.as_bytes()).unwrap();
        packed.write_all(name.as_bytes()).unwrap();
        packed.write_all(&vec![0; 512 - name.len()]).unwrap();
    }
    packed.write_all(&[0; 1024]).unwrap();
    packed.finish().unwrap()
}

/// A zip archive of the same.
fn zip(names: &[&str]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for name in names {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(name.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn unpacked(
    archive: Vec<u8>,
    (packing, ending): (Packing, &str),
    contents: Option<&str>,
) -> (Case, Result<Fetched, Error>) {
    let server = Server::new({
        let archive = archive.clone();
        move |_| Answer::whole(archive.clone())
    });
    let case = Case::new(&server, &archive);
    let made = Made::OfFolder { packing, folder: "in/it", ending };
    let fetched = case.fetch_made(made, contents, (&client(), &Stop::default()));
    (case, fetched)
}

#[test]
fn the_folder_of_an_archive_is_unpacked_and_nothing_else() {
    let names = ["in/it/one", "./in/it/below/two", "in/other", "three"];
    for (archive, packing) in [(tar_gz(&names), Packing::TarGz), (zip(&names), Packing::Zip)] {
        let (case, fetched) = unpacked(archive.clone(), (packing, ""), None);
        let Fetched::Now(at) = fetched.unwrap() else { panic!() };
        let read = |name: &str| fs::read_to_string(at.join(name)).unwrap();
        assert_eq!([read("one"), read("below/two")], ["in/it/one", "./in/it/below/two"]);
        assert_eq!(fs::read_dir(&at).unwrap().count(), 2);
        drop(case);
        // Of that ending alone, and with its checksum.
        let right = datasets::DataSum::of("", [("one", "in/it/one")]).sha256;
        let (case, fetched) = unpacked(archive.clone(), (packing, "ne"), Some(&right));
        let Fetched::Now(at) = fetched.unwrap() else { panic!() };
        assert_eq!(fs::read_dir(&at).unwrap().count(), 1);
        drop(case);
        let (case, fetched) = unpacked(archive, (packing, "ne"), Some("0123"));
        fails(fetched, &["some/set", &right, "not 0123", "nothing of it is kept"]);
        assert!(!case.on_the_way().exists() && !case.folder.path().join("some").exists());
    }
}

#[test]
fn what_leads_out_of_an_archive_is_refused() {
    for bad in ["in/it/../../../../evil", "../evil", "/evil", "in/it/a\\..\\evil"] {
        let names = ["in/it/one", bad];
        for (archive, packing) in [(tar_gz(&names), Packing::TarGz), (zip(&names), Packing::Zip)] {
            let (case, fetched) = unpacked(archive, (packing, ""), None);
            fails(fetched, &["file: ", "evil' leads out of it"]);
            assert!(!case.folder.path().join("some").exists());
            assert!(!case.folder.path().join("evil").exists());
        }
    }
}

#[test]
fn archives_that_are_none_are_named() {
    let whole = tar_gz(&["in/it/one"]);
    for (archive, packing, why) in [
        (whole[..whole.len() / 2].to_vec(), Packing::TarGz, "complete"),
        (b"PK".to_vec(), Packing::Zip, "no zip archive"),
        (tar_gz(&["in/one"]), Packing::TarGz, "nothing in in/it"),
        (zip(&["in/one"]), Packing::Zip, "nothing in in/it"),
    ] {
        let (case, fetched) = unpacked(archive, (packing, ""), None);
        fails(fetched, &["file: ", why]);
        assert!(!case.folder.path().join("some").exists());
    }
}

#[test]
fn an_archive_is_not_unpacked_beyond_its_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive");
    fs::write(&archive, tar_gz(&["in/one", "in/two"])).unwrap();
    let unpack = |bytes, files| {
        let to = tempfile::tempdir().unwrap();
        let bounds = super::unpack::Bounds { bytes, files };
        super::unpack::unpack(Packing::TarGz, &archive, ("in", "", to.path()), bounds)
    };
    unpack(12, 2).unwrap();
    fails(unpack(11, 2), &["archive: it holds more than it should"]);
    fails(unpack(12, 1), &["archive: it has more entries"]);
}

#[test]
fn the_pairs_are_divided_by_the_list() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(super::mrpc::FOR_TESTING, "1\t2\n5\t6\n");
    let header = "\u{feff}Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n";
    write(super::mrpc::PAIRS, &format!("{header}1\t3\t4\tA\tB\n0\t1\t2\tC\tD\n"));
    super::mrpc::divide(folder.path(), folder.path()).unwrap();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("train.tsv"), format!("{header}1\t3\t4\tA\tB\n"));
    assert_eq!(read("dev.tsv"), format!("{header}0\t1\t2\tC\tD\n"));
    write(super::mrpc::PAIRS, "header\n1\t2\n");
    fails(super::mrpc::divide(folder.path(), folder.path()), &["line 2: 2 columns, not 5"]);
}

#[test]
fn what_ships_is_copied_from_a_clone() {
    let clone = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("sotu")).unwrap();
    let copied = super::copy_shipped(&clone, folder.path()).unwrap();
    let names: Vec<_> = copied.iter().map(|(at, _)| at.file_name().unwrap()).collect();
    for name in super::catalogue::SHIPPED {
        assert!(names.contains(&name.as_ref()), "{name} does not ship");
    }
    assert_eq!(names.len(), super::catalogue::SHIPPED.len(), "not in SHIPPED: {names:?}");
    assert!(copied.iter().all(|(at, is_new)| *is_new != at.ends_with("sotu")));
    assert!(datasets::mnist::Mnist::load(&DataFolder::new(Some(folder.path()))).is_ok());
    assert!(!folder.path().join("fetch").exists());
    fails(super::copy_shipped(folder.path(), folder.path()), &["cannot read", "crates/datasets"]);
}

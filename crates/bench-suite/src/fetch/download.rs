//! One file over HTTP, which goes on where it stopped and takes its place when its checksum is right.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use datasets::sum::hex;
use sha2::{Digest, Sha256};
use ureq::Agent;
use ureq::http::Response;
use ureq::http::header::{CONTENT_LENGTH, CONTENT_RANGE, RANGE};

use super::entry::{Known, Remote};
use crate::measured::error::Error;
use crate::progress::Transfer;
use crate::stop::Stop;

/// How long a server may be silent.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes at a time.
const BUFFER: usize = 1 << 16;

/// What speaks HTTP.
#[derive(Debug)]
pub struct Client(Agent);

impl Default for Client {
    /// One that is patient for a minute and goes through the proxy of the environment, if it names one.
    fn default() -> Self {
        Self::new(PATIENCE, ureq::Proxy::try_from_env())
    }
}

impl Client {
    /// One that gives up when nothing comes for so long.
    pub(super) fn new(patience: Duration, proxy: Option<ureq::Proxy>) -> Self {
        let config = Agent::config_builder()
            .timeout_resolve(Some(patience))
            .timeout_connect(Some(patience))
            .timeout_recv_response(Some(patience))
            .timeout_per_read(Some(patience))
            .http_status_as_error(false)
            .proxy(proxy)
            .user_agent(concat!("dither/", env!("CARGO_PKG_VERSION")));
        Self(config.build().into())
    }
}

/// Gets a file, unless it is there, and checks it.
///
/// # Errors
///
/// As [`super::fetch`].
pub(super) fn download(
    remote: &Remote<'_>,
    path: &Path,
    (client, stop): (&Client, &Stop),
) -> Result<(), Error> {
    if path.exists() {
        // It was brought here by other means.
        return check(remote, path).inspect_err(|_| drop(fs::remove_file(path)));
    }
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = Part { remote, path, part: part.into() };
    part.complete(client, stop)?;
    // What is wrong as a whole is of no use for another attempt.
    check(remote, &part.part).inspect_err(|_| drop(fs::remove_file(&part.part)))?;
    fs::rename(&part.part, path).map_err(Error::io("create", path))
}

/// Whether a file is the one of the catalogue, where that knows its checksum.
fn check(remote: &Remote<'_>, path: &Path) -> Result<(), Error> {
    let Known::Exactly { sha256, .. } = remote.known else { return Ok(()) };
    let mut file = File::open(path).map_err(Error::io("read", path))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; BUFFER];
    loop {
        let n = file.read(&mut buffer).map_err(Error::io("read", path))?;
        if n == 0 {
            break;
        }
        hash.update(&buffer[..n]);
    }
    let found = hex(&hash.finalize());
    if found == sha256 {
        return Ok(());
    }
    let Remote { url, .. } = remote;
    Err(Error::Usage(format!(
        "{url}: the SHA-256 of what came is {found}, not {sha256}; nothing of it is kept"
    )))
}

/// A file that is on its way.
struct Part<'a> {
    remote: &'a Remote<'a>,
    /// Where it will be.
    path: &'a Path,
    /// Where what came of it is.
    part: PathBuf,
}

impl Part<'_> {
    /// Gets what there is not yet.
    fn complete(&self, client: &Client, stop: &Stop) -> Result<(), Error> {
        let mut there = match fs::metadata(&self.part) {
            Ok(found) => found.len(),
            Err(_) => 0,
        };
        if there > self.remote.known.most() {
            self.begin_anew()?;
            there = 0;
        }
        if self.remote.known.exactly() == Some(there) {
            return Ok(());
        }
        let mut response = self.ask(client, there)?;
        if there > 0 && response.status() == 416 {
            // It has nothing from there on: what is there is no part of it.
            self.begin_anew()?;
            there = 0;
            response = self.ask(client, there)?;
        }
        let begins = match response.status().as_u16() {
            200 => 0,
            206 if begins_at(&response) == Some(there) => there,
            206 => return Err(self.failed("the server sends another part than was asked for")),
            _ => return Err(self.failed(format!("the server answers {}", response.status()))),
        };
        self.check_length(&response, begins)?;
        self.receive(response, begins, stop)
    }

    fn begin_anew(&self) -> Result<(), Error> {
        fs::remove_file(&self.part).map_err(Error::io("remove", &self.part))
    }

    /// Asks for the file from there on.
    fn ask(&self, client: &Client, there: u64) -> Result<Response<ureq::Body>, Error> {
        let mut request = client.0.get(self.remote.url);
        if there > 0 {
            request = request.header(RANGE, format!("bytes={there}-"));
        }
        request.call().map_err(|error| match error {
            ureq::Error::Io(error) => self.failed(error),
            error => self.failed(error),
        })
    }

    /// Whether what the server has is as long as the file.
    fn check_length(&self, response: &Response<ureq::Body>, begins: u64) -> Result<(), Error> {
        let length = response.headers().get(CONTENT_LENGTH).and_then(|text| text.to_str().ok());
        let Some(length) = length.and_then(|text| text.parse::<u64>().ok()) else { return Ok(()) };
        let length = begins.saturating_add(length);
        match self.remote.known.exactly() {
            Some(bytes) if bytes != length => {
                Err(self.failed(format!("the server has {length} bytes of it, not {bytes}")))
            }
            _ => Ok(()),
        }
    }

    /// Writes what comes behind what is there.
    fn receive(
        &self,
        response: Response<ureq::Body>,
        begins: u64,
        stop: &Stop,
    ) -> Result<(), Error> {
        let known = self.remote.known;
        let wrong = |error| Error::io("write", &self.part)(error);
        let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&self.part);
        let mut file = opened.map_err(wrong)?;
        file.set_len(begins).map_err(wrong)?;
        std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).map_err(wrong)?;
        let shown = Transfer::new(self.remote.file, begins, known.most());
        let mut body = response.into_body().into_reader();
        let mut buffer = vec![0; BUFFER];
        let mut there = begins;
        loop {
            if stop.is_asked() {
                return Err(Error::Interrupted);
            }
            let n = body.read(&mut buffer).map_err(|error| self.broken_off(there, error))?;
            if n == 0 {
                break;
            }
            there += n as u64;
            if there > known.most() {
                drop(file);
                self.begin_anew()?;
                let reason = format!("the server sends more than its {} bytes", known.most());
                return Err(self.failed(reason));
            }
            file.write_all(&buffer[..n]).map_err(wrong)?;
            shown.advance(n as u64);
        }
        match known.exactly() {
            Some(bytes) if there < bytes => Err(self.broken_off(there, "the connection ended")),
            _ => file.sync_all().map_err(wrong),
        }
    }

    /// Nothing came: there are other ways to bring a file.
    fn failed(&self, reason: impl std::fmt::Display) -> Error {
        Error::Usage(format!(
            "{}: {reason}; brought by other means it belongs at {}, and the same command goes on from there",
            self.remote.url,
            self.path.display()
        ))
    }

    fn broken_off(&self, there: u64, reason: impl std::fmt::Display) -> Error {
        let of = match self.remote.known.exactly() {
            Some(bytes) => format!(" of {bytes}"),
            None => String::new(),
        };
        Error::Usage(format!(
            "{}: {reason} after {there}{of} bytes; they are kept, and the same command goes on from there",
            self.remote.url
        ))
    }
}

/// The first byte of a part.
fn begins_at(response: &Response<ureq::Body>) -> Option<u64> {
    let range = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

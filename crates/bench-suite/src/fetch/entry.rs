//! [`Entry`]: a data set that does not ship, and how one comes to it.

/// A data set, or weights that others trained.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// What it is asked for by.
    pub name: &'a str,
    /// What it is.
    pub title: &'a str,
    /// What it is needed by: networks, experiments and evaluations, by their names.
    pub serves: &'a [&'a str],
    /// Under what terms.
    pub licence: &'a str,
    /// Where it is from.
    pub origin: Origin<'a>,
}

/// Where a data set is from.
#[derive(Clone, Copy, Debug)]
pub enum Origin<'a> {
    /// Anyone may get it there.
    Published(Published<'a>),
    /// A person has to get it.
    ByHand {
        /// Where it is looked for below the folder of data sets.
        at: &'a str,
        /// Where one gets what, and what is put where.
        how: &'a str,
    },
}

/// Files that are published, and what is made of them.
#[derive(Clone, Copy, Debug)]
pub struct Published<'a> {
    /// The files.
    pub files: &'a [Remote<'a>],
    /// What is made of them.
    pub made: Made<'a>,
    /// The folder that is made, below that of data sets.
    pub at: &'a str,
    /// The SHA-256 of its files by their names, as a [`DataSum`](datasets::DataSum) has it, where those of
    /// `files` do not say enough.
    pub contents: Option<&'a str>,
}

/// A file on a server.
#[derive(Clone, Copy, Debug)]
pub struct Remote<'a> {
    /// Where it is.
    pub url: &'a str,
    /// What it is called here.
    pub file: &'a str,
    /// What is known of it.
    pub known: Known<'a>,
}

/// What is known of a file.
#[derive(Clone, Copy, Debug)]
pub enum Known<'a> {
    /// Every bit.
    Exactly {
        /// Its length.
        bytes: u64,
        /// Its checksum, in hexadecimal digits.
        sha256: &'a str,
    },
    /// The server packs it anew for whoever asks, and it is never larger.
    AtMost {
        /// The length.
        bytes: u64,
    },
}

impl Known<'_> {
    /// Bytes that it has at most.
    pub fn most(self) -> u64 {
        match self {
            Self::Exactly { bytes, .. } | Self::AtMost { bytes } => bytes,
        }
    }

    /// Its length in bytes, where that is known.
    pub fn exactly(self) -> Option<u64> {
        match self {
            Self::Exactly { bytes, .. } => Some(bytes),
            Self::AtMost { .. } => None,
        }
    }
}

/// How a data set is made of its files.
#[derive(Clone, Copy, Debug)]
pub enum Made<'a> {
    /// It is they.
    OfFiles,
    /// It is a folder of an archive.
    OfFolder {
        /// How the archive is packed.
        packing: Packing,
        /// The folder in it.
        folder: &'a str,
        /// How the names of its files end that are taken.
        ending: &'a str,
    },
    /// The pairs of MRPC are divided as GLUE has them.
    Mrpc,
}

/// How files are packed into one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// A tar archive, compressed as gzip.
    TarGz,
    /// A zip archive.
    Zip,
}

impl Entry<'_> {
    /// Where it is looked for below the folder of data sets.
    pub fn at(&self) -> &str {
        match &self.origin {
            Origin::Published(published) => published.at,
            Origin::ByHand { at, .. } => at,
        }
    }
}

//! `ImageNet`: photographs in a thousand classes, read from a folder of the user's when needed.
//!
//! ```text
//! imagenet/train/CLASS/*.JPEG    1,281,167 images; a folder for each class, such as n01440764
//! imagenet/val/CLASS/*.JPEG      50,000 images, sorted into the same folders
//! ```
//!
//! Classes are numbered in the order of their folders' names, as published weights have them.
//!
//! Source: Russakovsky et al., IJCV 115 (2015) 211. The preparation is the usual one: in training, a
//! random part of 8 to 100 % of the area, of an aspect ratio of 3/4 to 4/3, brought to 224 × 224
//! pixels, and mirrored half the time; in tests, the shorter side brought to 256 pixels and the
//! middle 224 × 224 taken. Interpolation is bilinear.
//!
//! Differs: other tools average over the pixels that one covers when they scale down; here as many
//! are skipped by halving the image first, as often as it stays large enough.

use std::path::{Path, PathBuf};

use numerics::Stream;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::error::Error;
use crate::files;
use crate::folder::DataFolder;
use crate::sum::DataSum;

/// Pixels along a side of a prepared image.
pub const SIDE: usize = 224;

/// No file is larger, in bytes, and no image has more pixels: the largest has 61 million.
const LARGEST: u64 = 64 << 20;
const MOST_PIXELS: usize = 64 << 20;

/// The files of a part, with their classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    files: Vec<(PathBuf, u32)>,
    sum: DataSum,
}

impl Files {
    /// The files of `train` or `val`, ordered by class and name.
    ///
    /// # Errors
    ///
    /// [`Error::NoData`] if the folder is not there, [`Error::Data`] if it has not `classes` folders
    /// or no images.
    pub fn list(data: &DataFolder, part: &str, classes: usize) -> Result<Self, Error> {
        let folder = data.path("imagenet").join(part);
        if !folder.is_dir() {
            return Err(Error::NoData(format!(
                "there is no {}: name with --data a folder that holds imagenet/{{train,val}}/CLASS/",
                folder.display()
            )));
        }
        let folders = sorted(&folder)?.into_iter().filter(|path| path.is_dir());
        let folders: Vec<PathBuf> = folders.collect();
        if folders.len() != classes {
            let reason =
                format!("{} folders, not one for each of {classes} classes", folders.len());
            return Err(Error::data(&folder, reason));
        }
        let (mut files, mut listed) = (Vec::new(), Vec::new());
        for (class, folder) in (0..).zip(&folders) {
            for path in sorted(folder)? {
                let found = std::fs::metadata(&path).map_err(Error::io("read", &path))?;
                if !found.is_file() || found.len() > LARGEST {
                    let reason = format!("not a file of at most {LARGEST} bytes");
                    return Err(Error::data(&path, reason));
                }
                let name = path.strip_prefix(data.path("imagenet")).unwrap_or(&path);
                listed.push((name.to_string_lossy().into_owned(), found.len().to_le_bytes()));
                files.push((path, class));
            }
        }
        if files.is_empty() {
            return Err(Error::data(&folder, "it holds no images"));
        }
        Ok(Self { files, sum: DataSum::of(format!("imagenet-{part}"), listed) })
    }

    /// Name and checksum of the part: of the names and lengths of all files.
    ///
    /// Assumed: that a file of the same name and length is the same; reading all of them would take
    /// longer at each start than many experiments.
    pub fn sum(&self) -> DataSum {
        self.sum.clone()
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there are none, which [`Self::list`] does not allow.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The class of an image.
    ///
    /// # Panics
    ///
    /// If there is no such image.
    pub fn class(&self, index: usize) -> u32 {
        self.files[index].1
    }

    /// The pixels of an image, (224, 224, 3), prepared for training if there is a stream, of which
    /// it takes the words from `position` on.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] or [`Error::Data`] naming the file.
    pub fn read(&self, index: usize, training: Option<(&Stream, u64)>) -> Result<Vec<u8>, Error> {
        let path = &self.files[index].0;
        let content = files::read(path, LARGEST)?;
        let image = Photograph::decode(&content)
            .map_err(|reason| Error::data(path, format!("not a readable JPEG image ({reason})")))?;
        Ok(match training {
            None => image.middle(),
            Some((stream, position)) => image.random_part(stream, position),
        })
    }
}

/// What is in a folder, by name.
fn sorted(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = std::fs::read_dir(folder).map_err(Error::io("read", folder))?;
    let paths: Result<Vec<PathBuf>, std::io::Error> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(Error::io("read", folder))?;
    paths.sort();
    Ok(paths)
}

/// Random words that one training image takes: two for each try to find a part, and one.
pub const WORDS: u64 = 2 * TRIES + 3;
/// Tries to find a part of the image before the middle is taken.
const TRIES: u64 = 10;

/// An image of any size with three channels.
#[derive(Clone, Debug, PartialEq)]
struct Photograph {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

/// A rectangle of an image: left, top, width, height.
type Part = [f64; 4];

impl Photograph {
    fn decode(content: &[u8]) -> Result<Self, String> {
        let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(content), options);
        // Its size before memory for it is had.
        decoder.decode_headers().map_err(|error| error.to_string())?;
        let size = decoder.dimensions();
        if size.is_none_or(|(width, height)| width * height > MOST_PIXELS) {
            return Err(format!("its size is {size:?}"));
        }
        let pixels = decoder.decode().map_err(|error| error.to_string())?;
        match decoder.dimensions() {
            Some((width, height)) if pixels.len() == width * height * 3 && !pixels.is_empty() => {
                Ok(Self { width, height, pixels })
            }
            size => Err(format!("its size is {size:?}")),
        }
    }

    /// The middle, 224/256 of the shorter side.
    fn middle(&self) -> Vec<u8> {
        let side = self.width.min(self.height) as f64 * SIDE as f64 / 256.0;
        let [left, top] = [self.width, self.height].map(|len| (len as f64 - side) / 2.0);
        self.scaled([left, top, side, side], false)
    }

    fn random_part(&self, stream: &Stream, position: u64) -> Vec<u8> {
        let uniform = |word: u64| f64::from(stream.word(position + word)) / 2f64.powi(32);
        let mirror = uniform(2 * TRIES) < 0.5;
        let [width, height] = [self.width, self.height].map(|len| len as f64);
        for attempt in 0..TRIES {
            let area = (0.08 + 0.92 * uniform(2 * attempt)) * width * height;
            // From 3/4 to 4/3, uniform in its logarithm.
            let aspect = ((2.0 * uniform(2 * attempt + 1) - 1.0) * (4f64 / 3.0).ln()).exp();
            let size = [(area * aspect).sqrt(), (area / aspect).sqrt()];
            if size[0] <= width && size[1] <= height {
                let at = |word: u64, room: f64| uniform(2 * TRIES + word) * room;
                let corner = [at(1, width - size[0]), at(2, height - size[1])];
                return self.scaled([corner[0], corner[1], size[0], size[1]], mirror);
            }
        }
        let side = width.min(height);
        self.scaled([(width - side) / 2.0, (height - side) / 2.0, side, side], mirror)
    }

    /// A part as 224 × 224 pixels.
    fn scaled(&self, [left, top, width, height]: Part, mirror: bool) -> Vec<u8> {
        let target = SIDE as f64;
        if width.min(height) >= 2.0 * target && self.width.min(self.height) >= 2 {
            return self.halved().scaled([left, top, width, height].map(|x| x / 2.0), mirror);
        }
        let mut out = Vec::with_capacity(SIDE * SIDE * 3);
        for y in 0..SIDE {
            let from_y = top + (y as f64 + 0.5) * height / target - 0.5;
            for x in 0..SIDE {
                let x = if mirror { SIDE - 1 - x } else { x };
                let from_x = left + (x as f64 + 0.5) * width / target - 0.5;
                out.extend((0..3).map(|c| self.between(from_x, from_y, c)));
            }
        }
        out
    }

    /// The bilinear value at a place between pixels; beyond the edge, that of the edge.
    fn between(&self, x: f64, y: f64, channel: usize) -> u8 {
        let [x, y] =
            [(x, self.width), (y, self.height)].map(|(at, len)| at.clamp(0.0, (len - 1) as f64));
        let (left, top) = (x as usize, y as usize);
        let (right, bottom) = ((left + 1).min(self.width - 1), (top + 1).min(self.height - 1));
        let at = |x: usize, y: usize| f64::from(self.pixels[(y * self.width + x) * 3 + channel]);
        let (dx, dy) = (x - left as f64, y - top as f64);
        let upper = at(left, top) * (1.0 - dx) + at(right, top) * dx;
        let lower = at(left, bottom) * (1.0 - dx) + at(right, bottom) * dx;
        (upper * (1.0 - dy) + lower * dy).round() as u8
    }

    /// Half as wide and high, each pixel the mean of four; an odd last row or column is left out.
    fn halved(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let mut pixels = Vec::with_capacity(width * height * 3);
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (2 * y, 2 * x))) {
            let at =
                |y: usize, x: usize, c: usize| u16::from(self.pixels[(y * self.width + x) * 3 + c]);
            pixels.extend((0..3).map(|c| {
                let sum = at(y, x, c) + at(y, x + 1, c) + at(y + 1, x, c) + at(y + 1, x + 1, c);
                ((sum + 2) / 4) as u8
            }));
        }
        Self { width, height, pixels }
    }
}

#[cfg(test)]
mod tests {
    use numerics::Seed;

    use super::*;

    /// Red grows to the right, green downwards.
    fn gradient(width: usize, height: usize) -> Photograph {
        let pixels = (0..width * height)
            .flat_map(|i| [(i % width * 255 / width) as u8, (i / width * 255 / height) as u8, 9])
            .collect();
        Photograph { width, height, pixels }
    }

    #[test]
    fn the_middle_is_in_the_middle() {
        for (width, height) in [(256, 256), (300, 500), (1100, 900), (40, 30)] {
            let image = gradient(width, height).middle();
            assert_eq!(image.len(), SIDE * SIDE * 3);
            for channel in 0..2 {
                let sum: f64 = image.iter().skip(channel).step_by(3).map(|&p| f64::from(p)).sum();
                let mean = sum / (SIDE * SIDE) as f64;
                assert!((mean - 127.0).abs() < 5.0, "{width} × {height}: {mean}");
            }
        }
        // Without scaling it is the pixels themselves.
        let image = gradient(256, 256);
        assert_eq!(image.middle()[..3], image.pixels[(16 * 256 + 16) * 3..][..3]);
    }

    #[test]
    fn random_parts_differ_and_repeat() {
        let (image, stream) = (gradient(320, 240), Seed::new(1).stream());
        let parts: Vec<Vec<u8>> = (0..20).map(|i| image.random_part(&stream, i * WORDS)).collect();
        assert_eq!(parts[3], image.random_part(&stream, 3 * WORDS));
        assert!((1..20).all(|i| parts[i] != parts[0]));
        // Mirrored ones have red falling to the right.
        let mirrored = parts.iter().filter(|part| part[0] > part[(SIDE - 1) * 3]).count();
        assert!((4..=16).contains(&mirrored), "{mirrored} of 20");
    }

    #[test]
    fn damaged_files_are_refused_or_read_within_bounds() {
        let whole = crate::grey_jpeg::grey_jpeg();
        let image = Photograph::decode(&whole).unwrap();
        assert_eq!((image.width, image.height, &*image.pixels), (8, 8, &[128; 192][..]));
        let size = whole.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap() + 5;
        let mut large = whole.clone();
        large[size..size + 4].copy_from_slice(&[0x30; 4]);
        let error = Photograph::decode(&large).unwrap_err();
        assert_eq!(error, "its size is Some((12336, 12336))");
        for altered in crate::testing::mutations(&whole, 500) {
            if let Ok(image) = Photograph::decode(&altered) {
                assert!(image.width * image.height <= MOST_PIXELS);
                assert_eq!(image.pixels.len(), image.width * image.height * 3);
            }
        }
    }

    #[test]
    fn folders_are_classes() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::new(Some(folder.path()));
        assert!(matches!(Files::list(&data, "val", 2), Err(Error::NoData(_))));
        for file in ["b/2.JPEG", "a/1.JPEG", "b/0.JPEG"] {
            let path = folder.path().join("imagenet/val").join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"no image").unwrap();
        }
        let files = Files::list(&data, "val", 2).unwrap();
        assert_eq!([0, 1, 2].map(|i| files.class(i)), [0, 1, 1]);
        let error = files.read(1, None).unwrap_err().to_string();
        assert!(error.contains("0.JPEG: not a readable JPEG image"), "{error}");
        let error = Files::list(&data, "val", 1000).unwrap_err().to_string();
        assert!(error.ends_with("2 folders, not one for each of 1000 classes"), "{error}");
        // A file in another class or of another length is another data set.
        let at = |file: &str| folder.path().join("imagenet/val").join(file);
        let sum = || Files::list(&data, "val", 2).unwrap().sum();
        assert_eq!(sum(), files.sum());
        std::fs::rename(at("b/2.JPEG"), at("a/2.JPEG")).unwrap();
        assert_ne!(sum(), files.sum());
        std::fs::rename(at("a/2.JPEG"), at("b/2.JPEG")).unwrap();
        std::fs::write(at("b/2.JPEG"), b"no image!").unwrap();
        assert_ne!(sum(), files.sum());
        std::fs::create_dir(at("b/folder")).unwrap();
        let error = Files::list(&data, "val", 2).unwrap_err().to_string();
        assert!(error.ends_with("folder: not a file of at most 67108864 bytes"), "{error}");
    }
}

//! Folders of images, one for each class.

use std::path::{Path, PathBuf};

use crate::elements::{Elements, Numbers};
use crate::error::Error;

use super::contents::Contents;
use super::image::Image;
use super::part::Part;
use super::rows::Rows;

/// The images of a folder of folders: x (N, channels, height, width), and y the number of the folder
/// that an image is in, by name.
///
/// # Errors
///
/// [`Error::Data`] naming the file that is no image, or of another kind or size than the first one.
pub(super) fn image_folder(
    role: &str,
    folder: &Path,
    contents: &mut Contents<'_>,
) -> Result<Part, Error> {
    let folders: Vec<PathBuf> = sorted(folder)?.into_iter().filter(|path| path.is_dir()).collect();
    let (mut first, mut pixels, mut labels): (Option<Image>, _, _) = (None, Vec::new(), Vec::new());
    let mut classes = Vec::new();
    for (class, folder) in (0..).zip(&folders) {
        let name = name_of(folder);
        for path in sorted(folder)? {
            let content = contents.read(&format!("{role}/{name}/{}", name_of(&path)), &path)?;
            let image = Image::decode(&content).map_err(|reason| Error::data(&path, reason))?;
            let size = |image: &Image| (image.channels, image.height, image.width);
            let expected = first.as_ref().map_or(size(&image), size);
            if size(&image) != expected {
                let show = |(channels, height, width)| {
                    let kind = if channels == 1 { "grey" } else { "RGB" };
                    format!("{kind}, {width} × {height}")
                };
                let reason = format!(
                    "{}, where the images before it are {}",
                    show(size(&image)),
                    show(expected)
                );
                return Err(Error::data(&path, reason));
            }
            pixels.extend_from_slice(&image.pixels);
            labels.push(class);
            first.get_or_insert(image);
        }
        classes.push(name);
    }
    let Some(Image { channels, height, width, .. }) = first else {
        return Err(Error::data(folder, "it has no folders of images, one for each class"));
    };
    let images = Rows::new(&[height, width, channels], Elements::U8(pixels)).channels_first();
    let count = labels.len();
    let x = Numbers {
        shape: vec![count, channels, height, width],
        elements: images.elements().clone(),
    };
    let y = Numbers { shape: vec![count], elements: Elements::I64(labels) };
    let arrays =
        [("x", x), ("y", y)].map(|(name, array)| (name.to_owned(), (folder.into(), array)));
    Ok(Part { arrays: arrays.into(), classes: Some(classes), columns: None })
}

/// What is in a folder, by name, without what is hidden.
fn sorted(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = std::fs::read_dir(folder).map_err(Error::io("read", folder))?;
    let paths: Result<Vec<PathBuf>, std::io::Error> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(Error::io("read", folder))?;
    paths.retain(|path| !name_of(path).starts_with('.'));
    paths.sort();
    Ok(paths)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

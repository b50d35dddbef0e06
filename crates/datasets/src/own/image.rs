//! [`Image`]: the pixels of a PNG or JPEG file.

use std::io::Cursor;

use png::{BitDepth, ColorType, Transformations};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::contents::most_unpacked;

/// Grey or coloured pixels of 8 bits.
#[derive(Debug, PartialEq)]
pub(super) struct Image {
    /// 1 or 3.
    pub(super) channels: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    /// (height, width, channels).
    pub(super) pixels: Vec<u8>,
}

impl Image {
    /// The image of a file; how a camera was held is not asked.
    ///
    /// # Errors
    ///
    /// A clause.
    pub(super) fn decode(content: &[u8]) -> Result<Self, String> {
        if content.starts_with(b"\x89PNG") {
            Self::png(content)
        } else if content.starts_with(&[0xff, 0xd8]) {
            Self::jpeg(content)
        } else {
            Err("neither PNG nor JPEG".to_owned())
        }
    }

    fn png(content: &[u8]) -> Result<Self, String> {
        let wrong = |error: png::DecodingError| format!("not a readable PNG image ({error})");
        let most = most_unpacked(content.len());
        let limits = png::Limits { bytes: usize::try_from(most).unwrap_or(usize::MAX) };
        let mut decoder = png::Decoder::new_with_limits(Cursor::new(content), limits);
        decoder.set_transformations(Transformations::EXPAND);
        decoder.set_ignore_text_chunk(true);
        decoder.set_ignore_iccp_chunk(true);
        let mut reader = decoder.read_info().map_err(wrong)?;
        let (width, height) = reader.info().size();
        let channels = match reader.output_color_type() {
            (ColorType::Grayscale, BitDepth::Eight) => 1,
            (ColorType::Rgb, BitDepth::Eight) => 3,
            (color, depth) => {
                let depth = depth as u8;
                return Err(format!("pixels of {color:?} of {depth} bits, not grey or RGB of 8"));
            }
        };
        let size = reader.output_buffer_size().filter(|&size| size as u64 <= most);
        let size = size.ok_or_else(|| format!("its size is {width} × {height}"))?;
        let mut pixels = vec![0; size];
        reader.next_frame(&mut pixels).map_err(wrong)?;
        Self::of(channels, height as usize, width as usize, pixels)
    }

    fn jpeg(content: &[u8]) -> Result<Self, String> {
        /// What may become of a byte: 18 blocks of 64 pixels have a bit each at least.
        const SPREAD: usize = 2048;
        let wrong = |error: &dyn std::fmt::Display| format!("not a readable JPEG image ({error})");
        let headers = |options| {
            let mut decoder = JpegDecoder::new_with_options(ZCursor::new(content), options);
            decoder.decode_headers().map_err(|error| wrong(&error))?;
            Ok::<_, String>(decoder)
        };
        let (channels, space) = match headers(DecoderOptions::default())?.input_colorspace() {
            Some(ColorSpace::Luma) => (1, ColorSpace::Luma),
            Some(ColorSpace::YCbCr | ColorSpace::RGB) => (3, ColorSpace::RGB),
            other => return Err(format!("pixels of {other:?}, not grey or RGB")),
        };
        let mut decoder = headers(DecoderOptions::default().jpeg_set_out_colorspace(space))?;
        let Some((width, height)) = decoder.dimensions() else {
            return Err("it has no size".to_owned());
        };
        if width * height * channels > SPREAD * content.len() {
            return Err(format!("its size is {width} × {height}"));
        }
        let pixels = decoder.decode().map_err(|error| wrong(&error))?;
        Self::of(channels, height, width, pixels)
    }

    fn of(channels: usize, height: usize, width: usize, pixels: Vec<u8>) -> Result<Self, String> {
        if pixels.is_empty() || pixels.len() != channels * height * width {
            return Err(format!("{} pixels of {width} × {height}", pixels.len() / channels));
        }
        Ok(Self { channels, height, width, pixels })
    }
}

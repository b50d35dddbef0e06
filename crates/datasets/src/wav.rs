//! Samples of a WAV file.

/// What a program writes for a length that it does not know: it sends the file on before its end.
const UNKNOWN: u32 = u32::MAX;
/// The format of integers.
const INTEGERS: u16 = 1;
/// The format that is named by what follows.
const EXTENSIBLE: u16 = 0xfffe;
/// What follows it for integers: `KSDATAFORMAT_SUBTYPE_PCM`.
const INTEGERS_BY_NAME: [u8; 16] =
    [1, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];

/// The samples of a file with one channel of 16-bit integers at `rate` samples per second.
///
/// Source: the RIFF format, little-endian chunks of a name, a length and content padded to an even
/// length. A stream's samples go on to the end of the file: their length is 2³² − 1, or 0 where that
/// of the file is unknown, too.
///
/// # Errors
///
/// A clause that says what is wrong; no samples are wrong.
pub(crate) fn mono_16_bit(bytes: &[u8], rate: u32) -> Result<Vec<i16>, String> {
    let word = |bytes: &[u8], at: usize| {
        bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
    };
    if bytes.get(..4) != Some(b"RIFF") || bytes.get(8..12) != Some(b"WAVE") {
        return Err("it is not a WAV file".to_owned());
    }
    let stream = matches!(word(bytes, 4), Some(0 | UNKNOWN));
    let mut at = 12;
    let mut known_format = false;
    while let (Some(name), Some(len)) = (bytes.get(at..at + 4), word(bytes, at + 4)) {
        let start = at + 8;
        let to_the_end = name == b"data" && (len == UNKNOWN || (len == 0 && stream));
        let content = match to_the_end {
            true => &bytes[start..],
            false => (start.checked_add(len as usize).and_then(|end| bytes.get(start..end)))
                .ok_or("it is cut")?,
        };
        match name {
            b"fmt " if is_expected(content, rate) => known_format = true,
            b"fmt " => return Err(format!("it is not one channel of 16 bits at {rate} Hz")),
            b"data" if known_format => return samples(content),
            _ => (),
        }
        at = start + content.len() + content.len() % 2;
    }
    Err("it has no samples".to_owned())
}

/// Format, channels, samples per second, bytes per second, bytes per sample of all channels, bits;
/// then, of what is named, the length of the rest, bits that count, places of channels, the name.
fn is_expected(format: &[u8], rate: u32) -> bool {
    let short = |at: usize| format.get(at..at + 2).map(|b| u16::from_le_bytes([b[0], b[1]]));
    let integers = match short(0) {
        Some(INTEGERS) => true,
        Some(EXTENSIBLE) => {
            short(18) == Some(16) && format.get(24..40) == Some(&INTEGERS_BY_NAME[..])
        }
        _ => false,
    };
    integers
        && short(2) == Some(1)
        && format.get(4..8) == Some(&rate.to_le_bytes()[..])
        && short(14) == Some(16)
}

fn samples(content: &[u8]) -> Result<Vec<i16>, String> {
    match content.as_chunks() {
        ([], []) => Err("it has no samples".to_owned()),
        (samples, []) => Ok(samples.iter().map(|bytes| i16::from_le_bytes(*bytes)).collect()),
        _ => Err("it ends within a sample".to_owned()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::testing::mutations;

    /// A file with an extra chunk of an odd length before the samples.
    pub(crate) fn file(rate: u32, samples: &[i16]) -> Vec<u8> {
        let mut format = vec![1, 0, 1, 0];
        format.extend(rate.to_le_bytes());
        format.extend((rate * 2).to_le_bytes());
        format.extend([2, 0, 16, 0]);
        with_format(&format, samples)
    }

    fn with_format(format: &[u8], samples: &[i16]) -> Vec<u8> {
        let mut bytes = b"RIFF....WAVE".to_vec();
        let mut chunk = |name: &[u8], content: &[u8]| {
            bytes.extend(name);
            bytes.extend((content.len() as u32).to_le_bytes());
            bytes.extend(content);
            bytes.extend(vec![0; content.len() % 2]);
        };
        chunk(b"fmt ", format);
        chunk(b"LIST", b"odd");
        chunk(b"data", &samples.iter().flat_map(|s| s.to_le_bytes()).collect::<Vec<u8>>());
        let len = bytes.len() as u32 - 8;
        bytes[4..8].copy_from_slice(&len.to_le_bytes());
        bytes
    }

    #[test]
    fn chunks_are_found_and_checked() {
        let good = file(8000, &[3, -300, i16::MIN]);
        assert_eq!(mono_16_bit(&good, 8000).unwrap(), [3, -300, i16::MIN]);
        let wrong = mono_16_bit(&good, 16_000).unwrap_err();
        assert_eq!(wrong, "it is not one channel of 16 bits at 16000 Hz");
        assert_eq!(mono_16_bit(&good[..good.len() - 1], 8000).unwrap_err(), "it is cut");
        assert_eq!(mono_16_bit(&good[..36], 8000).unwrap_err(), "it has no samples");
        assert_eq!(mono_16_bit(b"RIFF", 8000).unwrap_err(), "it is not a WAV file");
        assert_eq!(mono_16_bit(&file(8000, &[]), 8000).unwrap_err(), "it has no samples");
    }

    #[test]
    fn a_format_that_is_named_is_the_same() {
        let named = |bits: u8, first: u8| {
            let mut format = vec![0xfe, 0xff, 1, 0];
            format.extend(8000u32.to_le_bytes());
            format.extend(16_000u32.to_le_bytes());
            format.extend([2, 0, 16, 0, 22, 0, bits, 0, 4, 0, 0, 0, first]);
            format.extend(&INTEGERS_BY_NAME[1..]);
            mono_16_bit(&with_format(&format, &[3, -300]), 8000)
        };
        assert_eq!(named(16, 1).unwrap(), [3, -300]);
        // Floating point, and fewer bits in as many bytes.
        for wrong in [named(16, 3), named(12, 1)] {
            assert_eq!(wrong.unwrap_err(), "it is not one channel of 16 bits at 8000 Hz");
        }
    }

    #[test]
    fn streams_go_on_to_the_end() {
        let whole = file(8000, &[3, -300, 7]);
        let read = |file: [u8; 4], data: [u8; 4]| {
            let mut bytes = whole.clone();
            let at = bytes.len() - 10;
            bytes[4..8].copy_from_slice(&file);
            bytes[at..at + 4].copy_from_slice(&data);
            mono_16_bit(&bytes, 8000)
        };
        let known = *whole[4..].first_chunk::<4>().unwrap();
        for (file, data) in
            [(known, [255; 4]), ([255; 4], [255; 4]), ([0; 4], [0; 4]), ([255; 4], [0; 4])]
        {
            assert_eq!(read(file, data).unwrap(), [3, -300, 7], "{file:?}, {data:?}");
        }
        assert_eq!(read(known, [0; 4]).unwrap_err(), "it has no samples");
        let odd = mono_16_bit(&[&whole[..], &[0]].concat(), 8000);
        assert_eq!(odd.unwrap(), [3, -300, 7], "what follows the samples is nothing to them");
        assert_eq!(read(known, [5, 0, 0, 0]).unwrap_err(), "it ends within a sample");
    }

    #[test]
    fn damaged_files_are_refused_or_read_within_bounds() {
        for altered in mutations(&file(8000, &[1; 40]), 5000) {
            if let Ok(samples) = mono_16_bit(&altered, 8000) {
                assert!(!samples.is_empty() && 2 * samples.len() < altered.len());
            }
        }
    }
}

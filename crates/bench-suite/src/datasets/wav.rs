//! Samples of a WAV file.

/// The samples of a file with one channel of 16-bit integers at `rate` samples per second.
///
/// Source: the RIFF format, little-endian chunks of a name, a length and content padded to an even
/// length.
pub(super) fn mono_16_bit(bytes: &[u8], rate: u32) -> Result<Vec<i16>, String> {
    let word = |bytes: &[u8], at: usize| {
        bytes.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    };
    if bytes.get(..4) != Some(b"RIFF") || bytes.get(8..12) != Some(b"WAVE") {
        return Err("it is not a WAV file".to_owned());
    }
    let mut at = 12;
    let mut known_format = false;
    while let (Some(name), Some(len)) = (bytes.get(at..at + 4), word(bytes, at + 4)) {
        let start = at + 8;
        let content = (start.checked_add(len as usize).and_then(|end| bytes.get(start..end)))
            .ok_or("it is cut")?;
        match name {
            b"fmt " => {
                // Format 1 (integers) and one channel; samples per second; 16 bits each.
                let expected = [Some(1 | 1 << 16), Some(rate)];
                let bits = content.get(14..16).map(|b| u16::from_le_bytes([b[0], b[1]]));
                if [word(content, 0), word(content, 4)] != expected || bits != Some(16) {
                    return Err(format!("it is not one channel of 16 bits at {rate} Hz"));
                }
                known_format = true;
            }
            b"data" if known_format => {
                return Ok(content.as_chunks().0.iter().map(|b| i16::from_le_bytes(*b)).collect());
            }
            _ => (),
        }
        at = start + len as usize + len as usize % 2;
    }
    Err("it has no samples".to_owned())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A file with an extra chunk of an odd length before the samples.
    pub(in crate::datasets) fn file(rate: u32, samples: &[i16]) -> Vec<u8> {
        let mut bytes = b"RIFF....WAVE".to_vec();
        let mut chunk = |name: &[u8], content: &[u8]| {
            bytes.extend(name);
            bytes.extend((content.len() as u32).to_le_bytes());
            bytes.extend(content);
            bytes.extend(vec![0; content.len() % 2]);
        };
        let mut format = vec![1, 0, 1, 0];
        format.extend(rate.to_le_bytes());
        format.extend((rate * 2).to_le_bytes());
        format.extend([2, 0, 16, 0]);
        chunk(b"fmt ", &format);
        chunk(b"LIST", b"odd");
        chunk(b"data", &samples.iter().flat_map(|s| s.to_le_bytes()).collect::<Vec<u8>>());
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
    }
}

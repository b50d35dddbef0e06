//! A safetensors file that knows its own checksum.
//!
//! ```text
//! metadata   sha256 = SHA-256 of the whole file, with 64 zeros in the place of these digits
//! ```
//!
//! File and checksum cannot come apart, and every reader of safetensors reads it as before.

use datasets::sum::hex;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

const FIELD: &str = "sha256";
/// What is before the digits. Neither a tensor nor a text of the metadata can look like this.
const BEFORE: &[u8] = b"\"sha256\":\"";
const DIGITS: usize = 64;

/// The file with its checksum.
///
/// # Panics
///
/// Unless it is a safetensors file.
#[track_caller]
pub(crate) fn seal(file: &[u8]) -> Vec<u8> {
    let (header, tensors) = parts(file).expect("only safetensors files are sealed");
    let mut header: Map<String, Value> =
        serde_json::from_slice(header).expect("only safetensors files are sealed");
    let metadata = header.entry("__metadata__").or_insert(Value::Null);
    if !metadata.is_object() {
        *metadata = Value::Object(Map::new());
    }
    metadata[FIELD] = "0".repeat(DIGITS).into();
    let mut text = Value::Object(header).to_string();
    // Tensors begin at a multiple of eight bytes.
    text.extend(std::iter::repeat_n(' ', text.len().next_multiple_of(8) - text.len()));
    let mut sealed = Vec::with_capacity(8 + text.len() + tensors.len());
    sealed.extend((text.len() as u64).to_le_bytes());
    sealed.extend(text.as_bytes());
    sealed.extend(tensors);
    let place = place(&sealed).expect("it was just made");
    let sum = hex(&Sha256::digest(&sealed));
    sealed[place..place + DIGITS].copy_from_slice(sum.as_bytes());
    sealed
}

/// Whether the file has a checksum and matches it.
///
/// # Errors
///
/// A clause that says what is wrong.
pub(crate) fn check(file: &[u8]) -> Result<(), String> {
    let place = place(file)?;
    let mut hash = Sha256::new();
    hash.update(&file[..place]);
    hash.update([b'0'; DIGITS]);
    hash.update(&file[place + DIGITS..]);
    if hex(&hash.finalize()).as_bytes() == &file[place..place + DIGITS] {
        Ok(())
    } else {
        Err("it was altered: it does not match its checksum".to_owned())
    }
}

/// Where the digits are.
fn place(file: &[u8]) -> Result<usize, String> {
    let (header, _) = parts(file).ok_or("it is cut")?;
    let found = header.windows(BEFORE.len()).position(|window| window == BEFORE);
    let place = found.ok_or("it has no checksum")? + BEFORE.len();
    if header.len() < place + DIGITS {
        return Err("it has no checksum".to_owned());
    }
    Ok(8 + place)
}

/// The header, which is JSON, and what follows it.
fn parts(file: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = file.split_first_chunk::<8>()?;
    rest.split_at_checked(usize::try_from(u64::from_le_bytes(*len)).ok()?)
}

#[cfg(test)]
pub(super) mod tests {
    use safetensors::tensor::{Dtype, SafeTensors, TensorView};

    use super::*;
    use crate::testing::mutations;

    /// A small file with a note that tries to look like a checksum.
    pub(crate) fn file(values: [u8; 8]) -> Vec<u8> {
        let view = TensorView::new(Dtype::F32, vec![2], &values).unwrap();
        let note = format!("{{\"sha256\":\"{}\"}}", "1".repeat(DIGITS));
        let metadata = [("note".to_owned(), note)].into_iter().collect();
        safetensors::serialize([("sha256", view)], Some(metadata)).unwrap()
    }

    #[test]
    fn a_sealed_file_is_read_as_before() {
        let (plain, sealed) =
            (file([1, 2, 3, 4, 5, 6, 7, 8]), seal(&file([1, 2, 3, 4, 5, 6, 7, 8])));
        check(&sealed).unwrap();
        let [before, after] = [&plain, &sealed].map(|file| SafeTensors::deserialize(file).unwrap());
        assert_eq!(before.tensor("sha256").unwrap(), after.tensor("sha256").unwrap());
        let note = |file| {
            let (_, header) = SafeTensors::read_metadata(file).unwrap();
            header.metadata().as_ref().unwrap()["note"].clone()
        };
        assert_eq!(note(&plain), note(&sealed));
        assert_eq!(seal(&sealed), sealed, "the seal of a sealed file is the same");
        assert_eq!(check(&plain).unwrap_err(), "it has no checksum");
        assert_eq!(check(b"").unwrap_err(), "it is cut");
    }

    #[test]
    fn every_flipped_bit_shows() {
        let sealed = seal(&file([0; 8]));
        for bit in 0..8 * sealed.len() {
            let mut altered = sealed.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(check(&altered).is_err(), "bit {bit}");
        }
        assert!((0..sealed.len()).all(|len| check(&sealed[..len]).is_err()));
        for altered in mutations(&sealed, 2000) {
            assert!(check(&altered).is_err() || altered == sealed);
        }
    }
}

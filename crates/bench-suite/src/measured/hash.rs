//! The version of the code, and the names of what it makes.

use datasets::sum::hex;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Hash of all sources that can change a measured number.
pub const CODE_VERSION: &str = env!("DITHER_CODE_VERSION");

/// Layout of what is kept under a hash; counted up when it changes.
pub(crate) const SCHEMA: u32 = 1;

/// The name of what was made by `parts` and the present code.
pub fn hash(parts: &impl Serialize) -> String {
    let parts = (SCHEMA, CODE_VERSION, parts);
    let text = serde_json::to_string(&parts).expect("what makes a record is plain data");
    hex(&Sha256::digest(text))[..20].to_owned()
}

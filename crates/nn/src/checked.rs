//! Configurations that are checked when they are read, so that what is read can be used.

/// Reads and writes a type that derives both with `#[serde(remote = "Self")]`, and refuses on reading
/// what its `check` does.
macro_rules! checked_on_reading {
    ($type:ty) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
                // The derived function is inherent, and comes before the trait's.
                let read = Self::deserialize(source)?;
                match read.check() {
                    Ok(()) => Ok(read),
                    Err(problem) => Err(serde::de::Error::custom(problem)),
                }
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, target: S) -> Result<S::Ok, S::Error> {
                Self::serialize(self, target)
            }
        }
    };
}

pub(crate) use checked_on_reading;

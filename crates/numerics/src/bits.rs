//! [`RandomBits`]: the source of random bits as data.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::draw::BitSource;
use crate::lfsr::{Lfsr, LfsrConfig, LfsrError};
use crate::seed::{Seed, Stream};

/// Which kind of generator the random bits of stochastic rounding come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(rename_all = "kebab-case"))]
pub enum RandomBits {
    /// ChaCha streams.
    #[default]
    Chacha,
    /// A shift register. Every name begins somewhere in its cycle, at a place drawn from the name,
    /// and position i is the i-th sample from there on: a register that runs on for ever, looked
    /// at by whoever needs bits.
    Lfsr(LfsrConfig),
}

impl RandomBits {
    /// Whether the generator can work.
    ///
    /// # Errors
    ///
    /// [`LfsrError`] naming the parameter of the register that is impossible.
    pub const fn check(&self) -> Result<(), LfsrError> {
        match self {
            Self::Chacha => Ok(()),
            Self::Lfsr(config) => match Lfsr::new(*config) {
                Ok(_) => Ok(()),
                Err(error) => Err(error),
            },
        }
    }

    /// The bits of a name.
    ///
    /// # Panics
    ///
    /// If the generator cannot work: see [`Self::check`].
    #[track_caller]
    pub fn of(&self, name: &Seed) -> NamedBits {
        let stream = name.stream();
        match self {
            Self::Chacha => NamedBits::Chacha(stream),
            Self::Lfsr(config) => {
                let mut lfsr = match Lfsr::new(*config) {
                    Ok(lfsr) => lfsr,
                    Err(error) => panic!("{error}"),
                };
                let [high, low] = [stream.word(0), stream.word(1)];
                lfsr.skip(u64::from(high) << 32 | u64::from(low));
                NamedBits::Lfsr(lfsr)
            }
        }
    }
}

/// The random bits of one name, by position: what [`RandomBits::of`] gives.
#[derive(Clone, Debug)]
pub enum NamedBits {
    /// Of a ChaCha stream.
    Chacha(Stream),
    /// Of a register, from its present state on.
    Lfsr(Lfsr),
}

impl BitSource for NamedBits {
    fn word(&self, position: u64, depth: u32) -> u32 {
        match self {
            Self::Chacha(stream) => BitSource::word(stream, position, depth),
            Self::Lfsr(lfsr) => lfsr.word(position, depth),
        }
    }

    fn fill(&self, first: u64, out: &mut [u32]) {
        match self {
            Self::Chacha(stream) => stream.fill(first, out),
            Self::Lfsr(lfsr) => lfsr.fill(first, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register() -> LfsrConfig {
        LfsrConfig::maximal(16, 1, 1).expect("16 bits are listed")
    }

    #[test]
    fn chacha_is_the_stream_of_the_name() {
        let name = Seed::new(3).child("w");
        let mut words = [0; 40];
        name.stream().fill_words(7, &mut words);
        let bits = RandomBits::default().of(&name);
        let mut found = [0; 40];
        bits.fill(7, &mut found);
        assert_eq!(found, words);
        assert_eq!(bits.word(8, 0), words[1]);
        assert_eq!(bits.word(8, 1), BitSource::word(&name.stream(), 8, 1));
    }

    /// Every name reads the same cycle from another place.
    #[test]
    fn names_read_one_register_from_different_places() {
        let bits = RandomBits::Lfsr(register());
        let read = |name: &str| {
            let mut words = vec![0; 1 << 16];
            bits.of(&Seed::new(1).child(name)).fill(0, &mut words);
            words
        };
        let (a, b) = (read("a"), read("b"));
        assert_ne!(a[0], b[0]);
        // The cycle has 2^16 − 1 states, so what b begins with is somewhere in a.
        let at = a.iter().position(|&word| word == b[0]).unwrap();
        assert!(a[at..].iter().zip(&b).all(|(a, b)| a == b));
        assert_eq!(bits.of(&Seed::new(1).child("a")).word(5, 0), a[5]);
    }

    #[test]
    fn an_impossible_register_is_refused() {
        let bits = RandomBits::Lfsr(LfsrConfig { seed: 0, ..register() });
        let message = bits.check().unwrap_err().to_string();
        assert_eq!(message, "seed 0x0 is no nonzero state of 16 bits");
    }
}

//! all-MiniLM-L6-v2 on STS-B: the cosine of two sentence embeddings against people's scores.
//!
//! Weights and vocabulary: `measured/networks/minilm.rs`.

use datasets::{DataFolder, stsb};

use super::{Evaluation, Value};
use crate::measured::error::Error;
use crate::measured::networks::minilm::{Network, cosine};
use crate::measured::statistics::{pearson, spearman};

/// The evaluations.
pub const EVALUATIONS: &[Evaluation] = &[Evaluation {
    name: "minilm-stsb",
    what: "MiniLM-L6 sentence embeddings on STS-B: minilm/ (by pip), glue/",
    run,
}];

fn run(data: &DataFolder) -> Result<Vec<Value>, Error> {
    let pairs = stsb::test_pairs(data)?;
    let network = Network::load(data)?;
    let sentences: Vec<&str> =
        pairs.iter().flat_map(|pair| pair.sentences.iter().map(String::as_str)).collect();
    let embeddings = network.embed(&sentences);
    let similarity: Vec<f64> = embeddings.chunks_exact(2).map(|p| cosine(&p[0], &p[1])).collect();
    let scores: Vec<f64> = pairs.iter().map(|pair| pair.score).collect();
    let value = |what: &str, ours: Option<f64>, known| Value {
        what: format!("{what} on the {} test pairs of STS-B, times 100", pairs.len()),
        ours: ours.map_or(f64::NAN, |r| 100.0 * r),
        known,
        tolerance: (0.05, "differences of the last digits of f32"),
        unit: "",
    };
    Ok(vec![
        value("Spearman's correlation", spearman(&similarity, &scores), 82.03),
        value("Pearson's correlation", pearson(&similarity, &scores), 82.74),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measured::networks::minilm::MODEL;

    #[test]
    fn minilm_has_its_correlation() {
        let [Some(folder), Some(_)] = [MODEL, "glue"].map(crate::testing::data_with) else {
            return;
        };
        for value in run(&DataFolder::new(Some(&folder))).unwrap() {
            assert!(value.holds(), "{value}");
        }
    }
}

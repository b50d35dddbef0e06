//! Features and labels of Switchboard, prepared by the user: the speech is sold by the Linguistic
//! Data Consortium (LDC97S62, LDC2002S09), and how features and alignments are made is a matter of
//! the speech recogniser at hand.
//!
//! ```text
//! swb300/hmm_{train,test}.safetensors     frames of 140 features, a state for each
//! swb300/rnnt_{train,test}.safetensors    frames of 340 features, characters of each utterance
//!
//! frames          f32, (frames of all utterances, features)
//! lengths         i64, (utterances): frames of each
//! labels          i64: states of all frames, or characters of all utterances, in order
//! label_lengths   i64, (utterances): characters of each; only for characters
//! ```

use nn::Sequences;
use safetensors::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};

use super::DataFolder;
use crate::Error;
use crate::record::hex;

/// Utterances with their labels.
#[derive(Clone, Debug)]
pub struct Utterances {
    /// The frames.
    pub frames: Sequences,
    /// A state for each frame, or the characters.
    pub labels: Vec<Vec<u32>>,
    /// SHA-256 of the file.
    pub sha256: String,
}

/// Reads `swb300/NAME.safetensors`, whose frames have `features` values and whose labels are below
/// `classes`.
///
/// # Errors
///
/// [`Error::NoData`] if the file is not there, [`Error::Io`] or [`Error::Data`] if it is not as
/// described.
pub fn load(
    data: &DataFolder,
    name: &str,
    features: usize,
    classes: usize,
) -> Result<Utterances, Error> {
    let path = data.path("swb300").join(format!("{name}.safetensors"));
    if !path.is_file() {
        return Err(Error::NoData(format!(
            "there is no {}: features of Switchboard must be prepared by the user, in the format \
             that crates/bench-suite/src/datasets/switchboard.rs describes",
            path.display()
        )));
    }
    let bytes = std::fs::read(&path).map_err(Error::io("read", &path))?;
    parse(&bytes, features, classes).map_err(|reason| Error::data(&path, reason))
}

fn parse(bytes: &[u8], features: usize, classes: usize) -> Result<Utterances, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let tensor = |name: &str, dtype: Dtype| {
        let tensor = file.tensor(name).map_err(|_| format!("it has no tensor {name}"))?;
        if tensor.dtype() == dtype {
            Ok(tensor)
        } else {
            Err(format!("{name} holds {:?}, not {dtype:?}", tensor.dtype()))
        }
    };
    let integers = |name: &str| {
        let tensor = tensor(name, Dtype::I64)?;
        let values = tensor.data().as_chunks().0.iter().map(|b| i64::from_le_bytes(*b));
        let values: Result<Vec<usize>, _> = values.map(usize::try_from).collect();
        values.map_err(|_| format!("{name} has a negative value"))
    };
    let frames = tensor("frames", Dtype::F32)?;
    if frames.shape().len() != 2 || frames.shape()[1] != features {
        return Err(format!("frames have shape {:?}, not (…, {features})", frames.shape()));
    }
    let values: Vec<f32> =
        frames.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    let lengths = integers("lengths")?;
    // Each frame has a label where the characters of utterances are not counted.
    let counted = file.tensor("label_lengths").is_ok();
    let label_lengths = if counted { integers("label_lengths")? } else { lengths.clone() };
    let labels = integers("labels")?;
    if lengths.contains(&0) || lengths.iter().sum::<usize>() * features != values.len() {
        return Err("lengths do not add up to the frames, or one is 0".to_owned());
    }
    if label_lengths.len() != lengths.len() || label_lengths.iter().sum::<usize>() != labels.len() {
        return Err("the labels are not as many as the lengths say".to_owned());
    }
    if let Some(label) = labels.iter().find(|label| **label >= classes) {
        return Err(format!("label {label} is not below {classes}"));
    }
    let mut sequences = Sequences::new(features);
    let mut parts = Vec::with_capacity(lengths.len());
    let (mut frame, mut label) = (0, 0);
    for (length, labels_here) in lengths.into_iter().zip(label_lengths) {
        sequences.push(&values[frame * features..(frame + length) * features]);
        parts.push(labels[label..label + labels_here].iter().map(|&l| l as u32).collect());
        (frame, label) = (frame + length, label + labels_here);
    }
    Ok(Utterances { frames: sequences, labels: parts, sha256: hex(&Sha256::digest(bytes)) })
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::TensorView;

    use super::*;

    /// Two utterances of 2 and 1 frames of 2 features.
    fn file(labels: &[i64], label_lengths: Option<&[i64]>) -> Vec<u8> {
        let integers = |values: &[i64]| -> Vec<u8> {
            values.iter().flat_map(|value| value.to_le_bytes()).collect()
        };
        let frames: Vec<u8> = (0..6u8).flat_map(|x| f32::from(x).to_le_bytes()).collect();
        let mut tensors = vec![
            ("frames", Dtype::F32, vec![3, 2], frames),
            ("lengths", Dtype::I64, vec![2], integers(&[2, 1])),
            ("labels", Dtype::I64, vec![labels.len()], integers(labels)),
        ];
        if let Some(lengths) = label_lengths {
            tensors.push(("label_lengths", Dtype::I64, vec![lengths.len()], integers(lengths)));
        }
        let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
            (*name, TensorView::new(*dtype, shape.clone(), bytes).unwrap())
        });
        safetensors::serialize(views, None).unwrap()
    }

    #[test]
    fn utterances_are_cut_apart() {
        let found = parse(&file(&[4, 5, 6], None), 2, 7).unwrap();
        assert_eq!(found.frames.get(1), [4.0, 5.0]);
        assert_eq!(found.labels, [vec![4, 5], vec![6]]);
        let found = parse(&file(&[4, 5, 6, 1], Some(&[0, 4])), 2, 7).unwrap();
        assert_eq!(found.labels, [vec![], vec![4, 5, 6, 1]]);
    }

    #[test]
    fn files_are_checked() {
        for (bytes, features, classes, reason) in [
            (file(&[4, 5, 6], None), 3, 7, "frames have shape [3, 2], not (…, 3)"),
            (file(&[4, 5, 6], None), 2, 6, "label 6 is not below 6"),
            (file(&[4, 5, -6], None), 2, 6, "labels has a negative value"),
            (file(&[4, 5], None), 2, 7, "the labels are not as many as the lengths say"),
        ] {
            assert_eq!(parse(&bytes, features, classes).unwrap_err(), reason);
        }
        let empty = tempfile::tempdir().unwrap();
        let data = DataFolder::new(Some(empty.path()));
        assert!(matches!(load(&data, "hmm_train", 140, 32_000), Err(Error::NoData(_))));
    }
}

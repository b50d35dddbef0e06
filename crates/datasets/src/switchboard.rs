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

use crate::error::Error;
use crate::files;
use crate::folder::DataFolder;
use crate::sum::DataSum;

/// Utterances with their labels.
#[derive(Clone, Debug)]
pub struct Utterances {
    /// The frames.
    pub frames: Sequences,
    /// A state for each frame, or the characters.
    pub labels: Vec<Vec<u32>>,
}

/// Reads `swb300/NAME_train.safetensors` and `swb300/NAME_test.safetensors`, whose frames have
/// `features` values and whose labels are below `classes`; also gives their checksum.
///
/// # Errors
///
/// [`Error::NoData`] if a file is not there, [`Error::Io`] or [`Error::Data`] if it is not as
/// described.
pub fn load(
    data: &DataFolder,
    name: &str,
    features: usize,
    classes: usize,
) -> Result<([Utterances; 2], DataSum), Error> {
    let names = ["train", "test"].map(|part| format!("{name}_{part}.safetensors"));
    let [train, test] = names.each_ref().map(|file| {
        let path = data.path("swb300").join(file);
        if !path.is_file() {
            return Err(Error::NoData(format!(
                "there is no {}: features of Switchboard must be prepared by the user, in the \
                 format that crates/datasets/src/switchboard.rs describes",
                path.display()
            )));
        }
        let bytes = files::read(&path, u64::MAX)?;
        let parsed = parse(&bytes, features, classes).map_err(|why| Error::data(&path, why))?;
        Ok((parsed, bytes))
    });
    let ((train, first), (test, second)) = (train?, test?);
    let sum = DataSum::of(format!("swb300-{name}"), names.iter().zip([first, second]));
    Ok(([train, test], sum))
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
    if let Some(at) = values.iter().position(|x| !x.is_finite()) {
        return Err(format!("frame {} has a value that is not finite", at / features));
    }
    let lengths = integers("lengths")?;
    // Each frame has a label where the characters of utterances are not counted.
    let counted = file.tensor("label_lengths").is_ok();
    let label_lengths = if counted { integers("label_lengths")? } else { lengths.clone() };
    let labels = integers("labels")?;
    let sum = |lengths: &[usize]| lengths.iter().try_fold(0usize, |sum, len| sum.checked_add(*len));
    let values_of = sum(&lengths).and_then(|frames| frames.checked_mul(features));
    if lengths.contains(&0) || values_of != Some(values.len()) {
        return Err("lengths do not add up to the frames, or one is 0".to_owned());
    }
    if label_lengths.len() != lengths.len() || sum(&label_lengths) != Some(labels.len()) {
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
    Ok(Utterances { frames: sequences, labels: parts })
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::TensorView;

    use super::*;

    /// Two utterances of 2 and 1 frames of 2 features.
    fn file(labels: &[i64], label_lengths: Option<&[i64]>) -> Vec<u8> {
        with_lengths(&[2, 1], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0], labels, label_lengths)
    }

    fn with_lengths(
        lengths: &[i64],
        frames: [f32; 6],
        labels: &[i64],
        label_lengths: Option<&[i64]>,
    ) -> Vec<u8> {
        let integers = |values: &[i64]| -> Vec<u8> {
            values.iter().flat_map(|value| value.to_le_bytes()).collect()
        };
        let frames: Vec<u8> = frames.iter().flat_map(|x| x.to_le_bytes()).collect();
        let mut tensors = vec![
            ("frames", Dtype::F32, vec![3, 2], frames),
            ("lengths", Dtype::I64, vec![lengths.len()], integers(lengths)),
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
        assert!(matches!(load(&data, "hmm", 140, 32_000), Err(Error::NoData(_))));
    }

    #[test]
    fn lengths_that_wrap_and_values_that_are_not_finite_are_refused() {
        let (frames, most) = ([0.0; 6], i64::MAX);
        // Their sum is 3 where it wraps.
        let lengths = [most, most, 5];
        let error = parse(&with_lengths(&lengths, frames, &[4, 5, 6], None), 2, 7).unwrap_err();
        assert_eq!(error, "lengths do not add up to the frames, or one is 0");
        let file = with_lengths(&[1, 1, 1], frames, &[4, 5, 6], Some(&lengths));
        let error = parse(&file, 2, 7).unwrap_err();
        assert_eq!(error, "the labels are not as many as the lengths say");
        for x in [f32::NAN, f32::INFINITY] {
            let file = with_lengths(&[2, 1], [0.0, 1.0, 2.0, x, 4.0, 5.0], &[4, 5, 6], None);
            let error = parse(&file, 2, 7).unwrap_err();
            assert_eq!(error, "frame 1 has a value that is not finite");
        }
    }

    #[test]
    fn both_parts_are_in_the_checksum() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("swb300")).unwrap();
        let sum = |parts: [&[i64]; 2]| {
            for (name, labels) in ["hmm_train", "hmm_test"].iter().zip(parts) {
                let path = folder.path().join(format!("swb300/{name}.safetensors"));
                std::fs::write(path, file(labels, None)).unwrap();
            }
            load(&DataFolder::new(Some(folder.path())), "hmm", 2, 7).unwrap().1
        };
        let sums = [
            sum([&[4, 5, 6], &[4, 5, 6]]),
            sum([&[4, 5, 6], &[4, 5, 5]]),
            sum([&[4, 5, 5], &[4, 5, 6]]),
        ];
        assert!(sums[0] != sums[1] && sums[0] != sums[2] && sums[1] != sums[2]);
    }

    #[test]
    fn damaged_files_are_refused_or_read_within_bounds() {
        let whole = file(&[4, 5, 6, 1], Some(&[1, 3]));
        for altered in crate::testing::mutations(&whole, 5000) {
            if let Ok(read) = parse(&altered, 2, 7) {
                assert!(4 * read.frames.values().len() < altered.len());
                assert!(read.frames.values().iter().all(|x| x.is_finite()));
                assert!(read.labels.iter().flatten().all(|&label| label < 7));
            }
        }
    }
}

//! Residual networks for CIFAR-10 with published weights.
//!
//! Weights: `resnet-cifar10/` of the data folder, from github.com/akamaster/pytorch_resnet_cifar10
//! (BSD-2-Clause), converted to safetensors. Their own accuracies on the official test images are
//! 91.78, 92.78, 93.14 and 93.62 % for 20, 32, 44 and 56 layers.

use datasets::DataFolder;
use datasets::cifar10::Cifar10;
use datasets::cifar10::{MEAN, STD_DEV, Version, first_4000_lossless};
use nn::layers::Builder;
use nn::models::{CifarResNetConfig, cifar_resnet};
use nn::{
    AnyArithmetic, Classification, Images, Normalization, Parameters, Pixels, Policy, Run,
    evaluate, load_pretrained, same_names,
};
use numerics::{Par, Seed};

use super::{Evaluation, Value};
use crate::measured::error::Error;
use crate::measured::files;

/// The evaluations.
pub const EVALUATIONS: &[Evaluation] = &[
    Evaluation {
        name: "resnet20-cifar10",
        what: "ResNet-20 on CIFAR-10: resnet-cifar10/resnet20-12fca82f.safetensors, CIFAR-10",
        run: |data| {
            let network =
                Network { depth: 20, file: "resnet20-12fca82f", test: [Some(91.78), Some(81.03)] };
            let mut values = vec![network.lossless(data)?];
            values.push(network.test(data)?);
            Ok(values)
        },
    },
    Evaluation {
        name: "resnet20-cifar10-jpeg",
        what: "the same fine-tuned on JPEG images: resnet-cifar10/resnet20_jpeg_finetuned.safetensors, CIFAR-10 as JPEG",
        run: |data| {
            let file = "resnet20_jpeg_finetuned";
            Ok(vec![Network { depth: 20, file, test: [None, Some(85.70)] }.test(data)?])
        },
    },
    Evaluation {
        name: "resnet32-cifar10",
        what: "ResNet-32 on CIFAR-10: resnet-cifar10/resnet32-d509ac18.safetensors, CIFAR-10",
        run: |data| {
            let network =
                Network { depth: 32, file: "resnet32-d509ac18", test: [Some(92.78), Some(82.56)] };
            Ok(vec![network.test(data)?])
        },
    },
    Evaluation {
        name: "resnet44-cifar10",
        what: "ResNet-44 on CIFAR-10: resnet-cifar10/resnet44-014dd654.safetensors, CIFAR-10",
        run: |data| {
            let network =
                Network { depth: 44, file: "resnet44-014dd654", test: [Some(93.14), Some(82.67)] };
            Ok(vec![network.test(data)?])
        },
    },
    Evaluation {
        name: "resnet56-cifar10",
        what: "ResNet-56 on CIFAR-10: resnet-cifar10/resnet56-4bfd9763.safetensors, CIFAR-10",
        run: |data| {
            let network =
                Network { depth: 56, file: "resnet56-4bfd9763", test: [Some(93.62), Some(83.20)] };
            Ok(vec![network.test(data)?])
        },
    },
];

/// A network with published weights.
struct Network {
    depth: usize,
    file: &'static str,
    /// Accuracy in percent on the official test images, as its authors give it, and on the JPEG
    /// ones, as PyTorch gives it.
    test: [Option<f64>; 2],
}

impl Network {
    /// Accuracy on the test images of whichever version is there.
    fn test(&self, data: &DataFolder) -> Result<Value, Error> {
        let cifar = Cifar10::open(data)?;
        let [official, jpeg] = self.test;
        let (known, tolerance) = match cifar.version {
            Version::Official => (official, (0.05, "five images of 10,000")),
            Version::Jpeg => (jpeg, (0.3, "JPEG decoders differ")),
        };
        let version = cifar.version.name();
        let known = known.ok_or_else(|| {
            Error::Usage(format!("there is no known accuracy of {} on {version}", self.file))
        })?;
        Ok(Value {
            what: format!("accuracy on the {} test images of {version}", cifar.test.len()),
            ours: self.accuracy(data, &cifar.test)?,
            known,
            tolerance,
            unit: "%",
        })
    }

    /// Accuracy on 4,000 lossless images that the network was trained on.
    fn lossless(&self, data: &DataFolder) -> Result<Value, Error> {
        let images = first_4000_lossless(data)?;
        Ok(Value {
            what: format!("accuracy on the first {} training images, lossless", images.len()),
            ours: self.accuracy(data, &images)?,
            known: 99.80,
            tolerance: (0.03, "one image of 4,000"),
            unit: "%",
        })
    }

    fn accuracy(&self, data: &DataFolder, images: &Images) -> Result<f64, Error> {
        let path = data.path("resnet-cifar10").join(format!("{}.safetensors", self.file));
        let bytes = files::read(&path, u64::MAX)?;
        let mut parameters = Parameters::new();
        let policy = Policy::uniform(AnyArithmetic::Float32);
        let seed = Seed::new(0);
        let mut builder = Builder { parameters: &mut parameters, policy: &policy, seed };
        let model = cifar_resnet(&mut builder, &CifarResNetConfig::he2015(self.depth));
        load_pretrained(&mut parameters, &bytes, same_names)
            .map_err(|error| Error::data(&path, error.to_string()))?;
        let normalization = Normalization { mean: MEAN.to_vec(), std_dev: STD_DEV.to_vec() };
        let pixels = Pixels::normalized(&normalization, 3, &AnyArithmetic::Float32)
            .map_err(|error| Error::Usage(error.to_string()))?;
        let task = Classification { model: &model, images, pixels: &pixels, augmentation: None };
        let stats = evaluate(&task, &parameters, Run::new(&seed, Par::Rayon));
        let wrong = stats.error_rate.expect("a classification counts what is wrong");
        Ok(100.0 * (1.0 - wrong))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resnet20_has_its_accuracy_on_lossless_images() {
        let needed = ["resnet-cifar10", "cifar10"].map(crate::testing::data_with);
        let [Some(folder), Some(_)] = needed else { return };
        let data = DataFolder::new(Some(&folder));
        let network =
            Network { depth: 20, file: "resnet20-12fca82f", test: [Some(91.78), Some(81.03)] };
        let value = network.lossless(&data).unwrap();
        assert!(value.holds(), "{value}");
    }
}

//! The paper's networks for `ImageNet` with torchvision's weights.
//!
//! ```text
//! imagenet/{train,val}/CLASS/*.JPEG     see datasets::imagenet
//! imagenet/ID.safetensors               torchvision's IMAGENET1K_V1 weights of resnet18, resnet50,
//!                                       densenet (DenseNet-121), wide-resnet50, with its names
//! ```

use std::sync::Arc;

use datasets::cifar10::{MEAN, STD_DEV};
use datasets::imagenet::{Files, SIDE, WORDS};
use datasets::{DataFolder, DataSum};
use nn::layers::Builder;
use nn::ops::{CrossEntropy, cross_entropy};
use nn::{
    Logits, Mode, Model, Outcome, Parameters, Policy, Recipe, Step, Task, Tensor, load_pretrained,
    wrong_rows,
};
use numerics::Seed;
use rayon::prelude::*;

use super::images::network::Network;
use super::weights::{float_parameters, weights_file, weights_sum};
use super::workload::{Entry, Instance, Workload};
use crate::measured::error::Error;

const CLASSES: usize = 1000;

#[derive(Debug)]
struct ImageNetNetwork {
    entry: Entry,
    network: Network,
    train: Files,
    test: Files,
    weights: Vec<u8>,
}

/// A network with its weights.
pub(super) fn open(data: &DataFolder, entry: &Entry) -> Result<Box<dyn Workload>, Error> {
    let network = Network::original(entry.paper).expect("a network for images");
    let (train, test) = (Files::list(data, "train", CLASSES)?, Files::list(data, "val", CLASSES)?);
    let path = data.path("imagenet").join(format!("{}.safetensors", entry.id));
    let weights = weights_file(&path, "torchvision's")?;
    Ok(Box::new(ImageNetNetwork { entry: *entry, network, train, test, weights }))
}

impl Workload for ImageNetNetwork {
    fn id(&self) -> &str {
        self.entry.id
    }

    fn title(&self) -> String {
        let (train, test) = (self.train.len(), self.test.len());
        format!("{} on ImageNet, {train} + {test} images", self.network.name())
    }

    fn data(&self) -> Vec<DataSum> {
        vec![self.train.sum(), self.test.sum(), weights_sum(self.id(), &self.weights)]
    }

    fn recipe(&self) -> Option<&Recipe> {
        None
    }

    fn digital_layers(&self) -> Vec<String> {
        self.network.digital_layers()
    }

    fn instance<'a>(&'a self, policy: &Policy, seed: &Seed) -> Instance<'a> {
        let mut parameters = Parameters::new();
        let mut builder = Builder { parameters: &mut parameters, policy, seed: *seed };
        let model = self.network.build(&mut builder);
        let task = |files| Box::new(PhotographTask { model: Arc::clone(&model), files });
        Instance { train: task(&self.train), test: task(&self.test), parameters, metric: None }
    }

    fn pretrained(&self) -> Result<Option<Parameters>, Error> {
        let mut parameters = float_parameters(|builder| drop(self.network.build(builder)));
        load_pretrained(&mut parameters, &self.weights, torchvision_name)
            .map_err(|error| Error::Usage(format!("weights of {}: {error}", self.id())))?;
        Ok(Some(parameters))
    }

    fn chance_error(&self) -> f64 {
        1.0 - 1.0 / CLASSES as f64
    }
}

/// Older files of torchvision's DenseNet write `norm.1` and `conv.1` for `norm1` and `conv1`.
#[expect(clippy::unnecessary_wraps, reason = "the shape that load_pretrained asks for")]
fn torchvision_name(name: &str) -> Option<String> {
    let parts = [
        ("norm.1.", "norm1."),
        ("norm.2.", "norm2."),
        ("conv.1.", "conv1."),
        ("conv.2.", "conv2."),
    ];
    let inside = name.contains(".denselayer");
    Some(if inside {
        parts.iter().fold(name.to_owned(), |name, (old, new)| name.replacen(old, new, 1))
    } else {
        name.to_owned()
    })
}

/// Photographs into classes; files are read when their batch is.
#[derive(Debug)]
struct PhotographTask<'a> {
    model: Arc<dyn Model>,
    files: &'a Files,
}

impl Task for PhotographTask<'_> {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn has_logits(&self) -> bool {
        true
    }

    fn check_cut(&self) -> Result<(), &'static str> {
        Ok(())
    }

    /// # Panics
    ///
    /// If a file cannot be read, naming it.
    fn forward(&self, examples: &[u32], step: &mut Step<'_>) -> Outcome {
        let stream = step.pass.seed.child("augmentation").stream();
        let (training, first_row) = (step.pass.mode != Mode::Eval, step.pass.first_row);
        let image = |(row, &index): (usize, &u32)| {
            let row = first_row + row as u64;
            let augmentation = training.then_some((&stream, row * WORDS));
            let pixels = self.files.read(index as usize, augmentation);
            let pixels = pixels.unwrap_or_else(|error| panic!("{error}"));
            let value =
                |(i, pixel): (usize, u8)| (f32::from(pixel) / 255.0 - MEAN[i % 3]) / STD_DEV[i % 3];
            pixels.into_iter().enumerate().map(value).collect::<Vec<f32>>()
        };
        let images: Vec<Vec<f32>> = examples.par_iter().enumerate().map(image).collect();
        let labels: Vec<u32> = examples.iter().map(|&i| self.files.class(i as usize)).collect();
        let x = Tensor::new(&[examples.len(), SIDE, SIDE, 3], images.concat());
        let x = step.tape.constant(x);
        let logits = self.model.forward(x, step);
        let loss = cross_entropy(step, logits, &labels, CrossEntropy::default());
        let wrong = Some(wrong_rows(step.tape.value(logits), &labels, examples.len(), None));
        let logits = Some(Logits { values: logits, labels });
        Outcome { loss, units: examples.len(), wrong, logits }
    }
}

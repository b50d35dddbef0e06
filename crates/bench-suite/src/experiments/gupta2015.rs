//! Gupta, Agrawal, Gopalakrishnan, Narayanan 2015: deep learning with limited numerical precision.

pub mod accelerator;
pub mod cifar10_cnn;
mod cnn;
pub mod mnist_cnn;
pub mod mnist_dnn;

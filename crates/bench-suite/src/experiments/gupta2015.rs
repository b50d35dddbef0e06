//! Gupta, Agrawal, Gopalakrishnan, Narayanan 2015: deep learning with limited numerical precision.

pub mod accelerator;
mod arithmetics;
pub mod cifar10_cnn;
pub mod learning;
pub mod mnist_cnn;
pub mod mnist_dnn;

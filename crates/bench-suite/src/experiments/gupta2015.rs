//! Gupta, Agrawal, Gopalakrishnan, Narayanan 2015: deep learning with limited numerical precision.

pub mod accelerator;
mod cnn;
pub mod mnist_cnn;
pub mod mnist_dnn;

//! Gupta, Agrawal, Gopalakrishnan, Narayanan 2015: deep learning with limited numerical precision.

pub mod mnist_dnn;

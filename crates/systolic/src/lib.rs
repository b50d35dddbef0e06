//! A systolic accelerator for fixed-point products.
//!
//! Will hold the wavefront array of [Gupta15 §5], cycle by cycle and as hardware. Uses `numerics`
//! only.

#![forbid(unsafe_code)]

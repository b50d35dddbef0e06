//! An analog in-memory computing tile: devices, mapping, wires and periphery.
//!
//! Will hold the crossbar model of \[Rasch23\]: conductances that are programmed, drift and are read
//! with noise; converters; wire resistance; and the cost of it all. Uses `numerics` only.

#![forbid(unsafe_code)]

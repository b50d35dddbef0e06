//! Products against their definitions, which only tests see.

mod accumulators;
mod products;

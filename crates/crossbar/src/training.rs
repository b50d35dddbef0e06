//! Hardware-aware products: a matrix whose weights are perturbed anew for every mini-batch.
//!
//! ```text
//! forward    z_p = ADC(W̃_p DAC(x_p/α)),   y = β + Σ_p α γ_p ⊙ z_p
//! backward   δ_m = δ where no ADC of the output saturated, else 0
//!            ∂β = Σ δ,   ∂γ_p = Σ δ ⊙ α z_p,   ∂w̆ = γ ⊙ δ_mᵀ clamp(x, ±α),   ∂x = δ_m (γ ⊙ W̃)
//!            ∂α = Σ sign(x) ∂x over |x| ≥ α
//! ```
//!
//! over the tiles p of a matrix; with an unsigned DAC clamp(x, 0, α) and only x ≥ α. The gradient passes the converters as if they were not there
//! (straight-through), the drop along the wires and the noise of the product too. W̃ are the weights w̆
//! with the noise of the mini-batch, the same in both directions.
//!
//! [`TrainingTiles`] are the cut and the converters, made once; a [`PerturbedMatrix`] holds the
//! weights of one mini-batch; [`Kept`] is what its forward product keeps for the backward one. A
//! caller with products of its own (patches of images) takes the parts of the backward product from
//! these two; [`PerturbedMatrix::backward`] puts them together for rows. The ranges of the ADCs may be learned, too:
//! [`PerturbedMatrix::set_adc_bounds`] and [`Kept::add_bound_sums`].
//!
//! Source: [Rasch23 Methods, "hardware-aware training"].
//!
//! Differs: where one of the tiles of a split matrix saturates at an output, the error of that
//! output is stopped for all of its tiles; and the tiles of a matrix share one input range, where
//! the paper has one for each.

mod backward;
mod bounds;
mod forward;
mod kept;
mod perturbed;
mod sums;
mod tiles;

pub use backward::Gradients;
pub use bounds::BoundSums;
pub use kept::{Keep, Kept};
pub use perturbed::{MatrixWeights, PerturbedMatrix};
pub use tiles::TrainingTiles;

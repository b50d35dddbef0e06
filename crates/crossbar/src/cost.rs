//! Energy, latency and area of analog products, estimated from named component figures.
//!
//! ```text
//! energy  = inputs · E_DAC + outputs · E_ADC + outputs · E_digital + E_array + E_around
//! E_array = V_read² t_int Σ_ij (g⁺_ij + g⁻_ij) |x_j|     from the conductances and inputs at hand
//! latency = t_DAC + t_int + ⌈outputs / ADCs⌉ t_ADC + t_digital
//! area    = devices · A_cell + inputs · A_DAC + ADCs · A_ADC + outputs · A_digital
//! ```
//!
//! where inputs are widths of pulses, and x_j² in place of |x_j| where they are amplitudes
//! ([`InputEncoding`]). An output that takes several conversions counts as often ([`Passes`]). The
//! figures are those of 8-bit converters. For a tile whose converters have other numbers of steps, or
//! for others that the caller names ([`CostFigures::at_steps`]), an output conversion follows its
//! kind ([`AdcKind`]) or a [`survey`], and an input
//!
//! ```text
//! t_int ∝ 2^bits       widths of pulses come in as many slots
//! E_DAC ∝ 2^bits       amplitudes come from a converter of as many units
//! ```
//!
//! with 2^bits = steps + 2 of the DAC. So with pulses the array's energy grows with the
//! resolution of the DAC, and its own conversion, one charging of a word line, does not; with
//! amplitudes it is the other way round.
//!
//! Assumed: these scalings, and that the area of a DAC stays; with pulses they are those of the
//! pulse-width DAC of \[Hermes22\] and \[LeGallo23\], from which the figures come.
//! Assumed: a converter without steps, which none is, costs as much as one of 8 bits.
//!
//! Every figure is a value with a range, from low to high, and names its source in the TOML file
//! that it is read from. Results carry the range along: all figures at their low end, at their
//! nominal value, at their high end. They are estimates of the parts that are named. What stands
//! around the tiles, buffers, network and control ([`system`]), and the writing of the weights
//! ([`programming`]) count where the figures have them: [`CostFigures::chip`] does,
//! [`CostFigures::standard`] does not.
//!
//! A whole network is a [`Pipeline`] of such products; [`macros`] holds the figures against what was
//! published.

pub mod adc;
mod converters;
pub mod encoding;
mod energy;
mod figures;
pub mod macros;
pub mod pipeline;
mod product;
pub mod programming;
mod range;
pub mod survey;
pub mod system;

pub use adc::AdcKind;
pub use converters::ConverterSteps;
pub use encoding::InputEncoding;
pub use energy::{Cost, Energy};
pub use figures::CostFigures;
pub use macros::Macro;
pub use pipeline::{Pipeline, Stage, Throughput};
pub use product::{Passes, Work};
pub use programming::{Programming, ProgrammingFigures};
pub use range::Range;
pub use survey::SurveyedAdc;
pub use system::{Buffers, DigitalUnits, Network};

#[cfg(test)]
mod tests;

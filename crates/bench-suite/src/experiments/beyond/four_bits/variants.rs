//! The ways to round: which operands stochastically, in which blocks, under which scales.

use std::fmt;

use nn::arithmetic::{Block, BlockOperand, FloatOperand, LowFloat, Master, Products};
use nn::{AnyArithmetic, Float32, Policy};
use numerics::{
    BlockFormat, BlockQuantizer, BlockScale, FloatFormat, FloatQuantizer, Fraction, Hadamard,
    HadamardSigns, Overflow, Rounding, ScaleRule, StochasticBits, StochasticVariant,
};

/// A way to train in few bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// f32.
    Float,
    /// The recipe of arXiv:2509.25149.
    Nvfp4,
    /// NVFP4 without transform.
    Plain(Stochastic),
    /// The same to nearest, but ∂W transformed.
    NearestTransformed,
    /// The recipe of arXiv:2509.25149 with a random transform of ∂W of that length.
    Transform(usize),
    /// … with transforms in all products.
    AllTransformed,
    /// … in the last layer, too.
    LastToo,
    /// … with the first layer in f32, too.
    FirstInFloat,
    /// … with so many random bits for δ, under that rule.
    RandomBits(u8, StochasticVariant),
    /// E2M1 in blocks of that length along the sum, under E4M3 scales, δ stochastic.
    Blocks(usize),
    /// Blocks as NVFP4's, scales as MXFP4's.
    PowersOf16,
    /// MXFP4 under a rule for its scales, δ stochastic.
    Rule(ScaleRule),
    /// The recipe of arXiv:2502.20586.
    Mxfp4Backward,
    /// MXFP8 with scales rounded up.
    Mxfp8(Stochastic),
    /// MXFP8 to nearest under the floor rule.
    Mxfp8Floor,
    /// FP8 with scales of the step.
    Fp8,
    /// FP8 with scales of past steps.
    Fp8Delayed,
    /// bf16 without another copy of the weights, whose updates are rounded stochastically.
    Bf16,
    /// … to nearest.
    Bf16Nearest,
    /// bf16 with weights in f32.
    Bf16Master,
}

/// Which operands are rounded stochastically, the others to nearest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stochastic {
    None,
    /// That one of [`OPERANDS`].
    One(usize),
    /// δ of both backward products.
    Errors,
    All,
}

pub(super) const NEAREST: Way = Way::Plain(Stochastic::None);
pub(super) const STOCHASTIC: Way = Way::Plain(Stochastic::All);
pub(super) const GRADIENTS: Way = Way::Plain(Stochastic::Errors);
pub(super) const MXFP8: Way = Way::Mxfp8(Stochastic::None);
pub(super) const MXFP8_STOCHASTIC: Way = Way::Mxfp8(Stochastic::All);

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Float => f.write_str("float32"),
            Self::Nvfp4 => f.write_str("NVFP4"),
            Self::Plain(stochastic) => write!(f, "NVFP4, {stochastic}"),
            Self::NearestTransformed => f.write_str("NVFP4, all to nearest, ∂W transformed"),
            Self::Transform(length) => {
                write!(f, "NVFP4, ∂W transformed by {length}, random signs")
            }
            Self::AllTransformed => f.write_str("NVFP4, all products transformed"),
            Self::LastToo => f.write_str("NVFP4, last layer too"),
            Self::FirstInFloat => f.write_str("NVFP4, first layer in f32 too"),
            Self::RandomBits(bits, rule) => {
                write!(f, "NVFP4, {bits} random bits, rule {rule:?}")
            }
            Self::Blocks(length) => write!(f, "E2M1 in blocks of {length}, E4M3 scales"),
            Self::PowersOf16 => f.write_str("E2M1 in blocks of 16, scales powers of two"),
            Self::Rule(rule) => write!(f, "MXFP4, {} rule, δ stochastic", rule_name(rule)),
            Self::Mxfp4Backward => f.write_str("MXFP4 backward, transformed and stochastic"),
            Self::Mxfp8(Stochastic::None) => f.write_str("MXFP8"),
            Self::Mxfp8(stochastic) => write!(f, "MXFP8, {stochastic}"),
            Self::Mxfp8Floor => f.write_str("MXFP8, floor rule"),
            Self::Fp8 => f.write_str("FP8, scales of the step"),
            Self::Fp8Delayed => f.write_str("FP8, scales of past steps"),
            Self::Bf16 => f.write_str("bf16, stochastic updates"),
            Self::Bf16Nearest => f.write_str("bf16, updates to nearest"),
            Self::Bf16Master => f.write_str("bf16, f32 master"),
        }
    }
}

/// A rule for scales in words.
pub(super) const fn rule_name(rule: ScaleRule) -> &'static str {
    match rule {
        ScaleRule::Floor => "floor",
        ScaleRule::Ceil => "ceil",
        ScaleRule::Even => "even",
        ScaleRule::Rceil => "rceil",
        ScaleRule::ScaledFloor => "scaled floor",
        ScaleRule::Nearest => "nearest",
        ScaleRule::TorchaoInference => "torchao's",
    }
}

impl fmt::Display for Stochastic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::None => f.write_str("all to nearest"),
            Self::One(operand) => write!(f, "{} stochastic", OPERANDS[operand]),
            Self::Errors => f.write_str("δ stochastic"),
            Self::All => f.write_str("all stochastic"),
        }
    }
}

/// The operands of the three products, in the order of a mask.
pub(super) const OPERANDS: [&str; 6] = [
    "x of y = x·Wᵀ",
    "W of y = x·Wᵀ",
    "δ of dx = δ·W",
    "W of dx = δ·W",
    "δ of ∂W = δᵀ·x",
    "x of ∂W = δᵀ·x",
];
/// Lengths of blocks under E4M3 scales; NVFP4 has 16.
pub(super) const BLOCKS: [usize; 5] = [8, 16, 32, 64, 128];
/// Rules for MXFP4.
const RULES: [ScaleRule; 4] =
    [ScaleRule::Floor, ScaleRule::Even, ScaleRule::Rceil, ScaleRule::ScaledFloor];
/// Random bits of the hardware's rule.
pub(super) const RANDOM_BITS: [u8; 4] = [2, 3, 4, 8];
/// Lengths of random transforms of ∂W.
pub(super) const TRANSFORMS: [usize; 3] = [4, 16, 64];

impl Stochastic {
    /// Of each operand its rounding.
    fn roundings(self) -> [Rounding; 6] {
        std::array::from_fn(|operand| {
            let stochastic = match self {
                Self::None => false,
                Self::One(one) => operand == one,
                Self::Errors => [2, 4].contains(&operand),
                Self::All => true,
            };
            if stochastic { Rounding::Stochastic } else { Rounding::NearestTiesEven }
        })
    }
}

/// The three products, of `other` and `weight` under the rounding of their place.
fn products(
    stochastic: Stochastic,
    other: impl Fn(Rounding) -> BlockOperand,
    weight: impl Fn(Rounding) -> BlockOperand,
) -> Products<BlockOperand> {
    let [x, w, error, back_w, update_error, update_x] = stochastic.roundings();
    let mut products = Products::unrounded();
    products.forward.input = Some(other(x));
    products.forward.weight = Some(weight(w));
    products.input_gradient.error = Some(other(error));
    products.input_gradient.weight = Some(weight(back_w));
    products.weight_gradient.error = Some(other(update_error));
    products.weight_gradient.input = Some(other(update_x));
    products
}

/// NVFP4 with weights in square blocks.
fn four_bits(stochastic: Stochastic) -> Products<BlockOperand> {
    let quantizer = |rounding| BlockQuantizer::new(BlockFormat::NVFP4, rounding);
    products(
        stochastic,
        |rounding| BlockOperand::along(quantizer(rounding)),
        |rounding| BlockOperand::square(quantizer(rounding)),
    )
}

/// One format for all operands, blocks along the sum.
fn along(
    stochastic: Stochastic,
    format: BlockFormat,
    scale_rule: ScaleRule,
) -> Products<BlockOperand> {
    let operand = |rounding| {
        let usual = BlockQuantizer::new(format, rounding);
        BlockOperand::along(BlockQuantizer { scale_rule, ..usual })
    };
    products(stochastic, operand, operand)
}

fn block(products: Products<BlockOperand>) -> AnyArithmetic {
    Block::new(products).expect("a test makes every variant").into()
}

fn named(name: &str) -> AnyArithmetic {
    AnyArithmetic::named(name).expect("a test makes every variant")
}

/// bf16 operands and results, and what holds the weights.
fn bf16(master: Master) -> AnyArithmetic {
    let operand = FloatOperand::nearest(FloatFormat::BF16);
    let nearest = Rounding::NearestTiesEven;
    let output = FloatQuantizer {
        format: FloatFormat::BF16,
        rounding: nearest,
        overflow: Overflow::Saturate,
    };
    let products = Products { output: Some(output), master, ..Products::uniform(operand) };
    LowFloat::new(products).expect("a test makes every variant").into()
}

/// The paper's recipe with so many random bits for δ.
fn few_bits(bits: u8, variant: StochasticVariant) -> AnyArithmetic {
    let AnyArithmetic::Block(recipe) = named("nvfp4") else {
        unreachable!("the recipe has blocks");
    };
    let mut products = *recipe.products();
    let rounding = Rounding::StochasticBits(StochasticBits {
        bits,
        variant,
        // As floating-point units have it.
        fraction: Fraction::SignMagnitude,
    });
    for error in [&mut products.input_gradient.error, &mut products.weight_gradient.error]
        .into_iter()
        .flatten()
    {
        error.quantizer.rounding = rounding;
    }
    block(products)
}

/// The recipe of arXiv:2509.25149 with other transforms.
fn transformed(change: impl FnOnce(&mut Products<BlockOperand>)) -> AnyArithmetic {
    let mut products = four_bits(Stochastic::Errors);
    change(&mut products);
    block(products)
}

impl Way {
    /// Those that all networks run.
    pub(super) const COMMON: [Self; 7] =
        [Self::Float, Self::Nvfp4, NEAREST, GRADIENTS, STOCHASTIC, MXFP8, Self::Mxfp4Backward];

    /// All, those that all networks run first; the others are for the small network alone.
    pub(super) fn all() -> Vec<Self> {
        let operands = || (0..OPERANDS.len()).map(Stochastic::One);
        let mut all = Self::COMMON.to_vec();
        all.extend(operands().map(Self::Plain));
        all.push(MXFP8_STOCHASTIC);
        all.extend(operands().map(Self::Mxfp8));
        all.extend(TRANSFORMS.map(Self::Transform));
        all.extend([Self::AllTransformed, Self::NearestTransformed]);
        all.extend(BLOCKS.map(Self::Blocks));
        all.push(Self::PowersOf16);
        all.extend(RULES.map(Self::Rule));
        all.push(Self::Mxfp8Floor);
        all.extend(RANDOM_BITS.map(|bits| Self::RandomBits(bits, StochasticVariant::A)));
        all.push(Self::RandomBits(2, StochasticVariant::C));
        all.extend([Self::Fp8, Self::Fp8Delayed]);
        all.extend([Self::Bf16, Self::Bf16Nearest, Self::Bf16Master]);
        all.extend([Self::LastToo, Self::FirstInFloat]);
        all
    }

    /// The arithmetic of the layers in few bits.
    fn arithmetic(self) -> AnyArithmetic {
        let nvidia = Some(Hadamard { size: 16, signs: HadamardSigns::Nvidia });
        match self {
            Self::Float => Float32.into(),
            Self::Nvfp4 | Self::LastToo | Self::FirstInFloat => named("nvfp4"),
            Self::Plain(stochastic) => block(four_bits(stochastic)),
            Self::NearestTransformed => {
                let mut products = four_bits(Stochastic::None);
                products.weight_gradient.hadamard = nvidia;
                block(products)
            }
            Self::Transform(size) => transformed(|products| {
                let signs = HadamardSigns::Random;
                products.weight_gradient.hadamard = Some(Hadamard { size, signs });
            }),
            Self::AllTransformed => transformed(|products| {
                products.forward.hadamard = nvidia;
                products.input_gradient.hadamard = nvidia;
                products.weight_gradient.hadamard = nvidia;
            }),
            Self::RandomBits(bits, rule) => few_bits(bits, rule),
            Self::Blocks(length) => {
                let format = BlockFormat { block: length, ..BlockFormat::NVFP4 };
                block(along(Stochastic::Errors, format, ScaleRule::Nearest))
            }
            Self::PowersOf16 => {
                let powers = BlockFormat { scale: BlockScale::PowerOfTwo, ..BlockFormat::NVFP4 };
                block(along(Stochastic::Errors, powers, ScaleRule::Rceil))
            }
            Self::Rule(rule) => block(along(Stochastic::Errors, BlockFormat::MXFP4, rule)),
            Self::Mxfp4Backward => named("mxfp4-sr-rht"),
            Self::Mxfp8(stochastic) => {
                block(along(stochastic, BlockFormat::MXFP8_E4M3, ScaleRule::Rceil))
            }
            Self::Mxfp8Floor => {
                block(along(Stochastic::None, BlockFormat::MXFP8_E4M3, ScaleRule::Floor))
            }
            Self::Fp8 => named("fp8"),
            Self::Fp8Delayed => named("fp8-delayed"),
            Self::Bf16 => named("bf16"),
            Self::Bf16Nearest => {
                let FloatOperand { format, rounding, overflow, .. } =
                    FloatOperand::nearest(FloatFormat::BF16);
                bf16(Master::Float(FloatQuantizer { format, rounding, overflow }))
            }
            Self::Bf16Master => bf16(Master::F32),
        }
    }

    /// The arithmetic of a network whose first and last layers have these names: of every layer but
    /// the last, which is f32 unless it is said otherwise.
    pub(super) fn policy(self, [first, last]: [&str; 2]) -> Policy {
        let uniform = Policy::uniform(self.arithmetic());
        match self {
            Self::LastToo => uniform,
            Self::FirstInFloat => uniform.with(last, Float32).with(first, Float32),
            _ => uniform.with(last, Float32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_differ_from_each_other_and_survive_their_files() {
        let policies = Way::all().into_iter().map(|way| (way, way.policy(["fc1", "fc3"])));
        let policies: Vec<(Way, Policy)> = policies.collect();
        for (i, (name, policy)) in policies.iter().enumerate() {
            let written = serde_json::to_value(policy).unwrap();
            assert_eq!(serde_json::from_value::<Policy>(written).unwrap(), *policy, "{name}");
            for (other, same) in &policies[..i] {
                assert_ne!(name.to_string(), other.to_string());
                assert_ne!(policy, same, "{name} and {other} are one");
            }
        }
    }

    #[test]
    fn the_recipes_are_what_the_ablations_vary() {
        let nvidia = Hadamard { size: 16, signs: HadamardSigns::Nvidia };
        let recipe = transformed(|products| products.weight_gradient.hadamard = Some(nvidia));
        assert_eq!(recipe, named("nvfp4"));
        assert_eq!(MXFP8.arithmetic(), named("mxfp8"));
        let stochastic = Rounding::Stochastic;
        let FloatOperand { format, overflow, .. } = FloatOperand::nearest(FloatFormat::BF16);
        let master = Master::Float(FloatQuantizer { format, rounding: stochastic, overflow });
        assert_eq!(bf16(master), named("bf16"));
    }
}

//! The ways to round: which operands stochastically, in which blocks, under which scales.

use nn::arithmetic::{Block, BlockOperand, FloatOperand, LowFloat, Master, Products};
use nn::{AnyArithmetic, Float32, Policy};
use numerics::{
    BlockFormat, BlockQuantizer, BlockScale, FloatFormat, FloatQuantizer, Fraction, Hadamard,
    HadamardSigns, Overflow, Rounding, ScaleRule, StochasticBits, StochasticVariant,
};

pub(super) const FLOAT: &str = "float32";
/// The recipe of arXiv:2509.25149.
pub(super) const NVFP4: &str = "NVFP4";
/// Without transform, every operand to nearest.
pub(super) const NEAREST: &str = "NVFP4, all to nearest";
pub(super) const STOCHASTIC: &str = "NVFP4, all stochastic";
/// δ of both backward products stochastic, the others to nearest, without transform.
pub(super) const GRADIENTS: &str = "NVFP4, δ stochastic";
pub(super) const MXFP8: &str = "MXFP8";
pub(super) const MXFP8_STOCHASTIC: &str = "MXFP8, all stochastic";
pub(super) const MXFP8_FLOOR: &str = "MXFP8, floor rule";
/// The recipe of arXiv:2502.20586.
pub(super) const MXFP4_BACKWARD: &str = "MXFP4 backward, transformed and stochastic";
pub(super) const NEAREST_TRANSFORMED: &str = "NVFP4, all to nearest, ∂W transformed";
pub(super) const ALL_TRANSFORMED: &str = "NVFP4, all products transformed";
pub(super) const LAST_TOO: &str = "NVFP4, last layer too";
pub(super) const FIRST_IN_FLOAT: &str = "NVFP4, first layer in f32 too";
pub(super) const BF16: &str = "bf16, stochastic updates";
pub(super) const BF16_NEAREST: &str = "bf16, updates to nearest";
pub(super) const BF16_MASTER: &str = "bf16, f32 master";

/// The operands of the three products, in the order of a mask.
pub(super) const OPERANDS: [&str; 6] = [
    "x of y = x·Wᵀ",
    "W of y = x·Wᵀ",
    "δ of dx = δ·W",
    "W of dx = δ·W",
    "δ of ∂W = δᵀ·x",
    "x of ∂W = δᵀ·x",
];
/// Which operands are rounded stochastically.
type Mask = [bool; 6];
const NONE: Mask = [false; 6];
const ALL: Mask = [true; 6];
const ERRORS: Mask = [false, false, true, false, true, false];

/// Lengths of blocks under E4M3 scales; NVFP4 has 16.
pub(super) const BLOCKS: [usize; 5] = [8, 16, 32, 64, 128];
/// Rules for MXFP4.
pub(super) const RULES: [(ScaleRule, &str); 4] = [
    (ScaleRule::Floor, "floor"),
    (ScaleRule::Even, "even"),
    (ScaleRule::Rceil, "rceil"),
    (ScaleRule::ScaledFloor, "scaled floor"),
];
/// Random bits of the hardware's rule.
pub(super) const RANDOM_BITS: [u8; 4] = [2, 3, 4, 8];
/// Lengths of random transforms of ∂W.
pub(super) const TRANSFORMS: [usize; 3] = [4, 16, 64];

pub(super) fn one_stochastic(format: &str, operand: usize) -> String {
    format!("{format}, {} stochastic", OPERANDS[operand])
}

pub(super) fn blocks_name(block: usize) -> String {
    format!("E2M1 in blocks of {block}, E4M3 scales")
}

/// Blocks as NVFP4's, scales as MXFP4's.
pub(super) const POWERS_OF_16: &str = "E2M1 in blocks of 16, scales powers of two";

pub(super) fn rule_name(rule: &str) -> String {
    format!("MXFP4, {rule} rule, δ stochastic")
}

pub(super) fn bits_name(bits: u8, variant: &str) -> String {
    format!("NVFP4, {bits} random bits, rule {variant}")
}

pub(super) fn transform_name(size: usize) -> String {
    format!("NVFP4, ∂W transformed by {size}, random signs")
}

fn rounding(stochastic: bool) -> Rounding {
    if stochastic { Rounding::Stochastic } else { Rounding::NearestTiesEven }
}

/// The three products, of `other` and `weight` under the rounding of their place.
fn products(
    mask: Mask,
    other: impl Fn(Rounding) -> BlockOperand,
    weight: impl Fn(Rounding) -> BlockOperand,
) -> Products<BlockOperand> {
    let [x, w, error, back_w, update_error, update_x] = mask.map(rounding);
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
fn four_bits(mask: Mask) -> Products<BlockOperand> {
    let quantizer = |rounding| BlockQuantizer::new(BlockFormat::NVFP4, rounding);
    products(
        mask,
        |rounding| BlockOperand::along(quantizer(rounding)),
        |rounding| BlockOperand::square(quantizer(rounding)),
    )
}

/// One format for all operands, blocks along the sum.
fn along(mask: Mask, format: BlockFormat, scale_rule: ScaleRule) -> Products<BlockOperand> {
    let operand = |rounding| {
        let usual = BlockQuantizer::new(format, rounding);
        BlockOperand::along(BlockQuantizer { scale_rule, ..usual })
    };
    products(mask, operand, operand)
}

fn block(products: Products<BlockOperand>) -> AnyArithmetic {
    Block::new(products).expect("a test makes every variant").into()
}

fn named(name: &str) -> AnyArithmetic {
    AnyArithmetic::named(name).expect("a test makes every variant")
}

fn one(operand: usize) -> Mask {
    std::array::from_fn(|i| i == operand)
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

/// Those that all networks run: name and arithmetic of every layer but the last, which is f32.
pub(super) fn common() -> Vec<(String, AnyArithmetic)> {
    [
        (FLOAT, Float32.into()),
        (NVFP4, named("nvfp4")),
        (NEAREST, block(four_bits(NONE))),
        (GRADIENTS, block(four_bits(ERRORS))),
        (STOCHASTIC, block(four_bits(ALL))),
        (MXFP8, named("mxfp8")),
        (MXFP4_BACKWARD, named("mxfp4-sr-rht")),
    ]
    .map(|(name, arithmetic)| (name.to_owned(), arithmetic))
    .to_vec()
}

/// The others, of the small network alone.
fn ablations() -> Vec<(String, AnyArithmetic)> {
    let mut all: Vec<(String, AnyArithmetic)> = Vec::new();
    let mut add = |name: String, arithmetic| all.push((name, arithmetic));
    let eight = |mask| along(mask, BlockFormat::MXFP8_E4M3, ScaleRule::Rceil);
    for operand in 0..OPERANDS.len() {
        add(one_stochastic("NVFP4", operand), block(four_bits(one(operand))));
    }
    add(MXFP8_STOCHASTIC.to_owned(), block(eight(ALL)));
    for operand in 0..OPERANDS.len() {
        add(one_stochastic("MXFP8", operand), block(eight(one(operand))));
    }
    for size in TRANSFORMS {
        let mut products = four_bits(ERRORS);
        products.weight_gradient.hadamard = Some(Hadamard { size, signs: HadamardSigns::Random });
        add(transform_name(size), block(products));
    }
    let nvidia = Some(Hadamard { size: 16, signs: HadamardSigns::Nvidia });
    let mut everywhere = four_bits(ERRORS);
    everywhere.forward.hadamard = nvidia;
    everywhere.input_gradient.hadamard = nvidia;
    everywhere.weight_gradient.hadamard = nvidia;
    add(ALL_TRANSFORMED.to_owned(), block(everywhere));
    let mut nearest = four_bits(NONE);
    nearest.weight_gradient.hadamard = nvidia;
    add(NEAREST_TRANSFORMED.to_owned(), block(nearest));
    for length in BLOCKS {
        let format = BlockFormat { block: length, ..BlockFormat::NVFP4 };
        add(blocks_name(length), block(along(ERRORS, format, ScaleRule::Nearest)));
    }
    let powers = BlockFormat { scale: BlockScale::PowerOfTwo, ..BlockFormat::NVFP4 };
    add(POWERS_OF_16.to_owned(), block(along(ERRORS, powers, ScaleRule::Rceil)));
    for (rule, name) in RULES {
        add(rule_name(name), block(along(ERRORS, BlockFormat::MXFP4, rule)));
    }
    let floor = along(NONE, BlockFormat::MXFP8_E4M3, ScaleRule::Floor);
    add(MXFP8_FLOOR.to_owned(), block(floor));
    for bits in RANDOM_BITS {
        add(bits_name(bits, "A"), few_bits(bits, StochasticVariant::A));
    }
    add(bits_name(2, "C"), few_bits(2, StochasticVariant::C));
    add("FP8, scales of the step".to_owned(), named("fp8"));
    add("FP8, scales of past steps".to_owned(), named("fp8-delayed"));
    let format = FloatFormat::BF16;
    let nearest = FloatOperand::nearest(format);
    let to_nearest =
        FloatQuantizer { format, rounding: nearest.rounding, overflow: nearest.overflow };
    add(BF16.to_owned(), named("bf16"));
    add(BF16_NEAREST.to_owned(), bf16(Master::Float(to_nearest)));
    add(BF16_MASTER.to_owned(), bf16(Master::F32));
    all
}

/// All of a network whose first and last layers have these names; those that all networks run come
/// first.
pub(super) fn policies(first: &str, last: &str, all: bool) -> Vec<(String, Policy)> {
    let with_last = |arithmetic| Policy::uniform(arithmetic).with(last, Float32);
    let mut policies: Vec<(String, Policy)> =
        common().into_iter().map(|(name, arithmetic)| (name, with_last(arithmetic))).collect();
    if all {
        policies.extend(ablations().into_iter().map(|(name, a)| (name, with_last(a))));
        policies.push((LAST_TOO.to_owned(), Policy::uniform(named("nvfp4"))));
        let less = with_last(named("nvfp4")).with(first, Float32);
        policies.push((FIRST_IN_FLOAT.to_owned(), less));
    }
    policies
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_differ_from_each_other_and_survive_their_files() {
        let policies = policies("fc1", "fc3", true);
        for (i, (name, policy)) in policies.iter().enumerate() {
            let written = serde_json::to_value(policy).unwrap();
            assert_eq!(serde_json::from_value::<Policy>(written).unwrap(), *policy, "{name}");
            for (other, same) in &policies[..i] {
                assert_ne!((name, policy), (other, same), "{name} and {other}");
                assert_ne!(policy, same, "{name} and {other} are one");
            }
        }
    }

    #[test]
    fn the_recipes_are_what_the_ablations_vary() {
        let mut products = four_bits(ERRORS);
        let hadamard = Hadamard { size: 16, signs: HadamardSigns::Nvidia };
        products.weight_gradient.hadamard = Some(hadamard);
        assert_eq!(block(products), named("nvfp4"));
        assert_eq!(block(along(NONE, BlockFormat::MXFP8_E4M3, ScaleRule::Rceil)), named("mxfp8"));
        let stochastic = Rounding::Stochastic;
        let FloatOperand { format, overflow, .. } = FloatOperand::nearest(FloatFormat::BF16);
        let master = Master::Float(FloatQuantizer { format, rounding: stochastic, overflow });
        assert_eq!(bf16(master), named("bf16"));
    }
}

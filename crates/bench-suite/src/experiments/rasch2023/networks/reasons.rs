//! Why claims about the networks do not hold, where that is known or what it would take is.

/// Why claims do not hold at desk scale, of those where it is known or was asked.
pub(super) const TRAINED_BRIEFLY: [(&str, &str); 3] = [
    (
        "recovery-year",
        "Not known. The networks are trained for the hardware for a few epochs and the paper's for up to \
         600, and a year costs ours more; it would take the recipes of paper scale.",
    ),
    (
        "iso-wide-resnet",
        "Not known. The recipe of this scale has neither the paper's distillation nor its hundreds of \
         epochs; it would take that of paper scale.",
    ),
    (
        "better-wide-resnet",
        "The paper's gain over f32 is one of distillation, which the recipe of this scale does not \
         have; it would take that of paper scale.",
    ),
];

/// The same where mapping directly costs the networks that drift helps next to nothing.
pub(super) const NOTHING_CLIPPED: [(&str, &str); 1] = [(
    "drift-helps",
    "Drift can only give back what outputs beyond the range of the ADC have cost, and that is next to \
     nothing in these two networks; the notes have the numbers.",
)];

//! Whether text can be read: the contrast of the style's colours, by WCAG 2.

use super::STYLE;

/// Relative luminance of `#rrggbb` or `#rgb`.
pub(super) fn luminance(hex: &str) -> f64 {
    let digits = hex.trim_start_matches('#');
    let whole: String = match digits.len() {
        3 => digits.chars().flat_map(|c| [c, c]).collect(),
        _ => digits.to_owned(),
    };
    let channel = |at: usize| {
        let c = f64::from(u8::from_str_radix(&whole[at..at + 2], 16).unwrap()) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(0) + 0.7152 * channel(2) + 0.0722 * channel(4)
}

fn contrast(a: &str, b: &str) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// The colours of a `:root { … }` by their names.
fn colours(block: &str) -> Vec<(&str, &str)> {
    let declarations = block.split([';', '{', '}']).filter_map(|line| line.trim().split_once(':'));
    declarations
        .filter_map(|(name, value)| Some((name.trim().strip_prefix("--")?, value.trim())))
        .collect()
}

#[test]
fn every_text_can_be_read_on_every_background() {
    let blocks: Vec<&str> =
        STYLE.split(":root {").skip(1).map(|rest| &rest[..rest.find('}').unwrap()]).collect();
    assert_eq!(blocks.len(), 3, "light, dark, print");
    for block in blocks {
        let colours = colours(block);
        let of = |name| {
            let found = colours.iter().find(|(other, _)| *other == name);
            found.unwrap_or_else(|| panic!("there is no --{name} in {block}")).1
        };
        for background in ["page", "panel"] {
            for text in ["ink", "soft", "link", "holds", "fails", "open"] {
                let contrast = contrast(of(text), of(background));
                assert!(contrast >= 4.5, "--{text} on --{background}: {contrast:.2} in {block}");
            }
        }
    }
}

#[test]
fn contrast_is_that_of_the_standard() {
    assert!((contrast("#000", "#ffffff") - 21.0).abs() < 1e-9);
    // A grey that is just enough on white.
    assert!((contrast("#767676", "#fff") - 4.54).abs() < 0.01);
}

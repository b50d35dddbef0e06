//! What a person types to start this program: `dither` where it is installed, `cargo xtask` in a checkout.

/// Set by `cargo xtask` for the program that it starts.
const CALLED: &str = "DITHER_CALLED";
/// How commands are written in the texts of this program.
const WRITTEN: &str = "cargo xtask";
/// The name of the installed program.
const INSTALLED: &str = "dither";

/// A text for people, with commands as they can be typed here.
pub fn as_typed(text: &str) -> String {
    if std::env::var_os(CALLED).is_some_and(|called| called == WRITTEN) {
        text.to_owned()
    } else {
        text.replace(WRITTEN, INSTALLED)
    }
}

//! How a command ends.

/// All was done that was asked for, and what must hold does.
pub const HOLDS: u8 = 0;
/// Something that must hold does not, an answer is wrong, or training diverged.
pub const DOES_NOT_HOLD: u8 = 1;
/// An error in the command line, a file or the data; or a fault of the program.
pub const ERROR: u8 = 2;

/// What the help says of a command that judges nothing.
pub(super) const OF_NO_JUDGE: &str = "Exit code: 0; 2 for an error in the command line.";

/// The code of an answer that is right or wrong.
pub(super) fn of(holds: bool) -> u8 {
    if holds { HOLDS } else { DOES_NOT_HOLD }
}

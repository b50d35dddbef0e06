//! Values that several options have.

/// More threads than this cannot be asked for.
const MOST_THREADS: i64 = 1024;

/// Seeds that leave room for the ones that follow.
pub(super) fn seed() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(..=u64::from(u32::MAX))
}

/// Numbers of threads that a machine may have: a slip of the pen must not start millions.
pub(super) fn threads() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=MOST_THREADS)
}

/// The number of threads that was asked for, or that of the cores.
pub(super) fn threads_or_cores(asked: Option<u32>) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    asked.map_or_else(cores, |n| n as usize)
}

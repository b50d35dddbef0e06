//! How much fits into the machine.

/// Bytes of memory that the machine has; where it does not say, more than any has.
pub(crate) fn memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.strip_suffix("kB"));
    total.and_then(|kib| kib.trim().parse::<u64>().ok()).map_or(1 << 44, |kib| kib << 10)
}

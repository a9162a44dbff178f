//! The memory that telemetry may hold, and who goes first when memory is short.

use rlimit::Resource;

/// No budget is smaller than this unless somebody asks for it: below it a burst of senders is refused too soon.
const SMALLEST_DEFAULT_BYTES: u64 = 1 << 30;

/// How much readier than others this process is to be ended when memory is short: of 1,000.
const OOM_SCORE: &str = "500";

/// Tells the budget of this machine: half of its memory, or of what a container may use.
pub(crate) fn of_this_machine() -> Option<u64> {
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_bytes(&text));
    let container = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    let least = [machine, container].into_iter().flatten().min()?;
    Some((least / 2).max(SMALLEST_DEFAULT_BYTES))
}

fn total_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|kib| kib * 1_024)
}

/// Has the kernel hold this process to a budget, and take it before the server when memory is short.
pub(crate) fn keep(memory_bytes: Option<u64>) {
    if let Err(error) = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE) {
        tracing::warn!(%error, "the kernel cannot be told to end telemetry before the server");
    }
    let Some(bytes) = memory_bytes else { return };
    // What is written on the heap and on stacks counts; files that are only read do not.
    if let Err(error) = rlimit::setrlimit(Resource::DATA, bytes, bytes) {
        tracing::warn!(%error, bytes, "the memory budget is not kept by the kernel");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_the_machine_is_read() {
        assert_eq!(total_bytes("MemTotal:       16384 kB\nMemFree: 1 kB\n"), Some(16_384 * 1_024));
        assert_eq!(total_bytes("MemFree: 1 kB\n"), None);
    }
}

//! How many datagrams the kernel threw away because nobody read them in time (Linux: /proc/net/udp).

use std::os::fd::AsRawFd;

/// The number of a socket, by which the kernel's table names it.
pub(crate) fn inode(socket: &impl AsRawFd) -> Option<u64> {
    let link = std::fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).ok()?;
    link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// How many the socket has lost since it was opened; nothing where the kernel does not tell.
pub(crate) fn lost(inode: u64) -> Option<u64> {
    ["/proc/net/udp", "/proc/net/udp6"].iter().find_map(|path| find(&std::fs::read_to_string(path).ok()?, inode))
}

/// Column 10 is the inode, the last one the losses.
fn find(table: &str, inode: u64) -> Option<u64> {
    table.lines().skip(1).find_map(|line| {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        let is_it = columns.get(9).and_then(|column| column.parse::<u64>().ok()) == Some(inode);
        is_it.then(|| columns.get(12)?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_losses_of_a_socket_are_in_the_last_column() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n \
            1157: 0100007F:2FA9 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 42\n";
        assert_eq!(find(table, 4711), Some(42));
        assert_eq!(find(table, 1), None);
    }
}

//! What the kernel does for a port of datagrams: the room in which they wait, and how many it threw away because
//! nobody read them in time (Linux: /proc/net/udp).

use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use socket2::{Domain, SockRef, Socket, Type};

/// Asks for so much room for datagrams that wait to be read, and tells how much there is.
///
/// # Errors
/// When the kernel does not answer; the socket is as it was or better.
pub(crate) fn make_room(socket: &UdpSocket, bytes: usize) -> std::io::Result<usize> {
    let socket = SockRef::from(socket);
    // A request over net.core.rmem_max gives that maximum, which may be less than a default (rmem_default) that
    // somebody has raised; so another socket asks first.
    let trial = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    trial.set_recv_buffer_size(bytes)?;
    if trial.recv_buffer_size()? > socket.recv_buffer_size()? {
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.recv_buffer_size()
}

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
    fn a_port_gets_the_room_that_it_asks_for_as_far_as_the_kernel_gives_it_and_never_less_than_it_had() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let before = SockRef::from(&socket).recv_buffer_size().expect("a size");
        assert_eq!(make_room(&socket, 1).expect("an answer"), before);
        let given = make_room(&socket, 64 << 10).expect("an answer").max(before);
        assert!(given >= 64 << 10 && make_room(&socket, 8 << 20).expect("an answer") >= given);
    }

    #[test]
    fn the_losses_of_a_socket_are_in_the_last_column() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n \
            1157: 0100007F:2FA9 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 42\n";
        assert_eq!(find(table, 4711), Some(42));
        assert_eq!(find(table, 1), None);
    }
}

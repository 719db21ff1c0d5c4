//! The vendors' side: listener, lobby, connections.

pub mod algorithms;
pub mod connection;
mod enrolling;
mod forward;
mod hosted;
mod inner;
mod jump;
pub mod listener;
pub mod lobby;
mod opening;
mod parting;
pub mod proxy;
pub mod shared;
pub(crate) mod starting;
mod tunnelling;
mod way;

use std::time::Duration;
use tokio::net::TcpStream;

/// Asks the kernel to notice a peer that vanished without a word. SSH keepalives of the library
/// must stay off before authentication: they kill real clients in the lobby (docs/lobby.md).
pub fn keep_alive(tcp: &TcpStream) {
    const IDLE: Duration = Duration::from_secs(15);
    const BETWEEN: Duration = Duration::from_secs(5);
    const TRIES: u32 = 3;
    /// Milliseconds that sent bytes may stay unacknowledged.
    const UNACKNOWLEDGED: u32 = 30_000;
    use rustix::net::sockopt;
    let _ = sockopt::set_socket_keepalive(tcp, true);
    let _ = sockopt::set_tcp_keepidle(tcp, IDLE);
    let _ = sockopt::set_tcp_keepintvl(tcp, BETWEEN);
    let _ = sockopt::set_tcp_keepcnt(tcp, TRIES);
    let _ = sockopt::set_tcp_user_timeout(tcp, UNACKNOWLEDGED);
}

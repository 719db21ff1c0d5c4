//! The libraries that tools in Python use.

use super::{COMMAND, WHO, gets_through, in_python};
use harness::Site;

#[test]
fn paramiko() {
    let site = Site::start();
    let terminal = in_python(&site, "paramiko_client.py", &[WHO, COMMAND]);
    gets_through(&site, terminal, true);
}

#[test]
fn asyncssh() {
    let site = Site::start();
    let terminal = in_python(&site, "asyncssh_client.py", &[WHO, COMMAND]);
    gets_through(&site, terminal, true);
}

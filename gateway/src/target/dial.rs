//! The way to a target, in the order of its checks: permit, address, host key, credential.

use super::dialled::Ends;
use super::questions::Questions;
use super::sign_in::SignIn;
use super::{Asker, DialError, Dialled, FromTarget, PATIENCE, Route};
use crate::descriptors;
use crate::relay::gate::GatedStream;
use crate::relay::pressure::TargetSide;
use crate::relay::{PACKET, TARGET_WINDOW};
use crate::ssh::algorithms;
use policy::Permit;
use russh::client;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// Dials. The permit names the target and the account (promise 1); the credential goes to a host
/// whose pinned key was verified, and to no other. What the target asks besides is put to `asker`,
/// if there is one.
pub async fn dial(route: &Route, permit: &Permit, asker: Option<&Asker>) -> Result<Dialled, DialError> {
    if *permit.target() != route.target {
        return Err(DialError::NotPermitted);
    }
    reach(route, permit.account().as_str(), asker).await
}

/// The steps themselves.
pub(super) async fn reach(route: &Route, account: &str, asker: Option<&Asker>) -> Result<Dialled, DialError> {
    let (mut handle, ends) = match tokio::time::timeout(PATIENCE, connect(route)).await {
        Ok(connected) => connected?,
        Err(_) => return Err(route.silent("the connection")),
    };
    let questions = Questions::new(&route.target, asker);
    SignIn { route, account, handle: &mut handle, questions }.run().await?;
    Ok(Dialled::new(handle, ends))
}

impl Route {
    /// It took too long.
    pub(super) fn silent(&self, step: &'static str) -> DialError {
        DialError::Silent { target: self.target.clone(), address: self.address, seconds: PATIENCE.as_secs(), step }
    }
}

async fn connect(route: &Route) -> Result<(client::Handle<FromTarget>, Ends), DialError> {
    let unreachable = |error| DialError::Unreachable { target: route.target.clone(), address: route.address, error };
    let tcp = TcpStream::connect(route.address).await.map_err(unreachable)?;
    if !descriptors::leaves(descriptors::FOR_ALL, &tcp) {
        return Err(unreachable(std::io::Error::other("the bastion has no file descriptors left")));
    }
    let _ = tcp.set_nodelay(true);
    crate::ssh::keep_alive(&tcp);
    let side = Arc::new(TargetSide::default());
    let stream = GatedStream::new(Arc::new(tcp), side.gate.clone());
    let (from_target, ends) = FromTarget::new(side, route.host_key.clone());
    match client::connect_stream(Arc::new(client_config(route)), stream, from_target).await {
        Ok(handle) => Ok((handle, ends)),
        Err(_) if ends.is_mismatched() => Err(DialError::HostKey(route.target.clone())),
        Err(error) => Err(DialError::of(&route.target, route.lapsed, error)),
    }
}

fn client_config(route: &Route) -> client::Config {
    client::Config {
        window_size: TARGET_WINDOW,
        maximum_packet_size: PACKET,
        channel_buffer_size: 16,
        preferred: algorithms::towards_target(&route.host_key, route.offered()),
        limits: algorithms::limits(),
        // Also sent while the connection is held, so that the target does not take us for dead; and
        // without a limit of our own, since a held connection cannot read the answers. A host that
        // is gone does not acknowledge them, which ends the connection (`ssh::keep_alive`).
        keepalive_interval: Some(Duration::from_secs(15)),
        keepalive_max: 0,
        inactivity_timeout: None,
        nodelay: true,
        ..client::Config::default()
    }
}

//! The vendors' port: open only while somebody could legitimately come in (D15).

use crate::descriptors;
use crate::limits::{BYTES_BEFORE_SESSION, Limit, Newcomer, PROXY_HEADER_TIME, Place, Rank, Reason, Source};
use crate::relay::gate::{Gate, GatedStream};
use crate::relay::pressure::ClientSide;
use crate::relay::{CLIENT_WINDOW, PACKET};
use crate::site::Site;
use crate::ssh::algorithms;
use crate::ssh::connection::Connection;
use crate::ssh::parting::{self, Parting};
use crate::ssh::proxy::{self, Header};
use crate::ssh::shared::Shared;
use config::{Config, Opening};
use lifecycle::EndCause;
use russh::keys::PrivateKey;
use russh::{MethodKind, MethodSet, SshId, server};
use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

/// Connections over one listener whose PROXY header is awaited. Proxies send it at once.
const HEADERS: usize = 128;

/// The server keys, as the library wants them.
pub struct HostKeys {
    /// The one that everybody gets.
    pub ed25519: PrivateKey,
    /// For old clients, if the configuration wants them.
    pub nistp256: PrivateKey,
}

/// Keeps the port as the hours say. Tells the bound addresses. Waits on the clock, on the
/// configuration and on lockdown.
pub async fn keep(site: Arc<Site>, keys: Arc<HostKeys>, bound: watch::Sender<Vec<SocketAddr>>) {
    let mut config = site.config.clone();
    let mut lockdown = site.lockdown.changes();
    let mut changes = site.registrar.changes();
    loop {
        let current = config.borrow_and_update().clone();
        changes.mark_unchanged();
        let locked = *lockdown.borrow_and_update();
        let now = site.clock.now();
        let armed = arming(&site, now).await;
        let open = !locked && may_be_open(&current, armed, now);
        let mut listeners = JoinSet::new();
        if open {
            let mut addresses = Vec::new();
            for address in &current.ssh.listen {
                match TcpListener::bind(address).await {
                    Ok(listener) => {
                        addresses.extend(listener.local_addr().ok());
                        let proxied = current.ssh.proxied.contains(address);
                        listeners.spawn(accept(listener, site.clone(), keys.clone(), proxied));
                    }
                    Err(error) => tracing::error!(%address, %error, "the vendors' port cannot be opened"),
                }
            }
            tracing::info!(?addresses, "the vendors' port is open");
            bound.send_replace(addresses);
        } else {
            tracing::info!(locked, "the vendors' port is closed: nobody could legitimately come in");
            bound.send_replace(Vec::new());
        }
        // Wait for a reason to look again: the next change of hours or of what is armed, another
        // configuration, the red button.
        let mut armed = armed;
        loop {
            let hours = match current.ssh.open {
                Opening::Hours | Opening::Armed => current.hours_change_after(site.clock.now()),
                Opening::Always => None,
            };
            let change = hours.into_iter().chain(armed.changes).min();
            let due = async {
                match change {
                    Some(at) => site.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = config.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let next = config.borrow();
                    if next.ssh.listen != current.ssh.listen || next.ssh.proxied != current.ssh.proxied
                        || may_be_open(&next, armed, site.clock.now()) != open || next.ssh.open != current.ssh.open
                        || next.ssh.legacy_clients != current.ssh.legacy_clients || next.ssh.open == Opening::Hours {
                        break;
                    }
                }
                changed = lockdown.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    break;
                }
                changed = changes.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let now = site.clock.now();
                    armed = arming(&site, now).await;
                    if !locked && may_be_open(&current, armed, now) != open {
                        break;
                    }
                }
                () = due => {
                    let now = site.clock.now();
                    armed = arming(&site, now).await;
                    if !locked && may_be_open(&current, armed, now) != open {
                        break;
                    }
                }
            }
        }
        listeners.shutdown().await;
    }
}

/// An emergency or a planned intervention opens the port for its window, whatever the hours (D14).
fn may_be_open(config: &Config, armed: Arming, now: jiff::Timestamp) -> bool {
    match config.ssh.open {
        Opening::Always => true,
        Opening::Hours => armed.planned || config.any_hours_open(now),
        // Whoever holds an invitation comes in hours; without this they could never enrol.
        Opening::Armed => armed.planned || (armed.invited && config.any_hours_open(now)),
    }
}

/// Whether the port ought to be open, lockdown aside, and when time alone may change that.
pub(crate) struct Due {
    pub(crate) open: bool,
    pub(crate) next: Option<jiff::Timestamp>,
}

/// What the hours and what is planned say of the port now.
pub(crate) async fn due(site: &Site) -> Due {
    let (config, now) = (site.config(), site.clock.now());
    let armed = arming(site, now).await;
    let hours = match config.ssh.open {
        Opening::Hours | Opening::Armed => config.hours_change_after(now),
        Opening::Always => None,
    };
    Due { open: may_be_open(&config, armed, now), next: hours.into_iter().chain(armed.changes).min() }
}

/// Whether somebody may come in under a planned intervention or to enrol, and when time alone may
/// change it.
#[derive(Debug, Clone, Copy, Default)]
struct Arming {
    planned: bool,
    invited: bool,
    changes: Option<jiff::Timestamp>,
}

async fn arming(site: &Site, now: jiff::Timestamp) -> Arming {
    let look = move |core: &crate::registrar::Core, _: jiff::Timestamp| Arming {
        planned: core.register.is_armed(now),
        invited: core.register.is_enrolling(now),
        changes: core.register.arming_changes_after(now),
    };
    // Without a journal nothing is armed.
    site.registrar.view(look).await.unwrap_or_default()
}

async fn accept(listener: TcpListener, site: Arc<Site>, keys: Arc<HostKeys>, proxied: bool) {
    let legacy = site.config().ssh.legacy_clients;
    let config = Arc::new(server_config(&keys, legacy));
    let announced = Arc::new(Semaphore::new(HEADERS));
    loop {
        match listener.accept().await {
            // INVARIANT: nothing here waits for the peer; one slow client never blocks the others
            // (GHSA-78rf-vg74-7cr8).
            // Closed at once, so that the journal and the staff have theirs.
            Ok((tcp, _)) if !descriptors::leaves(descriptors::FOR_ALL, &tcp) => drop(tcp),
            Ok((tcp, peer)) => {
                let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                if !proxied {
                    if let Some(place) = enter(&site, peer, None) {
                        tokio::spawn(serve(tcp, peer, None, site.clone(), config.clone(), place));
                    }
                } else if let Some(turn) = may_announce(&site, peer, &announced) {
                    tokio::spawn(passed_on(tcp, peer, site.clone(), config.clone(), turn));
                }
            }
            Err(error) => {
                tracing::error!(%error, "a connection could not be accepted");
                tokio::time::sleep(descriptors::AFTER_FAILURE).await;
            }
        }
    }
}

/// A place at the door, if there is one.
fn enter(site: &Site, source: SocketAddr, via: Option<SocketAddr>) -> Option<Place> {
    let config = site.config();
    let of = |address: SocketAddr| Source::of(address.ip(), &config.limits);
    let rank = site.limits.rank(&config, source.ip());
    if rank == Rank::Outcast {
        // No technician can come in from there, so that nobody is shut out (IDM-09).
        site.limits.reached(Limit::Strangers, Some(of(source)), site.clock.now());
        return None;
    }
    let newcomer = Newcomer { source: of(source), proxy: via.map(of), rank };
    let entering = site.limits.door().enter(newcomer, &config);
    made_room(site, &config, entering.reached);
    entering.place
}

/// Notes who had to make room, or found none, and for which limit.
pub(super) fn made_room(site: &Site, config: &Config, reached: Vec<(Limit, Source)>) {
    for (limit, source) in reached {
        site.limits.reached(limit, Some(source), site.clock.now());
        site.limits.charge(config, source, Reason::TooManyConnections);
    }
}

/// Whether this peer may pass a connection on (T24, CVE-2023-46123, CVE-2024-35175).
fn may_announce(site: &Site, peer: SocketAddr, announced: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    let config = site.config();
    let named = config.ssh.proxies.iter().any(|network| network.contains(&peer.ip()));
    let turn = announced.clone().try_acquire_owned().ok().filter(|_| named);
    if turn.is_none() {
        no_header(site, peer);
    }
    turn
}

/// Closed without a word, and counted.
fn no_header(site: &Site, peer: SocketAddr) {
    let source = Source::of(peer.ip(), &site.config().limits);
    site.limits.reached(Limit::ProxyHeader, Some(source), site.clock.now());
}

/// A connection that a proxy passes on: its header first, and then as everybody.
async fn passed_on(
    mut tcp: TcpStream,
    peer: SocketAddr,
    site: Arc<Site>,
    config: Arc<server::Config>,
    turn: OwnedSemaphorePermit,
) {
    let header = tokio::time::timeout(PROXY_HEADER_TIME, proxy::read(&mut tcp)).await;
    drop(turn);
    match header {
        Ok(Ok(Header::From(source))) => {
            if let Some(place) = enter(&site, source, Some(peer)) {
                serve(tcp, source, Some(peer), site, config, place).await;
            }
        }
        // The proxy asks whether somebody is there.
        Ok(Ok(Header::Local)) => {}
        Ok(Err(why)) => {
            tracing::debug!(%peer, why = why.map(tracing::field::display), "no header");
            no_header(&site, peer);
        }
        Err(_) => no_header(&site, peer),
    }
}

fn server_config(keys: &HostKeys, legacy: bool) -> server::Config {
    let mut host_keys = vec![keys.ed25519.clone()];
    if legacy {
        host_keys.push(keys.nistp256.clone());
    }
    server::Config {
        server_id: SshId::Standard(Cow::Borrowed("SSH-2.0-Poterne")),
        methods: MethodSet::from(&[MethodKind::PublicKey, MethodKind::KeyboardInteractive][..]),
        keys: host_keys,
        preferred: algorithms::towards_clients(legacy),
        limits: algorithms::limits(),
        window_size: CLIENT_WINDOW,
        maximum_packet_size: PACKET,
        channel_buffer_size: 16,
        nodelay: true,
        // The lobby has one floor of its own under every refused login.
        auth_rejection_time: Duration::ZERO,
        auth_rejection_time_initial: Some(Duration::ZERO),
        // Counted by the callbacks, over all methods; this only has to be more.
        max_auth_attempts: 200,
        inactivity_timeout: None,
        // Before authentication it kills ssh, plink and dbclient; afterwards TCP does it.
        keepalive_interval: None,
        ..server::Config::default()
    }
}

/// One connection, from its first byte to its end.
async fn serve(
    tcp: TcpStream,
    source: SocketAddr,
    via: Option<SocketAddr>,
    site: Arc<Site>,
    config: Arc<server::Config>,
    place: Place,
) {
    let _ = tcp.set_nodelay(true);
    super::keep_alive(&tcp);
    let tcp = Arc::new(tcp);
    let gate = Arc::new(Gate::default());
    gate.allow(BYTES_BEFORE_SESSION);
    let watcher = tokio::spawn(GatedStream::watch(tcp.clone(), gate.clone()));
    let settings = site.config();
    let client = Arc::new(ClientSide::new(gate.clone(), settings.ssh.channels));
    let handshake = Duration::try_from(settings.limits.handshake_time).unwrap_or_default();
    let shared = Shared::new(place, via, handshake);
    let handler = Connection::new(site.clone(), source, client, shared.clone(), config.clone());
    let stream = GatedStream::new(tcp, gate.clone());
    let run = async {
        let running = server::run_stream(config, stream, handler).await?;
        let _ = shared.handle.set(running.handle());
        running.await
    };
    tokio::pin!(run);
    let mut parting = Parting::ByItself;
    let outcome = loop {
        tokio::select! {
            outcome = &mut run => break outcome,
            () = shared.overstayed(), if !gate.is_ended() => {
                parting = Parting::Overstayed;
                gate.end();
            }
            () = shared.place().shown_out(), if !gate.is_ended() => {
                parting = Parting::ShownOut;
                gate.end();
            }
            () = parting::shut_out(&site, &shared), if !gate.is_ended() => {
                parting = Parting::ShownOut;
                gate.end();
            }
        }
    };
    if let Some(session) = shared.session.get() {
        // A client that says goodbye, or hangs up in order once its last channel is closed, has
        // ended it by itself: PuTTY, dropbear and paramiko never say goodbye.
        let hung_up =
            matches!(&outcome, Err(russh::Error::IO(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof);
        let by_itself = outcome.is_ok() || (hung_up && !session.has_channels());
        session.brake(if by_itself { EndCause::Technician } else { EndCause::ConnectionLost });
    }
    let fault = parting::fault(&site, &shared, &gate, source, parting, &outcome);
    if let Some(reason) = fault {
        let config = site.config();
        site.limits.charge(&config, Source::of(source.ip(), &config.limits), reason);
    }
    watcher.abort();
}

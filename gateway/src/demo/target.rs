//! A target of the demo: a small SSH server that gives a real shell, on a real terminal where one
//! is asked for. It uses the relay's own lanes and gates, because a plain server over this SSH
//! library hangs when both directions are busy.

use crate::relay::gate::{Gate, GatedStream};
use crate::relay::lane::{Item, Lane};
use crate::relay::pressure::ClientSide;
use crate::relay::{CLIENT_WINDOW, PACKET};
use crate::ssh::algorithms;
use pty_process::Size;
use russh::keys::{Algorithm, HashAlg, PrivateKey};
use russh::server::{self, Auth, ChannelOpenHandle, Handle, Msg, PublicKeyOffer, Session, VerifiedPublicKey};
use russh::{ChannelId, ChannelWriteHalf, Pty};
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Channels of one connection; the gateway uses one.
const CHANNELS: u32 = 4;
/// One read of the shell's output.
const READ: usize = 32 << 10;
/// The shell finds its commands here, and nothing else of this process's environment.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A running target.
pub(super) struct Target {
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// Its host key, as an OpenSSH line.
    pub(super) host_key: String,
    /// The private key that opens it, in OpenSSH's form.
    pub(super) key: String,
}

impl Target {
    /// Starts a target whose shells live in this folder.
    pub(super) async fn start(home: &Path) -> anyhow::Result<Target> {
        std::fs::create_dir_all(home)?;
        let new = || PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519);
        let (host, opens) = (new()?, new()?);
        let allowed = opens.public_key().fingerprint(HashAlg::Sha256).to_string();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let host_key = host.public_key().to_openssh()?;
        let config = Arc::new(server::Config {
            keys: vec![host],
            preferred: algorithms::modern(),
            limits: algorithms::limits(),
            window_size: CLIENT_WINDOW,
            maximum_packet_size: PACKET,
            channel_buffer_size: 16,
            nodelay: true,
            inactivity_timeout: None,
            ..server::Config::default()
        });
        let home = home.to_owned();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let _ = tcp.set_nodelay(true);
                let gate = Arc::new(Gate::default());
                let side = Arc::new(ClientSide::new(gate.clone(), CHANNELS));
                let handler = Inside {
                    home: home.clone(),
                    allowed: allowed.clone(),
                    side,
                    channels: HashMap::new(),
                    writers: HashMap::new(),
                };
                let stream = GatedStream::new(Arc::new(tcp), gate);
                let config = config.clone();
                tokio::spawn(async move {
                    if let Ok(running) = server::run_stream(config, stream, handler).await {
                        let _ = running.await;
                    }
                });
            }
        });
        Ok(Target { address, host_key, key: opens.to_openssh(russh::keys::ssh_key::LineEnding::LF)?.to_string() })
    }
}

/// One channel: what comes for the shell, and its terminal's size.
#[derive(Default)]
struct Shell {
    input: Lane,
    over: AtomicBool,
    terminal: std::sync::Mutex<Option<(String, u16, u16)>>,
}

struct Inside {
    home: PathBuf,
    allowed: String,
    side: Arc<ClientSide>,
    channels: HashMap<ChannelId, Arc<Shell>>,
    writers: HashMap<ChannelId, ChannelWriteHalf<Msg>>,
}

impl Inside {
    fn start(&mut self, id: ChannelId, command: Option<String>, session: &mut Session) -> Result<(), russh::Error> {
        let (Some(shell), Some(writer)) = (self.channels.get(&id).cloned(), self.writers.remove(&id)) else {
            return session.channel_failure(id);
        };
        session.channel_success(id)?;
        let running =
            Running { shell, writer, handle: session.handle(), side: self.side.clone(), home: self.home.clone() };
        tokio::spawn(running.run(id, command));
        Ok(())
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        for shell in self.channels.values() {
            shell.over.store(true, Ordering::Release);
            shell.input.push(Item::Close);
        }
    }
}

fn small(size: u32) -> u16 {
    u16::try_from(size.clamp(1, 500)).unwrap_or(80)
}

impl server::Handler for Inside {
    type Error = russh::Error;

    async fn auth_publickey_offered(&mut self, _: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, Self::Error> {
        let fits = offer.public_key.fingerprint(HashAlg::Sha256).to_string() == self.allowed;
        Ok(if fits { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_publickey(&mut self, _: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        let fits = key.public_key.fingerprint(HashAlg::Sha256).to_string() == self.allowed;
        Ok(if fits { Auth::Accept } else { Auth::reject() })
    }

    fn adjust_window(&mut self, _: ChannelId, _: u32) -> u32 {
        self.side.window()
    }

    async fn channel_open_session(
        &mut self,
        opened: russh::Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        let id = opened.id();
        let (_, writer) = opened.split();
        self.channels.insert(id, Arc::default());
        self.writers.insert(id, writer);
        reply.accept().await;
        Ok(())
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        term: &str,
        columns: u32,
        rows: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Some(shell) = self.channels.get(&id) {
            *shell.terminal.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
                Some((term.to_owned(), small(rows), small(columns)));
        }
        session.channel_success(id)
    }

    async fn shell_request(&mut self, id: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        self.start(id, None, session)
    }

    async fn exec_request(&mut self, id: ChannelId, command: &[u8], session: &mut Session) -> Result<(), Self::Error> {
        self.start(id, Some(String::from_utf8_lossy(command).into_owned()), session)
    }

    /// The server half of sftp is a program of OpenSSH's; where it is not installed there is no sftp.
    async fn subsystem_request(&mut self, id: ChannelId, name: &str, session: &mut Session) -> Result<(), Self::Error> {
        const PLACES: [&str; 3] =
            ["/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server"];
        match PLACES.into_iter().find(|place| name == "sftp" && Path::new(place).exists()) {
            Some(program) => self.start(id, Some(program.to_owned()), session),
            None => session.channel_failure(id),
        }
    }

    async fn data(&mut self, id: ChannelId, data: &[u8], _: &mut Session) -> Result<(), Self::Error> {
        if let Some(shell) = self.channels.get(&id).filter(|shell| !shell.over.load(Ordering::Acquire)) {
            let cost = shell.input.push_bytes(data);
            let _ = self.side.arrived(cost);
        }
        Ok(())
    }

    async fn window_change_request(
        &mut self,
        id: ChannelId,
        columns: u32,
        rows: u32,
        _: u32,
        _: u32,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Some(shell) = self.channels.get(&id) {
            let _ = self.side.arrived(shell.input.push(Item::Resize(columns, rows, 0, 0)));
        }
        Ok(())
    }

    async fn signal(&mut self, id: ChannelId, signal: russh::Sig, _: &mut Session) -> Result<(), Self::Error> {
        if let Some(shell) = self.channels.get(&id) {
            let _ = self.side.arrived(shell.input.push(Item::Signal(signal)));
        }
        Ok(())
    }

    async fn channel_eof(&mut self, id: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        if let Some(shell) = self.channels.get(&id) {
            let _ = self.side.arrived(shell.input.push(Item::Eof));
        }
        Ok(())
    }

    async fn channel_close(&mut self, id: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        if let Some(shell) = self.channels.remove(&id) {
            shell.over.store(true, Ordering::Release);
            shell.input.push(Item::Close);
        }
        Ok(())
    }
}

struct Running {
    shell: Arc<Shell>,
    writer: ChannelWriteHalf<Msg>,
    handle: Handle,
    side: Arc<ClientSide>,
    home: PathBuf,
}

impl Running {
    async fn run(self, id: ChannelId, command: Option<String>) {
        let terminal = self.shell.terminal.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let status = match terminal {
            Some((term, rows, columns)) => self.on_a_terminal(command, &term, rows, columns).await,
            None => self.on_pipes(command).await,
        };
        self.shell.over.store(true, Ordering::Release);
        self.side.delivered(self.shell.input.release());
        match status {
            Ok(status) => self.tell(id, status).await,
            Err(error) => {
                let _ = self.writer.extended_data_bytes(1, format!("demo target: {error}\n").into_bytes()).await;
                let _ = self.handle.exit_status_request(id, 255).await;
            }
        }
        let _ = self.writer.eof().await;
        let _ = self.writer.close().await;
    }

    async fn tell(&self, id: ChannelId, status: ExitStatus) {
        use std::os::unix::process::ExitStatusExt as _;
        let _ = match (status.code(), status.signal()) {
            (Some(code), _) => self.handle.exit_status_request(id, u32::try_from(code).unwrap_or(255)).await,
            (None, signal) => {
                let signal = match signal {
                    Some(9) => russh::Sig::KILL,
                    Some(2) => russh::Sig::INT,
                    Some(1) => russh::Sig::HUP,
                    Some(6) => russh::Sig::ABRT,
                    Some(11) => russh::Sig::SEGV,
                    Some(13) => russh::Sig::PIPE,
                    _ => russh::Sig::TERM,
                };
                self.handle.exit_signal_request(id, signal, false, String::new(), String::new()).await
            }
        };
    }

    async fn on_a_terminal(
        &self,
        command: Option<String>,
        term: &str,
        rows: u16,
        columns: u16,
    ) -> std::io::Result<ExitStatus> {
        let (pty, pts) = pty_process::open().map_err(std::io::Error::other)?;
        pty.resize(Size::new(rows, columns)).map_err(std::io::Error::other)?;
        let shell = pty_process::Command::new("/bin/sh")
            .args(command.iter().flat_map(|command| ["-c", command.as_str()]))
            .env_clear()
            .env("PATH", PATH)
            .env("TERM", term)
            .env("HOME", &self.home)
            .env("PS1", "demo$ ")
            .current_dir(&self.home)
            .kill_on_drop(true);
        let mut child = shell.spawn(pts).map_err(std::io::Error::other)?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let (output, input) = pty.into_split();
        let resize = |input: &pty_process::OwnedWritePty, columns: u32, rows: u32| {
            let _ = input.resize(Size::new(small(rows), small(columns)));
        };
        self.serve(&mut child, group, input, output, tokio::io::empty(), resize, true).await
    }

    async fn on_pipes(&self, command: Option<String>) -> std::io::Result<ExitStatus> {
        let mut shell = tokio::process::Command::new("/bin/sh");
        shell.args(command.iter().flat_map(|command| ["-c", command.as_str()]));
        shell.env_clear().env("PATH", PATH).env("HOME", &self.home).current_dir(&self.home);
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
        let mut child = shell.spawn()?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let missing = || std::io::Error::other("the shell has no pipes");
        let (input, output, errors) = (
            child.stdin.take().ok_or_else(missing)?,
            child.stdout.take().ok_or_else(missing)?,
            child.stderr.take().ok_or_else(missing)?,
        );
        self.serve(&mut child, group, input, output, errors, |_, _, _| {}, false).await
    }

    /// Moves bytes until the shell is done and its output is told, or the channel is closed.
    #[allow(
        clippy::too_many_arguments,
        reason = "the three streams of a process, its handles, and what differs on a terminal"
    )]
    async fn serve<W: AsyncWrite + Unpin>(
        &self,
        child: &mut tokio::process::Child,
        group: Option<Pid>,
        input: W,
        output: impl AsyncRead + Unpin,
        errors: impl AsyncRead + Unpin,
        resize: impl Fn(&W, u32, u32),
        terminal: bool,
    ) -> std::io::Result<ExitStatus> {
        let done = {
            let feeding = self.feed(input, group, resize, terminal);
            let telling = async {
                tokio::join!(self.forward(output, None), self.forward(errors, Some(1)));
            };
            tokio::pin!(feeding, telling);
            tokio::select! {
                () = &mut telling => true,
                closed = &mut feeding => {
                    if !closed {
                        telling.await;
                    }
                    !closed
                }
            }
        };
        if !done && let Some(group) = group {
            let _ = kill_process_group(group, Signal::HUP);
            let _ = kill_process_group(group, Signal::KILL);
        }
        child.wait().await
    }

    /// Feeds the shell. `true`: the channel was closed; `false`: its input ended.
    async fn feed<W: AsyncWrite + Unpin>(
        &self,
        input: W,
        group: Option<Pid>,
        resize: impl Fn(&W, u32, u32),
        terminal: bool,
    ) -> bool {
        /// What a terminal's line discipline takes for the end of input.
        const END_OF_INPUT: &[u8] = &[4];
        let mut input = Some(input);
        while let Some(item) = self.shell.input.pop().await {
            let cost = item.cost();
            match (item, &mut input) {
                (Item::Data(bytes), Some(open)) => {
                    let closed = self.closed();
                    tokio::select! {
                        written = open.write_all(&bytes) => if written.is_err() { input = None },
                        () = closed => return true,
                    }
                }
                (Item::Resize(columns, rows, ..), Some(open)) => resize(open, columns, rows),
                (Item::Eof, Some(open)) if terminal => {
                    let _ = open.write_all(END_OF_INPUT).await;
                }
                (Item::Eof, _) => input = None,
                (Item::Signal(signal), _) => {
                    let signal = match signal {
                        russh::Sig::INT => Signal::INT,
                        russh::Sig::KILL => Signal::KILL,
                        russh::Sig::HUP => Signal::HUP,
                        russh::Sig::QUIT => Signal::QUIT,
                        _ => Signal::TERM,
                    };
                    if let Some(group) = group {
                        let _ = kill_process_group(group, signal);
                    }
                }
                (Item::Close, _) => return true,
                _ => {}
            }
            self.side.delivered(self.shell.input.delivered(cost));
        }
        false
    }

    /// Returns once the channel was closed, also while a write to a full pipe waits.
    async fn closed(&self) {
        while !self.shell.over.load(Ordering::Acquire) {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }

    async fn forward(&self, mut from: impl AsyncRead + Unpin, stream: Option<u32>) {
        let mut buffer = vec![0; READ];
        loop {
            // A terminal whose shell has gone reads as an error, a pipe as zero.
            let Ok(count @ 1..) = from.read(&mut buffer).await else { return };
            let bytes = bytes::Bytes::copy_from_slice(buffer.get(..count).unwrap_or_default());
            self.side.gate().writable().await;
            let sent = match stream {
                Some(code) => self.writer.extended_data_bytes(code, bytes).await,
                None => self.writer.data_bytes(bytes).await,
            };
            if sent.is_err() {
                return;
            }
        }
    }
}

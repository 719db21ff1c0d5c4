//! One connection: its handshake, its requests, its end.

use super::Limits;
use super::body::{Activity, Bounded, Held, LONGEST};
use super::certificate::Loaded;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::STRICT_TRANSPORT_SECURITY;
use axum::http::{HeaderValue, Request, Response, StatusCode};
use console::listener::OwnCertificate;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt as _;

/// The first byte of every TLS connection: a record that holds a handshake (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;
/// What a browser reads that was given `http://` with this port.
const PLAIN: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n\
Cette adresse commence par https:// et non http://. This address begins with https://.\r\n";
/// Bytes of one request's head, and of what waits to be sent, over HTTP/1.1.
const HEAD: usize = 16 << 10;
/// Lines of one request's head over HTTP/1.1.
const LINES: usize = 64;
/// Requests at once over HTTP/2: a page, its parts, and an event stream or two.
const STREAMS: u32 = 32;
/// Bytes of the head of a request over HTTP/2.
const HEAD_2: u32 = 16 << 10;
/// Bytes of a body that may come before it is read, and of all bodies of a connection.
const WINDOW: u32 = 64 << 10;
const WINDOW_OF_ALL: u32 = 256 << 10;
/// Bytes of one response over HTTP/2 that wait for a client that does not read.
const TO_SEND: usize = 16 << 10;
/// Streams that a client took back before we saw them, and that we took back for its faults: beyond it
/// the connection ends (CVE-2023-44487, CVE-2025-8671).
const RESETS: usize = 20;
/// Bodies of one connection that are read at a time. Others wait; a page sends one.
const BODIES: usize = 4;
/// How often a silent connection over HTTP/2 is asked whether it is there, and how long it has to say so.
const PING: Duration = Duration::from_secs(20);
/// Two years, so that a browser never tries `http://` (RFC 6797).
const ONLY_HTTPS: HeaderValue = HeaderValue::from_static("max-age=63072000");

/// Serves one connection from its first byte to its end.
pub(super) async fn serve(tcp: TcpStream, peer: SocketAddr, loaded: Arc<Loaded>, app: Router, limits: Limits) {
    let _ = tcp.set_nodelay(true);
    // A peer that is gone, or that takes nothing for 30 s, is noticed by the kernel.
    crate::ssh::keep_alive(&tcp);
    let stream = match tokio::time::timeout(limits.handshake, shake(tcp, &loaded)).await {
        Ok(Ok(Some(stream))) => stream,
        Ok(Ok(None)) => return,
        Ok(Err(error)) => return tracing::debug!(source = %peer.ip(), %error, "no TLS with the console"),
        Err(_) => return tracing::debug!(source = %peer.ip(), "no TLS with the console in time"),
    };
    // ALPN says which; guessing from the first bytes would wait for them without an end.
    let second = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let activity = Activity::new();
    let own = loaded.state.own;
    let bodies = Arc::new(Semaphore::new(BODIES));
    let desk = Desk { app, peer, own, activity: activity.clone(), bodies, limits };
    let service = service_fn(move |request| desk.clone().answer(request));
    let io = TokioIo::new(stream);
    if second {
        let connection = second_version().serve_connection(io, service);
        run(connection, |connection| connection.graceful_shutdown(), &activity, limits).await;
    } else {
        let connection = first_version(limits).serve_connection(io, service);
        run(connection, |connection| connection.graceful_shutdown(), &activity, limits).await;
    }
}

/// The TLS handshake. `None` where the peer spoke plain HTTP, and was told, or said nothing.
async fn shake(mut tcp: TcpStream, loaded: &Loaded) -> io::Result<Option<TlsStream<TcpStream>>> {
    let mut first = [0];
    if tcp.peek(&mut first).await? == 0 {
        return Ok(None);
    }
    if first != [HANDSHAKE] {
        // Read first: what lies unread when a connection is closed takes the answer along.
        let mut asked = [0; 4096];
        let _ = tcp.read(&mut asked).await?;
        tcp.write_all(PLAIN).await?;
        tcp.shutdown().await?;
        return Ok(None);
    }
    TlsAcceptor::from(loaded.tls.clone()).accept(tcp).await.map(Some)
}

fn first_version(limits: Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.headers).max_headers(LINES).max_buf_size(HEAD);
    builder
}

fn second_version() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD_2)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW_OF_ALL)
        .max_send_buf_size(TO_SEND)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(RESETS);
    builder
}

/// Runs a connection until it ends or has nothing to do any more.
async fn run<C: Future>(connection: C, stop: impl FnOnce(Pin<&mut C>), activity: &Activity, limits: Limits) {
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = &mut connection => return,
        () = activity.ceased(limits.idle) => {}
    }
    stop(connection.as_mut());
    // Whoever does not take the goodbye goes without.
    let _ = tokio::time::timeout(limits.handshake, connection).await;
}

/// Answers the requests of one connection.
#[derive(Clone)]
struct Desk {
    app: Router,
    peer: SocketAddr,
    own: bool,
    activity: Activity,
    bodies: Arc<Semaphore>,
    limits: Limits,
}

impl Desk {
    async fn answer(self, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let busy = self.activity.begin();
        let own = self.own;
        let mut response = self.ask(request).await?;
        if !own {
            // With a certificate that nobody can judge this would shut out whoever has to except it.
            response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, ONLY_HTTPS);
        }
        Ok(response.map(|body| Body::new(Held::new(body, busy))))
    }

    async fn ask(self, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        if request.body().size_hint().lower() > LONGEST as u64 {
            return Ok(console::plain(StatusCode::PAYLOAD_TOO_LARGE, "the request is longer than 64 KiB\n"));
        }
        let (mut head, body) = request.into_parts();
        let body = if body.is_end_stream() {
            Body::empty()
        } else {
            // INVARIANT: the semaphore is never closed, so this only waits.
            let Ok(turn) = self.bodies.acquire_owned().await else {
                return Ok(console::plain(StatusCode::SERVICE_UNAVAILABLE, "later\n"));
            };
            Body::new(Bounded::new(body, self.limits.body, turn))
        };
        head.extensions.insert(ConnectInfo(self.peer));
        head.extensions.insert(OwnCertificate(self.own));
        self.app.oneshot(Request::from_parts(head, body)).await
    }
}

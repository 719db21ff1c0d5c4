//! What an honest browser sees.

use super::*;

#[tokio::test]
async fn pages_come_by_both_versions_and_know_who_asks() {
    let bench = Bench::configured();
    let door = bench.serve(Limits::default()).await;
    let page = door.browser().get(door.url("/")).send().await.unwrap();
    assert_eq!(page.version(), reqwest::Version::HTTP_2);
    assert_eq!(page.headers()["strict-transport-security"], "max-age=63072000");
    assert_eq!(page.text().await.unwrap(), "127.0.0.1 own=false");
    for alpn in [&["http/1.1"][..], &[]] {
        let mut old = door.tls(alpn).await.unwrap();
        say(&mut old, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
        let page = rest(&mut old).await;
        assert!(page.starts_with("HTTP/1.1 200") && page.ends_with("127.0.0.1 own=false"), "{page}");
    }
    let none = door.tls(&["spdy/3"]).await;
    assert!(none.unwrap_err().to_string().contains("ApplicationProtocol"), "another protocol was taken");
}

#[tokio::test]
async fn with_a_certificate_of_its_own_nothing_is_promised_and_the_pages_know() {
    let bench = Bench::new("");
    let door = bench.serve(Limits::default()).await;
    let page = door.browser().get(door.url("/")).send().await.unwrap();
    assert!(!page.headers().contains_key("strict-transport-security"));
    assert_eq!(page.text().await.unwrap(), "127.0.0.1 own=true");
}

#[tokio::test]
async fn nothing_is_resumed() {
    let bench = Bench::configured();
    let door = bench.serve(Limits::default()).await;
    let connector = TlsConnector::from(Arc::new(door.trusting()));
    for _ in 0..3 {
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = connector.connect(name, door.tcp().await).await.unwrap();
        say(&mut stream, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
        rest(&mut stream).await;
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(rustls::HandshakeKind::Full));
    }
}

#[tokio::test]
async fn plain_http_is_told_what_to_write() {
    let bench = Bench::configured();
    let door = bench.serve(Limits::default()).await;
    let mut tcp = door.tcp().await;
    say(&mut tcp, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let answer = rest(&mut tcp).await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.ends_with("begins with https://.\r\n"), "{answer}");
}

#[tokio::test]
async fn an_event_stream_outlives_what_ends_idle_connections() {
    let bench = Bench::configured();
    let door = bench.serve(hasty()).await;
    let browser = door.browser();
    let mut stream = browser.get(door.url("/silent")).send().await.unwrap();
    assert_eq!(stream.chunk().await.unwrap().unwrap(), "data: first\n\n");
    let mut idle = door.tls(&["h2"]).await.unwrap();
    let mut old = door.tls(&["http/1.1"]).await.unwrap();
    say(&mut old, "GET /silent HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    // The idle one is closed, long after which the others still run.
    rest(&mut idle).await;
    let mut second = door.tls(&["h2"]).await.unwrap();
    rest(&mut second).await;
    let more = tokio::time::timeout(Duration::from_millis(300), stream.chunk()).await;
    assert!(more.is_err(), "the stream ended: {more:?}");
    let mut head = [0; 15];
    old.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    let more = tokio::time::timeout(Duration::from_millis(300), rest(&mut old)).await;
    assert!(more.is_err(), "the stream ended: {more:?}");
}

#[tokio::test]
async fn a_reload_moves_the_port_and_leaves_connections_alone() {
    let bench = Bench::configured();
    let mut door = bench.serve(Limits::default()).await;
    let mut old = door.tls(&["http/1.1"]).await.unwrap();
    let before = door.address;
    bench.reload(&format!("listen = \"127.0.0.2:0\"\n{}", bench.names_pair("a")));
    let moved = |address: &Option<SocketAddr>| address.is_some_and(|address| address.ip() != before.ip());
    let address = door.listening.bound.wait_for(moved).await.unwrap().unwrap();
    assert!(TcpStream::connect(before).await.is_err(), "the old port is still open");
    TcpStream::connect(address).await.unwrap();
    say(&mut old, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(rest(&mut old).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn ending_the_task_ends_port_and_connections() {
    let bench = Bench::configured();
    let door = bench.serve(Limits::default()).await;
    let mut open = door.tls(&["http/1.1"]).await.unwrap();
    door.task.abort();
    rest(&mut open).await;
    assert!(TcpStream::connect(door.address).await.is_err());
}

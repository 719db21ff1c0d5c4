//! What a hostile or broken client can do, which is little.

use super::*;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame of HTTP/2 (RFC 9113, 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A whole request for `path`, END_STREAM and END_HEADERS.
fn request(stream: u32, path: &str) -> Vec<u8> {
    let mut block = vec![0x82, 0x87, 0x04, u8::try_from(path.len()).unwrap()];
    block.extend(path.bytes());
    block.extend(b"\x41\x09localhost");
    frame(1, 0x5, stream, &block)
}

/// TLS before 1.2 ends in an alert.
#[tokio::test]
async fn tls_1_1_and_1_0_are_refused() {
    let bench = Bench::configured();
    let door = bench.serve(Limits::default()).await;
    for version in [[3, 2], [3, 1], [3, 0]] {
        let mut hello = version.to_vec();
        hello.extend([7; 32]);
        hello.push(0);
        // ECDHE-RSA and ECDHE-ECDSA with AES-128-CBC and SHA, AES-128-GCM; no compression.
        hello.extend([0, 6, 0xc0, 0x13, 0xc0, 0x09, 0xc0, 0x2b, 1, 0]);
        // Groups, point formats, signatures.
        hello.extend([0, 26, 0, 10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0, 0, 13, 0, 8, 0, 6, 4, 3, 8, 4, 4, 1]);
        let mut message = vec![1, 0, 0, u8::try_from(hello.len()).unwrap()];
        message.extend(hello);
        let mut record = vec![22, 3, 1, 0, u8::try_from(message.len()).unwrap()];
        record.extend(message);
        let mut tcp = door.tcp().await;
        tcp.write_all(&record).await.unwrap();
        let mut answer = Vec::new();
        tcp.read_to_end(&mut answer).await.unwrap();
        // A fatal alert (2): protocol_version (70).
        assert_eq!((answer[0], &answer[5..7]), (21, &[2, 70][..]), "{version:?}: {answer:?}");
    }
}

/// Past failures: CVE-2026-7776, CVE-2024-12289.
#[tokio::test]
async fn half_a_handshake_and_silence_are_ended() {
    let bench = Bench::configured();
    let door = bench.serve(hasty()).await;
    let mut silent = door.tcp().await;
    rest(&mut silent).await;
    let mut half = door.tcp().await;
    half.write_all(&[22, 3, 1, 2, 0, 1]).await.unwrap();
    rest(&mut half).await;
    // Over HTTP/2 no preface comes.
    let mut mute = door.tls(&["h2"]).await.unwrap();
    rest(&mut mute).await;
}

#[tokio::test]
async fn a_head_that_never_ends_is_ended() {
    let bench = Bench::configured();
    let door = bench.serve(hasty()).await;
    let mut slow = door.tls(&["http/1.1"]).await.unwrap();
    say(&mut slow, "GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ").await;
    rest(&mut slow).await;
    // HEADERS without END_HEADERS, and no CONTINUATION.
    let mut second = door.tls(&["h2"]).await.unwrap();
    second.write_all(PREFACE).await.unwrap();
    second.write_all(&frame(4, 0, 0, &[])).await.unwrap();
    second.write_all(&frame(1, 0x1, 1, &[0x82, 0x87])).await.unwrap();
    rest(&mut second).await;
}

#[tokio::test]
async fn giant_heads_are_refused() {
    let bench = Bench::configured();
    let door = bench.serve(Limits::default()).await;
    let mut long = door.tls(&["http/1.1"]).await.unwrap();
    let _ = long
        .write_all(format!("GET / HTTP/1.1\r\nHost: localhost\r\nX-A: {}\r\n\r\n", "a".repeat(20_000)).as_bytes())
        .await;
    assert!(rest(&mut long).await.starts_with("HTTP/1.1 431"));
    let mut many = door.tls(&["http/1.1"]).await.unwrap();
    let _ = many
        .write_all(format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X-A: a\r\n".repeat(100)).as_bytes())
        .await;
    assert!(rest(&mut many).await.starts_with("HTTP/1.1 431"));
    let browser = door.browser();
    let head = browser.get(door.url("/")).header("x-a", "a".repeat(20_000)).send().await;
    assert!(head.is_err() || head.unwrap().status() == 431);
    // CONTINUATION without an end.
    let mut second = door.tls(&["h2"]).await.unwrap();
    second.write_all(PREFACE).await.unwrap();
    second.write_all(&frame(4, 0, 0, &[])).await.unwrap();
    second.write_all(&frame(1, 0x1, 1, &[0x82, 0x87])).await.unwrap();
    let flood = async {
        let mut field = vec![0x00, 0x01, b'a', 0x7f, 0x81, 0x7e];
        field.extend([b'a'; 16_000]);
        while second.write_all(&frame(9, 0, 1, &field)).await.is_ok() {}
    };
    tokio::time::timeout(Duration::from_secs(20), flood).await.expect("CONTINUATION went on for ever");
}

#[tokio::test]
async fn long_and_slow_bodies_are_refused() {
    let bench = Bench::configured();
    let door = bench.serve(hasty()).await;
    let browser = door.browser();
    let send = |length: usize| browser.post(door.url("/length")).body("a".repeat(length)).send();
    assert_eq!(send(64 << 10).await.unwrap().text().await.unwrap(), "65536");
    assert_eq!(send((64 << 10) + 1).await.unwrap().status(), 413);
    // Without a length, only counting helps.
    let mut chunked = door.tls(&["http/1.1"]).await.unwrap();
    say(&mut chunked, "POST /length HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    let _ = chunked.write_all(format!("11000\r\n{}\r\n0\r\n\r\n", "a".repeat(0x11000)).as_bytes()).await;
    let answer = rest(&mut chunked).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let mut slow = door.tls(&["http/1.1"]).await.unwrap();
    say(&mut slow, "POST /length HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc").await;
    let answer = rest(&mut slow).await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
}

/// CVE-2023-44487.
#[tokio::test]
async fn a_flood_of_requests_taken_back_ends_the_connection() {
    let bench = Bench::configured();
    let door = bench.serve(Limits::default()).await;
    let mut stream = door.tls(&["h2"]).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    stream.write_all(&frame(4, 0, 0, &[])).await.unwrap();
    let mut flood = Vec::new();
    for one in 0..2000 {
        flood.extend(request(2 * one + 1, "/silent"));
        flood.extend(frame(3, 0, 2 * one + 1, &[0, 0, 0, 8]));
    }
    let _ = stream.write_all(&flood).await;
    let mut all = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut all)).await.expect("it goes on");
    // GOAWAY (7) with ENHANCE_YOUR_CALM (11).
    assert!(all.windows(4).any(|four| four == [0, 0, 0, 11]), "no reason was given");
    assert_eq!(door.browser().get(door.url("/")).send().await.unwrap().status(), 200);
}

/// An event stream without an end, whose reader never reads: what waits stays small, others are served.
#[tokio::test]
async fn who_never_reads_costs_little_and_hinders_nobody() {
    let bench = Bench::configured();
    let door = bench.serve(Limits::default()).await;
    let before = resident();
    let mut held = Vec::new();
    for _ in 0..10 {
        let mut old = door.tls(&["http/1.1"]).await.unwrap();
        say(&mut old, "GET /forever HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        held.push(old);
        let mut new = door.tls(&["h2"]).await.unwrap();
        new.write_all(PREFACE).await.unwrap();
        // A window of 2 GiB, so that only what waits to be sent is bounded.
        new.write_all(&frame(4, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff])).await.unwrap();
        new.write_all(&frame(8, 0, 0, &[0x7f, 0xff, 0, 0])).await.unwrap();
        for one in 0..32 {
            new.write_all(&request(2 * one + 1, "/forever")).await.unwrap();
        }
        new.flush().await.unwrap();
        held.push(new);
    }
    let browser = door.browser();
    for _ in 0..200 {
        assert_eq!(browser.get(door.url("/")).send().await.unwrap().status(), 200);
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes more");
}

/// Bytes of memory of this process; other tests run beside, so limits are generous.
fn resident() -> u64 {
    let pages: u64 = fs::read_to_string("/proc/self/statm").unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[tokio::test]
async fn one_source_has_its_share_and_gives_it_back() {
    let bench = Bench::configured();
    let door = bench.serve(Limits { of_a_source: 3, connections: 5, ..Limits::default() }).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(door.tls(&["http/1.1"]).await.unwrap());
    }
    door.tls(&["http/1.1"]).await.unwrap_err();
    // Another source comes in.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.7:0".parse().unwrap()).unwrap();
    let tcp = socket.connect(door.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(door.trusting())).connect(name, tcp).await.unwrap();
    let mut one = held.pop().unwrap();
    say(&mut one, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(rest(&mut one).await.starts_with("HTTP/1.1 200"));
    // The place is free once the server has seen the end.
    let free = async { while door.tls(&["http/1.1"]).await.is_err() {} };
    tokio::time::timeout(Duration::from_secs(20), free).await.expect("the place never came back");
}

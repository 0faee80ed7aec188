//! Files: whole, in part, and not again.

use crate::harness::Server;

#[test]
fn a_part_of_a_file_is_what_was_asked_for() {
    let server = Server::start(&[]);
    let whole = server.get("/file", "");
    assert_eq!(
        (whole.status, whole.body.len(), whole.header("accept-ranges")),
        (200, 10_000, "bytes")
    );
    assert_eq!(whole.header("etag"), "\"t1\"");
    for (range, status, content_range, body) in [
        ("bytes=0-8", 206, "bytes 0-8/10000", "000000000"),
        ("bytes=10-19", 206, "bytes 10-19/10000", "000000001\n"),
        ("bytes=-10", 206, "bytes 9990-9999/10000", "000000999\n"),
        (
            "bytes=10000-",
            416,
            "bytes */10000",
            "http/range: the file has no such bytes\n",
        ),
    ] {
        let answer = server.get("/file", &format!("Range: {range}\r\n"));
        assert_eq!(
            (answer.status, answer.header("content-range")),
            (status, content_range)
        );
        assert_eq!(answer.text(), body);
    }
    let other = server.get("/file", "Range: bytes=0-8\r\nIf-Range: \"t0\"\r\n");
    assert_eq!((other.status, other.body.len()), (200, 10_000));
    let same = server.get("/file", "Range: bytes=0-8\r\nIf-Range: \"t1\"\r\n");
    assert_eq!(same.status, 206);
    assert_eq!(server.get("/file", "If-None-Match: \"t1\"\r\n").status, 304);
}

#[test]
fn a_large_file_is_read_while_it_is_sent() {
    let server = Server::start(&[]);
    let large: Vec<u8> = (0..1_000_000u32).flat_map(u32::to_le_bytes).collect();
    std::fs::write(&server.file, &large).expect("writes");
    let answer = server.get("/file", "");
    let part = server.get("/file", "Range: bytes=1000000-1999999\r\n");
    assert_eq!(answer.header("content-length"), "4000000");
    assert!(answer.body == large);
    assert!(part.body == large[1_000_000..2_000_000]);
}

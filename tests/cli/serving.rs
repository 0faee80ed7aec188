//! Programs that serve: asked over sockets, changed, brought to their end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use sup_testkit::{Running, TempFolder, sup};

/// Longest that a test waits for an answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where something serves.
#[derive(Clone, Copy)]
struct Site {
    port: u16,
}

/// A program that prints its port when it serves.
struct Serving {
    process: Running,
    site: Site,
    _folder: TempFolder,
}

impl std::ops::Deref for Serving {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

/// Runs a program whose text goes on after the kernel was loaded, in a folder of its own, as `sup run` does.
fn serve(name: &str, options: &str, program: &str) -> Serving {
    let folder = TempFolder::new(name);
    folder.write(
        "init.slp",
        format!("#(load \"http\")\n{program}\n(print (get (http/listen {{:port 0 :loops 2 :log false {options}}}) :port))\n"),
    );
    let mut process = sup().arg("run").folder(folder.path()).start();
    let line = process.line().expect("it prints its port");
    let port = line.trim().parse().unwrap_or_else(|_| panic!("no port: {line}"));
    Serving {
        process,
        site: Site { port },
        _folder: folder,
    }
}

impl Site {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("is set");
        stream
    }

    /// All that is answered to a request on a connection of its own.
    fn ask(&self, request: &str) -> String {
        let mut stream = self.connect();
        let (line, rest) = request.split_once('\n').unwrap_or((request, ""));
        let (headers, body) = match rest.strip_prefix('\n') {
            Some(body) => ("", body),
            None => rest.split_once("\n\n").unwrap_or((rest, "")),
        };
        let mut text = format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
        for header in headers.lines() {
            text.push_str(&format!("{header}\r\n"));
        }
        if !body.is_empty() {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        stream
            .write_all(format!("{text}\r\n{body}").as_bytes())
            .expect("it takes it");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("it answers");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn status(&self, request: &str) -> String {
        let answer = self.ask(request);
        answer.split(' ').nth(1).unwrap_or("nothing").to_owned()
    }

    fn body(&self, request: &str) -> String {
        let answer = self.ask(request);
        answer
            .split_once("\r\n\r\n")
            .map_or_else(String::new, |(_, body)| body.to_owned())
    }
}

impl Serving {
    fn terminate(&mut self) {
        let pid = self.process.id().to_string();
        let sent = std::process::Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.expect("kill is there").success());
    }

    /// Ends it as an operator does; it must end well.
    fn end(mut self) {
        self.terminate();
        self.process.finish().expect_code(0);
    }
}

#[test]
fn a_handler_answers_over_a_socket() {
    let serving = serve(
        "serve-hello",
        "",
        "(route GET \"/hello/:name\" (fn (req) {:status 200 :body (str \"hello \" (at :name (at :params req)))}))",
    );
    assert_eq!(serving.body("GET /hello/you"), "hello you");
    assert_eq!(serving.status("GET /nowhere"), "404");
    serving.end();
}

#[test]
fn a_function_alone_answers_everything() {
    let folder = TempFolder::new("serve-function");
    folder.write(
        "init.slp",
        "#(load \"http\")\n(def greeting \"hello\")\n\
         (def server (http/listen {:port 0 :log false} (fn (req) {:status 200 :body (str greeting \" \" (get req :path))})))\n\
         (print (get server :port))\n(io/flush)\n(http/wait server)\n(print \"over\")",
    );
    let mut process = sup().arg("run").folder(folder.path()).start();
    let port = process
        .line()
        .expect("it prints its port")
        .trim()
        .parse()
        .expect("is a port");
    let mut serving = Serving {
        process,
        site: Site { port },
        _folder: folder,
    };
    assert_eq!(serving.body("GET /x"), "hello /x");
    serving.terminate();
    assert_eq!(serving.process.line().as_deref().map(str::trim), Some("over"));
    serving.process.finish().expect_code(0);
}

#[test]
fn bodies_go_both_ways() {
    let serving = serve(
        "serve-bodies",
        "",
        "(route POST \"/echo\" (fn (req) {:body (get req :body)}))
         (route POST \"/json\" (fn (req) {:json {:a (inc (get (json/decode (get req :body)) \"a\"))}}))
         (route POST \"/count\" (fn (req) 
           (loop (piece (http/read (get req :body)) n 0)
             (if piece (recur (http/read (get req :body)) (+ n (count piece))) {:body (str n)}))) {:stream true})
         (route GET \"/pieces\" (fn (req) {:body (fn (out) (each (n (range 100)) (http/write out (str n \" \"))))}))
         (route GET \"/events\" (fn (req) (http/sse (fn (out) [(http/event out \"a\\nb\") (http/event out {:event \"x\" :id 7 :data {:n 1}})]))))",
    );
    assert_eq!(serving.body("POST /echo\nContent-Type: text/plain\n\nhi"), "hi");
    assert_eq!(
        serving.body("POST /json\nContent-Type: application/json\n\n{\"a\": 1}"),
        "{\"a\":2}"
    );
    assert_eq!(
        serving.status("POST /json\nContent-Type: application/json\n\n{\"a\""),
        "400"
    );
    assert_eq!(
        serving.body(&format!("POST /count\n\n{}", "x".repeat(1_000_000))),
        "1000000"
    );
    let pieces = serving.ask("GET /pieces");
    assert!(
        pieces.contains("transfer-encoding: chunked") && pieces.contains("99 "),
        "{pieces}"
    );
    let events = serving.ask("GET /events");
    assert!(events.contains("content-type: text/event-stream"), "{events}");
    assert!(
        events.contains("data: a\ndata: b\n\n") && events.contains("event: x\nid: 7\ndata: {\"n\":1}\n\n"),
        "{events}"
    );
    serving.end();
}

#[test]
fn handlers_that_wait_hold_nobody_up() {
    let serving = serve(
        "serve-waiting",
        "",
        "(route GET \"/slow\" (fn (req) [(sleep 1000) {:body \"late\"}]))
         (route GET \"/fast\" (fn (req) {:body \"now\"}))",
    );
    let begin = Instant::now();
    let slow: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = serving.connect();
            stream
                .write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                .expect("it takes it");
            stream
        })
        .collect();
    assert_eq!(serving.body("GET /fast"), "now");
    for mut stream in slow {
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("it answers");
        assert!(text.ends_with("late"), "{text}");
    }
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
    serving.end();
}

#[test]
fn each_bomb_ends_in_its_budget_with_its_own_status() {
    let serving = serve(
        "serve-bombs",
        ":limits {:handler-memory-bytes 33554432 :handler-ms 120000}",
        "(defn deep (n) [(+ 1 (deep (+ n 1)))])
         (route GET \"/loop\" (fn (req) (do [nil])))
         (route GET \"/recursion\" (fn (req) {:body (str (deep 0))}))
         (route GET \"/string\" (fn (req) [(def s \"x\") (do [(set s (str s s))])]))
         (route GET \"/list\" (fn (req) [(def l {1}) (do [(set l (concat l l))])]))
         (route POST \"/json\" (fn (req) {:json (json/decode (get req :body))}))
         (route POST \"/form\" (fn (req) {:body (str (count (http/form req)))}))
         (route GET \"/fine\" (fn (req) {:body \"fine\"}))",
    );
    let json = |text: &str| format!("POST /json\nContent-Type: application/json\n\n{text}");
    let form = |text: &str| format!("POST /form\nContent-Type: application/x-www-form-urlencoded\n\n{text}");
    let fields = |n: usize| {
        (0..n)
            .map(|field| format!("f{field}=1"))
            .collect::<Vec<_>>()
            .join("&")
    };
    let query = fields(100_000);
    let cases = [
        ("GET /loop".to_owned(), "503"),
        ("GET /recursion".to_owned(), "508"),
        ("GET /string".to_owned(), "507"),
        ("GET /list".to_owned(), "507"),
        (json(&"[".repeat(100_000)), "400"),
        (json(&format!("{}1{}", "[".repeat(65), "]".repeat(65))), "400"),
        (form(&query), "400"),
        (form(&fields(1000)), "200"),
        (format!("GET /fine?{query}"), "414"),
        (format!("GET /fine?{}", &fields(900)), "200"),
        ("GET /fine".to_owned(), "200"),
    ];
    for (request, status) in cases {
        assert_eq!(
            serving.status(&request),
            status,
            "{}",
            &request[..request.len().min(60)]
        );
        assert_eq!(serving.body("GET /fine"), "fine");
    }
    serving.end();
}

#[test]
fn a_websocket_speaks_both_ways() {
    let serving = serve(
        "serve-websocket",
        "",
        "(route GET \"/echo\" (fn (req) (http/ws (fn (ws)
           (loop (message (http/receive ws))
             (if message [(http/send ws (str \"you said \" message)) (recur (http/receive ws))] nil))))))",
    );
    let mut stream = serving.connect();
    let head = "GET /echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    stream
        .write_all(format!("{head}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").as_bytes())
        .expect("it takes it");
    let answer = until(&mut stream, b"\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
    for word in ["hi", "there"] {
        stream
            .write_all(&masked(0x81, word.as_bytes()))
            .expect("it takes it");
        let mut frame = vec![0; 2 + 9 + word.len()];
        stream.read_exact(&mut frame).expect("it answers");
        assert_eq!(&frame[2..], format!("you said {word}").as_bytes());
    }
    // A frame that is not masked breaks the protocol: 1002.
    stream.write_all(&[0x81, 2, b'h', b'i']).expect("it takes it");
    let mut goodbye = [0; 4];
    stream.read_exact(&mut goodbye).expect("it says goodbye");
    assert_eq!(goodbye, [0x88, 2, 0x03, 0xea]);
    let refused = format!(
        "GET /echo\n{}\nOrigin: http://elsewhere",
        head.lines().skip(2).collect::<Vec<_>>().join("\n")
    );
    let refused = refused.replace(
        "Connection: Upgrade",
        "Connection: Upgrade\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    );
    assert_eq!(serving.status(&refused), "403");
    assert_eq!(serving.status("GET /echo"), "426");
    serving.end();
}

/// A frame of a client, with a mask of zeros.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![
        first,
        0x80 | u8::try_from(payload.len()).expect("is short"),
        0,
        0,
        0,
        0,
    ];
    frame.extend_from_slice(payload);
    frame
}

fn until(stream: &mut TcpStream, end: &[u8]) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end) {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("it answers");
        bytes.push(byte[0]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn a_process_that_is_ended_answers_what_it_has_begun() {
    let mut serving = serve(
        "serve-drain",
        "",
        "(route GET \"/slow\" (fn (req) [(sleep 500) {:body \"late\"}]))",
    );
    let mut streams: Vec<TcpStream> = (0..10).map(|_| serving.connect()).collect();
    for stream in &mut streams {
        stream
            .write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            .expect("it takes it");
    }
    std::thread::sleep(Duration::from_millis(200));
    serving.terminate();
    for mut stream in streams {
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("it answers");
        assert!(
            text.starts_with("HTTP/1.1 200") && text.ends_with("late"),
            "{text}"
        );
    }
    serving.process.finish().expect_code(0);
}

#[test]
fn each_answer_is_a_line_of_the_access_log_even_right_before_the_end() {
    let folder = TempFolder::new("serve-log");
    folder.write(
        "init.slp",
        "#(load \"http\")\n(print (get (http/listen {:port 0 :loops 2} (fn (req) {:body \"x\"})) :port))\n",
    );
    let mut process = sup().arg("run").folder(folder.path()).start();
    let port = process
        .line()
        .expect("it prints its port")
        .trim()
        .parse()
        .expect("a port");
    let mut serving = Serving {
        process,
        site: Site { port },
        _folder: folder,
    };
    for number in 0..5 {
        assert_eq!(serving.body(&format!("GET /{number}")), "x");
    }
    serving.terminate();
    let finished = serving.process.finish().expect_code(0);
    let lines: Vec<&str> = finished.stderr.lines().collect();
    assert_eq!(lines.len(), 5, "{lines:?}");
    for number in 0..5 {
        let uri = format!("\"uri\":\"/{number}\"");
        assert!(
            lines
                .iter()
                .any(|line| line.starts_with('{') && line.contains(&uri)),
            "{lines:?}"
        );
    }
}

#[test]
fn a_route_that_is_declared_later_is_served() {
    let folder = TempFolder::new("serve-later");
    folder.write(
        "init.slp",
        "#(load \"http\")\n(def server (http/listen {:port 0 :log false} (fn (req) {:body \"not yet\"})))\n\
         (print (get server :port))\n(io/read-line)\n(route GET \"/x\" (fn (req) {:body \"served\"}))\n(print \"declared\")\n",
    );
    let mut process = sup().arg("run").folder(folder.path()).start();
    let port = process
        .line()
        .expect("it prints its port")
        .trim()
        .parse()
        .expect("is a port");
    let mut serving = Serving {
        process,
        site: Site { port },
        _folder: folder,
    };
    assert_eq!(serving.body("GET /x"), "not yet");
    serving.process.say("go\n");
    assert_eq!(serving.process.line().as_deref().map(str::trim), Some("declared"));
    let begin = Instant::now();
    while serving.body("GET /x") != "served" {
        assert!(begin.elapsed() < PATIENCE, "the route is not served");
    }
    serving.end();
}

/// Writes a version of stored code that a handler calls, which waits between two calls of it.
fn put_version(store: &str, version: usize) {
    sup()
        .args(["put", "site/version", "-"])
        .env("SUP_STORE", store)
        .input(format!("(fn () {version})"))
        .finish()
        .expect_code(0);
}

/// A program that answers with stored code, and its store.
fn serve_stored_code() -> (Serving, String) {
    let folder = TempFolder::new("serve-live");
    let store = folder.path().join("store").display().to_string();
    folder.write(
        "init.slp",
        "#(load \"http\")\n\
         (defn answer (req) (let (first (site/version)) (sleep 2) {:status 200 :body (str first \" \" (site/version))}))\n\
         (print (get (http/listen {:port 0 :loops 2 :log false} answer) :port))",
    );
    put_version(&store, 0);
    let mut process = sup()
        .args(["run", "--control"])
        .env("SUP_STORE", &store)
        .folder(folder.path())
        .start();
    let port = process
        .line()
        .expect("it prints its port")
        .trim()
        .parse()
        .expect("a port");
    let serving = Serving {
        process,
        site: Site { port },
        _folder: folder,
    };
    (serving, store)
}

#[test]
fn stored_code_is_replaced_while_it_answers_and_each_request_sees_one_release() {
    let (serving, store) = serve_stored_code();
    let site = serving.site;
    let is_over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let askers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut seen = Vec::new();
                    while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                        seen.push(site.body("GET /"));
                    }
                    seen
                })
            })
            .collect();
        for version in 1..=20 {
            put_version(&store, version);
            let live = serving.body("GET /");
            assert_eq!(
                live,
                format!("{version} {version}"),
                "the next request sees what was put"
            );
            if version % 5 == 0 {
                sup()
                    .arg("rollback")
                    .env("SUP_STORE", &store)
                    .finish()
                    .expect_code(0);
                let before = version - 1;
                assert_eq!(serving.body("GET /"), format!("{before} {before}"));
            }
        }
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        for asker in askers {
            let seen = asker.join().expect("it asked");
            assert!(!seen.is_empty());
            for body in seen {
                let (first, second) = body.split_once(' ').unwrap_or((&body, "nothing"));
                assert!(
                    first == second && first.parse::<usize>().is_ok(),
                    "one release answers: {body:?}"
                );
            }
        }
    });
    serving.end();
}

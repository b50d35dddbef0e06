//! A server on the loopback address that answers as a test has it.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What is asked for.
pub(super) struct Request {
    pub(super) path: String,
    /// The first byte, if only those from there on are wanted.
    pub(super) from: Option<usize>,
}

/// What is answered.
pub(super) struct Answer {
    status: &'static str,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// Bytes of the body that come.
    sent: usize,
    is_silent: bool,
}

impl Answer {
    pub(super) fn of_unsaid_length(body: Vec<u8>) -> Self {
        let sent = body.len();
        Self { status: "200 OK", headers: Vec::new(), body, sent, is_silent: false }
    }

    pub(super) fn new(status: &'static str, body: Vec<u8>) -> Self {
        let length = body.len().to_string();
        let answer = Self { status, ..Self::of_unsaid_length(body) };
        answer.with("Content-Length", &length)
    }

    pub(super) fn whole(body: Vec<u8>) -> Self {
        Self::new("200 OK", body)
    }

    /// The bytes from there on.
    pub(super) fn rest(content: &[u8], from: usize) -> Self {
        let range = format!("bytes {from}-{}/{}", content.len() - 1, content.len());
        Self::new("206 Partial Content", content[from..].to_vec()).with("Content-Range", &range)
    }

    pub(super) fn with(mut self, header: &str, value: &str) -> Self {
        self.headers.push((header.to_owned(), value.to_owned()));
        self
    }

    /// Only so many bytes of what it promises.
    pub(super) fn cut(self, sent: usize) -> Self {
        Self { sent, ..self }
    }

    /// Then nothing, for longer than anyone waits.
    pub(super) fn then_silent(self) -> Self {
        Self { is_silent: true, ..self }
    }

    fn send(self, stream: &mut TcpStream) -> std::io::Result<()> {
        write!(stream, "HTTP/1.1 {}\r\nConnection: close\r\n", self.status)?;
        for (name, value) in &self.headers {
            write!(stream, "{name}: {value}\r\n")?;
        }
        stream.write_all(b"\r\n")?;
        stream.write_all(&self.body[..self.sent])?;
        if self.is_silent {
            // Until the other side goes.
            std::io::Read::read(stream, &mut [0])?;
        }
        Ok(())
    }
}

/// A server.
pub(super) struct Server {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(super) fn new(answer: impl Fn(&Request) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let told = Arc::clone(&asked);
        // It ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some(request) = Self::request(&stream) else { continue };
                told.lock().unwrap().push(match request.from {
                    Some(from) => format!("{} from {from}", request.path),
                    None => request.path.clone(),
                });
                // A client may leave before it has heard everything.
                drop(answer(&request).send(&mut stream));
            }
        });
        Self { url, asked }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// What was asked for.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// An address where no one listens.
    pub(super) fn gone() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/file", listener.local_addr().unwrap())
    }

    fn request(stream: &TcpStream) -> Option<Request> {
        let mut lines = BufReader::new(stream).lines();
        let first = lines.next()?.ok()?;
        let path = first.split(' ').nth(1)?.to_owned();
        let mut from = None;
        for line in lines.map_while(Result::ok).take_while(|line| !line.is_empty()) {
            let (name, value) = line.split_once(": ")?;
            if name.eq_ignore_ascii_case("range") {
                from = value.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok();
            }
        }
        Some(Request { path, from })
    }
}

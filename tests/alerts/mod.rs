//! What tests of alerts share: a sink for notifications, Alertmanagers that can be told how to fail, and the real one.
#![allow(dead_code, reason = "each test uses its part")]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::daemon::{free_address, until};

/// A request as it came in.
#[derive(Debug, Clone)]
pub struct Said {
    pub line: String,
    pub headers: String,
    pub body: Value,
}

/// How a server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Fine,
    /// With this status.
    Status(u16),
    /// A byte a second.
    Slow,
    Garbage,
    /// Takes everything and says nothing.
    Silent,
    /// Ten megabytes after a status of 200, or of 500.
    Huge(u16),
    /// Sends elsewhere.
    Redirect(SocketAddr),
}

/// A server on an address of its own that writes down what it is told.
#[derive(Clone)]
pub struct Server {
    pub address: SocketAddr,
    said: Arc<Mutex<Vec<Said>>>,
    mood: Arc<Mutex<Mood>>,
}

impl Server {
    /// Serves in the calling thread's namespace until the process ends.
    pub fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind(free_address()).expect("a free address");
        let address = listener.local_addr().expect("an address");
        let server = Self { address, said: Arc::default(), mood: Arc::new(Mutex::new(mood)) };
        let serving = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = serving.clone();
                // Whoever hangs up early is no fault of the test.
                thread::spawn(move || drop(server.serve(stream)));
            }
        });
        server
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// Everything it was told so far.
    pub fn said(&self) -> Vec<Said> {
        self.said.lock().unwrap().clone()
    }

    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let (mut line, mut headers, mut length) = (String::new(), String::new(), 0);
        reader.read_line(&mut line)?;
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
                break;
            }
            if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            headers += &header;
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let mood = *self.mood.lock().unwrap();
        let said =
            Said { line: line.trim().to_owned(), headers, body: serde_json::from_slice(&body).unwrap_or(Value::Null) };
        self.said.lock().unwrap().push(said);
        let ok = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
        match mood {
            Mood::Fine => write!(stream, "{ok}Content-Length: 2\r\n\r\n[]"),
            Mood::Status(status) => {
                write!(
                    stream,
                    "HTTP/1.1 {status} No\r\nConnection: close\r\nContent-Length: 9\r\n\r\nno\u{7}\x1b[31mway"
                )
            }
            Mood::Slow => {
                for byte in ok.bytes() {
                    stream.write_all(&[byte])?;
                    thread::sleep(Duration::from_secs(1));
                }
                Ok(())
            }
            Mood::Garbage => stream.write_all(&[0x16, 3, 1, 0xff, b'\n', 0, 7, 9].repeat(100)),
            Mood::Silent => {
                thread::sleep(Duration::from_secs(120));
                Ok(())
            }
            Mood::Huge(status) => {
                write!(stream, "HTTP/1.1 {status} Big\r\nContent-Length: 10000000\r\n\r\n")?;
                stream.write_all(&vec![b'x'; 10_000_000])
            }
            Mood::Redirect(to) => {
                write!(stream, "HTTP/1.1 307 Go\r\nLocation: http://{to}/\r\nContent-Length: 0\r\n\r\n")
            }
        }
    }
}

/// What an Alertmanager was told of one alert, in order.
pub fn told(said: &[Said], name: &str) -> Vec<Value> {
    said.iter()
        .filter(|s| s.line.starts_with("POST /api/v2/alerts "))
        .flat_map(|s| s.body.as_array().cloned().unwrap_or_default())
        .filter(|alert| alert["labels"]["alertname"] == name)
        .collect()
}

/// A notification that reached the sink: its state, and the alerts in it.
#[derive(Debug, Clone)]
pub struct Notification {
    pub status: String,
    pub alerts: Vec<Value>,
}

pub fn notifications(sink: &Server) -> Vec<Notification> {
    let of = |said: Said| Notification {
        status: said.body["status"].as_str().unwrap_or_default().to_owned(),
        alerts: said.body["alerts"].as_array().cloned().unwrap_or_default(),
    };
    sink.said().into_iter().map(of).collect()
}

/// A real Alertmanager.
pub struct Alertmanager {
    pub address: SocketAddr,
    pub scheme: &'static str,
    child: Child,
}

impl Alertmanager {
    /// Starts one in the calling thread's namespace that notifies the sink, by the shipped example with shorter waits:
    /// the first message about a group waits so long for others, and after it there is another one every interval. `web` is its `--web.config.file`.
    pub fn start(
        address: SocketAddr,
        dir: &Path,
        sink: &Server,
        (wait, interval): (&str, &str),
        web: Option<&Path>,
    ) -> Self {
        let config = dir.join("alertmanager.yml");
        let mut text = include_str!("../../deploy/alertmanager/alertmanager.yml").to_owned();
        let (receiver, wait, interval) =
            (sink.url(), format!("group_wait: {wait}"), format!("group_interval: {interval}"));
        for (shipped, here) in [
            ("http://127.0.0.1:9099/alerts", receiver.as_str()),
            ("group_wait: 30s", wait.as_str()),
            ("group_interval: 5m", interval.as_str()),
        ] {
            assert_eq!(text.matches(shipped).count(), 1, "{shipped} is in the example");
            text = text.replace(shipped, here);
        }
        fs::write(&config, text).expect("written");
        let log = File::create(dir.join("alertmanager.log")).expect("a file");
        let mut command = Command::new("prometheus-alertmanager");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", dir.join("alertmanager").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--cluster.listen-address=")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::from(log));
        if let Some(web) = web {
            command.arg(format!("--web.config.file={}", web.display()));
        }
        let child = command.spawn().expect("prometheus-alertmanager is installed");
        let alertmanager = Self { address, scheme: if web.is_some() { "https" } else { "http" }, child };
        until("the Alertmanager listens", || TcpStream::connect(address).ok());
        alertmanager
    }

    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    pub fn get(&self, path: &str) -> Value {
        let mut answer = ureq::get(format!("{}{path}", self.url())).call().expect("it answers");
        serde_json::from_str(&answer.body_mut().read_to_string().expect("text")).expect("JSON")
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

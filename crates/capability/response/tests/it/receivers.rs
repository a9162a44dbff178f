//! A mail server and a web server that keep what they get, with answers that a test can set.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A mail server (RFC 5321, as much of it as a sender needs).
#[derive(Clone)]
pub(crate) struct MailBox {
    pub(crate) url: String,
    mails: Arc<Mutex<Vec<String>>>,
}

impl MailBox {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let mails = Arc::new(Mutex::new(Vec::new()));
        let kept = mails.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, kept.clone()));
            }
        });
        Self { url, mails }
    }

    /// Gives the mails so far, with soft line breaks undone.
    pub(crate) fn mails(&self) -> Vec<String> {
        self.mails.lock().unwrap().clone()
    }
}

async fn converse(stream: TcpStream, mails: Arc<Mutex<Vec<String>>>) {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 test\r\n").await.unwrap();
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let verb = line.split_whitespace().next().unwrap_or_default().to_uppercase();
        let answer: &[u8] = match verb.as_str() {
            "QUIT" => {
                let _gone = stream.write_all(b"221 bye\r\n").await;
                return;
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await.unwrap();
                let mail = read_mail(&mut stream).await;
                mails.lock().unwrap().push(mail);
                b"250 taken\r\n"
            }
            _ => b"250 ok\r\n",
        };
        stream.write_all(answer).await.unwrap();
    }
}

async fn read_mail(stream: &mut BufReader<TcpStream>) -> String {
    let mut mail = String::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        if line == ".\r\n" {
            return mail.replace("=\r\n", "").replace("=3D", "=");
        }
        mail.push_str(&line);
    }
}

/// One request that a web server got.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Got {
    /// Gives a header.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
    }
}

/// A web server that keeps what is posted.
#[derive(Clone)]
pub(crate) struct Hook {
    pub(crate) url: String,
    got: Arc<Mutex<Vec<Got>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Hook {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let hook = Self { url, got: Arc::default(), answers: Arc::default() };
        let kept = hook.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, kept.clone()));
            }
        });
        hook
    }

    /// Sets the next answers; 200 follows them.
    pub(crate) fn answers(&self, codes: &[u16]) {
        self.answers.lock().unwrap().extend(codes);
    }

    /// Gives what was posted so far.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }
}

async fn answer(stream: TcpStream, hook: Hook) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            if line == "\r\n" {
                break;
            }
            head.push_str(&line);
        }
        let got = Got { head, body: Value::Null };
        let length: usize = got.header("content-length").and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        hook.got.lock().unwrap().push(Got { body: serde_json::from_slice(&body).unwrap_or_default(), ..got });
        let code = hook.answers.lock().unwrap().pop_front().unwrap_or(200);
        let reply = format!("HTTP/1.1 {code} Any\r\ncontent-length: 2\r\n\r\nok");
        stream.write_all(reply.as_bytes()).await.unwrap();
    }
}

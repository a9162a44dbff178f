//! Server-sent events, read as the standard says.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use reqwest::Url;

use crate::error::{ClientError, reason_of};

/// How long a stream may be silent; servers show every 15 seconds that they live.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// The longest event, in bytes.
const EVENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerEvent {
    /// What sort; `message` where the server names none.
    pub name: String,
    /// The data, usually JSON.
    pub data: String,
    /// The identity, to go on from.
    pub id: Option<String>,
}

/// Makes events of bytes, however these are cut into parts.
#[derive(Debug, Default)]
pub struct EventReader {
    rest: Vec<u8>,
    name: String,
    data: Vec<String>,
    id: Option<String>,
    ready: VecDeque<ServerEvent>,
}

impl EventReader {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// A text when an event is larger than allowed.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.rest.extend_from_slice(bytes);
        let mut from = 0;
        while let Some(length) = self.rest[from..].iter().position(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(&self.rest[from..from + length]).into_owned();
            self.line(line.trim_end_matches('\r'));
            from += length + 1;
        }
        self.rest.drain(..from);
        let held: usize = self.data.iter().map(String::len).sum();
        if self.rest.len() + held > EVENT_BYTES_MAX {
            return Err(format!("an event is over {EVENT_BYTES_MAX} bytes"));
        }
        Ok(())
    }

    /// Gives the next whole event.
    pub fn next_event(&mut self) -> Option<ServerEvent> {
        self.ready.pop_front()
    }

    fn line(&mut self, line: &str) {
        if line.is_empty() {
            if !self.data.is_empty() {
                let name = if self.name.is_empty() {
                    "message".to_owned()
                } else {
                    std::mem::take(&mut self.name)
                };
                let data = std::mem::take(&mut self.data).join("\n");
                self.ready.push_back(ServerEvent {
                    name,
                    data,
                    id: self.id.clone(),
                });
            }
            self.name.clear();
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => self.data.push(value.to_owned()),
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            // A comment has an empty field; others are for later versions.
            _ => {}
        }
    }
}

struct Feed {
    base: Url,
    parts: BoxStream<'static, reqwest::Result<Bytes>>,
    reader: EventReader,
    ended: bool,
}

impl Feed {
    async fn next(&mut self) -> Option<Result<ServerEvent, ClientError>> {
        loop {
            if let Some(event) = self.reader.next_event() {
                return Some(Ok(event));
            }
            if self.ended {
                return None;
            }
            let failure = match tokio::time::timeout(SILENCE_MAX, self.parts.next()).await {
                Ok(Some(Ok(bytes))) => match self.reader.take(&bytes) {
                    Ok(()) => continue,
                    Err(reason) => reason,
                },
                Ok(Some(Err(error))) => format!("the stream broke off ({})", reason_of(&error)),
                Ok(None) => "the stream ended".to_owned(),
                Err(_) => format!("the stream was silent for {} s", SILENCE_MAX.as_secs()),
            };
            self.ended = true;
            return Some(Err(ClientError::unreachable(&self.base, failure)));
        }
    }
}

/// A stream of events; its last item says why it ended.
pub struct Events(BoxStream<'static, Result<ServerEvent, ClientError>>);

impl Events {
    pub(crate) fn new(base: Url, response: reqwest::Response) -> Self {
        let parts = response.bytes_stream().boxed();
        let feed = Feed {
            base,
            parts,
            reader: EventReader::default(),
            ended: false,
        };
        Self(
            futures::stream::unfold(feed, |mut feed| async move {
                feed.next().await.map(|item| (item, feed))
            })
            .boxed(),
        )
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Events")
    }
}

impl Stream for Events {
    type Item = Result<ServerEvent, ClientError>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(parts: &[&[u8]]) -> Vec<ServerEvent> {
        let mut reader = EventReader::default();
        for part in parts {
            reader.take(part).unwrap();
        }
        std::iter::from_fn(|| reader.next_event()).collect()
    }

    #[test]
    fn an_event_is_whole_however_its_bytes_are_cut() {
        let text = ": hello\r\nevent: row\r\nid: 7\r\ndata: {\"a\":\r\ndata: \"\u{fc}\"}\r\n\r\ndata:x\n\nevent: none\n\n".as_bytes();
        let whole = events(&[text]);
        assert_eq!(whole.len(), 2);
        assert_eq!(
            whole[0],
            ServerEvent {
                name: "row".into(),
                data: "{\"a\":\n\"\u{fc}\"}".into(),
                id: Some("7".into())
            }
        );
        assert_eq!(
            (whole[1].name.as_str(), whole[1].data.as_str()),
            ("message", "x")
        );
        for at in 0..text.len() {
            assert_eq!(events(&[&text[..at], &text[at..]]), whole, "{at}");
        }
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut reader = EventReader::default();
        let part = vec![b'x'; EVENT_BYTES_MAX / 2 + 1];
        assert!(reader.take(&part).is_ok());
        assert!(reader.take(&part).is_err());
    }
}

//! Objects in a bucket of an S3 server, over the guarded client.
//!
//! Invariants: a signature is in no error and no log; keys come with each call, so that they can be changed while
//! the server runs; every call has a deadline and a limit on what it reads; bodies are signed with their SHA-256.
//!
//! Absent: objects above 5 GB, which would need to be sent in parts.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use futures::StreamExt as _;
use jiff::Timestamp;
use reqwest::{Method, Response};
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::bucket_answer::{Page, explain, refused_without_words};
use crate::guard::Networks;
use crate::signature::{Signed, encoded, sign};
use crate::web::Web;
use crate::{BucketError, SendError};

/// How long a call may take, and how much longer per MiB: slower than 1 MiB/s is as good as absent.
const CALL_TIME: Duration = Duration::from_secs(20);
const MIB_TIME: Duration = Duration::from_secs(1);
/// How often a call is tried that may succeed the next time, and the pause before the second try; it doubles.
const TRIES: u32 = 3;
const TRY_PAUSE: Duration = Duration::from_millis(200);
/// Bytes of an answer that is no object.
const ANSWER_BYTES: u64 = 4 << 20;
/// Pages of a list: a thousand objects each.
const LIST_PAGES: usize = 1_000;

const CHECKSUM: &str = "x-amz-checksum-sha256";
const CHECKSUM_MODE: &str = "x-amz-checksum-mode";

/// Where a bucket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketSettings {
    /// The address of the server, for example `https://s3.eu-central-1.amazonaws.com`.
    pub endpoint: String,
    /// The name of the bucket.
    pub bucket: String,
    /// The region, which is part of every signature.
    pub region: String,
    /// Whether the bucket is part of the path, and not of the host's name.
    pub is_path_style: bool,
}

/// Who asks. Its secret is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct BucketKey {
    /// The access key.
    pub key: String,
    /// Its secret.
    pub secret: String,
    /// The token of a session, with temporary keys.
    pub token: Option<String>,
}

impl fmt::Debug for BucketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketKey").field("key", &self.key).finish_non_exhaustive()
    }
}

/// What a server tells of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectHead {
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, where the server keeps it.
    pub sha256: Option<[u8; 32]>,
}

/// A bucket. Cheap to clone.
#[derive(Clone)]
pub struct Bucket {
    web: Web,
    /// The address of the bucket, with a slash at its end.
    base: Url,
    name: String,
    region: String,
}

/// A call, as often as it is tried.
struct Ask<'a> {
    method: Method,
    name: &'a str,
    /// Encoded.
    query: String,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
    body_sha256: [u8; 32],
    /// Bytes that go or come, roughly.
    bytes: u64,
}

impl<'a> Ask<'a> {
    fn new(method: Method, name: &'a str) -> Self {
        let body_sha256 = Sha256::digest([]).into();
        Self { method, name, query: String::new(), headers: Vec::new(), body: Bytes::new(), body_sha256, bytes: 0 }
    }
}

impl Bucket {
    /// Makes the way to a bucket. Its address is configuration, so private networks may be called.
    ///
    /// # Errors
    /// When the address makes no sense.
    pub fn new(settings: &BucketSettings) -> Result<Self, SendError> {
        let refuse = |why: &dyn fmt::Display| SendError::permanent(format!("no address of a bucket: {why}"));
        let mut base = Url::parse(&settings.endpoint).map_err(|error| refuse(&error))?;
        let name = &settings.bucket;
        let host = base.host_str().ok_or_else(|| refuse(&"it names no host"))?.to_owned();
        let begin = base.path().trim_end_matches('/').to_owned();
        if settings.is_path_style {
            base.set_path(&format!("{begin}/{name}/"));
        } else {
            let whole = format!("{name}.{host}");
            base.set_host(Some(&whole)).map_err(|error| refuse(&error))?;
            if base.host_str() != Some(whole.as_str()) {
                return Err(refuse(&format!("`{name}` cannot be part of a host's name; use style=path")));
            }
            base.set_path(&format!("{begin}/"));
        }
        Ok(Self { web: Web::new(Networks::Private)?, base, name: name.clone(), region: settings.region.clone() })
    }

    /// Stores an object; the server refuses other bytes than those of the SHA-256.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    pub async fn put(&self, key: &BucketKey, name: &str, body: Bytes, sha256: &[u8; 32]) -> Result<(), BucketError> {
        let headers = vec![(CHECKSUM, BASE64.encode(sha256))];
        let bytes = body.len() as u64;
        self.succeed(key, &Ask { headers, body, body_sha256: *sha256, bytes, ..Ask::new(Method::PUT, name) }).await.map(|_| ())
    }

    /// Reads an object of at most so many bytes.
    ///
    /// # Errors
    /// When there is none or a larger one, or the server refuses or cannot be reached.
    pub async fn get(&self, key: &BucketKey, name: &str, bytes_max: u64) -> Result<Vec<u8>, BucketError> {
        let ask = Ask { bytes: bytes_max, ..Ask::new(Method::GET, name) };
        let mut pause = TRY_PAUSE;
        for last in 1..=TRIES {
            match read(self.succeed(key, &ask).await?, bytes_max).await {
                Err(error) if error.is_passing && last < TRIES => wait(&mut pause).await,
                done => return done,
            }
        }
        Err(BucketError::away("it broke off"))
    }

    /// Tells what the server knows of an object; nothing when there is none.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    pub async fn head(&self, key: &BucketKey, name: &str) -> Result<Option<ObjectHead>, BucketError> {
        let headers = vec![(CHECKSUM_MODE, "ENABLED".to_owned())];
        let response = self.answer(key, &Ask { headers, ..Ask::new(Method::HEAD, name) }).await?;
        let text = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        match response.status().as_u16() {
            200 => {
                let bytes = text("content-length").and_then(|length| length.parse().ok());
                let bytes = bytes.ok_or_else(|| BucketError::strange("the bucket's server does not tell the length of an object"))?;
                let sha256 = text(CHECKSUM).and_then(|sum| BASE64.decode(sum).ok()).and_then(|sum| sum.try_into().ok());
                Ok(Some(ObjectHead { bytes, sha256 }))
            }
            404 => Ok(None),
            // An answer to HEAD has no words.
            status => Err(refused_without_words(status)),
        }
    }

    /// Removes an object; it is no error when there is none.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    pub async fn delete(&self, key: &BucketKey, name: &str) -> Result<(), BucketError> {
        match self.succeed(key, &Ask::new(Method::DELETE, name)).await {
            Err(error) if error.is_of_object => Ok(()),
            done => done.map(|_| ()),
        }
    }

    /// Lists names and lengths of the objects whose names begin so.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached, or the list has no end.
    pub async fn list(&self, key: &BucketKey, prefix: &str) -> Result<Vec<(String, u64)>, BucketError> {
        let mut objects = Vec::new();
        let mut query = format!("list-type=2&prefix={}", encoded(prefix));
        for _ in 0..LIST_PAGES {
            let response = self.succeed(key, &Ask { query: query.clone(), ..Ask::new(Method::GET, "") }).await?;
            let body = read(response, ANSWER_BYTES).await?;
            let page = Page::read(&String::from_utf8_lossy(&body));
            objects.extend(page.objects);
            match page.next {
                Some(token) => query = format!("continuation-token={}&list-type=2&prefix={}", encoded(&token), encoded(prefix)),
                None => return Ok(objects),
            }
        }
        Err(BucketError::strange("the list of the bucket has no end"))
    }

    fn address(&self, ask: &Ask<'_>) -> Result<Url, BucketError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/');
        let is_name = ask.name.bytes().all(is_plain) && !ask.name.split('/').any(|part| matches!(part, "." | ".."));
        if !is_name {
            return Err(BucketError::of_object(format!("`{}` is no name of an object here", ask.name), "names have letters, digits, `-`, `_`, `.` and `/`"));
        }
        let mut url = self.base.clone();
        url.set_path(&format!("{}{}", self.base.path(), ask.name));
        url.set_query(Some(ask.query.as_str()).filter(|query| !query.is_empty()));
        self.web.admit(url.as_str()).map_err(|error| BucketError::away(error.text))
    }

    /// Gives an answer of success.
    async fn succeed(&self, key: &BucketKey, ask: &Ask<'_>) -> Result<Response, BucketError> {
        let response = self.answer(key, ask).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let words = read(response, ANSWER_BYTES).await.unwrap_or_default();
        Err(explain(status.as_u16(), &String::from_utf8_lossy(&words), &self.name, &self.region))
    }

    /// Gives an answer of any kind, once "try again" was tried again.
    async fn answer(&self, key: &BucketKey, ask: &Ask<'_>) -> Result<Response, BucketError> {
        let mut pause = TRY_PAUSE;
        for _ in 1..TRIES {
            match self.send(key, ask).await {
                Ok(response) if !matches!(response.status().as_u16(), 408 | 429 | 500..=599) => return Ok(response),
                Ok(_) => {}
                Err(error) if !error.is_passing => return Err(error),
                Err(_) => {}
            }
            wait(&mut pause).await;
        }
        self.send(key, ask).await
    }

    async fn send(&self, key: &BucketKey, ask: &Ask<'_>) -> Result<Response, BucketError> {
        let url = self.address(ask)?;
        let signed = Signed { method: ask.method.as_str(), url: &url, headers: &ask.headers, body_sha256: &ask.body_sha256, region: &self.region };
        let headers = sign(&signed, key, Timestamp::now());
        let mib = u32::try_from(ask.bytes >> 20).unwrap_or(u32::MAX);
        let within = CALL_TIME.saturating_add(MIB_TIME.saturating_mul(mib));
        let mut request = self.web.client().request(ask.method.clone(), url).timeout(within).body(ask.body.clone());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.send().await.map_err(|error| BucketError::away(crate::web::chain(&error.without_url())))
    }
}

async fn wait(pause: &mut Duration) {
    tokio::time::sleep(*pause).await;
    *pause *= 2;
}

/// Reads a body; one that is longer than allowed is refused, not cut.
async fn read(response: Response, bytes_max: u64) -> Result<Vec<u8>, BucketError> {
    let mut body = Vec::new();
    let mut parts = response.bytes_stream();
    while let Some(part) = parts.next().await {
        let part = part.map_err(|error| BucketError::away(crate::web::chain(&error.without_url())))?;
        if (body.len() + part.len()) as u64 > bytes_max {
            return Err(BucketError::of_object(
                format!("an object is longer than the {bytes_max} bytes that were put there"),
                "somebody else changed it; bring it back from a backup of the bucket",
            ));
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(endpoint: &str, is_path_style: bool) -> Bucket {
        let settings = BucketSettings { endpoint: endpoint.to_owned(), bucket: "logs".to_owned(), region: "eu-1".to_owned(), is_path_style };
        Bucket::new(&settings).unwrap()
    }

    fn address(bucket: &Bucket, name: &str, query: &str) -> Option<String> {
        bucket.address(&Ask { query: query.to_owned(), ..Ask::new(Method::GET, name) }).ok().map(|url| url.to_string())
    }

    #[test]
    fn the_bucket_is_in_the_path_or_in_the_host() {
        let path = bucket("http://127.0.0.1:9000/s3", true);
        assert_eq!(address(&path, "a/seg-1.parquet", "").as_deref(), Some("http://127.0.0.1:9000/s3/logs/a/seg-1.parquet"));
        let host = bucket("https://s3.eu-1.amazonaws.com", false);
        assert_eq!(address(&host, "", "list-type=2&prefix=a%2F").as_deref(), Some("https://logs.s3.eu-1.amazonaws.com/?list-type=2&prefix=a%2F"));
        for name in ["../other", "a/../b", "a?b", "a#b", "ü"] {
            assert_eq!(address(&path, name, ""), None, "{name}");
        }
        assert_eq!(address(&bucket("http://169.254.169.254", true), "a", ""), None, "metadata services are never called");
        let settings = BucketSettings { endpoint: "http://127.0.0.1".to_owned(), bucket: "logs".to_owned(), region: "r".to_owned(), is_path_style: false };
        assert!(Bucket::new(&settings).is_err(), "an address of digits has no names before it");
    }

    #[test]
    fn a_key_does_not_show_its_secret() {
        let key = BucketKey { key: "AK".to_owned(), secret: "hush".to_owned(), token: Some("hush".to_owned()) };
        assert!(!format!("{key:?}").contains("hush"));
    }
}

//! The guarded HTTP client.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::SendError;
use crate::guard::Networks;

const DEADLINE: Duration = Duration::from_secs(10);
const ANSWER_MAX_BYTES: usize = 64 * 1024;

/// What a receiver answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The beginning of the body.
    pub body: Bytes,
}

#[derive(Clone)]
pub(crate) struct Web {
    client: reqwest::Client,
    networks: Networks,
}

struct GuardedResolver {
    networks: Networks,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let networks = self.networks;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|address| networks.allow(address.ip())).collect();
            if allowed.is_empty() {
                return Err(format!("{} has no address that may be called", name.as_str()).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

impl Web {
    pub(crate) fn new(networks: Networks) -> Result<Self, SendError> {
        // A second installation of the same provider is no error.
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .dns_resolver(Arc::new(GuardedResolver { networks }))
            .redirect(reqwest::redirect::Policy::none())
            .timeout(DEADLINE)
            .connect_timeout(Duration::from_secs(5))
            .no_proxy()
            .user_agent(concat!("Andon/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| SendError::permanent(error.to_string()))?;
        Ok(Self { client, networks })
    }

    pub(crate) async fn post(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Answer, SendError> {
        let mut request = self.client.post(self.admit(url)?).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer_of(request).await
    }

    pub(crate) async fn get(&self, url: &str) -> Result<Answer, SendError> {
        answer_of(self.client.get(self.admit(url)?)).await
    }

    /// The client, for calls with a method, a deadline and limits of their own.
    pub(crate) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// Refuses what is no web address, and literal addresses that may not be called.
    pub(crate) fn admit(&self, text: &str) -> Result<Url, SendError> {
        let url = Url::parse(text).map_err(|error| SendError::permanent(format!("not a URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(SendError::permanent("only http and https are called"));
        }
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) => None,
            None => return Err(SendError::permanent("the URL names no host")),
        };
        match literal {
            Some(address) if !self.networks.allow(address) => Err(SendError::permanent(format!(
                "{address} may not be called (private networks are allowed with --egress private)"
            ))),
            _ => Ok(url),
        }
    }
}

async fn answer_of(request: reqwest::RequestBuilder) -> Result<Answer, SendError> {
    let response = request.send().await.map_err(|error| SendError::passing(chain(&error)))?;
    let status = response.status().as_u16();
    let body = read_some(response).await?;
    match status {
        200..=299 => Ok(Answer { status, body }),
        408 | 425 | 429 | 500..=599 => Err(SendError::passing(format!("the receiver answered {status}"))),
        _ => Err(SendError::permanent(format!("the receiver answered {status}"))),
    }
}

async fn read_some(response: reqwest::Response) -> Result<Bytes, SendError> {
    let mut read = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(part) = stream.next().await {
        let part = part.map_err(|error| SendError::passing(chain(&error)))?;
        let room = ANSWER_MAX_BYTES - read.len();
        read.extend_from_slice(&part[..part.len().min(room)]);
        if read.len() == ANSWER_MAX_BYTES {
            break;
        }
    }
    Ok(Bytes::from(read))
}

/// Tells an error with its causes: the outermost alone says little.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

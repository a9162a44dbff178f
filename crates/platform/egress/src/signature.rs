//! Signatures of requests to S3 servers: AWS Signature Version 4 in the header `authorization`. Pure.
//!
//! The hash of the body is signed, too, so that a server refuses bytes that were changed on the way.

use hmac::{Hmac, Mac as _};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::bucket::BucketKey;

/// What is signed beside who asks.
pub(crate) struct Signed<'a> {
    pub(crate) method: &'a str,
    /// The address; its path and its query are encoded already.
    pub(crate) url: &'a Url,
    /// Further headers, in lower case.
    pub(crate) headers: &'a [(&'static str, String)],
    pub(crate) body_sha256: &'a [u8; 32],
    pub(crate) region: &'a str,
}

/// Gives all headers of a request, signed at a time.
pub(crate) fn sign(request: &Signed<'_>, key: &BucketKey, now: Timestamp) -> Vec<(&'static str, String)> {
    let moment = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let day = now.strftime("%Y%m%d").to_string();
    let mut headers = request.headers.to_vec();
    headers.push(("host", host(request.url)));
    headers.push(("x-amz-content-sha256", hex::encode(request.body_sha256)));
    headers.push(("x-amz-date", moment.clone()));
    headers.extend(key.token.iter().map(|token| ("x-amz-security-token", token.clone())));
    headers.sort_unstable();
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
    let hash = hex::encode(request.body_sha256);
    let canonical = format!("{}\n{}\n{}\n{lines}\n{names}\n{hash}", request.method, request.url.path(), sorted_query(request.url));
    let scope = format!("{day}/{}/s3/aws4_request", request.region);
    let text = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{}", hex::encode(Sha256::digest(canonical)));
    let of_day = hmac(format!("AWS4{}", key.secret).as_bytes(), &day);
    let of_region = hmac(&of_day, request.region);
    let of_service = hmac(&of_region, "s3");
    let signature = hex::encode(hmac(&hmac(&of_service, "aws4_request"), &text));
    headers.push(("authorization", format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", key.key)));
    // The client says to whom it speaks by itself.
    headers.retain(|(name, _)| *name != "host");
    headers
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    // Keys of any length are fine for HMAC.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

fn sorted_query(url: &Url) -> String {
    let mut pairs: Vec<&str> = url.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).collect();
    pairs.sort_unstable();
    pairs.join("&")
}

/// Encodes a value of a query as signatures want it: all but letters, digits, `-`, `_`, `.` and `~`.
pub(crate) fn encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(method: &str, url: &str, headers: &[(&'static str, String)], body: &str) -> String {
        let key = BucketKey { key: "AKIAIOSFODNN7EXAMPLE".to_owned(), secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(), token: None };
        let body_sha256: [u8; 32] = Sha256::digest(body).into();
        let url: Url = url.parse().unwrap();
        let request = Signed { method, url: &url, headers, body_sha256: &body_sha256, region: "us-east-1" };
        let headers = sign(&request, &key, "2013-05-24T00:00:00Z".parse().unwrap());
        let (_, value) = headers.into_iter().find(|(name, _)| *name == "authorization").unwrap();
        value.split("Signature=").nth(1).unwrap().to_owned()
    }

    /// The examples of the service's own documentation of Signature Version 4 for S3.
    #[test]
    fn signatures_are_those_of_the_documentation() {
        let range = [("range", "bytes=0-9".to_owned())];
        assert_eq!(
            example("GET", "https://examplebucket.s3.amazonaws.com/test.txt", &range, ""),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
        assert_eq!(
            example("GET", "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J", &[], ""),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
        );
    }

    #[test]
    fn values_of_a_query_are_encoded() {
        assert_eq!(encoded("a/b c~ü="), "a%2Fb%20c~%C3%BC%3D");
    }
}

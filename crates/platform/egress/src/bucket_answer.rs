//! What an S3 server says, and what to do about it. Pure.

use thiserror::Error;

/// Why a bucket did not do what it was asked.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{text}")]
pub struct BucketError {
    /// What happened, for people.
    pub text: String,
    /// What to do next.
    pub hint: String,
    /// Whether the trouble is with this object alone.
    pub is_of_object: bool,
    /// Whether the same call may succeed in a moment.
    pub is_passing: bool,
}

impl BucketError {
    fn new(text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { text: text.into(), hint: hint.into(), is_of_object: false, is_passing: false }
    }

    pub(crate) fn of_object(text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { is_of_object: true, ..Self::new(text, hint) }
    }

    pub(crate) fn away(why: impl std::fmt::Display) -> Self {
        let text = format!("the bucket's server cannot be reached: {why}");
        Self { is_passing: true, ..Self::new(text, "check the endpoint, the network and the server; it is tried again by itself") }
    }

    pub(crate) fn strange(text: &str) -> Self {
        Self::new(text, "check that the endpoint speaks the S3 API")
    }
}

/// Explains a refusal.
pub(crate) fn explain(status: u16, words: &str, name: &str, region: &str) -> BucketError {
    let Some(code) = between(words, "Code").map(unescape) else { return refused_without_words(status) };
    let said = between(words, "Message").map(unescape).unwrap_or_default();
    let (what, hint) = match code.as_str() {
        "NoSuchBucket" => (format!("there is no bucket `{name}`"), "make the bucket, or correct its name"),
        "NoSuchKey" => return BucketError::of_object("the object is not in the bucket", "somebody else removed it; bring it back from a backup of the bucket"),
        "InvalidAccessKeyId" => ("the server does not know the access key".to_owned(), "correct AWS_ACCESS_KEY_ID, or the file of credentials"),
        "SignatureDoesNotMatch" => ("the secret does not fit the access key".to_owned(), "correct AWS_SECRET_ACCESS_KEY, or the file of credentials"),
        "ExpiredToken" | "InvalidToken" => ("the token of the session is not valid any more".to_owned(), "write fresh keys into the file of credentials"),
        "AccessDenied" | "AllAccessDisabled" | "AccountProblem" => (
            format!("the access key may not use the bucket `{name}`"),
            "allow it s3:PutObject, s3:GetObject, s3:DeleteObject and s3:ListBucket",
        ),
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
            (format!("the bucket `{name}` is not in the region `{region}`"), "set the region and the endpoint of the bucket")
        }
        "RequestTimeTooSkewed" => ("the clocks of the two servers differ too much".to_owned(), "set the clock of this machine"),
        "QuotaExceeded" | "XMinioStorageFull" | "EntityTooLarge" => ("the bucket has no room".to_owned(), "make room, or raise its quota"),
        _ => {
            let passing = matches!(status, 408 | 429 | 500..=599);
            let hint = if passing { "it is tried again by itself" } else { "the words are the server's own; its documentation says more" };
            let error = BucketError::new(format!("the bucket's server answered {status} {code}: {said}"), hint);
            return BucketError { is_passing: passing, ..error };
        }
    };
    BucketError::new(format!("{what} ({code})"), hint)
}

/// Explains a refusal by its status alone.
pub(crate) fn refused_without_words(status: u16) -> BucketError {
    let text = format!("the bucket's server answered {status}");
    match status {
        401 | 403 => BucketError::new(text, "correct the access key and its secret, and what the key may do with the bucket"),
        404 => BucketError::new(text, "make the bucket, or correct its name and the endpoint"),
        301 | 307 | 308 => BucketError::new(text, "set the region and the endpoint of the bucket"),
        408 | 429 | 500..=599 => BucketError { is_passing: true, ..BucketError::new(text, "it is tried again by itself") },
        _ => BucketError::strange(&text),
    }
}

/// A page of a list of objects.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) objects: Vec<(String, u64)>,
    pub(crate) next: Option<String>,
}

impl Page {
    /// Reads what of a list is needed; what makes no sense is left out.
    pub(crate) fn read(text: &str) -> Self {
        let mut page = Self::default();
        let mut rest = text;
        while let Some((object, after)) = next_element(rest, "Contents") {
            let size = between(object, "Size").and_then(|size| size.trim().parse().ok());
            if let (Some(key), Some(size)) = (between(object, "Key"), size) {
                page.objects.push((unescape(key), size));
            }
            rest = after;
        }
        page.next = between(text, "NextContinuationToken").map(unescape).filter(|token| !token.is_empty());
        page
    }
}

fn between<'t>(text: &'t str, element: &str) -> Option<&'t str> {
    next_element(text, element).map(|(inside, _)| inside)
}

/// Finds the first element of a name: what is in it, and what comes after it.
fn next_element<'t>(text: &'t str, element: &str) -> Option<(&'t str, &'t str)> {
    let (_, begun) = text.split_once(&format!("<{element}>"))?;
    begun.split_once(&format!("</{element}>"))
}

fn unescape(text: &str) -> String {
    // The ampersand last, or `&amp;lt;` would be taken for a bracket.
    let plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'").replace("&apos;", "'");
    plain.replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read() {
        let text = "<?xml version=\"1.0\"?><ListBucketResult><Name>b</Name><Contents><Key>a&amp;b/seg-1</Key><Size>7</Size></Contents>\
            <Contents><ETag>x</ETag><Size>12</Size><Key>c</Key></Contents><NextContinuationToken>t==</NextContinuationToken></ListBucketResult>";
        let page = Page::read(text);
        assert_eq!(page.objects, [("a&b/seg-1".to_owned(), 7), ("c".to_owned(), 12)]);
        assert_eq!(page.next.as_deref(), Some("t=="));
        for text in ["", "<Contents>", "<Contents><Key>x</Key><Size>minus</Size></Contents>"] {
            assert_eq!(Page::read(text), Page::default(), "{text}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let answer = |code: &str| format!("<Error><Code>{code}</Code><Message>They said &lt;no&gt;.</Message></Error>");
        let told = explain(403, &answer("SignatureDoesNotMatch"), "logs", "eu-west-1");
        assert_eq!(told.text, "the secret does not fit the access key (SignatureDoesNotMatch)");
        assert!(told.hint.contains("AWS_SECRET_ACCESS_KEY") && !told.is_passing);
        assert!(explain(404, &answer("NoSuchBucket"), "logs", "eu-west-1").text.contains("`logs`"));
        assert!(explain(404, &answer("NoSuchKey"), "logs", "eu-west-1").is_of_object);
        assert!(explain(301, &answer("PermanentRedirect"), "logs", "eu-west-1").text.contains("eu-west-1"));
        let other = explain(503, &answer("SlowDown"), "logs", "eu-west-1");
        assert!(other.is_passing && other.text.ends_with("503 SlowDown: They said <no>."), "{other}");
        assert!(explain(403, "<html>no</html>", "logs", "eu-west-1").hint.contains("secret"));
    }
}

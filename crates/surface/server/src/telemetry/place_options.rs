//! Where objects are kept, as `andon serve` is told: a folder, or a bucket of an S3 server and its keys.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use andon_api::{ErrorCode, Problem};
use andon_egress::{BucketKey, BucketSettings};
use andon_module::decode_pairs;
use andon_reader::ReaderError;
use andon_store::{FolderPlace, ObjectPlace, RealDisk};
use serde::{Deserialize, Serialize};

use super::bucket_place::BucketPlace;

/// The region of a bucket where none is named.
const REGION: &str = "us-east-1";
/// A file of credentials is small.
const CREDENTIALS_BYTES: u64 = 64 << 10;

/// Refuses what an option says.
pub(crate) fn refuse(option: &'static str, detail: String, hint: &str) -> Problem {
    Problem::new(ErrorCode::RequestInvalid, detail).place(option).hint(hint)
}

/// What keeps the objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Place {
    /// A folder.
    Folder { folder: PathBuf },
    /// A bucket of an S3 server.
    Bucket(BucketOptions),
}

/// A bucket, and where its keys are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BucketOptions {
    pub(crate) endpoint: String,
    pub(crate) bucket: String,
    /// The beginning of all names, without a slash at its ends.
    pub(crate) prefix: String,
    pub(crate) region: String,
    pub(crate) is_path_style: bool,
    /// A file with keys; the environment without it.
    pub(crate) credentials: Option<PathBuf>,
}

impl BucketOptions {
    pub(crate) fn settings(&self) -> BucketSettings {
        BucketSettings { endpoint: self.endpoint.clone(), bucket: self.bucket.clone(), region: self.region.clone(), is_path_style: self.is_path_style }
    }
}

impl Place {
    pub(crate) fn parse(option: &'static str, text: &str, credentials: Option<PathBuf>, data: &Path) -> Result<Self, Problem> {
        if let Some(folder) = text.strip_prefix("file://") {
            return Self::folder(option, folder, credentials, data);
        }
        let Some(rest) = text.strip_prefix("s3://") else {
            return Err(refuse(option, "The place is neither `file://` nor `s3://`.".to_owned(), "Write file:///mnt/logs or s3://bucket/prefix?region=eu-central-1."));
        };
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
        let prefix = prefix.trim_matches('/');
        let is_plain = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
        if !(3..=63).contains(&bucket.len()) || !is_plain(bucket) {
            // What stands before an `@` may be a secret: it is not repeated.
            return Err(refuse(option, "The bucket has 3 to 63 letters, digits, `-`, `_` or `.`.".to_owned(), "Write s3://bucket/prefix; keys come from the environment or from a file."));
        }
        let is_name = |part: &str| is_plain(part) && part != "." && part != "..";
        if !prefix.is_empty() && !prefix.split('/').all(is_name) {
            return Err(refuse(option, format!("`{prefix}` is no beginning of names in a bucket."), "Use letters, digits, `-`, `_`, `.` and `/`."));
        }
        let mut settings = decode_pairs(query);
        let endpoint = settings.remove("endpoint").map(|text| endpoint(option, &text)).transpose()?;
        let region = settings.remove("region").or_else(|| variable("AWS_REGION")).unwrap_or_else(|| REGION.to_owned());
        let is_path_style = match settings.remove("style").as_deref() {
            None => endpoint.is_some(),
            Some("path") => true,
            Some("virtual") => false,
            Some(_) => return Err(refuse(option, "The style of a bucket's address is `path` or `virtual`.".to_owned(), "Most servers of your own want style=path, which is the default with endpoint=.")),
        };
        if !is_plain(&region) {
            return Err(refuse(option, "The region has letters, digits and `-`.".to_owned(), "For example region=eu-central-1."));
        }
        if let Some(unknown) = settings.keys().next() {
            return Err(refuse(option, format!("The place has no setting `{unknown}`."), "endpoint, region and style are."));
        }
        let endpoint = endpoint.unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com"));
        let credentials = credentials.map(|path| std::path::absolute(&path).unwrap_or(path));
        // Told now, and not at the first segment.
        key(credentials.as_deref()).map_err(|problem| problem.place(option))?;
        Ok(Self::Bucket(BucketOptions { endpoint, bucket: bucket.to_owned(), prefix: prefix.to_owned(), region, is_path_style, credentials }))
    }

    fn folder(option: &'static str, text: &str, credentials: Option<PathBuf>, data: &Path) -> Result<Self, Problem> {
        let folder = PathBuf::from(text);
        if !folder.is_absolute() {
            return Err(refuse(option, format!("`{text}` is no whole path of a folder."), "Write file:///mnt/logs, with three slashes."));
        }
        if credentials.is_some() {
            return Err(refuse(option, "A folder has no credentials.".to_owned(), "Leave the file of credentials out, or name a bucket."));
        }
        let store = std::path::absolute(data).unwrap_or_else(|_| data.to_owned()).join("telemetry");
        if folder.starts_with(&store) {
            return Err(refuse(option, format!("`{text}` lies in the folder of the logs themselves."), "Take a folder of another file system."));
        }
        if !folder.is_dir() {
            return Err(refuse(option, format!("The folder `{text}` is not there."), "Make it, or mount what it is on: Andon does not, or a missing mount would go unnoticed."));
        }
        Ok(Self::Folder { folder })
    }

    /// Makes the way to the place; nothing is called yet.
    pub(crate) fn open(&self) -> Result<Arc<dyn ObjectPlace>, ReaderError> {
        Ok(match self {
            Self::Folder { folder } => Arc::new(FolderPlace::new(Arc::new(RealDisk), folder)),
            Self::Bucket(bucket) => Arc::new(BucketPlace::new(self.name(), bucket)?),
        })
    }

    /// Names the place as the list of segments remembers it: where a bucket is reached may change, which it is may not.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Folder { folder } => format!("file://{}", folder.display()),
            Self::Bucket(BucketOptions { bucket, prefix, .. }) if prefix.is_empty() => format!("s3://{bucket}"),
            Self::Bucket(BucketOptions { bucket, prefix, .. }) => format!("s3://{bucket}/{prefix}"),
        }
    }
}

fn endpoint(option: &'static str, text: &str) -> Result<String, Problem> {
    let is_address = (text.starts_with("http://") || text.starts_with("https://")) && !text.contains(['@', '?', '#', ' ']);
    if is_address {
        return Ok(text.to_owned());
    }
    Err(refuse(option, "The endpoint is `http://` or `https://` with a host, and a port where it needs one.".to_owned(), "For example endpoint=https://minio.acme.example:9000; keys are not part of it."))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

fn without_keys(detail: String, hint: &str) -> Problem {
    Problem::new(ErrorCode::RequestInvalid, detail).hint(hint)
}

/// Reads the keys of a bucket: from a file, as often as it is asked, so that they can be changed; else from the
/// environment.
///
/// # Errors
/// `REQ-0001` when there are none.
pub(crate) fn key(file: Option<&Path>) -> Result<BucketKey, Problem> {
    let Some(path) = file else {
        return match (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")) {
            (Some(key), Some(secret)) => Ok(BucketKey { key, secret, token: variable("AWS_SESSION_TOKEN") }),
            _ => Err(without_keys("The bucket has no keys.".to_owned(), "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the server's environment, or name a file with --archive-credentials or --segments-credentials.")),
        };
    };
    let unreadable = |why: String| without_keys(format!("The credentials in {} cannot be read: {why}.", path.display()), "The file has the lines `aws_access_key_id = …` and `aws_secret_access_key = …`, and is readable for the server's user.");
    let length = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
    if length > CREDENTIALS_BYTES {
        return Err(unreadable(format!("it has {length} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    key_in(&text).ok_or_else(|| unreadable("it has no pair of keys".to_owned()))
}

/// Finds the keys in a file as AWS's own tools write it: those of the profile `default`, or of no profile.
fn key_in(text: &str) -> Option<BucketKey> {
    let (mut key, mut secret, mut token) = (None, None, None);
    let mut is_ours = true;
    for line in text.lines().map(str::trim) {
        if let Some(profile) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            is_ours = profile.trim() == "default";
        } else if let Some((name, value)) = line.split_once('=').filter(|_| is_ours && !line.starts_with('#')) {
            let value = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
            match name.trim() {
                "aws_access_key_id" => key = value,
                "aws_secret_access_key" => secret = value,
                "aws_session_token" => token = value,
                _ => {}
            }
        }
    }
    Some(BucketKey { key: key?, secret: secret?, token })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests stop where they fail")]
mod tests {
    use super::*;

    fn parse(place: &str) -> Result<Place, Problem> {
        let folder = std::env::temp_dir().join(format!("andon-place-options-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let credentials = folder.join("credentials");
        std::fs::write(&credentials, "[default]\naws_access_key_id = k\naws_secret_access_key=s=\n").unwrap();
        let credentials = place.starts_with("s3").then_some(credentials);
        Place::parse("--archive", place, credentials, &folder)
    }

    fn settings(place: &str) -> BucketSettings {
        match parse(place).unwrap() {
            Place::Bucket(bucket) => bucket.settings(),
            Place::Folder { .. } => panic!("{place} is a bucket"),
        }
    }

    #[test]
    fn a_bucket_is_read_with_its_settings() {
        let place = parse("s3://acme-logs/prod/eu?endpoint=http%3A%2F%2Fminio%3A9000&region=eu-1").unwrap();
        assert_eq!(place.name(), "s3://acme-logs/prod/eu");
        let custom = settings("s3://acme-logs/prod/eu?endpoint=http%3A%2F%2Fminio%3A9000&region=eu-1");
        assert_eq!((custom.endpoint.as_str(), custom.region.as_str(), custom.is_path_style), ("http://minio:9000", "eu-1", true));
        let settings = settings("s3://acme-logs?region=eu-west-1");
        assert_eq!((settings.endpoint.as_str(), settings.is_path_style), ("https://s3.eu-west-1.amazonaws.com", false));
    }

    #[test]
    fn what_is_no_place_is_refused_without_repeating_secrets() {
        let places = ["", "/mnt", "ftp://x", "file://relative", "file:///no/such/folder", "s3://", "s3://ab", "s3://key:hush@bucket", "s3://bucket/../x", "s3://bucket?colour=red", "s3://bucket?endpoint=minio:9000", "s3://bucket?style=both"];
        for place in places {
            let problem = parse(place).unwrap_err();
            assert!(problem.hint.is_some() && !problem.detail.contains("hush"), "{place}: {}", problem.detail);
        }
    }

    #[test]
    fn keys_are_read_from_the_default_profile_and_never_shown() {
        let key = key_in("# mine\n[other]\naws_access_key_id = no\naws_secret_access_key = no\n[default]\n aws_access_key_id=AK\naws_secret_access_key = hush/+=\naws_session_token=t\n").unwrap();
        assert_eq!((key.key.as_str(), key.secret.as_str(), key.token.as_deref()), ("AK", "hush/+=", Some("t")));
        assert!(!format!("{key:?}").contains("hush"));
        assert_eq!(key_in("[default]\naws_access_key_id = AK\n"), None);
    }
}

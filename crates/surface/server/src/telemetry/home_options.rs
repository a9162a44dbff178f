//! Where segments are kept, as `andon serve` is told.

use std::path::PathBuf;

use andon_api::Problem;
use serde::{Deserialize, Serialize};

use super::place_options::{Place, refuse};

/// The least room for the cache: a few segments that are searched together.
const CACHE_MIN_BYTES: u64 = 256 << 20;
/// The room where nothing is said, unless the cap of the disk is smaller.
const CACHE_BYTES: u64 = 10 << 30;

/// Where segments are kept. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HomeOptions {
    pub(crate) place: Place,
    pub(crate) cache_bytes: u64,
}

/// What `andon serve` says of the home of the segments.
#[derive(Clone, Debug, Default)]
pub struct HomeArguments {
    /// `file:///…` or `s3://bucket/prefix?endpoint=…&region=…&style=path|virtual`.
    pub place: String,
    /// The most room on the disk for segments that are there.
    pub cache_bytes: Option<u64>,
    /// The most room on the disk for everything.
    pub disk_cap_bytes: Option<u64>,
    /// A file with the keys of a bucket; the environment without it.
    pub credentials: Option<PathBuf>,
    /// The data directory.
    pub data: PathBuf,
}

impl HomeOptions {
    /// Checks what `andon serve` says.
    ///
    /// # Errors
    /// `REQ-0001` when the place is none, a bucket has no keys, or the cache is too small.
    pub fn new(arguments: HomeArguments) -> Result<Self, Problem> {
        let cap = arguments.disk_cap_bytes.unwrap_or(u64::MAX);
        let cache_bytes = arguments.cache_bytes.unwrap_or(CACHE_BYTES.min(cap / 2));
        if arguments.cache_bytes.is_some_and(|bytes| bytes < CACHE_MIN_BYTES) {
            let detail = format!("The cache of the segments would have {cache_bytes} bytes.");
            return Err(refuse("--segments-cache", detail, "Give it 256 MiB at least: what is searched is there while it is searched."));
        }
        Ok(Self { place: Place::parse("--segments", &arguments.place, arguments.credentials, &arguments.data)?, cache_bytes })
    }
}

//! Where the archive is and what goes there, as `andon serve` is told.

use std::path::PathBuf;
use std::time::Duration;

use andon_api::Problem;
use andon_api::units::Span;
use serde::{Deserialize, Serialize};

use super::place_options::{Place, refuse};

/// Where the archive is and what goes there. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveOptions {
    pub(crate) place: Place,
    pub(crate) after_ms: Option<u64>,
    pub(crate) retention_ms: Option<u64>,
}

/// What `andon serve` says of the archive.
#[derive(Clone, Debug, Default)]
pub struct ArchiveArguments {
    /// `file:///…` or `s3://bucket/prefix?endpoint=…&region=…&style=path|virtual`.
    pub place: String,
    /// After which age lines go there; when they would be dropped without it.
    pub after: Option<Span>,
    /// How long lines are kept there; for good without it.
    pub archive_retention: Option<Span>,
    /// How long lines are kept at all where nothing goes to the archive.
    pub retention: Option<Span>,
    /// A file with the keys of a bucket; the environment without it.
    pub credentials: Option<PathBuf>,
    /// The data directory.
    pub data: PathBuf,
}

impl ArchiveOptions {
    /// Checks what `andon serve` says.
    ///
    /// # Errors
    /// `REQ-0001` when the place is none, ages contradict each other, or a bucket has no keys.
    pub fn new(arguments: ArchiveArguments) -> Result<Self, Problem> {
        let after = arguments.after.or(arguments.retention);
        if let (Some(after), Some(retention)) = (after, arguments.retention)
            && after > retention
        {
            let detail = format!("Lines would be dropped after {retention} (`--retention`) and archived after {after} (`--archive-after`).");
            return Err(refuse("--archive", detail, "Raise `--retention`: what goes to the archive is not dropped by it."));
        }
        if let (Some(after), Some(kept)) = (after, arguments.archive_retention)
            && kept <= after
        {
            let detail = format!("Lines would go to the archive after {after} and be deleted there after {kept} (`--archive-retention`).");
            return Err(refuse("--archive", detail, "`--archive-retention` counts from the day on which a line was received: make it longer, or leave it out to keep lines for good."));
        }
        let milliseconds = |span: Span| u64::try_from(span.milliseconds()).unwrap_or(0);
        Ok(Self {
            place: Place::parse("--archive", &arguments.place, arguments.credentials, &arguments.data)?,
            after_ms: after.map(milliseconds),
            retention_ms: arguments.archive_retention.map(milliseconds),
        })
    }

    pub(crate) fn after(&self) -> Option<Duration> {
        self.after_ms.map(Duration::from_millis)
    }

    pub(crate) fn retention(&self) -> Option<Duration> {
        self.retention_ms.map(Duration::from_millis)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests stop where they fail")]
mod tests {
    use super::*;

    fn arguments() -> ArchiveArguments {
        let place = format!("file://{}", std::env::temp_dir().display());
        ArchiveArguments { place, data: PathBuf::from("/no/such/data"), ..ArchiveArguments::default() }
    }

    #[test]
    fn ages_that_contradict_each_other_are_refused() {
        let days = |days: i64| Some(Span::from_seconds(days * 86_400));
        let with = |after, retention, kept| {
            ArchiveOptions::new(ArchiveArguments { after, retention, archive_retention: kept, ..arguments() })
        };
        assert_eq!(with(None, days(30), None).unwrap().after(), Some(Duration::from_secs(30 * 86_400)), "lines go where they would be dropped");
        assert_eq!(with(None, None, None).unwrap().after(), None);
        assert!(with(days(60), days(30), None).unwrap_err().detail.contains("--retention"));
        assert!(with(days(7), days(30), days(7)).unwrap_err().detail.contains("--archive-retention"));
        assert!(with(days(7), days(30), days(365)).is_ok());
    }
}

//! What is done to a folder of telemetry without a server: looking at it, and putting it in order.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use andon_api::{ErrorCode, Problem};
use andon_module::telemetry_problem;
use andon_objects::DirectoryLock;
use andon_store::{Disk, InspectOptions, RealDisk, inspect, repair};
use serde_json::Value;

/// Tells what lies in the folder of a data directory; a server may be running on it.
///
/// # Errors
/// `REQ-0001` when there is no such folder or segment, `SYS-0001` when it cannot be read.
pub fn inspect_telemetry(data: &Path, segment: Option<&str>, is_quick: bool) -> Result<Value, Problem> {
    let (disk, folder) = folder_of(data)?;
    let segment = segment.map(number_of).transpose()?;
    let found = inspect(&disk, &folder, &InspectOptions { segment, is_quick }).map_err(telemetry_problem)?;
    if segment.is_some() && found.segments.is_empty() {
        let text = format!("There is no segment {:016x} in {}.", segment.unwrap_or_default(), folder.display());
        return Err(Problem::new(ErrorCode::RequestInvalid, text).hint("`andon telemetry inspect` lists them; segments are merged while a server runs."));
    }
    serde_json::to_value(&found).map_err(Problem::internal)
}

/// Puts the folder of a data directory in order, which no server may be running on.
///
/// # Errors
/// `SYS-0002` when a server is running on it, `REQ-0001` when there is no such folder, `SYS-0001` or `SYS-0003` when it
/// cannot be written.
pub fn repair_telemetry(data: &Path, is_dry_run: bool) -> Result<Value, Problem> {
    let (disk, folder) = folder_of(data)?;
    let in_use = |problem: Problem| problem.hint("Stop the server first: its files change while it runs. `andon telemetry inspect` works beside it.");
    let _records = DirectoryLock::take(data).map_err(in_use)?;
    let _telemetry = DirectoryLock::take(&folder).map_err(in_use)?;
    let report = repair(&disk, &folder, is_dry_run).map_err(telemetry_problem)?;
    serde_json::to_value(&report).map_err(Problem::internal)
}

fn folder_of(data: &Path) -> Result<(Arc<dyn Disk>, PathBuf), Problem> {
    let folder = data.join("telemetry");
    if !folder.is_dir() {
        let text = format!("There is no telemetry in {}.", data.display());
        return Err(Problem::new(ErrorCode::RequestInvalid, text).place("--data").hint("Name the data directory of the server, as in `andon serve --data`; where the logs have a machine of their own, that of `--role telemetry`."));
    }
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    Ok((disk, folder))
}

/// Reads the number of a segment: as it stands in the name of its files, or such a name.
fn number_of(text: &str) -> Result<u64, Problem> {
    let stem = text.strip_prefix("seg-").unwrap_or(text);
    let hex = stem.strip_suffix(".parquet").or_else(|| stem.strip_suffix(".index")).unwrap_or(stem);
    u64::from_str_radix(hex, 16).map_err(|_| {
        Problem::new(ErrorCode::RequestInvalid, format!("`{text}` is no segment.")).place("SEGMENT").hint("Segments are named as `andon telemetry inspect` lists them.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_named_by_its_number_or_its_file() {
        for text in ["1f", "000000000000001f", "seg-000000000000001f.parquet", "seg-000000000000001f.index"] {
            assert_eq!(number_of(text).unwrap(), 31, "{text}");
        }
        assert!(number_of("zebra").is_err());
    }
}

//! Where a repository is: a folder, or an address that is cloned.

use std::path::PathBuf;

use andon_api::{ErrorCode, Problem};
use tempfile::TempDir;
use tokio::process::Command;

use super::command::{git_said, no_git, quiet};

/// Tells the folder that a source names; none for an address.
pub(super) fn local_path(source: &str) -> Option<PathBuf> {
    if let Some(path) = source.strip_prefix("file://") {
        return Some(PathBuf::from(path));
    }
    let path = PathBuf::from(source);
    let is_address = source.contains("://") || (is_scp_form(source) && !path.exists());
    (!is_address).then_some(path)
}

/// Tells whether the text reads `user@host:path`.
fn is_scp_form(text: &str) -> bool {
    text.split_once(':').is_some_and(|(host, path)| {
        host.len() > 1 && !host.contains(['/', '\\']) && !path.is_empty()
    })
}

/// Takes user name and password out of an address.
pub(super) fn without_password(address: &str) -> String {
    match address.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest
                .split_once('/')
                .map_or((rest, String::new()), |(a, p)| (a, format!("/{p}")));
            let host = authority.rsplit('@').next().unwrap_or(authority);
            format!("{scheme}://{host}{path}")
        }
        None => address.to_owned(),
    }
}

pub(super) async fn clone(address: &str) -> Result<(PathBuf, TempDir), Problem> {
    let folder = tempfile::Builder::new()
        .prefix("andon-import-")
        .tempdir()
        .map_err(|error| {
            Problem::new(
                ErrorCode::SystemUnavailable,
                format!("No temporary folder could be made: {error}."),
            )
        })?;
    let target = folder.path().join("repository.git");
    let mut command = Command::new("git");
    command
        .args([
            "-c",
            "core.askPass=",
            "clone",
            "--bare",
            "--filter=blob:none",
            "--quiet",
            "--",
        ])
        .arg(address)
        .arg(&target);
    quiet(&mut command);
    let output = command.output().await.map_err(|error| no_git(&error))?;
    if !output.status.success() {
        let said = git_said(&output.stderr).replace(address, &without_password(address));
        return Err(Problem::new(
            ErrorCode::ImportInvalid,
            format!("{} cannot be cloned: {said}", without_password(address)),
        )
        .hint("Try the same address with `git ls-remote`; for a private repository use a key or a credential helper."));
    }
    Ok((target, folder))
}

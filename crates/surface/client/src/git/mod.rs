//! Reads a git repository by asking `git` itself: commits as a stream, tags as a list.
//!
//! Purpose: `andon import git PATH|URL` takes people's history as it is, and its numbers agree with
//! git's because git counts them.
//! Invariants: the repository is walked once before the first commit is given out, so that a damaged
//! one is refused whole; git never asks for a password and runs no program that the repository names;
//! a URL is cloned bare and without file contents into a temporary folder that goes away afterwards.
//! Absent: HTTP (whoever calls sends the commits), any knowledge of services.

mod command;
mod log;
mod source;
mod tags;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use andon_api::Problem;
use andon_api::kinds::delivery::ImportedCommit;
use futures::stream::Stream;
use tempfile::TempDir;

use command::{answer, damaged, git, no_git};
use source::{clone, local_path, without_password};
use tags::{TAG_FORMAT, TagLine, parse_tag};

pub use tags::{Tag, deploys_of_tags};

/// A repository that was walked once and can be read.
#[derive(Debug)]
pub struct GitRepository {
    directory: PathBuf,
    address: String,
    commit_count: u64,
    is_shallow: bool,
    _clone: Option<TempDir>,
}

impl GitRepository {
    /// Opens a folder, or clones an address into a temporary one, and walks its history once.
    ///
    /// # Errors
    /// `DEL-0005` with git's own words when it is no repository, is damaged or cannot be cloned;
    /// `SYS-0002` when there is no git.
    pub async fn open(source: &str) -> Result<Self, Problem> {
        let source = source.trim();
        let local = local_path(source);
        let (directory, address, clone) = match local {
            Some(path) => {
                let path = std::path::absolute(&path).unwrap_or(path);
                (path.clone(), path.display().to_string(), None)
            }
            None => {
                let (path, folder) = clone(source).await?;
                (path, without_password(source), Some(folder))
            }
        };
        let mut repository = Self {
            directory,
            address,
            commit_count: 0,
            is_shallow: false,
            _clone: clone,
        };
        repository.is_shallow = repository
            .ask(&["rev-parse", "--is-shallow-repository"])
            .await?
            .trim()
            == "true";
        // The commit graph file is a cache: only the commits themselves tell whether they are whole.
        let counted = repository
            .ask(&[
                "-c",
                "core.commitGraph=false",
                "rev-list",
                "--count",
                "--all",
            ])
            .await?;
        repository.commit_count = counted
            .trim()
            .parse()
            .map_err(|_| damaged(&repository.directory, "git counted no number"))?;
        Ok(repository)
    }

    /// Tells the address under which the repository is imported: its path, or its URL without a password.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Tells how many commits all branches and tags together have, as `git rev-list --count --all` says.
    pub fn commit_count(&self) -> u64 {
        self.commit_count
    }

    /// Tells whether the history is cut off, so that counts and times to value begin in the middle.
    pub fn is_shallow(&self) -> bool {
        self.is_shallow
    }

    /// Reads every commit of all branches and tags, children before parents.
    ///
    /// # Errors
    /// As [`GitRepository::open`]; an error later on is the last item of the stream.
    pub fn commits(
        &self,
    ) -> Result<impl Stream<Item = Result<ImportedCommit, Problem>> + Send + Unpin + 'static, Problem>
    {
        log::commits(&self.directory)
    }

    /// Lists the tags that lead to a commit, oldest first.
    ///
    /// # Errors
    /// As [`GitRepository::open`].
    pub async fn tags(&self) -> Result<Vec<Tag>, Problem> {
        let text = self.ask(&["for-each-ref", "refs/tags", TAG_FORMAT]).await?;
        let mut tags = Vec::new();
        for line in text.lines() {
            match parse_tag(line) {
                Some(TagLine::Known(tag)) => tags.push(tag),
                Some(TagLine::Nested(mut tag)) => {
                    // A tag of a tag: older gits peel one layer only.
                    let target = format!("refs/tags/{}^{{commit}}", tag.name);
                    if let Ok(commit) = self
                        .ask(&["rev-parse", "--verify", "--quiet", &target])
                        .await
                    {
                        tag.commit = commit.trim().to_owned();
                        tags.push(tag);
                    }
                }
                None => {}
            }
        }
        tags.sort_by(|a, b| (a.at, &a.name).cmp(&(b.at, &b.name)));
        Ok(tags)
    }

    async fn ask(&self, arguments: &[&str]) -> Result<String, Problem> {
        let output = git(&self.directory)
            .args(arguments)
            .output()
            .await
            .map_err(|error| no_git(&error))?;
        answer(&self.directory, output)
    }
}

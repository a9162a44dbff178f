//! Tags, and the deploys that they stand for.

use andon_api::kinds::delivery::{ImportedDeploy, Outcome};
use jiff::Timestamp;

use super::command::cut;
use super::log::{NAME_BYTES_MAX, seconds};

pub(super) const TAG_FORMAT: &str = "--format=%(refname:strip=2)%00%(objecttype)%00%(objectname)%00%(*objecttype)%00%(*objectname)%00%(creatordate:unix)%00%(taggername)%00%(authorname)";

/// A tag that names a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The name, without `refs/tags/`.
    pub name: String,
    /// The commit that it leads to, also through an annotated tag.
    pub commit: String,
    /// When the tag was made; for a plain one, when its commit was.
    pub at: Timestamp,
    /// Who made it; for a plain one, who wrote its commit.
    pub author: String,
}

/// Reads the deploys that tags stand for, where a team tags what it brings to customers.
pub fn deploys_of_tags(tags: &[Tag], service: &str, environment: &str) -> Vec<ImportedDeploy> {
    tags.iter()
        .map(|tag| ImportedDeploy {
            service: service.to_owned(),
            commit: tag.commit.clone(),
            version: cut(tag.name.clone(), 200),
            environment: environment.to_owned(),
            started_at: None,
            finished_at: tag.at,
            actor: (!tag.author.is_empty()).then(|| tag.author.clone()),
            outcome: Some(Outcome::Succeeded),
        })
        .collect()
}

/// A tag as `git for-each-ref` tells it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TagLine {
    Known(Tag),
    /// It leads to another tag, which must be followed.
    Nested(Tag),
}

pub(super) fn parse_tag(line: &str) -> Option<TagLine> {
    let fields: Vec<&str> = line.split('\0').collect();
    let [
        name,
        object_type,
        object,
        peeled_type,
        peeled,
        created,
        tagger,
        author,
    ] = fields.as_slice()
    else {
        return None;
    };
    let tag = |commit: &str| {
        let author = if tagger.is_empty() { author } else { tagger };
        Some(Tag {
            name: (*name).to_owned(),
            commit: commit.to_owned(),
            at: seconds(created)?,
            author: cut((*author).to_owned(), NAME_BYTES_MAX),
        })
    };
    match (*object_type, *peeled_type) {
        ("commit", _) => tag(object).map(TagLine::Known),
        ("tag", "commit") => tag(peeled).map(TagLine::Known),
        ("tag", "tag") => tag("").map(TagLine::Nested),
        // A tag of a tree or a file is no version.
        _ => None,
    }
}

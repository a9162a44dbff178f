//! Commits and deploys as they arrive from elsewhere: read whole, or refused whole with the place.
//!
//! Invariants: pure; one bad line refuses its batch, with the line's number; the address of a
//! repository never keeps a user name or a password.

use andon_api::kinds::delivery::{
    ChangeSpec, ChangeType, ImportedCommit, ImportedDeploy, Outcome, RecordChange, StageReport,
};
use andon_api::object::DEFAULT_NAMESPACE;
use andon_api::{ErrorCode, ObjectRef, Problem};
use sha2::{Digest, Sha256};

use crate::change::is_commit;
use crate::limits::{
    COMMITS_PER_IMPORT_MAX, DEPLOYS_PER_IMPORT_MAX, IMPORT_LINE_BYTES_MAX, NAME_BYTES_MAX, PARENTS_MAX,
    REPOSITORY_BYTES_MAX, SUBJECT_BYTES_MAX,
};

fn refuse(place: impl Into<String>, detail: impl Into<String>) -> Problem {
    Problem::new(ErrorCode::ImportInvalid, detail).place(place).hint("Nothing of this batch was stored.")
}

/// Reads commits, one JSON object per line.
///
/// # Errors
/// `DEL-0005` with the number of the first line that cannot be read, `REQ-0002` over the limit.
pub(crate) fn read_commits(body: &[u8]) -> Result<Vec<ImportedCommit>, Problem> {
    let mut commits = Vec::new();
    for (index, line) in body.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        if commits.len() == COMMITS_PER_IMPORT_MAX {
            return Err(Problem::new(
                ErrorCode::RequestTooLarge,
                format!("One call takes at most {COMMITS_PER_IMPORT_MAX} commits."),
            )
            .hint("Send them in parts; commits that are known already are counted and skipped."));
        }
        commits.push(read_commit(line).map_err(|detail| refuse(format!("line {}", index + 1), detail))?);
    }
    Ok(commits)
}

fn read_commit(line: &[u8]) -> Result<ImportedCommit, String> {
    if line.len() > IMPORT_LINE_BYTES_MAX {
        return Err(format!("The line is over {IMPORT_LINE_BYTES_MAX} bytes."));
    }
    let mut commit: ImportedCommit =
        serde_json::from_slice(line).map_err(|error| format!("The line is not a commit: {error}."))?;
    if !is_whole_commit(&commit.sha) {
        return Err("`sha` is not 40 (or 64) lower case hex digits.".to_owned());
    }
    if commit.parents.len() > PARENTS_MAX || !commit.parents.iter().all(|parent| is_whole_commit(parent)) {
        return Err(format!("`parents` are not at most {PARENTS_MAX} ids of 40 (or 64) lower case hex digits."));
    }
    if commit.author.len() > NAME_BYTES_MAX || commit.email.len() > NAME_BYTES_MAX {
        return Err(format!("The author's name or address is over {NAME_BYTES_MAX} bytes."));
    }
    for text in [&mut commit.author, &mut commit.email, &mut commit.subject] {
        // PostgreSQL keeps no NUL in a text.
        text.retain(|c| c != '\0');
    }
    cut(&mut commit.subject, SUBJECT_BYTES_MAX);
    Ok(commit)
}

/// Tells whether the text is a whole id of a commit, SHA-1 or SHA-256.
pub(crate) fn is_whole_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && is_commit(text)
}

/// Shortens a text at a character's border.
pub(crate) fn cut(text: &mut String, bytes_max: usize) {
    if text.len() > bytes_max {
        let end = (0..=bytes_max).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
    }
}

/// Brings the address of a repository to one form, so that the same repository has one name.
///
/// `git@host:path.git`, `ssh://git@host/path` and `https://user:token@Host/path.git` all become
/// `https://host/path`; a path on the machine stays as it is.
///
/// # Errors
/// `DEL-0005` when the address is empty or too long.
pub(crate) fn repository_address(text: &str) -> Result<String, Problem> {
    let text = text.trim();
    if text.is_empty() || text.len() > REPOSITORY_BYTES_MAX || text.chars().any(char::is_control) {
        return Err(refuse("repository", format!("A repository's address has 1 to {REPOSITORY_BYTES_MAX} bytes."))
            .hint("Add `?repository=https://…` or a path to the call."));
    }
    let with_scheme = match text.split_once("://") {
        Some((scheme, rest)) => Some((scheme.to_lowercase(), rest.to_owned())),
        None => scp_form(text).map(|rest| ("ssh".to_owned(), rest)),
    };
    let Some((scheme, rest)) = with_scheme else {
        return Ok(if text.len() > 1 { text.trim_end_matches('/').to_owned() } else { text.to_owned() });
    };
    if scheme == "file" {
        return Ok(rest.trim_end_matches('/').to_owned());
    }
    let (authority, path) = rest.split_once('/').unwrap_or((&rest, ""));
    let host = authority.rsplit('@').next().unwrap_or(authority).to_lowercase();
    let scheme = if scheme == "http" { "http" } else { "https" };
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    Ok(format!("{scheme}://{host}/{path}").trim_end_matches('/').to_owned())
}

/// Reads `git@host:path`, which has no scheme and a colon before the first slash.
fn scp_form(text: &str) -> Option<String> {
    let (host, path) = text.split_once(':')?;
    let is_host = host.len() > 1 && !host.contains('/') && !host.contains('\\');
    is_host.then(|| format!("{host}/{}", path.trim_start_matches('/')))
}

/// Reads deploys from a JSON array.
///
/// # Errors
/// `DEL-0005` with the place of the first deploy that cannot be read, `REQ-0002` over the limit.
pub(crate) fn read_deploys(body: &[u8]) -> Result<Vec<ImportedDeploy>, Problem> {
    let rows: Vec<serde_json::Value> = serde_json::from_slice(body)
        .map_err(|error| refuse(format!("line {}", error.line()), format!("The body is not a JSON array of deploys: {error}.")))?;
    if rows.len() > DEPLOYS_PER_IMPORT_MAX {
        return Err(Problem::new(
            ErrorCode::RequestTooLarge,
            format!("One call takes at most {DEPLOYS_PER_IMPORT_MAX} deploys."),
        )
        .hint("Send them in parts; deploys that are known already are skipped."));
    }
    rows.into_iter()
        .enumerate()
        .map(|(index, row)| {
            serde_json::from_value(row).map_err(|error| refuse(format!("[{index}]"), format!("This is not a deploy: {error}.")))
        })
        .collect()
}

/// Makes the change that an imported deploy is; sent again, it is the same change.
///
/// # Errors
/// `DEL-0005` with the place in the array.
pub(crate) fn change_of(deploy: &ImportedDeploy, index: usize) -> Result<RecordChange, Problem> {
    let at = |field: &str| format!("[{index}].{field}");
    let service = ObjectRef::parse(deploy.service.trim(), Some("Component"), DEFAULT_NAMESPACE)
        .map_err(|problem| refuse(at("service"), problem.detail))?;
    let commit = deploy.commit.trim().to_lowercase();
    if !is_commit(&commit) {
        return Err(refuse(at("commit"), "A commit has 7 to 64 hex digits."));
    }
    let started_at = deploy.started_at.unwrap_or(deploy.finished_at);
    let environment = deploy.environment.clone();
    let identity = [&service.to_string(), &environment, &deploy.version, &commit, &deploy.finished_at.to_string()]
        .map(String::as_str)
        .join("\n");
    Ok(RecordChange {
        spec: ChangeSpec {
            service,
            version: deploy.version.clone(),
            environment,
            change_type: ChangeType::Deploy,
            commit: Some(commit),
            repository: None,
            title: String::new(),
            rolls_back: None,
            tests: std::collections::BTreeMap::new(),
        },
        stages: vec![StageReport {
            name: "deploy".to_owned(),
            started_at,
            finished_at: Some(deploy.finished_at),
            actor: deploy.actor.clone(),
            wait_reason: None,
        }],
        outcome: Some(deploy.outcome.unwrap_or(Outcome::Succeeded)),
        idempotency_key: Some(format!("import:{}", hex::encode(Sha256::digest(identity)))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LINE: &str = r#"{"sha":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","parents":[],"author":"Maya","authoredAt":"2026-01-01T00:00:00Z","committedAt":"2026-01-01T00:00:00Z"}"#;

    #[test]
    fn a_bad_line_refuses_the_batch_with_its_number() {
        let good = format!("{LINE}\n\n{}\n", LINE.replace("aaaaaaaa", "bbbbbbbb"));
        assert_eq!(read_commits(good.as_bytes()).unwrap().len(), 2);
        let bad = format!("{LINE}\n\n{{\"sha\":1}}\n{LINE}");
        let problem = read_commits(bad.as_bytes()).unwrap_err();
        assert_eq!((problem.code.as_str(), problem.place.as_deref()), ("DEL-0005", Some("line 3")));
        let short = LINE.replace("aaaaaaaa", "");
        assert_eq!(read_commits(short.as_bytes()).unwrap_err().place.as_deref(), Some("line 1"));
    }

    #[test]
    fn one_repository_has_one_address_and_it_keeps_no_password() {
        let address = |text| repository_address(text).unwrap();
        for text in [
            "https://github.com/acme/payments",
            "https://github.com/acme/payments.git",
            "https://maya:s3cret@GitHub.com/acme/payments.git/",
            "git@github.com:acme/payments.git",
            "ssh://git@github.com/acme/payments",
            "git://github.com/acme/payments.git",
        ] {
            assert_eq!(address(text), "https://github.com/acme/payments", "{text}");
        }
        assert_eq!(address("/srv/git/payments.git/"), "/srv/git/payments.git");
        assert_eq!(address("file:///srv/git/payments"), "/srv/git/payments");
        assert_eq!(address("C:\\work\\payments"), "C:\\work\\payments");
        assert!(repository_address("  ").is_err());
    }

    #[test]
    fn an_imported_deploy_is_one_change_however_often_it_is_sent() {
        let body = br#"[{"service":"payments","commit":"ABCDEF1","version":"v1","finishedAt":"2026-01-01T00:00:00Z"}]"#;
        let deploy = read_deploys(body).unwrap().remove(0);
        let change = change_of(&deploy, 0).unwrap();
        assert_eq!(change, change_of(&deploy, 7).unwrap());
        assert_eq!(change.spec.service.to_string(), "component:default/payments");
        assert_eq!((change.outcome, change.spec.commit.as_deref()), (Some(Outcome::Succeeded), Some("abcdef1")));
        let later = ImportedDeploy { finished_at: "2026-01-02T00:00:00Z".parse().unwrap(), ..deploy };
        assert_ne!(change_of(&later, 0).unwrap().idempotency_key, change.idempotency_key);
    }

    #[test]
    fn a_bad_deploy_names_its_place() {
        let place = |body: &[u8]| read_deploys(body).and_then(|d| d.iter().enumerate().map(|(i, d)| change_of(d, i)).collect::<Result<Vec<_>, _>>()).unwrap_err().place.unwrap();
        assert_eq!(place(b"{"), "line 1");
        assert_eq!(place(b"[{}]"), "[0]");
        assert_eq!(place(br#"[{"service":"a","commit":"HEAD","version":"1","finishedAt":"2026-01-01T00:00:00Z"}]"#), "[0].commit");
    }

    proptest! {
        #[test]
        fn no_address_breaks_the_reading_and_an_address_stays_itself(text in ".{0,60}") {
            if let Ok(address) = repository_address(&text) {
                if !address.is_empty() && address.starts_with("https://") {
                    prop_assert_eq!(repository_address(&address).unwrap(), address);
                }
            }
        }

        #[test]
        fn no_body_breaks_the_reading(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_commits(&body);
            let _ = read_deploys(&body);
        }
    }
}

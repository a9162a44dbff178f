//! What GitHub's webhooks say, in Andon's words.
//!
//! Invariants: pure; only fields that are needed are read, so a payload with more of them, or an
//! event that is not known, is no error. A push lists its commits without their parents: they are
//! chained in the order listed, which keeps the set between `before` and `after`, and are marked
//! provisional so that a real import replaces them.

use andon_api::kinds::delivery::{ImportedCommit, Outcome};
use andon_api::{ErrorCode, Problem};
use jiff::Timestamp;
use serde::Deserialize;

use crate::import::{cut, is_whole_commit, repository_address};
use crate::limits::{NAME_BYTES_MAX, SUBJECT_BYTES_MAX, VERSION_BYTES_MAX};

/// What a delivery asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ForgeEvent {
    /// The forge tries whether somebody is there.
    Ping,
    /// Commits arrived.
    Push { repository: String, commits: Vec<ImportedCommit> },
    /// A deployment was asked for, or how it stands was told.
    Deployment(ForgeDeployment),
    /// A version was published.
    Release(ForgeRelease),
    /// Nothing that Andon keeps.
    Ignored(&'static str),
}

/// A deployment as the forge tells it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ForgeDeployment {
    pub(crate) repository: String,
    pub(crate) id: i64,
    pub(crate) commit: String,
    pub(crate) version: String,
    pub(crate) environment: String,
    pub(crate) actor: String,
    pub(crate) created_at: Timestamp,
    /// How it ended and when, where it has.
    pub(crate) ended: Option<(Outcome, Timestamp)>,
}

/// A published release as the forge tells it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ForgeRelease {
    pub(crate) repository: String,
    pub(crate) id: i64,
    pub(crate) version: String,
    pub(crate) title: String,
    pub(crate) commit: Option<String>,
    pub(crate) actor: String,
    pub(crate) published_at: Timestamp,
}

#[derive(Deserialize)]
struct Repository {
    clone_url: Option<String>,
    html_url: Option<String>,
    url: Option<String>,
}

#[derive(Deserialize)]
struct Login {
    login: Option<String>,
}

#[derive(Deserialize)]
struct PushPayload {
    #[serde(rename = "ref")]
    reference: String,
    #[serde(default)]
    before: String,
    #[serde(default)]
    forced: bool,
    #[serde(default)]
    deleted: bool,
    #[serde(default)]
    commits: Vec<PushedCommit>,
    head_commit: Option<PushedCommit>,
    repository: Repository,
}

#[derive(Clone, Deserialize)]
struct PushedCommit {
    id: String,
    #[serde(default)]
    message: String,
    timestamp: Timestamp,
    author: Option<Person>,
}

#[derive(Clone, Deserialize)]
struct Person {
    name: Option<String>,
    email: Option<String>,
}

#[derive(Deserialize)]
struct DeploymentPayload {
    deployment: Deployment,
    deployment_status: Option<DeploymentStatus>,
    repository: Repository,
}

#[derive(Deserialize)]
struct Deployment {
    id: i64,
    sha: String,
    #[serde(rename = "ref", default)]
    reference: String,
    #[serde(default)]
    environment: String,
    creator: Option<Login>,
    created_at: Timestamp,
}

#[derive(Deserialize)]
struct DeploymentStatus {
    state: String,
    created_at: Timestamp,
}

#[derive(Deserialize)]
struct ReleasePayload {
    #[serde(default)]
    action: String,
    release: Release,
    repository: Repository,
}

#[derive(Deserialize)]
struct Release {
    id: i64,
    tag_name: String,
    name: Option<String>,
    #[serde(default)]
    target_commitish: String,
    author: Option<Login>,
    published_at: Option<Timestamp>,
    #[serde(default)]
    draft: bool,
}

/// Reads one delivery of GitHub, or of a forge that speaks as GitHub does.
///
/// # Errors
/// `REQ-0001` when the body of a known event cannot be read.
pub(crate) fn read_github(event: &str, body: &[u8]) -> Result<ForgeEvent, Problem> {
    match event {
        "ping" => Ok(ForgeEvent::Ping),
        "push" => push(parse(event, body)?),
        "deployment" | "deployment_status" => deployment(parse(event, body)?),
        "release" => release(parse(event, body)?),
        _ => Ok(ForgeEvent::Ignored("this event is not used")),
    }
}

fn parse<T: serde::de::DeserializeOwned>(event: &str, body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        Problem::new(ErrorCode::RequestInvalid, format!("The body is not what GitHub sends for `{event}`: {error}."))
            .place(format!("line {} column {}", error.line(), error.column()))
            .hint("Set the webhook's content type to application/json.")
    })
}

fn address(repository: Repository) -> Result<String, Problem> {
    let text = repository.clone_url.or(repository.html_url).or(repository.url).unwrap_or_default();
    repository_address(&text)
}

fn push(payload: PushPayload) -> Result<ForgeEvent, Problem> {
    if payload.deleted {
        return Ok(ForgeEvent::Ignored("a branch or tag was deleted"));
    }
    if !payload.reference.starts_with("refs/heads/") && !payload.reference.starts_with("refs/tags/") {
        return Ok(ForgeEvent::Ignored("neither a branch nor a tag"));
    }
    let repository = address(payload.repository)?;
    let mut listed = payload.commits;
    if let Some(head) = payload.head_commit.filter(|head| listed.iter().all(|commit| commit.id != head.id)) {
        listed.push(head);
    }
    let is_root = payload.forced || !is_whole_commit(&payload.before) || payload.before.bytes().all(|byte| byte == b'0');
    let mut parent = (!is_root).then_some(payload.before);
    let mut commits = Vec::with_capacity(listed.len());
    for pushed in listed.into_iter().filter(|pushed| is_whole_commit(&pushed.id)) {
        let next = pushed.id.clone();
        commits.push(imported(pushed, parent.replace(next)));
    }
    Ok(ForgeEvent::Push { repository, commits })
}

fn imported(pushed: PushedCommit, parent: Option<String>) -> ImportedCommit {
    let mut subject = pushed.message.lines().next().unwrap_or_default().to_owned();
    cut(&mut subject, SUBJECT_BYTES_MAX);
    let (name, email) = pushed.author.map_or((None, None), |author| (author.name, author.email));
    let (mut author, mut email) = (name.unwrap_or_default(), email.unwrap_or_default());
    cut(&mut author, NAME_BYTES_MAX);
    cut(&mut email, NAME_BYTES_MAX);
    ImportedCommit {
        sha: pushed.id,
        parents: parent.into_iter().collect(),
        author,
        email,
        authored_at: pushed.timestamp,
        committed_at: pushed.timestamp,
        subject,
    }
}

fn deployment(payload: DeploymentPayload) -> Result<ForgeEvent, Problem> {
    let Deployment { id, sha, reference, environment, creator, created_at } = payload.deployment;
    let ended = match payload.deployment_status {
        None => None,
        Some(status) => match status.state.as_str() {
            "success" => Some((Outcome::Succeeded, status.created_at)),
            "failure" | "error" => Some((Outcome::Failed, status.created_at)),
            "inactive" => return Ok(ForgeEvent::Ignored("a later deployment took its place")),
            _ => None,
        },
    };
    let commit = sha.to_lowercase();
    if !is_whole_commit(&commit) {
        return Err(Problem::new(ErrorCode::RequestInvalid, "The deployment's `sha` is not a commit.").place("deployment.sha"));
    }
    Ok(ForgeEvent::Deployment(ForgeDeployment {
        repository: address(payload.repository)?,
        id,
        version: version_of(&reference, &commit),
        environment: environment_of(&environment),
        actor: creator.and_then(|creator| creator.login).unwrap_or_default(),
        created_at,
        // A clock that is a little off must not make a deploy end before it starts.
        ended: ended.map(|(outcome, at)| (outcome, at.max(created_at))),
        commit,
    }))
}

/// Names the version: a tag by itself, a branch together with the commit, since a branch moves on.
fn version_of(reference: &str, commit: &str) -> String {
    let short = &commit[..commit.len().min(12)];
    let tag = reference.strip_prefix("refs/tags/").unwrap_or(reference);
    let branch = reference.strip_prefix("refs/heads/").unwrap_or(reference);
    let looks_like_a_tag = tag.trim_start_matches('v').starts_with(|first: char| first.is_ascii_digit());
    let mut version = if reference.is_empty() || reference.eq_ignore_ascii_case(commit) {
        short.to_owned()
    } else if looks_like_a_tag && !is_whole_commit(tag) {
        tag.to_owned()
    } else {
        format!("{short} ({branch})")
    };
    cut(&mut version, VERSION_BYTES_MAX);
    version
}

/// Brings an environment's name to the characters that environments have, in lower case.
fn environment_of(text: &str) -> String {
    let name: String = text
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/') { c } else { '-' })
        .take(63)
        .collect();
    if name.is_empty() { "production".to_owned() } else { name }
}

fn release(payload: ReleasePayload) -> Result<ForgeEvent, Problem> {
    let release = payload.release;
    let Some(published_at) = release.published_at.filter(|_| payload.action == "published" && !release.draft) else {
        return Ok(ForgeEvent::Ignored("the release is not published"));
    };
    let (mut version, mut title) = (release.tag_name, release.name.unwrap_or_default());
    cut(&mut version, VERSION_BYTES_MAX);
    cut(&mut title, SUBJECT_BYTES_MAX);
    let commit = release.target_commitish.to_lowercase();
    Ok(ForgeEvent::Release(ForgeRelease {
        repository: address(payload.repository)?,
        id: release.id,
        version,
        title,
        commit: is_whole_commit(&commit).then_some(commit),
        actor: release.author.and_then(|author| author.login).unwrap_or_default(),
        published_at,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn sha(digit: char) -> String {
        digit.to_string().repeat(40)
    }

    fn read(event: &str, body: &serde_json::Value) -> ForgeEvent {
        read_github(event, body.to_string().as_bytes()).unwrap()
    }

    fn repository() -> serde_json::Value {
        json!({"clone_url": "https://github.com/acme/payments.git", "full_name": "acme/payments"})
    }

    #[test]
    fn a_pushs_commits_are_chained_from_before_to_after() {
        let commit = |digit| json!({"id": sha(digit), "message": "Say\n\nmore", "timestamp": "2026-01-01T10:00:00+02:00",
            "author": {"name": "Maya", "email": "maya@acme.example", "username": "maya"}, "added": []});
        let body = json!({"ref": "refs/heads/main", "before": sha('1'), "after": sha('3'), "repository": repository(),
            "commits": [commit('2'), commit('3')], "head_commit": commit('3')});
        let ForgeEvent::Push { repository, commits } = read("push", &body) else { panic!() };
        assert_eq!(repository, "https://github.com/acme/payments");
        assert_eq!(commits.len(), 2);
        assert_eq!((&commits[0].parents, &commits[1].parents), (&vec![sha('1')], &vec![sha('2')]));
        assert_eq!((commits[0].subject.as_str(), commits[0].author.as_str()), ("Say", "Maya"));
        let mut first = body.clone();
        first["before"] = json!(sha('0'));
        let ForgeEvent::Push { commits, .. } = read("push", &first) else { panic!() };
        assert!(commits[0].parents.is_empty());
    }

    fn deployment(state: Option<&str>) -> ForgeEvent {
        let mut body = json!({"action": "created", "repository": repository(), "deployment": {
            "id": 42, "sha": sha('a'), "ref": "main", "task": "deploy", "environment": "Production",
            "creator": {"login": "octocat"}, "created_at": "2026-01-01T10:00:00Z", "updated_at": "2026-01-01T12:00:00Z"}});
        if let Some(state) = state {
            body["deployment_status"] = json!({"state": state, "created_at": "2026-01-01T10:05:00Z", "updated_at": "2026-01-09T10:05:00Z"});
        }
        read(if state.is_some() { "deployment_status" } else { "deployment" }, &body)
    }

    #[test]
    fn a_deployment_ends_when_its_status_was_created_not_when_it_was_touched_last() {
        let ForgeEvent::Deployment(started) = deployment(None) else { panic!() };
        assert_eq!((started.environment.as_str(), started.ended), ("production", None));
        assert_eq!(started.version, "aaaaaaaaaaaa (main)");
        let ForgeEvent::Deployment(ended) = deployment(Some("success")) else { panic!() };
        assert_eq!(ended.ended, Some((Outcome::Succeeded, "2026-01-01T10:05:00Z".parse().unwrap())));
        let ForgeEvent::Deployment(failed) = deployment(Some("error")) else { panic!() };
        assert_eq!(failed.ended.unwrap().0, Outcome::Failed);
        let ForgeEvent::Deployment(running) = deployment(Some("in_progress")) else { panic!() };
        assert_eq!(running.ended, None);
        assert!(matches!(deployment(Some("inactive")), ForgeEvent::Ignored(_)));
    }

    #[test]
    fn a_tag_is_a_version_by_itself() {
        assert_eq!(version_of("v1.2.3", &sha('a')), "v1.2.3");
        assert_eq!(version_of("refs/tags/2026.1", &sha('a')), "2026.1");
        assert_eq!(version_of(&sha('a'), &sha('a')), "aaaaaaaaaaaa");
        assert_eq!(version_of("", &sha('a')), "aaaaaaaaaaaa");
    }

    #[test]
    fn only_a_published_release_counts() {
        let body = |action: &str, at: serde_json::Value| json!({"action": action, "repository": repository(), "release": {
            "id": 7, "tag_name": "v1", "name": null, "target_commitish": "main", "author": {"login": "maya"},
            "draft": false, "published_at": at}});
        let ForgeEvent::Release(release) = read("release", &body("published", json!("2026-01-01T10:00:00Z"))) else { panic!() };
        assert_eq!((release.version.as_str(), release.commit), ("v1", None));
        assert!(matches!(read("release", &body("created", json!(null))), ForgeEvent::Ignored(_)));
    }

    #[test]
    fn what_is_not_known_is_ignored_and_what_is_broken_is_refused() {
        assert_eq!(read("ping", &json!({"zen": "x"})), ForgeEvent::Ping);
        assert!(matches!(read("star", &json!([])), ForgeEvent::Ignored(_)));
        assert_eq!(read_github("push", b"payload=%7B%7D").unwrap_err().code, "REQ-0001");
    }

    proptest! {
        #[test]
        fn no_body_breaks_the_reading(body in prop::collection::vec(any::<u8>(), 0..200), event in "(push|deployment|release|x)") {
            let _ = read_github(&event, &body);
        }

        #[test]
        fn every_environment_has_a_name(text in ".{0,100}") {
            prop_assert!(crate::change::is_environment(&environment_of(&text)));
        }
    }
}

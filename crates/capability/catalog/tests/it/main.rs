//! What people rely on of the catalog, over HTTP, on a real store.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use andon_testkit::Testkit;
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// Descriptors as they lie in people's repositories: several per file, fields of other tools, any order.
const FOREIGN: &str = "
# A descriptor from the documentation of the format, with fields that Andon does not know.
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: artist-web
  description: The place to be, for great artists
  labels:
    example.com/custom: custom_label_value
  annotations:
    example.com/service-discovery: artistweb
    circleci.com/project-slug: github/example-org/artist-website
  tags: [java, 'c++', 'a:b']
  links:
    - url: https://admin.example-org.com
      title: Admin Dashboard
      icon: dashboard
      type: admin-dashboard
spec:
  type: website
  lifecycle: production
  owner: artist-relations-team
  system: public-websites
  consumesApis: [artist-api]
  dependsOn: ['resource:artists-db']
  costCentre: 4711
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: artist-service}
spec: {type: service, lifecycle: experimental, owner: 'user:maya', providesApis: [artist-api]}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: artist-relations-team}
spec: {type: team, profile: {displayName: Artist relations}, parent: infrastructure, children: []}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: infrastructure}
spec: {type: business-unit, parent: acme, children: [artist-relations-team]}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: acme}
spec: {type: company, children: [infrastructure]}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: maya}
spec: {memberOf: [artist-relations-team]}
";

async fn open() -> Testkit {
    Testkit::new(vec![andon_catalog::module()]).await
}

async fn refused(kit: &Testkit, yaml: &str) -> Value {
    let (status, text) = kit.send(Some(&kit.token), Method::POST, "/api/v1/apply", &[], yaml).await;
    assert!(status.is_client_error(), "{text}");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn every_example_of_a_kind_is_taken_as_it_stands() {
    let kit = open().await;
    let (_, kinds) = kit.get("/api/v1/kinds").await;
    let examples: Vec<&str> = kinds["items"].as_array().unwrap().iter().map(|kind| kind["example"].as_str().unwrap()).collect();
    assert_eq!(examples.len(), 8);
    for example in examples {
        kit.apply(example).await;
    }
}

#[tokio::test]
async fn descriptors_are_taken_as_they_are_and_given_back_whole() {
    let kit = open().await;
    kit.apply(FOREIGN).await;
    let again = kit.apply(FOREIGN).await;
    assert!(again["results"].as_array().unwrap().iter().all(|result| result["action"] == "unchanged"));
    let (_, component) = kit.get("/api/v1/components/artist-web").await;
    assert_eq!(component["spec"]["costCentre"], 4711);
    assert_eq!(component["metadata"]["links"][0]["type"], "admin-dashboard");
    let (_, listed) = kit.get("/api/v1/components?owner=artist-relations-team&type=website&lifecycle=production").await;
    assert_eq!(listed["total"], 1);
}

#[tokio::test]
async fn the_graph_and_the_tree_are_made_of_them() {
    let kit = open().await;
    kit.apply(FOREIGN).await;
    let (status, graph) = kit.get("/api/v1/catalog/graph?service=artist-service").await;
    assert_eq!(status, StatusCode::OK, "{graph}");
    let path = json!(["group:default/artist-relations-team", "group:default/infrastructure", "group:default/acme"]);
    assert_eq!((&graph["owner"], &graph["ownerPath"]), (&json!("user:default/maya"), &path));
    let dependants: Vec<_> = graph["dependants"].as_array().unwrap().iter().map(|d| d["reference"].clone()).collect();
    assert_eq!(dependants, ["api:default/artist-api", "component:default/artist-web"]);
    let (_, tree) = kit.get("/api/v1/catalog/tree").await;
    assert_eq!((&tree["root"], &tree["items"][0]["ownedBelowCount"]), (&json!("group:default/acme"), &json!(2)));
    assert_eq!(kit.get("/api/v1/catalog/graph?service=nope").await.0, StatusCode::NOT_FOUND);
    assert_eq!(kit.get("/api/v1/catalog/graph").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_breaks_the_grammar_is_refused_with_its_place_and_nothing_is_stored() {
    let kit = open().await;
    for (from, to, code) in [
        ("name: artist-web", "name: artist web", "OBJ-0002"),
        ("example.com/custom: custom_label_value", "example.com/custom: two words", "OBJ-0002"),
        ("[java, ", "[Java, ", "OBJ-0002"),
        ("lifecycle: production", "lifecycle: ' '", "OBJ-0002"),
        ("resource:artists-db", "resource:", "OBJ-0003"),
        ("owner: artist-relations-team", "owner: [1]", "OBJ-0002"),
    ] {
        // A key with dots is shown at the map that holds it.
        let marked = if from.starts_with("example.com") { "labels:" } else { from };
        let line = FOREIGN.lines().position(|line| line.contains(marked)).unwrap() + 1;
        let problem = refused(&kit, &FOREIGN.replace(from, to)).await;
        let place = problem["place"].as_str().unwrap();
        assert_eq!(problem["code"], code, "{to}: {problem}");
        assert!(place.starts_with(&format!("body:{line}:")), "{to}: {problem}");
        let (_, groups) = kit.get("/api/v1/groups").await;
        assert_eq!(groups["total"], 0, "{to}");
    }
}

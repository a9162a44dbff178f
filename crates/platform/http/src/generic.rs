//! The verbs that are the same for every kind.

use andon_api::kind::KindInfo;
use andon_api::{AnyObject, ErrorCode, ObjectRef, Problem};
use andon_module::{BoxFuture, Call, Endpoint, Reply, World};
use andon_objects::{ListQuery, Order, Priority};
use serde_json::{Value, json};

use crate::apply::{authorise_write, may_write};
use crate::write::{check_references, hide_secrets, store_one};

type Answer = BoxFuture<'static, Result<Reply, Problem>>;

/// The rows that exist for every kind.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/kinds", "list_kinds")
            .permission("self.read")
            .summary("Lists the kinds that this server knows.")
            .handle(list_kinds),
        Endpoint::get("/api/v1/schema/{kind}", "read_schema")
            .permission("self.read")
            .summary("Gives the JSON schema of a kind.")
            .handle(read_schema),
        Endpoint::post("/api/v1/apply", "apply")
            .permission("object.write")
            .event("<kind>.applied")
            .summary("Stores declared objects from YAML or JSON documents, all or none.")
            .parameter("dryRun", "does everything and leaves nothing behind")
            .parameter("file", "the name of the file, for problems")
            .body_max_bytes(64 * 1024 * 1024)
            .handle(crate::apply::apply),
        Endpoint::get("/api/v1/{plural}", "list_objects")
            .permission("object.read")
            .summary("Lists objects of a kind; any indexed field is a parameter.")
            .parameter("q", "words that the document contains")
            .parameter("limit", "objects per page, at most 1,000")
            .parameter("cursor", "where an earlier page ended")
            .parameter("order", "-created, created, -updated or name")
            .parameter("asOf", "the objects as they were at this time")
            .handle(list_objects),
        Endpoint::get("/api/v1/{plural}/{name}", "read_object")
            .permission("object.read")
            .summary("Reads an object.")
            .parameter("asOf", "the object as it was at this time")
            .response::<AnyObject>()
            .handle(read_object),
        Endpoint::put("/api/v1/{plural}/{name}", "write_object")
            .permission("object.write")
            .event("<kind>.applied")
            .summary("Stores an object; its version, where sent, must be the stored one.")
            .request::<AnyObject>()
            .response::<AnyObject>()
            .handle(write_object),
        Endpoint::delete("/api/v1/{plural}/{name}", "delete_object")
            .permission("object.delete")
            .event("<kind>.deleted")
            .summary("Deletes an object; its history stays.")
            .handle(delete_object),
        Endpoint::get("/api/v1/{plural}/{name}/history", "read_history")
            .permission("object.read")
            .summary("Lists the versions of an object, newest first, with what each changed and who did it.")
            .handle(read_history),
    ]
}

fn list_kinds(world: World, _call: Call) -> Answer {
    Box::pin(async move {
        let items: Vec<Value> = world.store.registry().all().map(describe).collect();
        Reply::json(&json!({"items": items}))
    })
}

fn describe(kind: &KindInfo) -> Value {
    json!({
        "kind": kind.kind,
        "plural": kind.plural,
        "apiVersion": kind.api_version,
        "capability": kind.capability,
        "nature": kind.nature,
        "summary": kind.summary,
        "indexed": kind.indexed,
        "columns": kind.columns,
        "references": kind.references,
        "example": kind.example,
    })
}

fn read_schema(world: World, call: Call) -> Answer {
    Box::pin(async move {
        let kind = world.store.registry().get(call.path("kind"))?;
        Reply::json(&crate::openapi::schema_of(kind))
    })
}

/// Reads `name` or `namespace/name` of a path.
fn reference_of(kind: &KindInfo, name: &str) -> Result<ObjectRef, Problem> {
    ObjectRef::parse(name, Some(kind.kind), "default").and_then(|reference| {
        if reference.kind() == kind.kind.to_lowercase() {
            Ok(reference)
        } else {
            Err(Problem::new(ErrorCode::ReferenceInvalid, format!("`{name}` is not of kind {}.", kind.kind)))
        }
    })
}

fn list_objects(world: World, call: Call) -> Answer {
    Box::pin(async move {
        let kind = world.store.registry().get(call.path("plural"))?.clone();
        if let Some(at) = call.time("asOf", world.now())? {
            let items = world.store.all_as_of(kind.kind, at).await?;
            let total = items.len();
            let items: Vec<_> = items.into_iter().map(|object| hide_secrets(&kind, object)).collect();
            return Reply::json(&json!({"items": items, "total": total}));
        }
        let listing = world.store.list(&list_query(&kind, &call)?).await?;
        let items: Vec<_> = listing.items.into_iter().map(|object| hide_secrets(&kind, object)).collect();
        Reply::json(&json!({"items": items, "next": listing.next, "total": listing.total}))
    })
}

fn list_query(kind: &KindInfo, call: &Call) -> Result<ListQuery, Problem> {
    let mut query = ListQuery::kind(kind.kind).cursor(call.query("cursor").map(str::to_owned));
    if let Some(limit) = call.query_as::<usize>("limit")? {
        query = query.limit(limit);
    }
    if let Some(words) = call.query("q") {
        query = query.words(words);
    }
    let order = match call.query("order").unwrap_or("-created") {
        "-created" => Order::CreatedDescending,
        "created" => Order::CreatedAscending,
        "-updated" => Order::UpdatedDescending,
        "name" => Order::Name,
        other => {
            return Err(Problem::new(ErrorCode::RequestInvalid, format!("`{other}` is no order."))
                .place("?order")
                .hint("The orders are -created, created, -updated and name."));
        }
    };
    query = query.order(order);
    for (name, value) in &call.query {
        let known = ["q", "limit", "cursor", "order", "asOf"].contains(&name.as_str());
        if !known && !value.is_empty() {
            query = query.filter(name, value);
        }
    }
    Ok(query)
}

fn read_object(world: World, call: Call) -> Answer {
    Box::pin(async move {
        let kind = world.store.registry().get(call.path("plural"))?;
        let reference = reference_of(kind, call.path("name"))?;
        let object = match call.time("asOf", world.now())? {
            None => world.store.require(&reference).await?,
            Some(at) => world.store.as_of(&reference, at).await?.ok_or_else(|| {
                Problem::new(ErrorCode::ObjectNotFound, format!("There was no {reference} at {at}."))
            })?,
        };
        Reply::json(&hide_secrets(kind, object))
    })
}

fn write_object(world: World, call: Call) -> Answer {
    Box::pin(async move {
        let kind = world.store.registry().get(call.path("plural"))?.clone();
        let object: AnyObject = call.json()?;
        let reference = reference_of(&kind, call.path("name"))?;
        if object.reference() != reference {
            return Err(Problem::new(
                ErrorCode::RequestInvalid,
                format!("The path names {reference} and the body {}.", object.reference()),
            ));
        }
        let rules = authorise_write(&world, &call.caller, &kind, &object, "object.write")?;
        let draft = call.event(&format!("{}.applied", kind.kind.to_lowercase())).rules(rules);
        let (admissions, may_write) = (world.admissions.clone(), may_write(&world, &call.caller));
        let stored = world
            .store
            .write(Priority::Object, move |tx| {
                Box::pin(async move {
                    let (stored, _done) = store_one(tx, &admissions, object, draft, &may_write).await?;
                    check_references(tx, &stored).await?;
                    Ok(stored)
                })
            })
            .await?;
        Reply::json(&hide_secrets(&kind, stored))
    })
}

fn delete_object(world: World, call: Call) -> Answer {
    Box::pin(async move {
        let kind = world.store.registry().get(call.path("plural"))?.clone();
        let reference = reference_of(&kind, call.path("name"))?;
        if kind.nature == andon_api::kind::Nature::Record {
            return Err(Problem::new(ErrorCode::RecordReadOnly, format!("{reference} is a record and is kept.")));
        }
        let old = world.store.require(&reference).await?;
        let rules = authorise_write(&world, &call.caller, &kind, &old, "object.delete")?;
        let draft = call.event(&format!("{}.deleted", kind.kind.to_lowercase())).rules(rules);
        let admissions = world.admissions.clone();
        world
            .store
            .write(Priority::Object, move |tx| {
                Box::pin(async move {
                    for admission in admissions.iter().filter(|a| a.kinds().iter().any(|name| *name == kind.kind)) {
                        admission.admit(tx, None, Some(&old)).await?;
                    }
                    tx.delete(&reference, draft).await.map(|_| ())
                })
            })
            .await?;
        Ok(Reply::nothing())
    })
}

fn read_history(world: World, call: Call) -> Answer {
    Box::pin(async move {
        let kind = world.store.registry().get(call.path("plural"))?;
        let reference = reference_of(kind, call.path("name"))?;
        let versions = world.store.history(&reference).await?;
        if versions.is_empty() {
            return Err(Problem::new(ErrorCode::ObjectNotFound, format!("There never was a {reference}.")));
        }
        let query = andon_objects::EventQuery {
            object: Some(reference),
            newest_first: true,
            limit: 2_000,
            ..andon_objects::EventQuery::default()
        };
        let events = world.store.events(&query).await?;
        let items: Vec<Value> = versions
            .iter()
            .map(|version| {
                let event = events.iter().find(|event| event.id == version.event_id);
                json!({
                    "version": version.version,
                    "at": version.at,
                    "deleted": version.deleted,
                    "event": version.event_id,
                    "actor": event.map(|event| &event.actor),
                    "action": event.map(|event| &event.action),
                    "rules": event.map(|event| &event.rules),
                    "difference": event.and_then(|event| event.payload.as_ref()).and_then(|payload| payload.get("difference")),
                })
            })
            .collect();
        Reply::json(&json!({"items": items}))
    })
}

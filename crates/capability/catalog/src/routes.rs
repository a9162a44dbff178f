//! The catalog over HTTP.

use andon_api::kinds::catalog::{Api, Component, Group, Resource, User};
use andon_api::kind::Kind;
use andon_api::object::DEFAULT_NAMESPACE;
use andon_api::{ErrorCode, ObjectRef, Problem};
use andon_module::{Endpoint, Reply, World};

use crate::answer::{self, Catalog, GraphAnswer, TreeAnswer};

pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/catalog/graph", "catalog_graph")
            .permission("catalog.read")
            .summary("Tells who owns a service, what it needs and what is hurt when it fails.")
            .response::<GraphAnswer>()
            .handle(|world, call| {
                Box::pin(async move {
                    let Some(service) = call.query("service") else {
                        return Err(Problem::new(ErrorCode::RequestInvalid, "The parameter `service` is missing.")
                            .hint("Ask for example `?service=payments`."));
                    };
                    let service = ObjectRef::parse(service.trim(), Some("Component"), DEFAULT_NAMESPACE)?;
                    Reply::json(&answer::graph(&read(&world).await?, &service)?)
                })
            }),
        Endpoint::get("/api/v1/catalog/tree", "catalog_tree")
            .permission("catalog.read")
            .summary("Tells how the groups stand to each other, who is in them and what they own.")
            .response::<TreeAnswer>()
            .handle(|world, _call| Box::pin(async move { Reply::json(&answer::tree(&read(&world).await?)) })),
    ]
}

async fn read(world: &World) -> Result<Catalog, Problem> {
    Ok(Catalog {
        components: world.store.all(Component::KIND).await?,
        apis: world.store.all(Api::KIND).await?,
        resources: world.store.all(Resource::KIND).await?,
        groups: world.store.all(Group::KIND).await?,
        users: world.store.all(User::KIND).await?,
    })
}

//! Flow over HTTP.

use std::collections::BTreeMap;

use andon_api::graph::OwnerTree;
use andon_api::object::DEFAULT_NAMESPACE;
use andon_api::{ErrorCode, ObjectRef, Problem};
use andon_module::{Call, Endpoint, Reply, World};
use andon_objects::ListQuery;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::measure::{Arrival, ServiceFlow, TimeToValue, is_production, service_flow, time_to_value};

/// How far back is looked where nothing is said.
const SINCE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The most changes that one answer is made of.
const CHANGES_MAX: usize = 200_000;

/// The flow of every service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServicesFlow {
    /// The services, those with the most changes first.
    pub items: Vec<ServiceFlow>,
}

pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![
        with_parameters(Endpoint::get("/api/v1/flow/time-to-value", "flow_time_to_value"))
            .permission("flow.read")
            .summary("Measures the time from the first commit to the customer, and where changes waited.")
            .parameter("service", "Only this component.")
            .response::<TimeToValue>()
            .handle(|world, call| {
                Box::pin(async move {
                    let asked = Asked::read(&world, call).await?;
                    let arrivals = asked.arrivals(&world).await?;
                    Reply::json(&time_to_value(&arrivals))
                })
            }),
        with_parameters(Endpoint::get("/api/v1/flow/services", "flow_services"))
            .permission("flow.read")
            .summary("Measures changes, rollbacks, time to value and batch size of each service.")
            .response::<ServicesFlow>()
            .handle(|world, call| Box::pin(async move { Reply::json(&services(&world, call).await?) })),
    ]
}

fn with_parameters(endpoint: Endpoint) -> Endpoint {
    endpoint
        .parameter("group", "Only services of this group and the groups below it.")
        .parameter("environment", "Only this environment, `*` for all; those that customers use when absent.")
        .parameter("since", "From when: a time, or an age such as 30d, which is the default.")
        .parameter("until", "Until when.")
}

/// What was asked for.
struct Asked {
    since: Timestamp,
    until: Timestamp,
    service: Option<ObjectRef>,
    environment: Option<String>,
    group: Option<ObjectRef>,
    tree: OwnerTree,
    owners: BTreeMap<ObjectRef, Option<ObjectRef>>,
}

fn reference(call: &Call, name: &str, kind: &str) -> Result<Option<ObjectRef>, Problem> {
    call.query(name)
        .map(|text| ObjectRef::parse(text.trim(), Some(kind), DEFAULT_NAMESPACE))
        .transpose()
        .map_err(|problem| problem.place(format!("?{name}")))
}

impl Asked {
    async fn read(world: &World, call: Call) -> Result<Self, Problem> {
        let now = world.now();
        let (service, group) = (reference(&call, "service", "Component")?, reference(&call, "group", "Group")?);
        let (since, until) = (call.time("since", now)?, call.time("until", now)?);
        let environment = call.query("environment").map(str::to_owned);
        drop(call);
        let (groups, users) = (world.store.all("Group").await?, world.store.all("User").await?);
        let tree = OwnerTree::new(&groups, &users);
        if let Some(group) = group.as_ref().filter(|group| !tree.groups().any(|known| known == *group)) {
            return Err(Problem::new(ErrorCode::ObjectNotFound, format!("There is no {group}.")).place("?group"));
        }
        let components = world.store.all("Component").await?;
        let owners = components.iter().map(|component| (component.reference(), tree.owner_of(component))).collect();
        let earliest = now.checked_sub(SINCE).map_err(Problem::internal)?;
        Ok(Self {
            since: since.unwrap_or(earliest),
            until: until.unwrap_or(Timestamp::MAX),
            service,
            environment,
            group,
            tree,
            owners,
        })
    }

    fn owner(&self, service: &ObjectRef) -> Option<&ObjectRef> {
        self.owners.get(service).and_then(Option::as_ref)
    }

    fn concerns_service(&self, service: &ObjectRef) -> bool {
        let in_group = |group: &ObjectRef| self.owner(service).is_some_and(|owner| self.tree.is_within(owner, group));
        self.service.as_ref().is_none_or(|asked| asked == service) && self.group.as_ref().is_none_or(in_group)
    }

    fn concerns(&self, arrival: &Arrival) -> bool {
        let environment = match self.environment.as_deref() {
            None => is_production(&arrival.spec.environment),
            Some("*") => true,
            Some(asked) => asked == arrival.spec.environment,
        };
        environment && arrival.at < self.until && self.concerns_service(&arrival.spec.service)
    }

    async fn arrivals(&self, world: &World) -> Result<Vec<Arrival>, Problem> {
        let mut query = ListQuery::kind("Change").from("deployed_at", self.since).limit(1_000);
        if let Some(service) = &self.service {
            query = query.filter("service", service);
        }
        let (mut arrivals, mut cursor) = (Vec::new(), None);
        loop {
            let page = world.store.list(&query.clone().cursor(cursor)).await?;
            arrivals.extend(page.items.iter().filter_map(Arrival::of).filter(|arrival| self.concerns(arrival)));
            cursor = page.next;
            if arrivals.len() > CHANGES_MAX {
                return Err(Problem::new(
                    ErrorCode::QueryTooExpensive,
                    format!("More than {CHANGES_MAX} changes reached customers in this time."),
                )
                .place("?since")
                .hint("Ask for a shorter time, a service or a group."));
            }
            if cursor.is_none() {
                return Ok(arrivals);
            }
        }
    }
}

async fn services(world: &World, call: Call) -> Result<ServicesFlow, Problem> {
    let asked = Asked::read(world, call).await?;
    let arrivals = asked.arrivals(world).await?;
    let mut by_service: BTreeMap<&ObjectRef, Vec<&Arrival>> = BTreeMap::new();
    // A service without a change stands there too: that nothing arrives is what one may want to see.
    for service in asked.owners.keys().filter(|service| asked.concerns_service(service)) {
        by_service.entry(service).or_default();
    }
    for arrival in &arrivals {
        by_service.entry(&arrival.spec.service).or_default().push(arrival);
    }
    let mut items: Vec<ServiceFlow> = by_service
        .into_iter()
        .map(|(service, arrivals)| service_flow(service.clone(), asked.owner(service).cloned(), &arrivals))
        .collect();
    items.sort_by(|a, b| (std::cmp::Reverse(a.changes), &a.service).cmp(&(std::cmp::Reverse(b.changes), &b.service)));
    Ok(ServicesFlow { items })
}

//! The list of capabilities. Nothing else in the project names them all.

use std::sync::Arc;

use andon_api::kind::KindInfo;
use andon_module::{Endpoint, Module};
use andon_objects::Registry;
use serde_json::Value;

/// Lists the capabilities of this server.
pub fn modules() -> Vec<Module> {
    vec![
        andon_catalog::module(),
        andon_delivery::module(),
        andon_flow::module(),
        andon_signals::module(),
        andon_response::module(),
        // Capabilities do not know each other: who is on call reaches the home page through here.
        andon_learning::module_with(Arc::new(|world| Box::pin(async move { andon_response::on_call_now(&world).await }))),
        andon_governance::module(),
    ]
}

/// Lists every kind of this server.
pub fn kinds() -> Vec<KindInfo> {
    modules().into_iter().flat_map(|module| module.kinds).collect()
}

/// Lists every row of the API.
pub(crate) fn all_endpoints(modules: &[Module]) -> Vec<Endpoint> {
    let mut rows = andon_http::endpoints();
    rows.extend(crate::status::endpoints());
    rows.extend(crate::logs::endpoints());
    rows.extend(crate::figures::endpoints());
    rows.extend(crate::telemetry::endpoints());
    rows.extend(crate::telemetry::archive_endpoints());
    rows.extend(crate::telemetry::intake_endpoints());
    rows.extend(crate::inputs::endpoints());
    rows.extend(crate::demo::endpoints());
    rows.extend(modules.iter().flat_map(|module| module.endpoints.clone()));
    rows
}

/// Lists every row of this server's API.
pub fn endpoints() -> Vec<Endpoint> {
    all_endpoints(&modules())
}

/// Makes the API document of this server.
pub fn describe_api() -> Value {
    let modules = modules();
    let registry = Registry::new(modules.iter().flat_map(|module| module.kinds.clone()));
    andon_http::describe(&all_endpoints(&modules), &registry)
}

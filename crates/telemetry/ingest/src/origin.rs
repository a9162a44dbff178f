//! Where a line came from, for protocols that know no resource.

use andon_reader::Attributes;

/// The host as the message names it, and the address it came from; that stands in for a missing host.
pub(crate) fn resource_of(host: &str, peer: &str) -> Attributes {
    let mut resource = Attributes::new();
    resource.insert("host.name".to_owned(), if host.is_empty() { peer } else { host }.into());
    if !host.is_empty() && host != peer {
        resource.insert("client.address".to_owned(), peer.into());
    }
    resource
}

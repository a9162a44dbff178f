//! Which addresses may be called.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which networks may be called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Networks {
    /// Public addresses alone.
    #[default]
    Public,
    /// Private networks and this machine as well.
    Private,
}

impl Networks {
    /// Tells whether an address may be called. Metadata services of clouds never may.
    pub fn allow(self, address: IpAddr) -> bool {
        let address = match address {
            IpAddr::V6(six) => six.to_ipv4_mapped().map_or(address, IpAddr::V4),
            IpAddr::V4(_) => address,
        };
        let never = match address {
            IpAddr::V4(four) => {
                four.is_link_local() || four.is_unspecified() || four.is_multicast() || four.is_broadcast()
                    || four == Ipv4Addr::new(100, 100, 100, 200)
            }
            IpAddr::V6(six) => {
                six.is_unspecified() || six.is_multicast() || six.is_unicast_link_local()
                    || six == Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254)
            }
        };
        let private = match address {
            IpAddr::V4(four) => {
                let shared = four.octets()[0] == 100 && (64..128).contains(&four.octets()[1]);
                four.is_private() || four.is_loopback() || shared || four.octets()[0] == 0
            }
            IpAddr::V6(six) => six.is_loopback() || six.is_unique_local(),
        };
        !never && (!private || self == Self::Private)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_never_called_and_private_networks_by_configuration_alone() {
        let allow = |networks: Networks, text: &str| networks.allow(text.parse().unwrap());
        for text in ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "::ffff:169.254.169.254", "0.0.0.0"] {
            assert!(!allow(Networks::Private, text), "{text}");
        }
        for text in ["127.0.0.1", "10.1.2.3", "192.168.0.1", "::1", "fd12::1", "::ffff:127.0.0.1", "100.64.0.1"] {
            assert!(!allow(Networks::Public, text), "{text}");
            assert!(allow(Networks::Private, text), "{text}");
        }
        assert!(allow(Networks::Public, "93.184.216.34"));
    }
}

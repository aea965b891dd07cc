//! Where a request comes from, as bounds count it.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// Whom bounds per source count as one: an IPv4 address, or the /64 of an IPv6 one, in which a
/// single customer has as many addresses as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source(IpAddr);

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Source {
        Source(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                IpAddr::V6(Ipv6Addr::from(network))
            }
            IpAddr::V4(address) => IpAddr::V4(address),
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(network) => write!(f, "{network}/64"),
        }
    }
}

/// Whom a crowd of sources is taken to belong to: the /24 of an IPv4 address, the /48 of an IPv6
/// one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl Source {
    /// The network that it is in.
    pub fn network(self) -> Network {
        Network(match self.0 {
            IpAddr::V4(address) => {
                let [a, b, c, _] = address.octets();
                IpAddr::from([a, b, c, 0])
            }
            IpAddr::V6(address) => {
                let [a, b, c, ..] = address.segments();
                IpAddr::from([a, b, c, 0, 0, 0, 0, 0])
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_is_one_source() {
        for (left, right, same) in [
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("10.0.0.1", "::ffff:10.0.0.1", true),
            ("::ffff:10.0.0.1", "::ffff:10.0.0.2", false),
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
            ("::1", "10.0.0.1", false),
        ] {
            let source = |text: &str| Source::from(text.parse::<IpAddr>().expect("an address"));
            assert_eq!(source(left) == source(right), same, "{left} {right}");
        }
    }

    #[test]
    fn a_network_holds_many_sources() {
        for (left, right, same) in [
            ("10.0.0.1", "10.0.0.254", true),
            ("10.0.0.1", "10.0.1.1", false),
            ("::ffff:10.0.0.1", "10.0.0.2", true),
            ("2001:db8:0:1::1", "2001:db8:0:ffff::1", true),
            ("2001:db8:0::1", "2001:db8:1::1", false),
        ] {
            let network = |text: &str| {
                let address: IpAddr = text.parse().expect("an address");
                Source::from(address).network()
            };
            assert_eq!(network(left) == network(right), same, "{left} {right}");
        }
    }
}

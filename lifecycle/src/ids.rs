//! Ids that name no person, so that they may stand in public leaves and in file names.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// From eight random bytes.
            pub fn from_random(bytes: [u8; 8]) -> Self {
                Self(format!(concat!($prefix, "{:016x}"), u64::from_be_bytes(bytes)))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                let digits = text.strip_prefix($prefix).unwrap_or_default();
                if digits.len() == 16 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(format!(concat!("`{}` is not an id: write ", $prefix, " and 16 hexadecimal digits"), text.escape_default()))
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

random_id!(/// A technician's account. Never reused (IDM-16).
    AccountId, "a-");
random_id!(/// One authenticated SSH connection (D22).
    SessionId, "s-");
random_id!(/// A token that reads one export. Names it in the journal; it is not the token itself.
    TokenId, "t-");

random_id!(/// A hold.
    HoldId, "h-");

/// The number of an intervention in the register: 1, 2, 3, without gap (LIF-10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InterventionNumber(pub u64);

impl fmt::Display for InterventionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

//! What the gateway's listener says of a connection, in the extensions of each request.

/// Whether the certificate is the one that the program made for itself: then approving works from
/// this machine only (D12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnCertificate(pub bool);

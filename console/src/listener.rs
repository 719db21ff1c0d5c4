//! What the pages may know of the connection that a request came by.

/// Whether the console made its certificate itself. Then nobody can tell the console from somebody in
/// between, so approving works from this machine alone (D12).
///
/// An extension of each request, beside `axum::extract::ConnectInfo<SocketAddr>`. A request without it
/// did not come by the console's port: treat it as `OwnCertificate(true)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnCertificate(pub bool);

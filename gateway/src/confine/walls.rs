//! Paths and ports, by Landlock.

use super::plan::Plan;
use super::{ConfineError, refused};
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, LandlockStatus, NetPort,
    PathBeneath, PathFd, Ruleset, RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetStatus, Scope,
};
use std::path::Path;
use std::{fs, io};

/// The newest ABI whose rights are asked for. A newer kernel's further rights (connecting to local
/// sockets, say) would take rules that were never tried.
const ASKED: ABI = ABI::V6;
/// From this one on ports are confined: Linux 6.7.
pub(super) const PORTS: u8 = 4;

/// Reading, and never running.
fn reading() -> BitFlags<AccessFs> {
    AccessFs::ReadFile | AccessFs::ReadDir
}

/// Everything that is done in the state folder: no device, no pipe, no running.
fn writing() -> BitFlags<AccessFs> {
    let never = AccessFs::Execute | AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::MakeFifo | AccessFs::IoctlDev;
    AccessFs::from_all(ASKED) & !never
}

/// Raises the walls around this thread; gives the ABI in force, 0 for none.
pub(super) fn raise(plan: &Plan) -> Result<u8, ConfineError> {
    let failed = refused("Landlock");
    let mut rules = Ruleset::default()
        // Before it nothing could be moved from one folder to another, which the journal does: a kernel
        // without it raises no wall at all.
        .set_compatibility(CompatLevel::SoftRequirement)
        .handle_access(AccessFs::Refer)
        .map(|rules| rules.set_compatibility(CompatLevel::BestEffort))
        .and_then(|rules| rules.handle_access(AccessFs::from_all(ASKED)))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(ASKED)))
        .and_then(|rules| rules.scope(scopes()))
        .and_then(Ruleset::create)
        .map_err(|error| failed(&error))?;
    for path in &plan.read {
        rules = allow(rules, path, reading())?;
    }
    for path in &plan.write {
        rules = allow(rules, path, writing())?;
    }
    let bind = plan.bind.iter().map(|port| (*port, AccessNet::BindTcp));
    for (port, access) in bind.chain(plan.connect.iter().map(|port| (*port, AccessNet::ConnectTcp))) {
        rules = rules.add_rule(NetPort::new(port, access)).map_err(|error| failed(&error))?;
    }
    let status = rules.restrict_self().map_err(|error| failed(&error))?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, _) => Ok(0),
        (_, LandlockStatus::Available { effective_abi, .. }) => Ok(number(effective_abi)),
        _ => Ok(0),
    }
}

/// No signal to another process, and no socket of another's without a path; but where the service
/// manager's is such a one, it must be reached.
fn scopes() -> BitFlags<Scope> {
    let abstract_one = std::env::var_os("NOTIFY_SOCKET").is_some_and(|name| name.as_encoded_bytes().starts_with(b"@"));
    if abstract_one { Scope::Signal.into() } else { Scope::Signal | Scope::AbstractUnixSocket }
}

/// Opens this path, with what lies below it. What is not there needs no rule.
fn allow(rules: RulesetCreated, path: &Path, access: BitFlags<AccessFs>) -> Result<RulesetCreated, ConfineError> {
    let failed = ConfineError::at(path);
    let folder = match fs::metadata(path) {
        Ok(found) => found.is_dir(),
        // Not there, or not for this user, and then not for it later on either.
        Err(error) if [io::ErrorKind::NotFound, io::ErrorKind::PermissionDenied].contains(&error.kind()) => {
            return Ok(rules);
        }
        Err(error) => return Err(failed(&error)),
    };
    let access = if folder { access } else { access & AccessFs::from_file(ASKED) };
    let fd = PathFd::new(path).map_err(|error| failed(&error))?;
    rules.add_rule(PathBeneath::new(fd, access)).map_err(|error| failed(&error))
}

/// The ABI's number: the crate tells no more than its order.
fn number(abi: ABI) -> u8 {
    const ALL: [ABI; 10] = [ABI::V1, ABI::V2, ABI::V3, ABI::V4, ABI::V5, ABI::V6, ABI::V7, ABI::V8, ABI::V9, ABI::V10];
    u8::try_from(ALL.iter().filter(|one| **one <= abi).count()).unwrap_or(u8::MAX)
}

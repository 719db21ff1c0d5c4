//! What people and things are called today; whatever is not declared any more goes by its id.

use crate::commands::Known;
use policy::{StaffLogin, TargetId, VendorId};

/// The name of somebody of the staff.
pub fn staff_name(known: &Known<'_>, login: &StaffLogin) -> String {
    known.register.staff.get(login).map_or_else(|| login.to_string(), |staff| staff.identity.name.clone())
}

/// The name of a company.
pub fn vendor_name(known: &Known<'_>, id: &VendorId) -> String {
    known.config.vendors.get(id).map_or_else(|| id.to_string(), |vendor| vendor.rules.name.clone())
}

/// The name of a piece of equipment.
pub fn target_name(known: &Known<'_>, id: &TargetId) -> String {
    known.config.targets.get(id).map_or_else(|| id.to_string(), |target| target.rules.name.clone())
}

//! The vault's key: gone, readable by others, not one.

use harness::Site;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

/// HRD-10: without its key, or with one that others can read, the vault opens nothing.
#[test]
fn a_vault_without_a_key_of_its_own_keeps_it_shut() {
    let mut site = Site::start();
    site.stop_daemon();
    let key = site.state().join("vault/vault-key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let said = site.refuses_to_start();
    assert!(said.contains("can be read by others") && said.contains("chmod 600"), "{said}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let kept = site.folder().join("vault-key");
    fs::rename(&key, &kept).unwrap();
    for _ in 0..2 {
        let said = site.refuses_to_start();
        assert!(said.contains("is missing") && said.contains("backup"), "{said}");
        assert!(!key.exists(), "no new key was put in its place");
    }
    fs::write(&key, "nonsense").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let said = site.refuses_to_start();
    assert!(said.contains("is not an age identity"), "{said}");
    fs::rename(&kept, &key).unwrap();
    site.start_daemon();
}

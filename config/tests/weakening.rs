//! What a change of whole files weakens (T8).

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use config::{Config, Options, load, weakening};

/// A site with one company and two pieces of equipment. `RULES` is to be replaced.
const SITE: &str = r#"
[site]
name = "CHU"
timezone = "Europe/Paris"

[ssh]

[calendars.c]
hours = [{ days = "mon-fri", from = "08:00", to = "18:00" }]

[groups.g]
name = "Groupe"

[recordings]
recipients = ["age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa"]

[vendor.v]
name = "Société"
contract = { reference = "1", from = "2026-01-01", until = "2026-12-31" }
contact = { name = "Support", phone = "+33 1 00 00 00 00", email = "support@v.example" }
sources = ["203.0.113.0/24"]
calendar = "c"
factors = ["key", "password", "totp"]
RULES
"#;

const STRICT: &str = "approval = { quorum = 2 }\nlongest = \"1h\"\n";

fn target(name: &str, host: u8) -> String {
    format!(
        "\n[target.{name}]\nname = \"{name}\"\naddress = \"10.20.3.{host}:22\"\nhost-key = \"ssh-ed25519 \
         AAAAC3NzaC1lZDI1NTE5AAAAINzaP7jT70e+Z1k0TYkwRbQ5Gkilzn8Fgfz5vSrf8g1B\"\naccount = \"maint\"\napprovers = \
         [\"g\"]\n"
    )
}

fn rule(targets: &str, terms: &str) -> String {
    format!("\n[[vendor.v.allow]]\ntargets = [{targets}]\nrights = [\"shell\"]\n{terms}")
}

fn read(rules: &[String]) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("poterne.toml");
    let text = SITE.replace("RULES", &(rules.concat() + &target("one", 14) + &target("two", 15)));
    std::fs::write(&path, text).unwrap();
    let options = Options { at: "2026-06-01T10:00:00Z".parse().unwrap(), unpinned: false };
    load(&path, options).unwrap_or_else(|error| panic!("{error}"))
}

/// T8: the strictest terms of all rules that name a target hold. Whatever takes the strict rule off it weakens,
/// also where the others move up in the list.
#[test]
fn the_strict_one_of_two_rules_cannot_go_by_itself() {
    let both = r#""one", "two""#;
    let (loose, strict) = (rule(both, ""), rule(both, STRICT));
    for (before, after) in [
        (vec![loose.clone(), strict.clone()], vec![loose.clone()]),
        (vec![strict.clone(), loose.clone()], vec![loose.clone()]),
        (vec![loose.clone(), strict.clone()], vec![loose.clone(), rule(r#""one""#, STRICT)]),
        (vec![rule(r#""one""#, STRICT), loose.clone()], vec![rule(r#""two""#, STRICT), loose.clone()]),
        (vec![loose.clone()], vec![rule(r#""one""#, ""), rule(r#""two""#, "")]),
    ] {
        let weakened = weakening(&read(&before), &read(&after));
        assert!(weakened.iter().any(|line| line.starts_with("vendor.v.allow.")), "{weakened:?}");
    }
    // A stricter term of one rule strengthens, as before.
    assert_eq!(weakening(&read(&[loose.clone(), loose.clone()]), &read(&[loose, strict])), Vec::<String>::new());
}

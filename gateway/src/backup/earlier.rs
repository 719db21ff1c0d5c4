//! What earlier sets say of recordings: which archives are as they were written, to whom they open, and
//! what there was once.

use super::{Manifest, RECORDINGS, digest_of, recording_file};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Characters of the digest that tells archives of one recording apart, by who opens them.
const TAG: usize = 16;

/// An archive as one set names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kept {
    pub(super) file: String,
    pub(super) digest: String,
    /// `None`: the set does not say.
    pub(super) opens_to: Option<BTreeSet<String>>,
}

/// What is to be done about the archive of one recording.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Choice {
    /// It is there, and opens to whoever is asked for, as far as anybody says.
    pub(super) good: Option<Kept>,
    /// Archives that are not what any set says.
    pub(super) altered: Vec<String>,
    /// Where it is written otherwise: not over what earlier sets refer to.
    pub(super) free: String,
}

/// The recordings of all sets in a folder, by session.
pub(super) struct Earlier(BTreeMap<String, BTreeSet<Kept>>);

impl Earlier {
    /// Any digest that a set names is good: one that rotted was written anew, and the sets before that
    /// name another. What is no set says nothing.
    pub(super) fn read(folder: &Path) -> Self {
        let mut all: BTreeMap<String, BTreeSet<Kept>> = BTreeMap::new();
        let sets = fs::read_dir(folder).into_iter().flatten().flatten();
        for manifest in sets.filter_map(|set| Manifest::read(&set.path()).ok()) {
            for (id, digest) in &manifest.recordings {
                let opens_to = manifest.recordings_open_to.get(id).cloned();
                let kept = Kept { file: manifest.file_of(id), digest: digest.clone(), opens_to };
                all.entry(id.clone()).or_default().insert(kept);
            }
        }
        Self(all)
    }

    pub(super) fn sessions(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Reads the archives that are there, and does not believe them: what was put in the place of one
    /// would go on in each set from now on.
    pub(super) fn choose(&self, folder: &Path, id: &str, wanted: &BTreeSet<String>) -> anyhow::Result<Choice> {
        let mut files: BTreeMap<&str, Vec<&Kept>> = BTreeMap::new();
        for kept in self.0.get(id).into_iter().flatten() {
            files.entry(&kept.file).or_default().push(kept);
        }
        let (mut choice, mut taken) = (Choice::default(), BTreeSet::new());
        let opens = |kept: &Kept| kept.opens_to.as_ref().is_none_or(|to| to.is_superset(wanted));
        for (file, said) in files {
            let place = folder.join(RECORDINGS).join(file);
            if !said.iter().any(|kept| opens(kept)) {
                taken.insert(file);
                continue;
            }
            if !place.exists() {
                continue;
            }
            let digest = digest_of(&place)?;
            // Whoever says to whom it opens is believed before whoever does not.
            match said.iter().filter(|kept| kept.digest == digest).max_by_key(|kept| kept.opens_to.is_some()) {
                Some(kept) if opens(kept) => {
                    choice.good = Some((*kept).clone());
                    return Ok(choice);
                }
                Some(_) => drop(taken.insert(file)),
                None => choice.altered.push(file.to_owned()),
            }
        }
        let names = [recording_file(id), format!("{id}.{}.tar.age", tag(wanted))];
        let [first, other] = names;
        choice.free = if taken.contains(first.as_str()) { other } else { first };
        Ok(choice)
    }
}

/// Stands for a group of keys in the name of a file.
fn tag(keys: &BTreeSet<String>) -> String {
    let text = keys.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    data_encoding::HEXLOWER.encode(digest.as_ref()).chars().take(TAG).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{FORMAT, MANIFEST};
    use super::*;

    const ID: &str = "s-0123456789abcdef";

    fn set(folder: &Path, name: &str, file: Option<&str>, digest: &str, to: Option<&str>) {
        let one = |value: &str| BTreeMap::from([(ID.to_owned(), value.to_owned())]);
        let manifest = Manifest {
            format: FORMAT,
            made: jiff::Timestamp::UNIX_EPOCH,
            checkpoint: String::new(),
            archives: BTreeMap::new(),
            recordings: one(digest),
            recording_files: file.map(one).unwrap_or_default(),
            recordings_open_to: to.map(|to| BTreeMap::from([(ID.to_owned(), keys(to))])).unwrap_or_default(),
        };
        fs::create_dir_all(folder.join(name)).unwrap();
        fs::write(folder.join(name).join(MANIFEST), serde_json::to_vec(&manifest).unwrap()).unwrap();
    }

    fn keys(text: &str) -> BTreeSet<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    /// T10: one that was written anew after it rotted is good for every set to come, in whatever order
    /// sets are read; one that no set names is altered.
    #[test]
    fn any_digest_that_a_set_names_is_good() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join(RECORDINGS).join(recording_file(ID));
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        let digest = |text: &str| super::super::digest_from(&mut text.as_bytes()).unwrap();
        for (n, text) in ["rotted", "anew", "anew", "rotted"].into_iter().enumerate() {
            set(folder.path(), &format!("set-{n}"), None, &digest(text), Some("A"));
        }
        let earlier = Earlier::read(folder.path());
        for (text, good) in [("rotted", true), ("anew", true), ("exchanged", false)] {
            fs::write(&place, text).unwrap();
            let choice = earlier.choose(folder.path(), ID, &keys("A")).unwrap();
            assert_eq!((choice.good.is_some(), choice.altered.is_empty()), (good, good), "{text}");
            assert!(good || choice.free == recording_file(ID));
        }
        fs::remove_file(&place).unwrap();
        let choice = earlier.choose(folder.path(), ID, &keys("A")).unwrap();
        assert_eq!(choice, Choice { free: recording_file(ID), ..Choice::default() });
    }

    /// D17: what opens to others alone is written beside it; earlier sets keep what they refer to.
    #[test]
    fn who_opens_it_decides() {
        let folder = tempfile::tempdir().unwrap();
        let recordings = folder.path().join(RECORDINGS);
        fs::create_dir_all(&recordings).unwrap();
        fs::write(recordings.join(recording_file(ID)), "text").unwrap();
        let digest = super::super::digest_from(&mut "text".as_bytes()).unwrap();
        let choose = |wanted: &str| Earlier::read(folder.path()).choose(folder.path(), ID, &keys(wanted)).unwrap();
        set(folder.path(), "old", None, &digest, None);
        assert!(choose("B").good.unwrap().opens_to.is_none(), "a set of an older version does not say");
        set(folder.path(), "set-1", None, &digest, Some("A C"));
        assert!(choose("A").good.is_some() && choose("A C").good.is_some());
        let other = choose("B");
        assert!(other.good.is_none() && other.altered.is_empty() && other.free != recording_file(ID), "{other:?}");
        fs::write(recordings.join(&other.free), "text").unwrap();
        set(folder.path(), "set-2", Some(&other.free), &digest, Some("B"));
        assert_eq!(choose("B").good.unwrap().file, other.free);
        assert_eq!(choose("A").good.unwrap().file, recording_file(ID));
        assert_ne!(choose("A B").free, other.free);
    }
}

//! One archive: tar inside age. Names in it are relative, files are regular, and nothing else is read.

use age::x25519::{Identity, Recipient};
use anyhow::{Context as _, bail};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

/// An archive being written beside its place.
pub(super) struct Writer {
    tar: tar::Builder<age::stream::StreamWriter<BufWriter<File>>>,
    place: PathBuf,
    staged: PathBuf,
}

impl Writer {
    pub(super) fn begin(place: &Path, recipients: &[Recipient]) -> anyhow::Result<Self> {
        let staged = PathBuf::from(format!("{}.new", place.display()));
        let _ = fs::remove_file(&staged);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&staged);
        let file = BufWriter::new(file.with_context(|| format!("`{}` cannot be made", staged.display()))?);
        let to = recipients.iter().map(|one| one as &dyn age::Recipient);
        let sealed = age::Encryptor::with_recipients(to)?.wrap_output(file)?;
        Ok(Self { tar: tar::Builder::new(sealed), place: place.to_owned(), staged })
    }

    /// Adds bytes under a name.
    pub(super) fn bytes(&mut self, name: &Path, bytes: &[u8]) -> io::Result<()> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.tar.append_data(&mut header(length), name, bytes)
    }

    /// Adds a file as it is now, as long as it is now: what is appended meanwhile is not of it. A file
    /// that is gone is passed over; says whether it was there.
    pub(super) fn file(&mut self, name: &Path, path: &Path) -> io::Result<bool> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        let length = file.metadata()?.len();
        // A file that became shorter is filled up with zeroes, which no reader of ours takes for more.
        let whole = file.take(length).chain(io::repeat(0)).take(length);
        self.tar.append_data(&mut header(length), name, whole)?;
        Ok(true)
    }

    /// Adds a folder whose files do not change.
    pub(super) fn folder(&mut self, name: &Path, folder: &Path) -> io::Result<()> {
        let mut entries = match fs::read_dir(folder) {
            Ok(entries) => entries.collect::<io::Result<Vec<_>>>()?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = name.join(entry.file_name());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.folder(&name, &entry.path())?;
            } else if kind.is_file() && entry.path().extension().is_none_or(|end| end != "new") {
                self.file(&name, &entry.path())?;
            }
        }
        Ok(())
    }

    /// Ends it, durable, in its place; gives its length.
    pub(super) fn finish(self) -> anyhow::Result<u64> {
        let file = self.tar.into_inner()?.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        let length = file.metadata()?.len();
        fs::rename(&self.staged, &self.place)?;
        Ok(length)
    }
}

fn header(length: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(length);
    header.set_mode(0o600);
    header.set_entry_type(tar::EntryType::Regular);
    header
}

/// Reads an archive to its end; its files go below `into`.
pub(super) fn unpack(archive: &Path, identities: &[Identity], into: &Path) -> anyhow::Result<u64> {
    each(archive, identities, &mut |name, from| write(&into.join(name), from))
}

/// Reads an archive to its end, and gives each file to `visit`, which need not read it whole.
pub(super) fn each(
    archive: &Path,
    identities: &[Identity],
    visit: &mut dyn FnMut(&Path, &mut dyn Read) -> io::Result<()>,
) -> anyhow::Result<u64> {
    let shown = archive.display();
    let file = File::open(archive).with_context(|| format!("`{shown}` cannot be read"))?;
    let decryptor = age::Decryptor::new_buffered(io::BufReader::new(file)).with_context(|| format!("`{shown}`"))?;
    let opened = decryptor.decrypt(identities.iter().map(|one| one as &dyn age::Identity));
    let mut tar = tar::Archive::new(opened.with_context(|| format!("`{shown}` does not open with this key"))?);
    let mut files = 0;
    for entry in tar.entries()? {
        let mut entry = entry.with_context(|| format!("`{shown}` is damaged"))?;
        let name = entry.path()?.into_owned();
        let plain = name.components().all(|part| matches!(part, Component::Normal(_)));
        if !plain || entry.header().entry_type() != tar::EntryType::Regular {
            bail!("`{shown}` holds `{}`, which no backup of ours has", name.display().to_string().escape_debug());
        }
        let damaged = || format!("`{shown}` is damaged at `{}`", name.display());
        visit(&name, &mut entry).with_context(damaged)?;
        io::copy(&mut entry, &mut io::sink()).with_context(damaged)?;
        files += 1;
    }
    // To the last byte: what was cut off behind the last file shows too.
    let mut rest = tar.into_inner();
    io::copy(&mut rest, &mut io::sink()).with_context(|| format!("`{shown}` is cut off"))?;
    Ok(files)
}

fn write(path: &Path, from: &mut dyn Read) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    io::copy(from, &mut file)?;
    file.flush()?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_in_comes_out_and_nothing_climbs_out() {
        let folder = tempfile::tempdir().unwrap();
        let key = Identity::generate();
        let place = folder.path().join("a.tar.age");
        fs::create_dir_all(folder.path().join("in/deep")).unwrap();
        fs::write(folder.path().join("in/deep/x"), "content").unwrap();
        fs::write(folder.path().join("in/y.new"), "half").unwrap();
        let mut writer = Writer::begin(&place, &[key.to_public()]).unwrap();
        writer.folder(Path::new("top"), &folder.path().join("in")).unwrap();
        writer.bytes(Path::new("z"), b"bytes").unwrap();
        assert!(!writer.file(Path::new("gone"), Path::new("/no/such/file")).unwrap());
        writer.finish().unwrap();
        let out = folder.path().join("out");
        assert_eq!(unpack(&place, std::slice::from_ref(&key), &out).unwrap(), 2);
        assert_eq!(fs::read_to_string(out.join("top/deep/x")).unwrap(), "content");
        let only_read = |key: &Identity| each(&place, std::slice::from_ref(key), &mut |_, _| Ok(()));
        assert_eq!(only_read(&key).unwrap(), 2);
        assert!(only_read(&Identity::generate()).is_err());
        let bytes = fs::read(&place).unwrap();
        for cut in [bytes.len() / 2, bytes.len() - 1] {
            fs::write(&place, &bytes[..cut]).unwrap();
            assert!(only_read(&key).is_err(), "cut at {cut}");
        }
        let mut hostile = tar::Header::new_gnu();
        hostile.set_size(0);
        hostile.set_entry_type(tar::EntryType::Regular);
        hostile.as_old_mut().name[..9].copy_from_slice(b"../climbs");
        hostile.set_cksum();
        let mut writer = Writer::begin(&place, &[key.to_public()]).unwrap();
        writer.tar.append(&hostile, io::empty()).unwrap();
        writer.finish().unwrap();
        assert!(unpack(&place, &[key], &out).is_err());
        assert!(!folder.path().join("climbs").exists());
    }
}

//! A file's attributes: read from packets, written into our own, and put into words.

use super::wire::{Fields, Malformed, Packet};
use jiff::Timestamp;

const SIZE: u32 = 0x1;
const OWNER: u32 = 0x2;
const PERMISSIONS: u32 = 0x4;
const TIMES: u32 = 0x8;
const EXTENDED: u32 = 0x8000_0000;

/// The type bits of a regular file among the permissions.
const REGULAR_FILE: u32 = 0o100_000;

/// Permissions shown of a file in quarantine whose client named none.
const USUAL_PERMISSIONS: u32 = 0o644;

/// What version 3 knows of a file. Each field may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Attributes {
    /// In bytes.
    pub(super) size: Option<u64>,
    /// User and group, by number.
    pub(super) owner: Option<(u32, u32)>,
    /// Mode bits.
    pub(super) permissions: Option<u32>,
    /// Read and changed last, in seconds since 1970.
    pub(super) times: Option<(u32, u32)>,
    /// How many pairs of a vendor's own came with it. They pass, but are never kept or repeated.
    pub(super) foreign: u32,
}

impl Attributes {
    /// Reads them, all to their end.
    pub(super) fn read(fields: &mut Fields<'_>) -> Result<Self, Malformed> {
        let flags = fields.number()?;
        if flags & !(SIZE | OWNER | PERMISSIONS | TIMES | EXTENDED) != 0 {
            return Err(Malformed(format!("sent attributes with unknown flags {flags:#x}")));
        }
        let mut attributes = Self::default();
        if flags & SIZE != 0 {
            attributes.size = Some(fields.long()?);
        }
        if flags & OWNER != 0 {
            attributes.owner = Some((fields.number()?, fields.number()?));
        }
        if flags & PERMISSIONS != 0 {
            attributes.permissions = Some(fields.number()?);
        }
        if flags & TIMES != 0 {
            attributes.times = Some((fields.number()?, fields.number()?));
        }
        if flags & EXTENDED != 0 {
            attributes.foreign = fields.number()?;
            for _ in 0..attributes.foreign {
                // Each takes 8 bytes at least: the packet's length bounds the loop.
                fields.text()?;
                fields.text()?;
            }
        }
        Ok(attributes)
    }

    /// Writes them behind what the packet holds, a vendor's own left out.
    pub(super) fn write(&self, packet: Packet) -> Packet {
        let flag = |there: bool, flag: u32| if there { flag } else { 0 };
        let flags = flag(self.size.is_some(), SIZE)
            | flag(self.owner.is_some(), OWNER)
            | flag(self.permissions.is_some(), PERMISSIONS)
            | flag(self.times.is_some(), TIMES);
        let mut packet = packet.number(flags);
        if let Some(size) = self.size {
            packet = packet.long(size);
        }
        if let Some((user, group)) = self.owner {
            packet = packet.number(user).number(group);
        }
        if let Some(permissions) = self.permissions {
            packet = packet.number(permissions);
        }
        if let Some((read, changed)) = self.times {
            packet = packet.number(read).number(changed);
        }
        packet
    }

    /// These, and where they are silent the others.
    pub(super) fn or(&self, others: &Self) -> Self {
        Self {
            size: self.size.or(others.size),
            owner: self.owner.or(others.owner),
            permissions: self.permissions.or(others.permissions),
            times: self.times.or(others.times),
            foreign: 0,
        }
    }

    /// These but for the size, or nothing if that is all.
    pub(super) fn without_size(&self) -> Self {
        Self { size: None, foreign: 0, ..self.clone() }
    }

    /// What is shown of a regular file in quarantine.
    pub(super) fn shown(&self, length: u64, since: Timestamp) -> Self {
        let since = u32::try_from(since.as_second()).unwrap_or_default();
        let mode = self.permissions.unwrap_or(USUAL_PERMISSIONS) & 0o7777;
        Self {
            size: Some(length),
            owner: self.owner,
            permissions: Some(REGULAR_FILE | mode),
            times: Some(self.times.unwrap_or((since, since))),
            foreign: 0,
        }
    }

    /// For the journal: `size 0, permissions 0644`.
    pub(super) fn in_words(&self) -> String {
        let time = |seconds: u32| {
            Timestamp::from_second(seconds.into()).map_or_else(|_| seconds.to_string(), |t| t.to_string())
        };
        let mut words = Vec::new();
        words.extend(self.size.map(|size| format!("size {size}")));
        words.extend(self.owner.map(|(user, group)| format!("user {user}, group {group}")));
        words.extend(self.permissions.map(|mode| format!("permissions {:04o}", mode & 0o7777)));
        words.extend(self.times.map(|(read, changed)| format!("read {}, changed {}", time(read), time(changed))));
        if self.foreign > 0 {
            words.push(format!("{} of a vendor's own", self.foreign));
        }
        words.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Attributes, Malformed> {
        let mut fields = Fields::within(bytes);
        let attributes = fields.attributes()?;
        fields.end()?;
        Ok(attributes)
    }

    #[test]
    fn what_is_written_is_read_again_and_has_words() {
        let all = Attributes {
            size: Some(5),
            owner: Some((0, 7)),
            permissions: Some(0o100_640),
            times: Some((0, 1)),
            foreign: 0,
        };
        let packet = all.write(Packet::new(0)).done();
        assert_eq!(read(packet.get(5..).unwrap()).unwrap(), all);
        assert_eq!(
            all.in_words(),
            "size 5, user 0, group 7, permissions 0640, read 1970-01-01T00:00:00Z, changed 1970-01-01T00:00:01Z"
        );
    }

    #[test]
    fn attributes_of_a_vendor_pass_and_a_lie_about_their_number_does_not() {
        let pair = [&[0x80, 0, 0, 0, 0, 0, 0, 1][..], &[0, 0, 0, 1, b'a', 0, 0, 0, 0][..]].concat();
        assert_eq!(read(&pair).unwrap().foreign, 1);
        assert!(read(&[0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]).is_err());
        assert!(read(&[0, 0, 0, 0x10]).is_err(), "a flag of a later version");
    }
}
